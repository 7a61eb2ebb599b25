"""Bringing a reading into the entries and their history. Inside the caller's transaction."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import msgspec

from certwatch.models import Entry, EntryVersion
from certwatch.models.staging import VERSION, Bulk, Diff, Row, add_entries, diff, leave_entries, move_entries, stage
from certwatch.rules import numbers
from certwatch.rules.findings import Finding, Reading
from certwatch.rules.schemes import scheme_of_key
from certwatch.rules.status import Status

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Times:
    """`began`: when the reading began. `before`: the same of the last believed run, None for the first.
    `now`: when this one is applied. `day`: the calendar day of the reading."""

    began: datetime
    before: datetime | None
    now: datetime
    day: date


@dataclass(frozen=True, slots=True)
class Moved:
    """An entry that was added, changed or is gone, in the words of `source review`."""

    number_key: str
    number: str
    holder: str
    was: str | None
    is_: str
    valid_until_was: date | None
    valid_until: date | None


@dataclass(slots=True)
class Applied:
    """What a reading did to the entries. Counts are entries."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: int = 0
    keys: list[str] = field(default_factory=list)  # numbers of which something moved
    fields: list[tuple[int, str]] = field(default_factory=list)  # entry, JSON: what else than word and dates changed
    moved: Callable[[], Iterator[Moved]] = lambda: iter(())  # made only where somebody looks: a held run's review


def apply(bulk: Bulk, source: str, run: int, readings: Sequence[Reading], times: Times, *, whole: bool) -> Applied:
    """Write what changed, and nothing else. `whole`: what is not among `readings` is gone."""
    digests = [reading.digest() for reading in readings]
    named = zip(readings, digests, strict=True)
    stage(bulk, ((seq, r.number_key, r.holder_key, digest) for seq, (r, digest) in enumerate(named)))
    found = diff(bulk, source, len(readings), whole=whole)
    work = _Work(bulk, source, run, readings, digests, times)
    before = work.before([entry for _, entry in found.changed] + found.gone)
    found = _without_later_knowledge(found, before, times)
    found = _holders_changed(found, before, readings)
    gone = [before[entry] for entry in found.gone]
    work.add(found.new)
    work.change(found.changed, before)
    work.drop(gone)
    work.done.unchanged = len(readings) - len(found.new) - len(found.changed)
    work.done.moved = lambda: _moved(found, before, gone, readings, times.day)
    return work.done


def _moved(
    found: Diff, before: dict[int, EntryVersion], gone: Sequence[EntryVersion], readings: Sequence[Reading], day: date
) -> Iterator[Moved]:
    for old in gone:
        kept = _keeps_its_word(old, day)
        word, until = (old.word, old.valid_until) if kept else (Status.NOT_FOUND.value, None)
        yield Moved(old.entry.number_key, old.number, old.holder, old.word, word, old.valid_until, until)
    for seq, entry in found.changed:
        old, said = before[entry], readings[seq].first
        key = readings[seq].number_key
        yield Moved(key, said.number, said.holder, old.word, said.word.value, old.valid_until, said.valid_until)
    for seq in found.new:
        said = readings[seq].first
        yield Moved(readings[seq].number_key, said.number, said.holder, None, said.word.value, None, said.valid_until)


def _keeps_its_word(old: EntryVersion, day: date) -> bool:
    """Registers drop expired entries: one whose last day has passed keeps word and dates when it is gone."""
    return old.valid_until is not None and old.valid_until < day


def _without_later_knowledge(found: Diff, before: dict[int, EntryVersion], times: Times) -> Diff:
    """A held run is released later: what a check of one number saw meanwhile is newer than its reading."""
    newer = {entry for entry, version in before.items() if version.first_seen > times.began}
    if not newer:
        return found
    return Diff(
        found.new,
        [(seq, entry) for seq, entry in found.changed if entry not in newer],
        [entry for entry in found.gone if entry not in newer],
    )


def _holders_changed(found: Diff, before: dict[int, EntryVersion], readings: Sequence[Reading]) -> Diff:
    """One gone and one new under the same number are one entry whose holder changed."""
    if not found.gone or not found.new:
        return found
    gone: dict[str, list[int]] = defaultdict(list)
    new: dict[str, list[int]] = defaultdict(list)
    for entry in found.gone:
        gone[before[entry].entry.number_key].append(entry)
    for seq in found.new:
        new[readings[seq].number_key].append(seq)
    pairs = [(new[key][0], gone[key][0]) for key in gone if len(gone[key]) == 1 == len(new.get(key, ()))]
    seqs, entries = {seq for seq, _ in pairs}, {entry for _, entry in pairs}
    return Diff(
        [seq for seq in found.new if seq not in seqs],
        sorted(found.changed + pairs),
        [entry for entry in found.gone if entry not in entries],
    )


