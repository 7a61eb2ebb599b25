"""Events as programs get them: a change as an item of the feed, which is also the body of its webhooks.

What an item says is fixed once its change is written, so every try of a webhook sends the same bytes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from django.db.models import prefetch_related_objects

from certwatch.models import Binding, Certificate, Change, ChangeType, Delivery, EntryVersion
from certwatch.models.base import as_json
from certwatch.rules import numbers
from certwatch.rules.events import EventType
from certwatch.rules.notices import Kind, Moved, kinds_of
from certwatch.rules.schemes import scheme_of_key
from certwatch.rules.status import Status, status_on

LARGEST = 20_000  # bytes of a webhook (api-extended.md); a longer item is cut, and says so
DATES = ("valid_from", "valid_until")
OF_VERSIONS = ("number", "holder", "scopes", "materials", "suspensions", "since", "place", "certifier", "details")
BY_THE_CALENDAR = ("day:", "source:", "key:")  # beginnings of `told_by`; such changes name their kind
AT_ONCE = 400  # values of one statement


def item(change: Change) -> dict[str, Any]:
    """The change as it stands in the feed."""
    return items([change])[0]


def items(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """The changes as they stand in the feed, in a few queries however many they are."""
    known = _Known.of(changes)
    return [_below(LARGEST, _item(change, known)) for change in changes]


def body(delivery: Delivery) -> bytes:
    """What a webhook sends: its change, or that this is a test."""
    if delivery.change is not None:
        return msgspec.json.encode(item(delivery.change))
    assert delivery.endpoint is not None  # every webhook has one
    said = {"type": EventType.TEST, "timestamp": moment(delivery.made_at), "data": {"id": delivery.endpoint.public_id}}
    return msgspec.json.encode(said)


def moment(at: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def kinds(change: Change) -> tuple[Kind, ...]:
    """The kinds of a change, the first one its alert's."""
    if change.told_by.startswith(BY_THE_CALENDAR):
        return (Kind(change.facts["kind"]),) if "kind" in change.facts else ()
    moved = Moved(
        change.type, change.was, change.word, change.valid_from_was, change.valid_from, change.valid_until_was,
        change.valid_until, change.fields,
    )  # fmt: skip
    return kinds_of(moved)


# ---- what is known beside the changes themselves


@dataclass(frozen=True, slots=True)
class _Known:
    """Rows that items need, by what names them."""

    versions: Mapping[tuple[int, int], EntryVersion]
    before: Mapping[tuple[int, datetime], EntryVersion]  # by certificate and when another entry took its place

    @classmethod
    def of(cls, changes: Sequence[Change]) -> "_Known":
        prefetch_related_objects(changes, "certificate", "org")
        versions = _versions(changes)
        return cls(versions, _replaced(changes, versions))

    def version(self, change: Change, back: int = 0) -> EntryVersion | None:
        if change.entry_id is None or change.version is None:
            return None
        return self.versions.get((change.entry_id, change.version - back))


def _versions(changes: Sequence[Change]) -> dict[tuple[int, int], EntryVersion]:
    """The versions that changes name, and those before them."""
    wanted = {(c.entry_id, c.version - back) for c in changes if c.entry_id and c.version for back in (0, 1)}
    found: dict[tuple[int, int], EntryVersion] = {}
    for some in _pieces(sorted({entry for entry, _ in wanted})):
        said = {version for entry, version in wanted if entry in some}
        rows = EntryVersion.objects.filter(entry__in=some, version__in=said)
        found.update(((row.entry_id, row.version), row) for row in rows.defer("row", "records"))
    return {name: version for name, version in found.items() if name in wanted}


def _replaced(
    changes: Sequence[Change], versions: Mapping[tuple[int, int], EntryVersion]
) -> dict[tuple[int, datetime], EntryVersion]:
    """Of changes by which another entry answers: what the one before had said."""
    others = [c for c in changes if "holder" in c.fields and not _same_entry(c, versions)]
    ended: dict[tuple[int, datetime], int] = {}
    for some in _pieces(sorted({c.certificate_id for c in others if c.certificate_id})):
        moments = {c.created_at for c in others}
        rows = Binding.objects.filter(certificate__in=some, known_until__in=moments)
        ended.update(((row.certificate_id, row.known_until), row.entry_id) for row in rows if row.known_until)
    found: dict[int, list[EntryVersion]] = {}
    for some in _pieces(sorted(set(ended.values()))):
        for version in EntryVersion.objects.filter(entry__in=some).defer("row", "records").order_by("version"):
            found.setdefault(version.entry_id, []).append(version)
    standing = {
        name: [version for version in found.get(entry, ()) if version.known_from < name[1]]
        for name, entry in ended.items()
    }
    return {name: said[-1] for name, said in standing.items() if said}


def _same_entry(change: Change, versions: Mapping[tuple[int, int], EntryVersion]) -> bool:
    """Whether it is another holder of the same entry: its version before had another one."""
    if change.entry_id is None or change.version is None:
        return False
    now, before = (versions.get((change.entry_id, change.version - back)) for back in (0, 1))
    return now is not None and before is not None and numbers.name_key(now.holder) != numbers.name_key(before.holder)


