from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.rules.charts import GAP, Reached, ends, parts, strip

TODAY = date(2026, 11, 24)
OFFSETS = st.dictionaries(st.integers(-40, 800), st.integers(1, 5000), max_size=60)


def on(**offsets: int) -> dict[date, int]:
    """`d30=2`: two end in 30 days."""
    return {TODAY + timedelta(days=int(name[1:])): count for name, count in offsets.items()}


def of(text: str) -> float:
    assert text.endswith("%")
    return float(text[:-1])


def test_thirty_sixty_and_ninety_days_end_with_a_bar() -> None:
    chart = ends(TODAY, on(d0=1, d10=1, d11=1, d30=1, d31=1, d60=1, d61=1, d90=1, d91=1, d365=1, d366=7))
    assert chart.within == {30: 4, 60: 6, 90: 8, 365: 10}
    assert chart.later == 7
    assert [(bar.count, bar.within) for bar in chart.bars[:10]] == [
        (2, 30), (1, 30), (1, 30), (1, 60), (0, 60), (1, 60), (1, 90), (0, 90), (1, 90), (1, 0),
    ]  # fmt: skip
    assert (chart.bars[0].first, chart.bars[0].last) == (TODAY, date(2026, 12, 4))
    assert (chart.bars[-1].first, chart.bars[-1].last) == (date(2027, 11, 20), date(2027, 11, 24))
    assert [mark.x for mark in chart.leads] == ["8.22%", "16.44%", "24.66%"]


def test_what_has_ended_is_not_to_come() -> None:
    chart = ends(TODAY, {TODAY - timedelta(days=1): 9})
    assert (chart.within[365], chart.later) == (0, 0)
    assert {bar.height for bar in chart.bars} == {"0.0"}


@pytest.mark.parametrize(
    ("most", "lines"),
    [(0, [1]), (1, [1]), (4, [1, 2, 3, 4]), (5, [2, 4, 6]), (190, [50, 100, 150, 200]), (4999, [2000, 4000, 6000])],
)
def test_the_grid_has_round_numbers_and_four_lines_at_most(most: int, lines: list[int]) -> None:
    assert [line.count for line in ends(TODAY, on(d100=most)).lines] == lines


def test_one_among_thousands_is_still_seen() -> None:
    chart = ends(TODAY, on(d100=5000, d200=1))
    assert next(bar for bar in chart.bars if bar.count == 1).height == "1.5"


def test_months_begin_on_their_first() -> None:
    chart = ends(TODAY, on(d0=1, d6=2, d7=4, d38=8, d365=16))
    assert chart.by_month[:3] == ((TODAY, 3), (date(2026, 12, 1), 4), (date(2027, 1, 1), 8))
    assert chart.by_month[-1] == (date(2027, 11, 1), 16)
    assert [mark.day.month for mark in chart.months] == [12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert chart.months[0].at_start
    assert not chart.months[1].at_start


@given(OFFSETS, st.dates(date(2000, 1, 1), date(2090, 12, 31)))
def test_every_certificate_stands_in_one_bar_and_one_month(offsets: dict[int, int], today: date) -> None:
    chart = ends(today, {today + timedelta(days=days): count for days, count in offsets.items()})
    ahead = sum(count for days, count in offsets.items() if days >= 0)
    assert sum(bar.count for bar in chart.bars) == chart.within[365] == sum(count for _, count in chart.by_month)
    assert chart.within[365] + chart.later == ahead
    for bar, following in pairwise(chart.bars):
        assert following.first == bar.last + timedelta(days=1)
        assert of(bar.x) + of(bar.width) < of(following.x)
    assert max(of(bar.x) + of(bar.width) for bar in chart.bars) <= 100
    assert min(float(bar.y) for bar in chart.bars) >= 10


@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=10))
def test_the_parts_of_a_bar_fill_it_and_none_is_too_small_to_be_seen(counts: list[int]) -> None:
    placed = [(of(x), of(width)) for x, width in parts(counts)]
    assert placed[0][0] == 0
    assert sum(placed[-1]) == pytest.approx(100, abs=0.02)
    assert min(width for _, width in placed) >= 0.33
    for (x, width), (following, _) in pairwise(placed):
        assert following == pytest.approx(x + width + GAP, abs=0.02)


def test_nothing_has_no_parts() -> None:
    assert parts([]) == []


@pytest.mark.parametrize(
    ("states", "reached"),
    [
        ([], Reached.NONE),
        (["good"], Reached.GOOD),
        (["good", "failed"], Reached.GOOD),
        (["failed", "failed", "good"], Reached.LATE),
        (["released"], Reached.GOOD),
        (["failed", "held"], Reached.HELD),
        (["superseded"], Reached.HELD),
        (["discarded"], Reached.HELD),
        (["failed"], Reached.FAILED),
    ],
)
def test_a_day_of_a_source(states: list[str], reached: Reached) -> None:
    assert strip(TODAY, [(TODAY, state) for state in states])[-1].reached == reached


def test_the_strip_shows_fourteen_days_and_today_last() -> None:
    shown = strip(TODAY, [(TODAY - timedelta(days=13), "good"), (TODAY - timedelta(days=14), "failed")])
    assert [block.day for block in shown] == [TODAY - timedelta(days=13 - place) for place in range(14)]
    assert [block.reached for block in shown] == [Reached.GOOD] + [Reached.NONE] * 13
    assert (shown[0].x, shown[-1].x) == ("0.00%", "94.10%")
