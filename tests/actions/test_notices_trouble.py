"""Notices of changes where something breaks, dies, or works twice at once."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from certwatch.actions import changes, notices, syncs
from certwatch.models import (
    Certificate,
    Change,
    ChangeCounter,
    ChangeType,
    Organisation,
)
from certwatch.models import notices as in_sql
from certwatch.models.staging import Bulk
from certwatch.rules.status import Status
from tests.actions.noticed import listening, sent, sync, told
from tests.actions.registers import Clock, Register, row, watch
from tests.actions.test_members import at_once
from tests.actions.told import certificate, change
from tests.conftest import NOON

pytestmark = pytest.mark.django_db(transaction=True)


def test_dying_before_the_cursor_moves_loses_and_doubles_nothing(
    register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = listening(nordmuehle)
    register.rows[0] = row(1, Status.SUSPENDED)
    clock.wait(hours=24)
    syncs.run(register.source, clock=clock)
    real = in_sql.go_on
    with monkeypatch.context() as broken:
        broken.setattr(in_sql, "go_on", lambda bulk: 1 / 0)
        notices.make(clock())
    assert (told(nordmuehle), sent(hook)) == ([], [])
    assert in_sql.go_on is real
    clock.wait(minutes=2)
    notices.make(clock())
    notices.make(clock())
    assert told(nordmuehle) == ["suspended"]
    assert sent(hook) == [("status_changed", "valid", "suspended")]


def test_who_has_few_changes_does_not_wait_for_who_has_many(
    nordmuehle: Organisation, suedoel: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AT_ONCE", "TOGETHER", "A_LOOK"):
        monkeypatch.setattr(notices, name, 2)
    for org, many in ((nordmuehle, 6), (suedoel, 1)):
        for number in range(1, many + 1):
            its = certificate(org, f"2BS{number:06}", word=Status.SUSPENDED)
            change(its, "valid")
            Change.across_orgs.filter(certificate=its).update(number=number)
        ChangeCounter.objects.create(org=org, last=many)
    notices.make(NOON)
    assert (told(suedoel), len(told(nordmuehle))) == (["suspended"], 2)
    notices.make(NOON)
    notices.make(NOON)
    assert len(told(nordmuehle)) == 6


def test_a_broken_organisation_does_not_stop_the_others(
    register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation, suedoel: Organisation,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    watch(suedoel, 1, NOON)
    sync(register, clock)
    register.rows[0] = row(1, Status.SUSPENDED)
    clock.wait(hours=24)
    syncs.run(register.source, clock=clock)
    real = in_sql.fill

    def fill(bulk: Bulk, turns: list[in_sql.Turn]) -> None:
        if nordmuehle.pk in {turn.org for turn in turns}:
            raise ValueError("broken")
        real(bulk, turns)

    with monkeypatch.context() as broken:
        broken.setattr(in_sql, "fill", fill)
        notices.make(clock())
        notices.make(clock())
    assert (told(nordmuehle), told(suedoel)) == ([], ["suspended"])
    assert len([r for r in caplog.records if r.levelname == "ERROR"]) == 1  # not once a second
    clock.wait(minutes=2)
    notices.make(clock())
    assert told(nordmuehle) == ["suspended"]


def test_a_change_that_nobody_understands_does_not_stop_the_others(
    register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation
) -> None:
    changes.record(nordmuehle, [watched], ChangeType.STATUS, told_by="own:1", now=NOON)
    nordmuehle.changes.filter(told_by="own:1").update(was="valid", word="melted")
    register.rows[0] = row(1, Status.SUSPENDED)
    sync(register, clock)
    assert told(nordmuehle) == ["suspended"]


def test_two_makers_at_once_tell_once(
    register: Register,
    clock: Clock,
    nordmuehle: Organisation,
    suedoel: Organisation,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hook = listening(suedoel)
    for org in (nordmuehle, suedoel):
        for place in range(1, 41):
            watch(org, place, NOON)
    sync(register, clock)
    hook.deliveries.all().delete()
    register.rows = [row(place, scopes=["Trader"]) for place in range(1, 41)]
    clock.wait(hours=24)
    syncs.run(register.source, clock=clock)
    at_once(notices.make, [(clock.now,)] * 4)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    assert told(nordmuehle) == told(suedoel) == ["scope_changed"] * 40
    assert len(sent(hook)) == 40


def test_a_run_is_never_parted(
    register: Register, clock: Clock, nordmuehle: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "AT_ONCE", 10)
    for place in range(1, 41):
        watch(nordmuehle, place, NOON)
    sync(register, clock)
    turns: list[in_sql.Turn] = []
    real = in_sql.fill

    def fill(bulk: Bulk, given: list[in_sql.Turn]) -> None:
        turns.extend(given)
        real(bulk, given)

    monkeypatch.setattr(in_sql, "fill", fill)
    for scope in ("Trader", "Storage"):
        register.rows = [row(place, scopes=[scope]) for place in range(1, 41)]
        clock.wait(hours=24)
        syncs.run(register.source, clock=clock)
    notices.make(clock())
    assert [(turn.first, turn.upto) for turn in turns] == [(40, 80), (80, 120)]
    assert told(nordmuehle) == ["scope_changed"] * 80


def test_nothing_new_costs_a_look(nordmuehle: Organisation, django_assert_num_queries: Callable[[int], Any]) -> None:
    with django_assert_num_queries(2):
        notices.make(NOON)


def test_changes_are_looked_at_only_once_they_are_committed(nordmuehle: Organisation) -> None:
    certificate = watch(nordmuehle, 1, NOON)
    with transaction.atomic():
        changes.record(nordmuehle, [certificate], ChangeType.ADDED, told_by="added", now=NOON)
        transaction.set_rollback(True)
    notices.make(NOON)
    assert not ChangeCounter.objects.filter(org=nordmuehle, noticed__gt=0).exists()
