"""How much of its limit an organisation used: ten minutes by ten minutes, or day by day, and the bars of the chart.

A bar stands for the busiest minute in it, for the limit is one of requests a minute.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

TEN_MINUTES = timedelta(minutes=10)
DAY = timedelta(days=1)
DAYS = 30
TOP, FLOOR = 30, 190  # y of the highest value and of the axis
THIN = 1.5  # what is there is seen, however little it is
FAR = 5  # a limit that is so many times as high as the busiest minute stands outside of the chart


@dataclass(frozen=True, slots=True)
class Count:
    """What all keys of an organisation did from `start` on. 429 is in none of the first three."""

    start: datetime
    busiest: int = 0  # requests in its busiest minute
    answered: int = 0  # requests that counted against the limit
    refused: int = 0  # of these: 403, 405
    limited: int = 0  # 429


@dataclass(frozen=True, slots=True)
class Bar:
    """Where the bar of a count stands: across in per cent of the width, down in pixels. `full`: at the limit."""

    count: Count
    x: str
    width: str
    y: str
    height: str
    full: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A grid line and its number."""

    y: str
    text_y: str
    value: int


@dataclass(frozen=True, slots=True)
class Chart:
    """`limit_y` None: the limit lies far above, and the chart would show nothing else."""

    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]
    limit_y: str | None


def since(period: str, now: datetime, zone: tzinfo) -> datetime:
    """When a period begins that holds `now`: `24h` or `30d`, whose days are those of `zone`."""
    if period == "24h":
        return _ten_minutes(now) - DAY + TEN_MINUTES
    return _midnight(now.astimezone(zone).date() - (DAYS - 1) * DAY, zone)


def spread(period: str, counts: Iterable[Count], now: datetime, zone: tzinfo) -> list[Count]:
    """One count for each ten minutes, or for each day of `zone`. `counts`: each of ten minutes, where there was any."""
    if period == "24h":
        begins = since(period, now, zone)
        by_start = {count.start: count for count in counts}
        starts = [begins + place * TEN_MINUTES for place in range(DAY // TEN_MINUTES)]
        return [by_start.get(start, Count(start)) for start in starts]
    days: dict[date, list[Count]] = {}
    for count in counts:
        days.setdefault(count.start.astimezone(zone).date(), []).append(count)
    today = now.astimezone(zone).date()
    dates = [today - (DAYS - 1 - place) * DAY for place in range(DAYS)]
    return [_together(_midnight(day, zone), days.get(day, [])) for day in dates]


def chart(counts: Sequence[Count], limit: int) -> Chart:
    """The chart of the busiest minutes against `limit`."""
    busiest = max(count.busiest for count in counts)
    near = busiest * FAR >= limit
    full = limit if near else max(4, -(-busiest // 4) * 4)  # what the grid divides
    top = max(full, busiest)
    step = 100 / len(counts)
    bars = (_bar(count, place * step, step, top, limit) for place, count in enumerate(counts) if count.busiest)
    quarters = (1, 2, 3) if near else (1, 2, 3, 4)
    return Chart(
        bars=tuple(bars),
        lines=tuple(_line(full * quarter // 4, top) for quarter in quarters if full >= 4),
        limit_y=f"{_y(limit, top):.1f}" if near else None,
    )


def across(place: int, of: int) -> str:
    """Where the `place`th of `of` bars begins."""
    return f"{place * 100 / of:.2f}%"


def _together(start: datetime, counts: Sequence[Count]) -> Count:
    return Count(
        start,
        busiest=max((count.busiest for count in counts), default=0),
        answered=sum(count.answered for count in counts),
        refused=sum(count.refused for count in counts),
        limited=sum(count.limited for count in counts),
    )


def _bar(count: Count, x: float, step: float, top: int, limit: int) -> Bar:
    height = max(THIN, count.busiest / top * (FLOOR - TOP))
    return Bar(
        count,
        x=f"{x + step * 0.14:.2f}%",
        width=f"{step * 0.72:.2f}%",
        y=f"{FLOOR - height:.1f}",
        height=f"{height:.1f}",
        full=count.limited > 0 or count.busiest >= limit,
    )


def _line(value: int, top: int) -> Line:
    y = _y(value, top)
    return Line(f"{y:.1f}", f"{y + 4:.1f}", value)


def _y(value: int, top: int) -> float:
    return FLOOR - value / top * (FLOOR - TOP)


def _ten_minutes(moment: datetime) -> datetime:
    moment = moment.astimezone(UTC)
    return moment.replace(minute=moment.minute // 10 * 10, second=0, microsecond=0)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)
