"""Which sources the worker reads, and when."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import time_machine
from django.conf import settings

from certwatch.actions import locks, syncs
from certwatch.jobs import sources
from certwatch.models import RunState, SourceState, Sync
from certwatch.rules.errors import SourceUnreachable
from certwatch.rules.schedule import next_slot
from certwatch.sources import SOURCES
from tests.actions.registers import Register, row
from tests.conftest import NOON

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Register:
    register = Register([row(place) for place in range(1, 4)])
    monkeypatch.setitem(SOURCES, "iscc", register.source)
    return register


def read_at(now: datetime) -> list[str]:
    """States of all runs, oldest first, after the worker was asked to read ISCC at `now`."""
    with time_machine.travel(now, tick=False):
        sources.read("iscc")
    return list(Sync.objects.order_by("id").values_list("state", flat=True))


def next_run() -> datetime:
    due = SourceState.objects.get(source="iscc").next_run
    assert due is not None
    return due


def test_what_never_ran_is_due() -> None:
    assert sources.due(NOON) == list(SOURCES)


def test_what_was_read_is_due_again_in_its_slot(register: Register) -> None:
    assert read_at(NOON) == ["good"]
    slot = next_slot("iscc", NOON)
    assert next_run() == slot
    assert "iscc" not in sources.due(slot - timedelta(seconds=1))
    assert "iscc" in sources.due(slot)


def test_a_worker_that_was_away_catches_up_once(register: Register) -> None:
    read_at(NOON)
    away = NOON + timedelta(days=5)
    assert read_at(away) == ["good", "good"]
    assert "iscc" not in sources.due(away + timedelta(seconds=1))


def test_a_doubled_task_reads_once(register: Register) -> None:
    read_at(NOON)
    assert read_at(NOON + timedelta(seconds=1)) == ["good"]


def test_only_the_sources_of_this_installation_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ENV", replace(settings.ENV, sources=("redcert",)))
    assert sources.due(NOON) == ["redcert"]


def test_a_failed_run_is_tried_again_after_one_two_and_four_hours_and_then_in_its_slot(register: Register) -> None:
    register.error = SourceUnreachable("No answer.")
    at = NOON
    for hours in (1, 2, 4):
        read_at(at)
        assert next_run() == at + timedelta(hours=hours)
        at = next_run()
    assert read_at(at) == ["failed"] * 4
    assert next_run() == next_slot("iscc", at)


def test_no_run_begins_before_the_register_wants_it(register: Register) -> None:
    later = NOON + timedelta(hours=9)
    register.error = SourceUnreachable("Too many requests.", not_before=later)
    read_at(NOON)
    assert next_run() == later


def test_a_held_run_is_not_tried_again_before_its_slot(register: Register) -> None:
    read_at(NOON)
    register.rows = []
    slot = next_run()
    assert read_at(slot) == ["good", "held"]
    assert next_run() == next_slot("iscc", slot)


def test_a_run_notes_the_slot_that_it_fills(register: Register) -> None:
    read_at(NOON)
    slot = next_run()
    read_at(slot + timedelta(minutes=7))
    assert list(Sync.objects.order_by("id").values_list("duties_slot", flat=True)) == ["", slot.isoformat()]


def test_a_source_that_somebody_reads_already_is_left_to_him(register: Register) -> None:
    with locks.only_one("iscc") as ours:
        assert ours
        assert read_at(NOON) == []


def test_an_error_of_ours_does_not_ask_the_register_again_every_minute(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(syncs, "_conclude", broken)
    with pytest.raises(RuntimeError):
        read_at(NOON)
    assert next_run() == NOON + timedelta(hours=1)


def test_an_error_of_ours_leaves_no_run_that_seems_to_go_on(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched, pytest.raises(RuntimeError):
        patched.setattr(syncs, "_conclude", lambda *_: (_ for _ in ()).throw(RuntimeError("a bug")))
        read_at(NOON)
    assert read_at(NOON + timedelta(hours=1)) == [RunState.FAILED, RunState.GOOD]


def test_a_look_hands_each_due_source_to_a_thread(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(sources, "read_soon", asked.append)
    read_at(NOON)
    sources.look(NOON + timedelta(seconds=1))
    assert asked == [name for name in SOURCES if name != "iscc"]
