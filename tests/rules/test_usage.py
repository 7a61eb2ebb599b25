"""Use of the limit: spread over ten minutes and days, and the chart's bars."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from certwatch.rules.usage import Count, chart, since, spread

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 24, 11, 7, 30, tzinfo=UTC)


def test_a_day_is_144_times_ten_minutes_and_holds_now() -> None:
    begins = since("24h", NOW, BERLIN)
    assert begins == datetime(2026, 11, 23, 11, 10, tzinfo=UTC)
    counts = spread("24h", [Count(datetime(2026, 11, 24, 11, 0, tzinfo=UTC), busiest=7)], NOW, BERLIN)
    assert len(counts) == 144
    assert counts[0] == Count(begins)
    assert counts[-1].busiest == 7


def test_days_begin_at_the_readers_midnight_also_when_the_clock_was_changed() -> None:
    now = datetime(2026, 11, 2, 11, 0, tzinfo=UTC)
    assert since("30d", now, BERLIN) == datetime(2026, 10, 3, 22, 0, tzinfo=UTC)  # summer time
    late = Count(datetime(2026, 10, 25, 22, 50, tzinfo=UTC), busiest=3, answered=5)  # 23:50, winter time
    early = Count(datetime(2026, 10, 24, 22, 0, tzinfo=UTC), busiest=9, answered=10, refused=1, limited=2)  # 0:00
    counts = spread("30d", [early, late], now, BERLIN)
    assert len(counts) == 30
    (day,) = [count for count in counts if count.answered]
    assert day == Count(datetime(2026, 10, 24, 22, 0, tzinfo=UTC), busiest=9, answered=15, refused=1, limited=2)


def test_a_bar_at_the_limit_is_marked_and_reaches_its_line() -> None:
    counts = [Count(NOW, busiest=100), Count(NOW, busiest=25), Count(NOW), Count(NOW, busiest=99, limited=1)]
    drawn = chart(counts, 100)
    assert drawn.limit_y == "30.0"
    assert [(bar.y, bar.height, bar.full) for bar in drawn.bars] == [
        ("30.0", "160.0", True),
        ("150.0", "40.0", False),
        ("31.6", "158.4", True),
    ]
    assert [line.value for line in drawn.lines] == [25, 50, 75]


def test_a_limit_far_above_is_left_out_so_that_something_is_seen() -> None:
    drawn = chart([Count(NOW, busiest=6)], 1000)
    assert drawn.limit_y is None
    assert [line.value for line in drawn.lines] == [2, 4, 6, 8]
    assert drawn.bars[0].height == "120.0"


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=200), st.integers(1, 10**7))
def test_whatever_happened_the_bars_stay_within_the_chart(busiest: list[int], limit: int) -> None:
    drawn = chart([Count(NOW + timedelta(minutes=place), busiest=n) for place, n in enumerate(busiest)], limit)
    assert len(drawn.bars) == sum(n > 0 for n in busiest)
    for bar in drawn.bars:
        assert 29.9 <= float(bar.y) <= 188.6
        assert float(bar.x[:-1]) >= 0 and float(bar.x[:-1]) + float(bar.width[:-1]) <= 100
    for line in drawn.lines:
        assert 29.9 <= float(line.y) <= 190
