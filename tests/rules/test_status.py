"""What a certificate is on a day."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.rules.status import BY_SEVERITY, Status, status_on

FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)
DAY = timedelta(days=1)
days = st.dates(date(2000, 1, 1), date(2100, 1, 1))


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (FIRST - DAY, Status.NOT_YET_VALID),
        (FIRST, Status.VALID),  # the first day counts
        (LAST, Status.VALID),  # the last day still counts
        (LAST + DAY, Status.EXPIRED),
    ],
)
def test_is_valid_from_its_first_to_its_last_day(day: date, expected: Status) -> None:
    assert status_on(day, Status.VALID, FIRST, LAST) == expected


@pytest.mark.parametrize("word", [word for word in Status if word != Status.VALID])
@given(day=days)
def test_no_date_makes_another_word_of_one_that_is_not_valid(word: Status, day: date) -> None:
    assert status_on(day, word, FIRST, LAST) == word


@given(days)
def test_without_dates_valid_stays_valid(day: date) -> None:
    assert status_on(day, Status.VALID, None, None) == Status.VALID


@given(days, days)
def test_an_open_end_never_expires_and_an_open_beginning_is_never_early(day: date, limit: date) -> None:
    assert status_on(day, Status.VALID, limit, None) != Status.EXPIRED
    assert status_on(day, Status.VALID, None, limit) != Status.NOT_YET_VALID


def test_the_words_are_the_contracts() -> None:
    assert sorted(Status) == [
        "expired", "not_found", "not_yet_valid", "suspended", "terminated", "unknown", "valid", "withdrawn",
    ]  # fmt: skip


def test_lists_know_the_place_of_every_word() -> None:
    assert sorted(BY_SEVERITY) == sorted(Status)
