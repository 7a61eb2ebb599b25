"""How an organisation's certificates stand, for commands, pages and the API: shapes of operations.md."""

from collections.abc import Iterator
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from certwatch.actions import bindings
from certwatch.actions.imports import Candidate, candidate
from certwatch.models import Binding, Certificate, EntryVersion, Kind, Organisation, OwnVersion, SourceState
from certwatch.rules import binding
from certwatch.rules.status import Status, status_on

_FIELDS = (
    "public_id", "number", "scheme", "source", "kind", "word", "valid_from", "valid_until", "checked_at", "holder",
    "entry__holder", "supplier__name",
)  # fmt: skip


def overview(org: Organisation, now: datetime) -> Iterator[dict[str, Any]]:
    """One row for each watched certificate, in the order in which they were added."""
    today, read = org.today(now), _readings()
    for values in org.certificates.watched().order_by("id").values(*_FIELDS).iterator(chunk_size=2000):
        yield _row(values, today, read)


def one(certificate: Certificate, now: datetime) -> dict[str, Any]:
    """All that is known of one certificate."""
    org = certificate.org
    values = org.certificates.values(*_FIELDS).get(pk=certificate.pk)
    version = _newest_version(certificate)
    return {
        **_row(values, org.today(now), _readings()),
        "word": certificate.word,
        "suspensions": _suspensions(version.suspensions if version else []),
        "details": _details(version) if version else {},
        "candidates": candidates(certificate, org.today(now)),
    }


def candidates(certificate: Certificate, today: date) -> list[Candidate]:
    """The entries that its number may mean."""
    if certificate.kind == Kind.NIS:
        return []
    found = bindings.candidates_of(certificate.source, [certificate.match_key]).get(certificate.match_key, [])
    standing = {c.id for c in binding.in_question([bindings.as_candidate(entry) for entry in found])}
    return [candidate(entry, today) for entry in found if entry.pk in standing]


def last_checked(certificate: Certificate) -> datetime | None:
    """When the last believed reading of its source, or the last check of this one number, began."""
    return _later(_readings().get(certificate.source), certificate.checked_at)


def history(certificate: Certificate) -> list[dict[str, Any]]:
    """What was said about it, oldest first: by its register also before it was watched, or by hand."""
    if certificate.kind == Kind.NIS:
        said = [_own(v) for v in certificate.own_versions.exclude(known_from=None).order_by("known_from", "id")]
    else:
        said = [period for bound in certificate.bindings.order_by("known_from", "id") for period in _bound(bound)]
    for period, following in pairwise(said):
        period["to"] = period["to"] or following["from"]
    return said


def _row(values: dict[str, Any], today: date, read: dict[str, datetime]) -> dict[str, Any]:
    nis = values["kind"] == Kind.NIS
    return {
        "id": values["public_id"],
        "number": values["number"],
        "scheme": values["scheme"] or None,
        "source": values["source"] or None,
        "kind": values["kind"],
        "status": status_on(today, Status(values["word"]), values["valid_from"], values["valid_until"]),
        "valid_from": values["valid_from"],
        "valid_until": values["valid_until"],
        "last_checked": None if nis else _later(read.get(values["source"]), values["checked_at"]),
        "holder": (values["holder"] if nis else values["entry__holder"]) or None,
        "supplier": values["supplier__name"],
    }


def _readings() -> dict[str, datetime]:
    """When the last believed reading of each source began."""
    states = SourceState.objects.exclude(read_began=None).values_list("source", "read_began")
    return {source: began for source, began in states if began is not None}


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)


def _newest_version(certificate: Certificate) -> EntryVersion | None:
    entry = certificate.entry
    return entry.versions.filter(version=entry.version).first() if entry else None


def _details(version: EntryVersion) -> dict[str, str]:
    """The register's labels and texts; what it says without a label stands under one of ours."""
    unlabelled = {"Place": version.place, "Certification body": version.certifier}
    details: dict[str, str] = version.details
    said = set(details.values())
    return details | {label: text for label, text in unlabelled.items() if text and text not in said}


def _suspensions(stored: list[list[str | None]]) -> list[dict[str, str | None]]:
    return [{"from": first, "until": last} for first, last in stored]


def _bound(bound: Binding) -> Iterator[dict[str, Any]]:
    """What the entry said, from its first version on if it was bound first, else from when it was bound."""
    versions = EntryVersion.objects.filter(entry=bound.entry_id).order_by("version")
    if bound.certificate.bindings.filter(known_from__lt=bound.known_from).exists():
        versions = versions.exclude(known_until__lte=bound.known_from)
    if bound.known_until is not None:
        versions = versions.filter(known_from__lt=bound.known_until)
    for version in versions:
        yield {
            "from": version.first_seen,
            "to": version.last_seen or bound.known_until,
            "word": version.word,
            "valid_from": version.valid_from,
            "valid_until": version.valid_until,
            "suspensions": _suspensions(version.suspensions),
            "holder": version.holder or None,
            "run": version.run_id,
        }


def _own(version: OwnVersion) -> dict[str, Any]:
    return {
        "from": version.known_from,
        "to": version.known_until,
        "word": version.word,
        "valid_from": version.valid_from,
        "valid_until": version.valid_until,
        "suspensions": [],
        "holder": version.holder or None,
        "run": None,
    }
