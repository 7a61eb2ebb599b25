"""The validity bar."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from certwatch.rules.bars import Part, validity

TODAY = date(2026, 11, 24)
YEAR = timedelta(days=365)
DAYS = st.dates(date(2020, 1, 1), date(2035, 1, 1))


def test_elapsed_is_pale_and_the_rest_is_solid() -> None:
    assert validity(TODAY, TODAY - YEAR / 2, TODAY + YEAR, counts=True) == [
        Part("e", "25.1%", "24.9%"),
        Part("r", "50.0%", "50.0%"),
    ]


def test_what_no_longer_counts_is_striped_as_a_whole() -> None:
    assert validity(TODAY, TODAY, TODAY + YEAR, counts=False) == [
        Part("r", "50.0%", "50.0%"),
        Part("h", "50.0%", "50.0%"),
    ]


def test_without_a_last_day_there_is_no_bar() -> None:
    assert validity(TODAY, TODAY, None, counts=True) == []


@given(DAYS, DAYS, st.booleans())
def test_no_bar_leaves_the_axis(first: date, last: date, counts: bool) -> None:
    for part in validity(TODAY, first, last, counts=counts):
        left, width = float(part.x[:-1]), float(part.width[:-1])
        assert left >= 0
        assert left + width <= 100.5
