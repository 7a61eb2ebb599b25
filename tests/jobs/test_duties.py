"""The regular duties and their slots."""

import logging
from datetime import datetime, timedelta

import pytest

from certwatch import models
from certwatch.jobs import duties
from certwatch.jobs.duties import Duty
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def row(name: str = "counting") -> models.Duty:
    return models.Duty.objects.get(name=name)


class Counting:
    """A duty that counts how often it was performed, and fails when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, every: timedelta = HOUR, at_start: bool = False) -> None:
        self.times: list[datetime] = []
        self.error: Exception | None = None
        self.duty = Duty("counting", every, self.perform, at_start=at_start)
        monkeypatch.setattr(duties, "DUTIES", (self.duty,))
        duties.open_rows()

    def perform(self, now: datetime) -> None:
        self.times.append(now)
        if self.error:
            raise self.error


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    return Counting(monkeypatch)


def test_a_new_duty_is_due_at_once(counting: Counting) -> None:
    duties.do(counting.duty, NOON)
    assert counting.times == [NOON]
    assert (row().last, row().next, row().error) == (NOON, NOON + HOUR, "")


def test_a_doubled_task_does_the_duty_once(counting: Counting) -> None:
    for seconds in (0, 0, 1, 59, 3599):
        duties.do(counting.duty, NOON + timedelta(seconds=seconds))
    assert len(counting.times) == 1


def test_the_next_slot_begins_on_the_full_hour_however_late_the_last_one_was(counting: Counting) -> None:
    duties.do(counting.duty, NOON + timedelta(minutes=59))
    duties.do(counting.duty, NOON + HOUR)
    assert len(counting.times) == 2


def test_slots_that_were_missed_are_made_up_for_once(counting: Counting) -> None:
    duties.do(counting.duty, NOON)
    duties.do(counting.duty, NOON + timedelta(days=3))
    duties.do(counting.duty, NOON + timedelta(days=3, seconds=1))
    assert len(counting.times) == 2


def test_a_duty_that_fails_is_noted_and_tried_again_in_its_next_slot(
    counting: Counting, caplog: pytest.LogCaptureFixture
) -> None:
    counting.error = ValueError("no such thing")
    duties.do(counting.duty, NOON)
    assert (row().last, row().error) == (None, "ValueError: no such thing")
    assert "A duty failed." in caplog.text
    counting.error = None
    duties.do(counting.duty, NOON + HOUR)
    assert (row().last, row().error) == (NOON + HOUR, "")


def test_a_starting_worker_looks_at_once_where_the_duty_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting(monkeypatch, at_start=True)
    duties.do(counting.duty, NOON)
    duties.open_rows()
    duties.do(counting.duty, NOON + timedelta(seconds=2))
    assert len(counting.times) == 2


def test_a_starting_worker_leaves_the_other_slots_alone(counting: Counting) -> None:
    duties.do(counting.duty, NOON)
    duties.open_rows()
    duties.do(counting.duty, NOON + timedelta(seconds=2))
    assert len(counting.times) == 1


def test_a_task_of_another_version_is_passed_over(counting: Counting) -> None:
    duties.perform("what the next version does")
    assert counting.times == []


def test_a_tick_makes_one_task_for_each_duty(counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(duties, "perform_soon", asked.append)
    duties.tick()
    assert asked == ["counting"]


def test_the_heartbeat_is_one_row(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        duties.beat(NOON)
        duties.beat(NOON + timedelta(seconds=5))
    assert row("worker").last == NOON + timedelta(seconds=5)
    assert models.Duty.objects.count() == 1
    assert caplog.text == ""
