"""The life of a certificate as a picture: where its first and last day, today and the checks stand.

Across in per cent of the width, as text and always with a point: a page must not write them in the reader's way.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from certwatch.rules.shown import Key

EDGE = 7.0  # per cent left free at either end of the axis, for the labels
NEAR = 16.0  # per cent that a label takes: so close to the edge, or to today, it stands on the other side
TIGHT = 5.5  # the same for the short labels of the axis
THIN = 0.4  # per cent that a single day has at least
LONGEST_BY_WEEK = 560  # days of an axis with a mark for each week and a label for each month, else for each month,
LONGEST_BY_QUARTER = 1400  # a quarter, a year
COUNTS_NO_MORE = (Key.SUSPENDED, Key.WITHDRAWN, Key.TERMINATED, Key.NOT_FOUND)


@dataclass(frozen=True, slots=True)
class Tick:
    """A first day of a month. `minor`: left out on small screens. `by`: what its label names, a month or a year."""

    x: str
    day: date
    minor: bool
    by: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the bar. `past`: pale, `hatched`: it does not count."""

    x: str
    width: str
    key: Key
    past: bool = False
    hatched: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A week or month with checks. `kind`: the style sheet's `tick` (found valid), `tick-x` (found otherwise), or
    `tick-o` (only tries that failed)."""

    x: str
    width: str
    kind: str


@dataclass(frozen=True, slots=True)
class Label:
    """Where a text stands, and which end of it: `start`, `middle` or `end`."""

    x: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Life:
    """All that the picture shows."""

    ticks: Sequence[Tick]
    segments: Sequence[Segment]
    marks: Sequence[Mark]
    today: Label
    first: Label | None
    last: Label | None
    by_month: bool  # a mark stands for a month, not a week


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a certificate. `since`: the day from which its word holds, where it counts no more.

    `answered`: the day of the last answer, where its register is out of date. `checks`: the day of each check and
    whether it found the certificate valid; `failed`: the days of tries that failed.
    """

    key: Key
    valid_from: date | None
    valid_until: date | None
    since: date | None = None
    answered: date | None = None
    suspensions: Sequence[tuple[date | None, date | None]] = ()
    checks: Sequence[tuple[date, bool]] = ()
    failed: Sequence[date] = ()


def life(facts: Facts, today: date) -> Life | None:
    """The picture, or None where neither first nor last day are known: there is nothing to draw."""
    if facts.valid_from is None and facts.valid_until is None:
        return None
    if facts.valid_from and facts.valid_until and facts.valid_from > facts.valid_until:
        return None  # a slip of the register's; the words say what it says
    axis = _axis(facts, today)
    by_month = axis.days > LONGEST_BY_WEEK
    return Life(
        ticks=_ticks(axis),
        segments=_segments(axis, facts, today),
        marks=_marks(axis, facts, by_month=by_month),
        today=_today(axis.place(today)),
        first=_first(axis, facts.valid_from, facts.valid_until, today) if facts.valid_from else None,
        last=_last(axis, _after(facts.valid_until), today) if facts.valid_until else None,
        by_month=by_month,
    )


@dataclass(frozen=True, slots=True)
class _Axis:
    first: date
    days: int

    def place(self, day: date) -> float:
        """Where a day begins, in per cent."""
        return EDGE + (day - self.first).days / self.days * (100 - 2 * EDGE)

    def shows(self, day: date) -> bool:
        return 0 <= (day - self.first).days <= self.days


def _axis(facts: Facts, today: date) -> _Axis:
    first = min(day for day in (facts.valid_from, facts.valid_until, today) if day)
    last = max(day for day in (facts.valid_from, facts.valid_until, today) if day)
    return _Axis(first, (_after(last) - first).days)


def _after(day: date) -> date:
    """The day after, where what lasts through `day` ends."""
    return day + timedelta(days=1) if day < date.max else day


