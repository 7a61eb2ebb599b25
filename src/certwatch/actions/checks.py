"""Checks of one certificate that somebody asks for: noted here, carried out by the worker."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from certwatch.actions import audit, sources, syncs
from certwatch.models import Certificate, CheckOutcome, CheckRequest, Entry, Kind, RunState, SourceState, Sync, User
from certwatch.rules.errors import Refused
from certwatch.sources.source import Source

ONCE_IN = timedelta(minutes=1)  # so seldom is a register asked for the same number
LEASE = timedelta(minutes=10)  # longer than a whole reading of the slowest register takes; then its worker is dead


class AskedAlready(Refused):
    """It was asked for a moment ago, or is being asked for."""


@transaction.atomic
def ask(certificate: Certificate, *, by: User, now: datetime, address: str | None = None) -> CheckRequest:
    """Let the worker ask the register for this one number. Raises `Refused`, `AskedAlready`."""
    if certificate.kind == Kind.NIS:
        raise Refused(_("It was entered by hand; there is no register to ask."))
    sources.monitored(certificate.source)
    wish = {"asked_at": now, "asked_by": by, "claimed_until": None, "ended_at": None, "outcome": ""}
    requests = certificate.org.check_requests.filter(certificate=certificate)
    request, new = requests.get_or_create(certificate=certificate, defaults={"org": certificate.org, **wish})
    if not new:
        if not requests.filter(is_free(now), asked_at__lte=now - ONCE_IN).update(**wish):
            raise AskedAlready(_("The register was asked for this number less than a minute ago."))
        request.refresh_from_db()
    audit.note(
        certificate.org, "certificate.check_asked", about=certificate.number, about_id=certificate.public_id,
        by=by, now=now, address=address,
    )  # fmt: skip
    return request


def carry_out(request: CheckRequest, *, clock: Callable[[], datetime]) -> None:
    """Ask the register as it is wished for, unless somebody else does."""
    ours = request.org.check_requests.filter(pk=request.pk, asked_at=request.asked_at, ended_at=None)
    now = clock()
    if not ours.filter(is_free(now)).update(claimed_until=now + LEASE):
        return
    outcome = CheckOutcome.FAILED
    try:
        outcome = _ask_register(request, clock)
    finally:
        ours.update(ended_at=clock(), outcome=outcome, claimed_until=None)


def is_free(now: datetime) -> Q:
    """Nobody works on it."""
    return Q(claimed_until=None) | Q(claimed_until__lt=now)


def number_to_ask(certificate: Certificate) -> str:
    """The number as its register writes it where that is known, else without dashes that no register writes."""
    if certificate.entry:
        return certificate.entry.number
    return certificate.number if certificate.number.isascii() else certificate.match_key


def _ask_register(request: CheckRequest, clock: Callable[[], datetime]) -> CheckOutcome:
    certificate = request.certificate
    try:
        source = sources.monitored(certificate.source)
        if _was_read_meanwhile(source, request):
            return _as_listed(certificate)
        run, found = syncs.check(source, number_to_ask(certificate), clock=clock)
    except syncs.AlreadyRunning:
        return CheckOutcome.BUSY
    except Refused:
        return CheckOutcome.FAILED  # not monitored any more
    return _outcome(run, found)


def _was_read_meanwhile(source: Source, request: CheckRequest) -> bool:
    """A register that must be read whole need not be read once for each number that waits."""
    states = SourceState.objects.filter(source=source.name, read_began__gte=request.asked_at)
    return source.find is None and states.exists()


def _as_listed(certificate: Certificate) -> CheckOutcome:
    listed = Entry.objects.filter(source=certificate.source, number_key=certificate.match_key, gone_at=None)
    return CheckOutcome.FOUND if listed.exists() else CheckOutcome.NOT_FOUND


def _outcome(run: Sync, found: bool) -> CheckOutcome:
    if run.state == RunState.HELD:
        return CheckOutcome.HELD
    if run.state != RunState.GOOD:
        return CheckOutcome.FAILED
    return CheckOutcome.FOUND if found else CheckOutcome.NOT_FOUND