# ---- an item


def _item(change: Change, known: _Known) -> dict[str, Any]:
    data = _of_certificate(change, change.certificate, known) if change.certificate else _of_another(change)
    return {"type": change.type, "timestamp": moment(change.created_at), "data": data}


def _of_another(change: Change) -> dict[str, Any]:
    """Of a source or a key: what the change says of it."""
    named = kinds(change)
    data: dict[str, Any] = {"change": change.number, "kind": named[0] if named else None, "kinds": list(named)}
    wanted = ("id", "name", "last_day") if change.type == ChangeType.KEY_EXPIRING else ("source", "since")
    return data | {name: change.facts.get(name) for name in wanted}


def _of_certificate(change: Change, certificate: Certificate, known: _Known) -> dict[str, Any]:
    data: dict[str, Any] = {
        "change": change.number,
        "id": certificate.public_id,
        "cert_number": certificate.number,
    }
    if change.type == ChangeType.REMOVED:
        return data  # a tombstone
    named, version = kinds(change), known.version(change)
    was, status = _statuses(change)
    data |= {
        "kind": named[0] if named else None,
        "kinds": list(named),
        "was": None if change.type == ChangeType.ADDED else was,
        "status": status,
        "valid_from": change.valid_from,
        "valid_until": change.valid_until,
        "holder": version.holder if version else certificate.holder,
        "scheme": certificate.scheme or scheme_of_key(certificate.match_key),
        "source": certificate.source,
        "seen_at": moment(change.seen_at),
    }
    if change.type == ChangeType.DATA:
        data["changed"] = _changed(change, version, known)
    if "since" in change.facts:
        data["since"] = change.facts["since"]
    return dict(as_json(data))


def _statuses(change: Change) -> tuple[str, str]:
    """What it was and what it is, on the day of the change. What comes by the calendar says both itself."""
    if change.told_by.startswith(BY_THE_CALENDAR):
        return change.was, change.word
    today = change.org.today(change.created_at)
    return (
        _status(today, change.was, change.valid_from_was, change.valid_until_was),
        _status(today, change.word, change.valid_from, change.valid_until),
    )


def _status(today: date, word: str, valid_from: date | None, valid_until: date | None) -> str:
    return word if word != Status.VALID else status_on(today, Status.VALID, valid_from, valid_until)


def _changed(change: Change, version: EntryVersion | None, known: _Known) -> dict[str, list[Any]]:
    """What another value has, with the one before."""
    pairs: dict[str, list[Any]] = {}
    for name in DATES:
        if getattr(change, f"{name}_was") != getattr(change, name):
            pairs[name] = [getattr(change, f"{name}_was"), getattr(change, name)]
    if "disagreement" in change.fields:
        own = {"status": change.word, "valid_until": change.valid_until}
        pairs["disagreement"] = [
            own,
            {"status": change.facts.get("word"), "valid_until": change.facts.get("valid_until")},
        ]
        return pairs
    before = known.before.get((change.certificate_id or 0, change.created_at)) or known.version(change, back=1)
    names = ["holder" if name == "spelling" else name for name in change.fields]
    for name in OF_VERSIONS:
        if name in names:
            pairs[name] = [getattr(before, name) if before else None, getattr(version, name) if version else None]
    return pairs


# ---- short enough


def _below(most: int, said: dict[str, Any]) -> dict[str, Any]:
    """`said`, with what is long cut shorter and named in `cut`, if it is larger than `most` bytes."""
    for longest in (None, 100, 30, 10, 3, 1):
        shorter = said if longest is None else _cut(said, longest)
        if len(msgspec.json.encode(shorter)) < most:
            return shorter
    return _cut(said, 0)


def _cut(said: dict[str, Any], longest: int) -> dict[str, Any]:
    data, cut = dict(said["data"]), []
    shorten = _shortener(longest)
    if (holder := shorten(data.get("holder"))) != data.get("holder"):
        data["holder"] = holder
        cut.append("holder")
    if "changed" in data:
        short = {name: [shorten(value) for value in pair] for name, pair in data["changed"].items()}
        cut += [name for name, pair in short.items() if pair != data["changed"][name] and name not in cut]
        data["changed"] = short
    return {**said, "data": {**data, "cut": cut}}


def _shortener(longest: int) -> Callable[[Any], Any]:
    """Cuts lists to so many values, and texts to so many times 20 letters: a list's values are texts, too."""

    def shorten(value: Any) -> Any:
        if isinstance(value, str):
            return value if len(value) <= 20 * longest else value[: 20 * longest] + "…"
        if isinstance(value, list):
            return [shorten(one) for one in value[:longest]]
        if isinstance(value, dict):
            return {name: shorten(one) for name, one in list(value.items())[: max(longest, 2)]}
        return value

    return shorten


def _pieces(of: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for start in range(0, len(of), AT_ONCE):
        yield of[start : start + AT_ONCE]
