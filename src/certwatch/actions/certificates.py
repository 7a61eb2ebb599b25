"""Certificates of an organisation: found by their number, entered by hand and approved, added, chosen, let go."""

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext as _

from certwatch.actions import audit, bindings, changes, documents
from certwatch.models import Binding, Certificate, ChangeType, Entry, Kind, Organisation, OwnVersion, User, adding
from certwatch.models.base import as_json
from certwatch.models.staging import Bulk
from certwatch.rules import binding, imports, numbers
from certwatch.rules.errors import Refused, UnknownName
from certwatch.rules.status import Status, status_on


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody says by hand about a certificate."""

    word: Status
    valid_from: date | None = None
    valid_until: date | None = None
    holder: str = ""


def named(org: Organisation, number: str) -> Certificate:
    """The certificate that `org` watches under `number`, matched as in the contract. Raises `Refused`."""
    shown = numbers.written(number)
    certificate = org.certificates.watched().filter(number_key=numbers.key(number)).first()
    if certificate is None:
        raise UnknownName(f"{org.name} does not watch “{shown}”.")
    certificate.org = org
    return certificate


def alone(org: Organisation) -> None:
    """Let nobody else add certificates to `org` until the transaction ends."""
    Organisation.objects.select_for_update(no_key=True).get(pk=org.pk)


@transaction.atomic
def enter(
    org: Organisation,
    number: str,
    *,
    status: Status,
    valid_from: date | None,
    valid_until: date | None,
    evidence: documents.Upload | None = None,
    holder: str = "",
    scheme: str = "",
    review_on: date | None = None,
    by: User | None,
    now: datetime,
    address: str | None = None,
) -> OwnVersion:
    """What is now said by hand about a certificate, a new one or one that was entered before.

    Where the organisation wants four eyes it waits for a second person (`known_from` is None), unless it
    is a change for the worse. `holder`, `scheme`, `review_on`: what is not said stays as it was.
    Raises `Refused` for a certificate that is watched automatically.
    """
    if status == Status.NOT_FOUND:
        raise Refused(_("Only a register can say that it does not list a number."))
    if valid_from and valid_until and valid_from > valid_until:
        raise Refused(
            _("The first day, %(first)s, lies after the last, %(last)s.") % {"first": valid_from, "last": valid_until}
        )
    shown = numbers.written(number)
    alone(org)
    certificate = org.certificates.watched().filter(number_key=numbers.key(number)).first()
    said = Said(imports.word_by_hand(status, valid_from, org.today(now)), valid_from, valid_until, holder)
    if certificate is None:
        certificate = by_hand(org, shown, added_at=now)
        certificate.added_by = by
        certificate.holder, certificate.scheme, certificate.review_on = holder, scheme, review_on
        (version,) = enter_new(org, [(certificate, said)], by=by, now=now)
        deed = "certificate.entered"
    elif certificate.kind == Kind.NIS:
        certificate.org = org
        certificate.scheme = scheme or certificate.scheme
        certificate.look_again_on(review_on or certificate.review_on)
        certificate.save(update_fields=["scheme", "review_on", "review_moves"])
        version = _correct(certificate, said, by=by, now=now)
        deed = "certificate.corrected"
    else:
        raise Refused(
            _("“%(number)s” is watched automatically; what its register says counts.") % {"number": certificate.number}
        )
    if evidence is not None:
        version.evidence = documents.keep(certificate, evidence, by=by, now=now)
        version.save(update_fields=["evidence"])
    audit.note(
        org, deed, about=certificate.number, about_id=certificate.public_id, by=by, now=now, address=address,
        status=status, valid_from=as_json(valid_from), valid_until=as_json(valid_until),
    )  # fmt: skip
    return version


def waiting(certificate: Certificate) -> list[OwnVersion]:
    """What was entered by hand and nobody has approved, the newest first: mostly one, two where a change for the worse
    counts already and another waits beside it."""
    said = certificate.own_versions.filter(approved_at=None, known_until=None)
    return list(said.select_related("entered_by", "evidence").order_by("-id"))


def may_approve(org: Organisation, version: OwnVersion, by: User) -> bool:
    """Whether `by` is a second person, where the organisation wants one."""
    return not org.four_eyes or version.entered_by_id != by.pk


@transaction.atomic
def approve(
    certificate: Certificate, entered_at: datetime, *, by: User, now: datetime, address: str | None = None
) -> OwnVersion:
    """Let what was entered then count, or keep counting. Raises `Refused` if it does not wait (any more)."""
    org = certificate.org
    alone(org)
    version = next((v for v in waiting(certificate) if v.entered_at == entered_at), None)
    if version is None:
        raise Refused(_("This does not wait for a second person any more."))
    if not may_approve(org, version, by):
        raise Refused(_("Who entered it cannot approve it: that takes a second person."))
    counted = version.known_from is not None
    if not counted:
        certificate.own_versions.filter(known_until=None).exclude(known_from=None).update(known_until=now)
        version.known_from = now
    version.approved_at, version.approved_by = now, by
    version.save(update_fields=["known_from", "approved_at", "approved_by"])
    if not counted:
        certificate.refresh_from_db(fields=["word", "valid_from", "valid_until", "holder"])
        _let_count(certificate, version, now)
    audit.note(
        org, "certificate.approved", about=certificate.number, about_id=certificate.public_id,
        by=by, now=now, address=address,
    )  # fmt: skip
    return version


@transaction.atomic
def choose(
    certificate: Certificate, holder: str | None, *, by: User, now: datetime, address: str | None = None
) -> None:
    """Let the entry of `holder` answer for a number that names several; None takes a choice back.

    Raises `Refused` if the register does not list it under that holder (any more).
    """
    if certificate.kind == Kind.NIS:
        raise Refused(_("There is nothing to choose: it was entered by hand."))
    entry = None if holder is None else _listed_under(certificate, holder)
    before = copy(certificate)
    bindings.choose(certificate, entry, by=by, now=now)
    _tell_moves(certificate.org, [certificate], {certificate.pk: before}, told_by=f"person:{now.isoformat()}", now=now)
    audit.note(
        certificate.org, "certificate.holder_chosen" if entry else "certificate.choice_taken_back",
        about=certificate.number, about_id=certificate.public_id, by=by, now=now, address=address, holder=holder or "",
    )  # fmt: skip


@transaction.atomic
def stop_watching(
    org: Organisation,
    certificates: Iterable[Certificate],
    *,
    by: User | None,
    now: datetime,
    address: str | None = None,
) -> int:
    """Watch them no more; their history stays. Returns how many were watched until now."""
    wanted = {certificate.pk for certificate in certificates}
    alone(org)
    watched = list(org.certificates.watched().filter(pk__in=wanted).select_related("entry").order_by("pk"))
    if not watched:
        return 0
    org.certificates.filter(pk__in=[certificate.pk for certificate in watched]).update(removed_at=now)
    Binding.objects.filter(certificate__in=watched, known_until=None).update(known_until=now)
    changes.record(org, watched, ChangeType.REMOVED, told_by="removed", now=now)
    for certificate in watched:
        audit.note(
            org, "certificate.removed", about=certificate.number, about_id=certificate.public_id,
            by=by, now=now, address=address,
        )  # fmt: skip
    return len(watched)


def by_hand(org: Organisation, number: str, *, added_at: datetime) -> Certificate:
    """A certificate to be entered by hand, not saved yet."""
    key = numbers.key(number)
    return Certificate(org=org, number=number, number_key=key, match_key=key, kind=Kind.NIS, added_at=added_at)


def enter_new(
    org: Organisation, entered: Sequence[tuple[Certificate, Said]], *, by: User | None, now: datetime
) -> list[OwnVersion]:
    """Save new certificates with what is said by hand about them, and tell it. Inside the caller's transaction."""
    waits = org.four_eyes
    for certificate, said in entered:
        if not waits:
            _take(certificate, said)
    certificates = [certificate for certificate, _ in entered]
    _add(org, certificates, now)
    return OwnVersion.objects.bulk_create(
        _version(certificate, said, by=by, now=now, counts=not waits, approved=not waits)
        for certificate, said in entered
    )


