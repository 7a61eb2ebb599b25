"""When a source is read."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.rules.schedule import next_slot, next_try

BERLIN = ZoneInfo("Europe/Berlin")
NAMES = st.text(st.characters(codec="ascii", categories=["Ll"]), min_size=1, max_size=12)
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
ENDED = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)


def name_with_slot_at(hour: int, minute: int) -> str:
    """Some source whose slot is at this minute of Berlin's clocks."""
    for number in range(10_000):
        slot = next_slot(f"s{number}", ENDED).astimezone(BERLIN)
        if (slot.hour, slot.minute) == (hour, minute):
            return f"s{number}"
    raise AssertionError("no name found")


@given(NAMES, MOMENTS)
def test_the_next_slot_is_later_and_at_most_a_day_of_25_hours_away(name: str, after: datetime) -> None:
    assert timedelta(0) < next_slot(name, after) - after <= timedelta(hours=25)


@given(NAMES, MOMENTS)
def test_a_slot_lies_between_one_and_five_in_the_night_of_berlin(name: str, after: datetime) -> None:
    assert 1 <= next_slot(name, after).astimezone(BERLIN).hour < 5


@given(NAMES, MOMENTS)
def test_every_calendar_day_has_exactly_one_slot(name: str, after: datetime) -> None:
    first = next_slot(name, after)
    second = next_slot(name, first)
    assert second.astimezone(BERLIN).date() - first.astimezone(BERLIN).date() == timedelta(days=1)


@given(NAMES, MOMENTS)
def test_a_source_keeps_its_minute_on_days_of_24_hours(name: str, after: datetime) -> None:
    slot = next_slot(name, after).astimezone(BERLIN)
    usual = next_slot(name, ENDED).astimezone(BERLIN)
    assert slot.minute == usual.minute
    assert slot.hour == usual.hour or (usual.hour, slot.hour) == (2, 3)  # the night without 02:00


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2027, 3, 28)])
def test_a_minute_that_summer_time_leaves_out_is_an_hour_later(day: date) -> None:
    name = name_with_slot_at(2, 30)
    slot = next_slot(name, datetime(day.year, day.month, day.day, tzinfo=BERLIN))
    assert slot == datetime(day.year, day.month, day.day, 3, 30, tzinfo=BERLIN)


def test_a_minute_that_comes_twice_in_autumn_is_the_first_and_counts_once() -> None:
    name = name_with_slot_at(2, 30)
    slot = next_slot(name, datetime(2026, 10, 25, tzinfo=BERLIN))
    assert slot == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert next_slot(name, slot) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_the_registers_are_not_all_read_at_once() -> None:
    names = [f"source{number}" for number in range(40)]
    assert len({next_slot(name, ENDED) for name in names}) > 30


@pytest.mark.parametrize("state", ["good", "held", "released"])
def test_what_did_not_fail_is_read_again_in_the_next_slot(state: str) -> None:
    assert next_try("iscc", state, 0, ENDED) == next_slot("iscc", ENDED)


@pytest.mark.parametrize(("tries", "hours"), [(1, 1), (2, 2), (3, 4), (5, 1), (6, 2), (7, 4)])
def test_a_failed_run_is_tried_again_after_one_two_and_four_hours(tries: int, hours: int) -> None:
    assert next_try("iscc", "failed", tries, ENDED) == ENDED + timedelta(hours=hours)


@pytest.mark.parametrize("tries", [4, 8])
def test_after_the_third_try_it_waits_for_the_next_slot(tries: int) -> None:
    assert next_try("iscc", "failed", tries, ENDED) == next_slot("iscc", ENDED)


def test_the_register_may_ask_to_be_left_alone_for_longer() -> None:
    later = ENDED + timedelta(hours=30)
    assert next_try("iscc", "failed", 1, ENDED, later) == later
    assert next_try("iscc", "failed", 1, ENDED, ENDED + timedelta(minutes=5)) == ENDED + timedelta(hours=1)


@given(NAMES, MOMENTS, st.sampled_from(["good", "held", "failed"]), st.integers(0, 20))
def test_the_next_try_is_always_later_and_in_utc(name: str, ended: datetime, state: str, tries: int) -> None:
    due = next_try(name, state, tries, ended)
    assert due > ended
    assert due.tzinfo is UTC
