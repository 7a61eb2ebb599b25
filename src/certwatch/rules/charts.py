"""Where the bars of charts stand: across in per cent of the width, down in pixels. Pages draw them as SVG.

Numbers are text, always with a point: a page must not write them in the reader's way.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import accumulate

YEAR = 365  # days ahead that the chart of ends shows
BAR_DAYS = 10  # 30, 60 and 90 days end with a bar
LEADS = (30, 60, 90)  # days that have a colour and a mark of their own
TOP, FLOOR = 10, 160  # y of the highest grid line and of the axis
THIN = 1.5  # what is there is seen, however little it is
GAP = 0.18  # per cent between two parts of a bar
NARROW = 0.37  # per cent that the smallest part of a bar has
TIGHT = 4.0  # per cent at either end of the axis in which a label in its middle would be cut


@dataclass(frozen=True, slots=True)
class Bar:
    """How many end from `first` to `last`, both included. `within`: 30, 60, 90 days from today, 0 for later."""

    first: date
    last: date
    count: int
    within: int
    x: str
    width: str
    y: str
    height: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A place on the axis across: a first of a month, or so many days from today."""

    x: str
    day: date
    days: int
    at_start: bool  # a label begins here
    at_end: bool  # a label ends here


@dataclass(frozen=True, slots=True)
class Line:
    """A grid line and its number."""

    y: str
    text_y: str
    count: int


@dataclass(frozen=True, slots=True)
class Ends:
    """How many end when, in the 365 days after today; today itself counts with the first bar."""

    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]
    months: tuple[Mark, ...]
    leads: tuple[Mark, ...]
    by_month: tuple[tuple[date, int], ...]  # first days of the months (of the first one today), and how many
    within: Mapping[int, int]  # 30, 60, 90, 365 days → how many, each with the ones before
    later: int

    @property
    def last(self) -> date:
        return self.bars[-1].last


def ends(today: date, days: Mapping[date, int]) -> Ends:
    """The chart of how many certificates end on which of `days`; days that have passed are left out."""
    ahead = {(day - today).days: count for day, count in days.items() if day >= today}
    counts = [_between(ahead, first, last) for first, last in _spans()]
    step = _step(max(counts))
    top = max(step, -(-max(counts) // step) * step)
    return Ends(
        bars=tuple(_bar(today, span, count, top) for span, count in zip(_spans(), counts, strict=True)),
        lines=tuple(_line(count, top) for count in range(step, top + 1, step)),
        months=tuple(_mark(today, (month - today).days) for month in _months(today)[1:]),
        leads=tuple(_mark(today, lead) for lead in LEADS),
        by_month=_by_month(today, ahead),
        within={lead: _between(ahead, 0, lead) for lead in (*LEADS, YEAR)},
        later=sum(count for day, count in ahead.items() if day > YEAR),
    )


def parts(counts: Sequence[int]) -> list[tuple[str, str]]:
    """x and width of the parts of a bar that stand for `counts`, none of them 0. A very small one is still seen."""
    gaps = GAP * (len(counts) - 1)
    shares = [count / sum(counts) * 100 for count in counts]
    wanting = sum(NARROW for share in shares if share < NARROW) + gaps
    room = sum(share for share in shares if share >= NARROW)
    widths = [NARROW if share < NARROW else share * (100 - wanting) / room for share in shares]
    starts = accumulate((width + GAP for width in widths), initial=0.0)
    return [(_percent(x), _percent(width)) for x, width in zip(starts, widths, strict=False)]


class Reached(StrEnum):
    """What became of a register's readings on one day."""

    GOOD = "ok"
    LATE = "slow"  # only after a try that failed
    HELD = "held"
    FAILED = "bad"
    NONE = "none"  # nobody tried


@dataclass(frozen=True, slots=True)
class Block:
    """A day of the strip."""

    day: date
    reached: Reached
    x: str


STRIP_DAYS = 14
BLOCK_WIDTH = "5.9%"


def strip(today: date, runs: Iterable[tuple[date, str]]) -> tuple[Block, ...]:
    """The last 14 days of a source. `runs`: the day and state of each of its runs that ended, oldest first."""
    states: dict[date, list[str]] = {}
    for day, state in runs:
        states.setdefault(day, []).append(state)
    days = [today - timedelta(days=STRIP_DAYS - 1 - place) for place in range(STRIP_DAYS)]
    step = (100 - float(BLOCK_WIDTH[:-1])) / (STRIP_DAYS - 1)
    return tuple(Block(day, _reached(states.get(day, [])), _percent(place * step)) for place, day in enumerate(days))


_BELIEVED = ("good", "released")
_NOT_BELIEVED = ("held", "discarded", "superseded")


def _reached(states: Sequence[str]) -> Reached:
    believed = next((place for place, state in enumerate(states) if state in _BELIEVED), None)
    if believed is not None:
        return Reached.LATE if "failed" in states[:believed] else Reached.GOOD
    if any(state in _NOT_BELIEVED for state in states):
        return Reached.HELD
    return Reached.FAILED if states else Reached.NONE


def _spans() -> list[tuple[int, int]]:
    """First and last day of each bar, counted from today, which the first one holds too."""
    return [(first + 1 if first else 0, min(first + BAR_DAYS, YEAR)) for first in range(0, YEAR, BAR_DAYS)]


def _between(ahead: Mapping[int, int], first: int, last: int) -> int:
    return sum(count for day, count in ahead.items() if first <= day <= last)


def _bar(today: date, span: tuple[int, int], count: int, top: int) -> Bar:
    first, last = span
    start = max(0, first - 1)
    height = max(THIN, count / top * (FLOOR - TOP)) if count else 0.0
    return Bar(
        first=today + timedelta(days=first),
        last=today + timedelta(days=last),
        count=count,
        within=next((lead for lead in LEADS if last <= lead), 0),
        x=_percent(start / YEAR * 100 + 0.27),
        width=_percent((last - start) / YEAR * 100 - 0.54),
        y=f"{FLOOR - height:.1f}",
        height=f"{height:.1f}",
    )


def _step(most: int) -> int:
    """Between two grid lines: 1, 2 or 5 and noughts, so that there are four at most."""
    return next(step for step in _STEPS if step * 4 >= most)


_STEPS = tuple(int(first + "0" * noughts) for noughts in range(20) for first in "125")


def _line(count: int, top: int) -> Line:
    y = FLOOR - count / top * (FLOOR - TOP)
    return Line(f"{y:.1f}", f"{y + 4:.1f}", count)


def _mark(today: date, days: int) -> Mark:
    place = days / YEAR * 100
    return Mark(_percent(place), today + timedelta(days=days), days, place < TIGHT, place > 100 - TIGHT)


def _months(today: date) -> list[date]:
    """Today, and the firsts of the months that the chart reaches."""
    last, months = today + timedelta(days=YEAR), [today]
    while (following := _next_month(months[-1])) <= last:
        months.append(following)
    return months


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def _by_month(today: date, ahead: Mapping[int, int]) -> tuple[tuple[date, int], ...]:
    starts = _months(today)
    bounds = [(month - today).days for month in starts] + [YEAR + 1]
    return tuple((month, _between(ahead, bounds[place], bounds[place + 1] - 1)) for place, month in enumerate(starts))


def _percent(value: float) -> str:
    return f"{value:.2f}%"