def watch_new(org: Organisation, certificates: Sequence[Certificate], *, now: datetime) -> None:
    """Save new automatic certificates that have their answer, bind and tell them. Inside the caller's transaction."""
    adding.bind(_add(org, certificates, now), certificates, now)


def _add(org: Organisation, certificates: Sequence[Certificate], now: datetime) -> Bulk:
    bulk = Bulk()
    adding.add_certificates(bulk, certificates)
    adding.tell(bulk, certificates, changes.take_numbers(org, len(certificates)), now)
    return bulk


def settle_again(org: Organisation, certificates: Iterable[Certificate], *, now: datetime) -> None:
    """Give ambiguous certificates whose supplier changed their answer anew, and tell what that moved."""
    open_ones = [c for c in certificates if c.ambiguous or c.how == "holder"]  # the supplier's name decided, or may
    before = {c.pk: copy(c) for c in open_ones}
    settled = bindings.settle(open_ones, now=now)
    _tell_moves(org, settled, before, told_by=f"supplier:{now.isoformat()}", now=now)


def _tell_moves(
    org: Organisation, moved: Sequence[Certificate], before: dict[int, Certificate], *, told_by: str, now: datetime
) -> None:
    """Another entry answers for them: tell a new word, new dates, another holder."""

    def told(kind: ChangeType, certificates: list[Certificate], fields: Sequence[str] = ()) -> None:
        if certificates:
            was = [before[c.pk] for c in certificates]
            changes.record(org, certificates, kind, told_by=told_by, now=now, was=was, fields=fields)

    told(ChangeType.STATUS, [c for c in moved if c.word != before[c.pk].word])
    others = [c for c in moved if c.entry_id and before[c.pk].entry_id not in (None, c.entry_id)]
    told(ChangeType.DATA, others, ["holder"])
    same = [c for c in moved if c not in others and c.word == before[c.pk].word]
    told(ChangeType.DATA, [c for c in same if _days(c) != _days(before[c.pk])])


