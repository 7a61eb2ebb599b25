"""When a message is tried again (alerts.md, Tries)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.rules.tries import AFTER, JITTER, MOST, next_try

ENDED = datetime(2026, 11, 24, 11, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.mark.parametrize(
    ("tries", "wait"),
    [
        (0, timedelta(0)),
        (1, timedelta(seconds=5)),
        (2, 5 * MINUTE),
        (3, 30 * MINUTE),
        (4, 2 * HOUR),
        (5, 5 * HOUR),
        (6, 10 * HOUR),
        (7, 14 * HOUR),
        (8, 20 * HOUR),
        (9, 24 * HOUR),
        (10, None),  # given up
        (11, None),
    ],
)
def test_ten_tries_further_and_further_apart(tries: int, wait: timedelta | None) -> None:
    assert next_try(tries, ENDED, chance=0.5) == (None if wait is None else ENDED + wait)


@given(st.integers(0, MOST - 1), st.floats(0, 1))
def test_chance_moves_a_try_by_a_tenth_at_most(tries: int, chance: float) -> None:
    then = next_try(tries, ENDED, chance=chance)
    assert then is not None
    off = AFTER[tries] * JITTER + timedelta(microseconds=1)
    assert abs(then - ENDED - AFTER[tries]) <= off


@pytest.mark.parametrize(
    ("tries", "wish", "wait"),
    [
        (1, MINUTE, MINUTE),  # longer than ours
        (2, MINUTE, 5 * MINUTE),  # shorter
        (1, timedelta(days=9), 24 * HOUR),  # no longer than a day
    ],
)
def test_a_wish_is_kept_where_it_is_longer(tries: int, wish: timedelta, wait: timedelta) -> None:
    assert next_try(tries, ENDED, chance=0.5, wish=wish) == ENDED + wait


def test_a_wish_makes_no_more_tries() -> None:
    assert next_try(MOST, ENDED, chance=0.5, wish=MINUTE) is None
