"""Certificates of an organisation: found by their number, entered by hand, added."""

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from certwatch.actions import audit, bindings, changes, documents
from certwatch.models import Certificate, ChangeType, Kind, Organisation, OwnVersion, User, adding
from certwatch.models.staging import Bulk
from certwatch.rules import imports, numbers
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
    by: User | None,
    now: datetime,
) -> OwnVersion:
    """What is now said by hand about a certificate, a new one or one that was entered before.

    Where the organisation wants four eyes it waits for a second person (`known_from` is None), unless it
    is a change for the worse. Raises `Refused` for a certificate that is watched automatically.
    """
    if status == Status.NOT_FOUND:
        raise Refused("Only a register can say that it does not list a number.")
    if valid_from and valid_until and valid_from > valid_until:
        raise Refused(f"The first day, {valid_from}, lies after the last, {valid_until}.")
    shown = numbers.written(number)
    alone(org)
    certificate = org.certificates.watched().filter(number_key=numbers.key(number)).first()
    said = Said(imports.word_by_hand(status, valid_from, org.today(now)), valid_from, valid_until)
    if certificate is None:
        certificate = by_hand(org, shown, added_at=now)
        certificate.added_by = by
        (version,) = enter_new(org, [(certificate, said)], by=by, now=now)
        deed = "certificate.entered"
    elif certificate.kind == Kind.NIS:
        version = _correct(certificate, said, by=by, now=now)
        deed = "certificate.corrected"
    else:
        raise Refused(f"“{certificate.number}” is watched automatically; what its register says counts.")
    if evidence is not None:
        version.evidence = documents.keep(certificate, evidence, by=by, now=now)
        version.save(update_fields=["evidence"])
    audit.note(org, deed, about=certificate.number, about_id=certificate.public_id, by=by, now=now)
    return version


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
    ambiguous = [c for c in certificates if c.ambiguous]
    before = {c.pk: copy(c) for c in ambiguous}
    settled = bindings.settle(ambiguous, now=now)
    for kind, moved in (
        (ChangeType.STATUS, [c for c in settled if c.word != before[c.pk].word]),
        (ChangeType.DATA, [c for c in settled if c.word == before[c.pk].word and _days(c) != _days(before[c.pk])]),
    ):
        if moved:
            was = [before[c.pk] for c in moved]
            changes.record(org, moved, kind, told_by=f"supplier:{now.isoformat()}", now=now, was=was)


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
    before = copy(certificate)
    _take(certificate, said)
    certificate.save(update_fields=["word", "valid_from", "valid_until", "holder"])
    _tell_correction(certificate, before, version, now)
    return version


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