def _listed_under(certificate: Certificate, holder: str) -> Entry:
    found = bindings.candidates_of(certificate.source, [certificate.match_key]).get(certificate.match_key, [])
    standing = {c.id for c in binding.in_question([bindings.as_candidate(entry) for entry in found])}
    for entry in found:
        if entry.pk in standing and entry.holder_key == numbers.name_key(holder):
            return entry
    raise Refused(_("The register does not list it under “%(holder)s” any more.") % {"holder": holder})


def _correct(certificate: Certificate, said: Said, *, by: User | None, now: datetime) -> OwnVersion:
    org = certificate.org
    standing = certificate.own_versions.filter(known_until=None).exclude(known_from=None).first()
    waiting = certificate.own_versions.filter(known_until=None, known_from=None)
    counts = not org.four_eyes or (standing is not None and _is_worse(said, standing, org.today(now)))
    waiting.update(known_until=now)  # only the newest can be approved
    if not counts:
        version = _version(certificate, said, by=by, now=now, counts=False, approved=False)
        version.save()
        return version
    if standing is not None:
        standing.known_until = now
        standing.save(update_fields=["known_until"])
    version = _version(certificate, said, by=by, now=now, counts=True, approved=not org.four_eyes)
    version.save()
    _let_count(certificate, version, now)
    return version


def _let_count(certificate: Certificate, version: OwnVersion, now: datetime) -> None:
    """Make what the version says the certificate's, and tell what that moves."""
    before = copy(certificate)
    _take(certificate, Said(Status(version.word), version.valid_from, version.valid_until, version.holder))
    certificate.save(update_fields=["word", "valid_from", "valid_until", "holder"])
    _tell_correction(certificate, before, version, now)


def _tell_correction(certificate: Certificate, before: Certificate, version: OwnVersion, now: datetime) -> None:
    for kind, happened in (
        (ChangeType.STATUS, certificate.status(now) != before.status(now)),
        (ChangeType.DATA, _days(certificate) != _days(before)),
    ):
        if happened:
            changes.record(certificate.org, [certificate], kind, told_by=f"own:{version.pk}", now=now, was=[before])


def _is_worse(said: Said, standing: OwnVersion, today: date) -> bool:
    """Any status but valid, or an earlier last day."""
    if status_on(today, said.word, said.valid_from, said.valid_until) != Status.VALID:
        return True
    return said.valid_until is not None and (standing.valid_until is None or said.valid_until < standing.valid_until)


def _take(certificate: Certificate, said: Said) -> None:
    certificate.word = said.word
    certificate.valid_from, certificate.valid_until = said.valid_from, said.valid_until
    certificate.holder = said.holder or certificate.holder


def _version(
    certificate: Certificate, said: Said, *, by: User | None, now: datetime, counts: bool, approved: bool
) -> OwnVersion:
    return OwnVersion(
        certificate=certificate,
        word=said.word,
        valid_from=said.valid_from,
        valid_until=said.valid_until,
        holder=said.holder or certificate.holder,
        entered_at=now,
        entered_by=by,
        approved_at=now if approved else None,
        known_from=now if counts else None,
    )


def _days(certificate: Certificate) -> tuple[date | None, date | None]:
    return certificate.valid_from, certificate.valid_until