class _Work:
    """The rows of one reading on their way into the tables. Called for each row of a first reading: hence `_value_`."""

    def __init__(
        self, bulk: Bulk, source: str, run: int, readings: Sequence[Reading], digests: Sequence[bytes], times: Times
    ) -> None:
        self.bulk, self.source, self.run, self.times = bulk, source, run, times
        self.readings, self.digests = readings, digests
        self.began, self.now = bulk.moment(times.began), bulk.moment(times.now)
        self.done = Applied()

    def before(self, entries: Sequence[int]) -> dict[int, EntryVersion]:
        """The newest version of each of `entries`, with its entry."""
        found: dict[int, EntryVersion] = {}
        for start in range(0, len(entries), CHUNK):
            chunk = entries[start : start + CHUNK]
            newest = (
                EntryVersion.objects.newest().filter(entry__in=chunk).select_related("entry").defer("row", "records")
            )
            found.update((version.entry_id, version) for version in newest)
        return found

    def add(self, unsorted: Sequence[int]) -> None:
        # in the order of the index on names, which then grows at its end
        new = sorted(unsorted, key=lambda seq: (self.readings[seq].number_key, self.readings[seq].holder_key))
        ids = self.bulk.take_ids(Entry, len(new))
        rows = (self._entry(entry, seq, 1) for seq, entry in zip(new, ids, strict=True))
        add_entries(self.bulk, self.source, self.times.began, rows)
        self._versions(self._version(entry, seq, 1) for seq, entry in zip(new, ids, strict=True))
        self.done.new = len(new)
        self.done.keys += [self.readings[seq].number_key for seq in new]

    def change(self, changed: Sequence[tuple[int, int]], before: dict[int, EntryVersion]) -> None:
        versions = {entry: before[entry].version + 1 for _, entry in changed}
        move_entries(
            self.bulk,
            [self._entry(entry, seq, versions[entry]) for seq, entry in changed],
            last_seen=self.times.before,
            now=self.times.now,
        )
        self._versions(self._version(entry, seq, versions[entry]) for seq, entry in changed)
        self.done.changed = len(changed)
        self.done.keys += [self.readings[seq].number_key for seq, _ in changed]
        pairs = ((entry, _fields(before[entry], self.readings[seq].first)) for seq, entry in changed)
        self.done.fields += [(entry, _json(fields)) for entry, fields in pairs if fields]

    def drop(self, gone: Sequence[EntryVersion]) -> None:
        """Entries that are listed no more."""
        passed = [old for old in gone if _keeps_its_word(old, self.times.day)]
        missing = [old for old in gone if not _keeps_its_word(old, self.times.day)]
        leave_entries(
            self.bulk, [old.entry_id for old in passed], gone_at=self.times.began, last_seen=self.times.before
        )
        move_entries(
            self.bulk, [self._missing_entry(old) for old in missing], last_seen=self.times.before, now=self.times.now
        )
        self._versions(self._missing_version(old) for old in missing)
        self.done.gone = len(gone)
        self.done.keys += [old.entry.number_key for old in gone]

    def _versions(self, rows: Iterable[Row]) -> None:
        self.bulk.insert("certwatch_entryversion", VERSION, rows)

    def _entry(self, entry: int, seq: int, version: int) -> Row:
        reading, day = self.readings[seq], self.bulk.day
        said = reading.first
        return (
            entry, said.number, reading.number_key, said.holder, reading.holder_key, scheme_of_key(reading.number_key),
            said.word._value_, said.source_word, day(said.valid_from), day(said.valid_until), _json(said.suspensions),
            self.digests[seq], version, None,
        )  # fmt: skip

    def _version(self, entry: int, seq: int, version: int) -> Row:
        reading, day = self.readings[seq], self.bulk.day
        said = reading.first
        row = _json(said.row, "{}")
        return (
            entry, version, self.run, said.number, said.holder, said.word._value_, said.source_word, day(said.since),
            day(said.valid_from), day(said.valid_until), _json(said.suspensions), _json(said.scopes),
            _json(said.materials), said.place, said.certifier, _json(said.details, "{}"), _json(reading.records), row,
            hashlib.sha256(row.encode()).hexdigest(), said.payload, self.began, self.now,
        )  # fmt: skip

    def _missing_entry(self, old: EntryVersion) -> Row:
        entry = old.entry
        return (
            entry.pk, entry.number, entry.number_key, entry.holder, entry.holder_key, entry.scheme,
            Status.NOT_FOUND.value, "", None, None, "[]", bytes(entry.digest), old.version + 1, self.began,
        )  # fmt: skip

    def _missing_version(self, old: EntryVersion) -> Row:
        return (
            old.entry_id, old.version + 1, self.run, old.number, old.holder, Status.NOT_FOUND.value, "", None,
            None, None, "[]", "[]", "[]", "", "", "{}", "[]", "{}", "", "", self.began, self.now,
        )  # fmt: skip


def _fields(old: EntryVersion, said: Finding) -> list[str]:
    """What else than word and dates a reading changes."""
    pairs: dict[str, tuple[Any, Any]] = {
        "number": (old.number, said.number),
        "holder": (numbers.name_key(old.holder), numbers.name_key(said.holder)),
        "spelling": (old.holder, said.holder),
        "suspensions": (old.suspensions, msgspec.to_builtins(said.suspensions)),
        "scopes": (old.scopes, said.scopes),
        "materials": (old.materials, said.materials),
        "since": (old.since, said.since),
        "place": (old.place, said.place),
        "certifier": (old.certifier, said.certifier),
        "details": (old.details, said.details),
    }
    fields = [name for name, (was, now) in pairs.items() if was != now]
    if "holder" in fields:
        fields.remove("spelling")  # of the same holder
    return fields


def _json(value: object, empty: str = "[]") -> str:
    return _ENCODER.encode(value).decode() if value else empty


_ENCODER = msgspec.json.Encoder()
