"""What pages call a status."""

from datetime import UTC, date, datetime, timedelta

import pytest

from certwatch.rules.shown import Key, Shown, Why, is_unconfirmed, shown
from certwatch.rules.status import Status

TODAY = date(2026, 11, 24)
FROM = date(2026, 3, 1)


def ask(word: Status, until: date | None = date(2027, 2, 28), start: date | None = FROM, **facts: bool) -> Shown:
    return shown(word, start, until, today=TODAY, expiring_days=60, **facts)


@pytest.mark.parametrize(
    ("until", "key"),
    [
        (TODAY - timedelta(days=1), Key.EXPIRED),
        (TODAY, Key.EXPIRING),
        (TODAY + timedelta(days=60), Key.EXPIRING),
        (TODAY + timedelta(days=61), Key.VALID),
        (None, Key.VALID),
    ],
)
def test_valid_is_expiring_within_the_threshold(until: date | None, key: Key) -> None:
    assert ask(Status.VALID, until) == Shown(key)


def test_a_first_day_to_come_is_not_yet_valid() -> None:
    assert ask(Status.VALID, start=TODAY + timedelta(days=1)).key == Key.NOT_YET


@pytest.mark.parametrize("word", [Status.SUSPENDED, Status.WITHDRAWN, Status.TERMINATED])
def test_a_date_changes_no_decision(word: Status) -> None:
    assert ask(word, TODAY - timedelta(days=1)).key == word.value


@pytest.mark.parametrize(
    ("facts", "key", "why"),
    [
        ({"checked": False}, Key.NEVER, None),
        ({}, Key.UNCLEAR, Why.FOREIGN_WORD),
        ({"ambiguous": True}, Key.UNCLEAR, Why.SEVERAL_HOLDERS),
        ({"by_hand": True, "waiting": True}, Key.UNCLEAR, Why.SECOND_PERSON),
        ({"by_hand": True}, Key.UNCLEAR, Why.NO_STATUS),
    ],
)
def test_what_nobody_can_say_has_its_reason(facts: dict[str, bool], key: Key, why: Why | None) -> None:
    assert ask(Status.UNKNOWN, None, None, **facts) == Shown(key, why)


def test_not_found_is_unconfirmed_until_a_second_reading_twelve_hours_later() -> None:
    first = datetime(2026, 11, 23, 4, tzinfo=UTC)
    assert ask(Status.NOT_FOUND, None, None, unconfirmed=True) == Shown(Key.NOT_FOUND, Why.UNCONFIRMED)
    assert is_unconfirmed(first, first)
    assert is_unconfirmed(first, first + timedelta(hours=11, minutes=59))
    assert not is_unconfirmed(first, first + timedelta(hours=12))
    assert not is_unconfirmed(None, first)


def test_a_stale_source_says_what_was_last_known_but_nothing_of_what_was_entered_by_hand() -> None:
    assert ask(Status.VALID, stale=True).last_known
    assert not ask(Status.VALID, stale=True, by_hand=True).last_known
