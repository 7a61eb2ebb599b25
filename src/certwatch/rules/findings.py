"""What a connector yields, and what several records under one number and holder say together."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from certwatch.rules import numbers
from certwatch.rules.status import Status


class Suspension(msgspec.Struct, frozen=True, order=True, array_like=True, gc=False):
    """Days out of force, both included. `until` None: its end is not known."""

    start: date | None
    until: date | None


class Finding(msgspec.Struct, kw_only=True, gc=False):  # 120,000 at once, none in a cycle
    """One record of a register, as read."""

    number: str  # exactly as published, without outer white space
    holder: str = ""
    word: Status = Status.UNKNOWN
    source_word: str = ""  # the register's own word, bucket or page, as it said it
    part: str = ""  # the bucket, page or word of state under which it was listed; belief counts by it
    valid_from: date | None = None
    valid_until: date | None = None  # last day on which it is valid
    since: date | None = None  # from this day, says the register, its word holds
    suspensions: list[Suspension] = []
    scopes: list[str] = []
    materials: list[str] = []
    place: str = ""  # where the holder sits, in the register's words
    certifier: str = ""  # the certification body
    details: dict[str, str] = {}  # the register's other labels and texts
    row: dict[str, Any] = {}  # the record as read
    payload: str = ""  # SHA-256 (hex) of the answer in which it stood


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A record in short: what a version keeps of each record under its number and holder."""

    word: Status
    valid_from: date | None
    valid_until: date | None
    part: str


class Reading(msgspec.Struct, gc=False):
    """All that one run says about one number and holder."""

    number_key: str
    holder_key: str
    first: Finding  # the record that counts
    others: Sequence[Finding] = ()  # the latest first

    @property
    def records(self) -> list[Record]:
        """Every record, the one that counts first."""
        return [_short(f) for f in (self.first, *self.others)]

    def digest(self) -> bytes:
        """16 bytes that change when anything that the register says changes.

        `row` and `payload` do not count: a document's link or a row's place on a page is no news.
        """
        if not self.others:
            return hashlib.blake2b(_ENCODER.encode(_content(self.first)), digest_size=16).digest()
        said = [_content(f) for f in (self.first, *self.others)]
        return hashlib.blake2b(_ENCODER.encode(said), digest_size=16).digest()


def gather(findings: Iterable[Finding], today: date) -> dict[tuple[str, str], Reading]:
    """Readings by (number key, holder key). `today` is the day of the run; repeats of a whole record are dropped."""
    readings: dict[tuple[str, str], Reading] = {}
    several: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        name = numbers.key(finding.number), numbers.name_key(finding.holder)
        known = readings.get(name)
        if known is None:
            readings[name] = Reading(*name, finding)
        else:
            several.setdefault(name, [known.first]).append(finding)
    for name, group in several.items():
        readings[name] = _reading(name, group, today)
    return readings


def tally(readings: Mapping[tuple[str, str], Reading]) -> dict[str, dict[str, int]]:
    """How many records each part lists, by their last day (ISO, or "" for none): what belief compares."""
    counts: dict[str, dict[str, int]] = {}
    for reading in readings.values():
        for finding in (reading.first, *reading.others):
            days = counts.setdefault(finding.part, {})
            day = finding.valid_until.isoformat() if finding.valid_until else ""
            days[day] = days.get(day, 0) + 1
    return counts


def _reading(name: tuple[str, str], group: list[Finding], today: date) -> Reading:
    distinct = list({_ENCODER.encode((_content(f), f.row)): f for f in group}.values())
    first = _that_counts(distinct, today)
    others = sorted((f for f in distinct if f is not first), key=_by_time, reverse=True)
    return Reading(*name, first=first, others=others)


_RANK = {  # sources.md, 4.1; a word we do not know must not hide behind a valid record
    Status.WITHDRAWN: 5,
    Status.TERMINATED: 4,
    Status.SUSPENDED: 3,
    Status.UNKNOWN: 2,
    Status.EXPIRED: 1,
    Status.VALID: 0,
}


def _that_counts(group: list[Finding], today: date) -> Finding:
    """Withdrawn beats terminated beats suspended beats expired beats valid; then the one in force on `today`,
    else the latest.

    `expired` does not beat a `valid` record with a later last day: that is the renewed period.
    """
    words = {f.word for f in group}
    if words == {Status.EXPIRED, Status.VALID}:
        last_valid = max((f.valid_until or date.max) for f in group if f.word == Status.VALID)
        last_expired = max((f.valid_until or date.min) for f in group if f.word == Status.EXPIRED)
        word = Status.VALID if last_valid > last_expired else Status.EXPIRED
    else:
        word = max(words, key=lambda w: _RANK.get(w, 2))
    same = [f for f in group if f.word == word]
    in_force = [f for f in same if (f.valid_from or date.min) <= today <= (f.valid_until or date.max)]
    return max(in_force or same, key=_by_time)


def _by_time(finding: Finding) -> tuple[date, date, bytes]:
    return finding.valid_until or date.min, finding.valid_from or date.min, _ENCODER.encode(_content(finding))


def _short(finding: Finding) -> Record:
    return Record(finding.word, finding.valid_from, finding.valid_until, finding.part)


_ENCODER = msgspec.json.Encoder()


def _content(f: Finding) -> tuple[Any, ...]:
    return (
        f.number, f.holder, f.word, f.source_word, f.part, f.valid_from, f.valid_until, f.since,
        f.suspensions, f.scopes, f.materials, f.place, f.certifier, f.details,
    )  # fmt: skip