def _segments(axis: _Axis, facts: Facts, today: date) -> list[Segment]:
    start = axis.place(facts.valid_from) if facts.valid_from else 0.0
    end = axis.place(_after(facts.valid_until)) if facts.valid_until else 100.0
    key, now = facts.key, axis.place(today)
    if key in COUNTS_NO_MORE:
        cut = min(max(axis.place(facts.since or today), start), end)
        found = [_segment(start, cut, Key.VALID, past=True), _segment(cut, end, key, hatched=True)]
    elif key in (Key.VALID, Key.EXPIRING) and facts.answered:
        cut = min(max(axis.place(facts.answered), start), end)
        found = [_segment(start, cut, key), _segment(cut, end, key, past=True)]
    elif key in (Key.VALID, Key.EXPIRING):
        cut = min(max(now, start), end)
        found = [_segment(start, cut, key, past=True), _segment(cut, end, key)]
    else:
        found = [_segment(start, end, key, past=key != Key.NOT_YET)]
    return [part for part in [*found, *_suspended(axis, facts, start, end)] if part is not None]


def _suspended(axis: _Axis, facts: Facts, start: float, end: float) -> Iterable[Segment | None]:
    """Suspensions that the register lists, also those that are over."""
    for first, last in facts.suspensions:
        if facts.key == Key.SUSPENDED and last is None:
            continue  # that one is drawn already
        begins = max(axis.place(first), start) if first else start
        ends = min(axis.place(_after(last)), end) if last else end
        yield _segment(begins, ends, Key.SUSPENDED, hatched=True)


def _segment(start: float, end: float, key: Key, *, past: bool = False, hatched: bool = False) -> Segment | None:
    if end <= start:
        return None
    return Segment(_percent(start), _percent(max(end - start, THIN)), key, past, hatched)


def _ticks(axis: _Axis) -> list[Tick]:
    months = 1 if axis.days <= LONGEST_BY_WEEK else 3 if axis.days <= LONGEST_BY_QUARTER else 12
    every = max(1, axis.days // 365 // 12) if months == 12 else 1  # at most a dozen years have a label
    ticks: list[Tick] = []
    for day in _firsts(axis, months):
        place = axis.place(day)
        if TIGHT <= place <= 100 - TIGHT and day.year % every == 0:
            by = "year" if months == 12 else "month"
            ticks.append(Tick(_percent(place), day, minor=len(ticks) % 3 != 0, by=by))
    return ticks


def _firsts(axis: _Axis, months: int) -> Iterable[date]:
    """First days of each month, quarter or year that the axis reaches."""
    place = axis.first.year * 12 + axis.first.month - 1
    place += -place % months
    while place // 12 <= date.max.year:
        day = date(place // 12, place % 12 + 1, 1)
        if not axis.shows(day) and day > axis.first:
            return
        if day >= axis.first:
            yield day
        place += months


def _marks(axis: _Axis, facts: Facts, *, by_month: bool) -> list[Mark]:
    begin = _month if by_month else _week
    kinds: dict[date, str] = {}
    for day in facts.failed:
        kinds.setdefault(begin(day), "tick-o")
    for day, valid in facts.checks:  # the last of a week counts, a bad one always
        if kinds.get(begin(day)) != "tick-x":
            kinds[begin(day)] = "tick" if valid else "tick-x"
    unit = (30.4 if by_month else 7) / axis.days * (100 - 2 * EDGE)
    width = _percent(max(unit * 0.55, THIN))
    return [
        Mark(_percent(max(axis.place(day), 0.0)), width, kind)
        for day, kind in sorted(kinds.items())
        if axis.shows(day) or axis.shows(day + timedelta(days=6))
    ]


def _week(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _month(day: date) -> date:
    return day.replace(day=1)


def _today(place: float) -> Label:
    return Label(_percent(place), "start" if place < NEAR else "end" if place > 100 - NEAR else "middle")


def _first(axis: _Axis, day: date, last: date | None, today: date) -> Label:
    """It stands to the right of its place, unless the line of today would run through it, or the last day's label
    stands there."""
    place = axis.place(day)
    crossed = 0 < axis.place(today) - place < NEAR
    crowded = last is not None and place > NEAR and axis.place(last) - place < 2 * NEAR
    return Label(_percent(place), "end" if crossed or crowded or place > 100 - NEAR else "start")


def _last(axis: _Axis, day: date, today: date) -> Label:
    """It stands to the left of its place, unless the line of today would run through it."""
    place = axis.place(day)
    return Label(_percent(place), "start" if 0 < place - axis.place(today) < NEAR or place < NEAR else "end")


def _percent(value: float) -> str:
    return f"{value:.2f}%"
