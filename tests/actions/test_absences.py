"""Not found: told once a second complete reading has confirmed it, else never."""

from datetime import date

import pytest

from certwatch.actions import certificates, notices, syncs
from certwatch.models import (
    Absence,
    Certificate,
    Organisation,
    User,
)
from certwatch.rules.findings import Finding
from certwatch.rules.status import Status
from tests.actions.noticed import listening, sent, states, sync, told
from tests.actions.registers import Clock, Register, row, watch
from tests.conftest import NOON

pytestmark = pytest.mark.django_db(transaction=True)


def gone(register: Register) -> Finding:
    return register.rows.pop(0)


def test_not_found_is_told_by_the_second_complete_reading_twelve_hours_later(
    register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation
) -> None:
    hook = listening(nordmuehle)
    gone(register)
    sync(register, clock)
    assert (told(nordmuehle), sent(hook), Absence.objects.count()) == ([], [], 1)
    sync(register, clock, hours=11)
    assert (told(nordmuehle), sent(hook)) == ([], [])
    second = sync(register, clock, hours=2)
    assert told(nordmuehle) == ["not_found"]
    assert sent(hook) == [("status_changed", "valid", "not_found")]
    assert not Absence.objects.exists()
    notice = nordmuehle.notices.get()
    assert notice.batch == f"gone:{second.pk}"  # the run that first missed it was told long ago
    assert notice.change == watched.changes.get(word="not_found")
    sync(register, clock)
    assert (told(nordmuehle), len(sent(hook))) == (["not_found"], 1)


def test_what_comes_back_before_is_told_nobody(
    register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation
) -> None:
    hook = listening(nordmuehle)
    back = gone(register)
    sync(register, clock)
    register.rows.insert(0, back)
    sync(register, clock, hours=11)
    sync(register, clock)
    assert (told(nordmuehle), sent(hook), Absence.objects.count()) == ([], [], 0)
    assert [c.word for c in nordmuehle.changes.order_by("number")] == ["valid", "not_found", "valid"]  # the feed


@pytest.mark.parametrize(
    ("back", "kinds"),
    [
        (row(1, Status.SUSPENDED), ["suspended"]),
        (row(1, valid_until=date(2027, 1, 31)), ["shortened"]),
        (row(1, Status.UNKNOWN), ["unclear"]),
    ],
)
def test_what_comes_back_as_something_else_is_told_as_that(
    back: Finding, kinds: list[str], register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation
) -> None:
    hook = listening(nordmuehle)
    gone(register)
    sync(register, clock)
    register.rows.insert(0, back)
    sync(register, clock, hours=3)
    assert told(nordmuehle) == kinds
    assert sent(hook) == [("status_changed", "not_found", back.word)]


def test_found_again_after_it_was_told(
    register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation
) -> None:
    back = gone(register)
    sync(register, clock)
    sync(register, clock)
    register.rows.insert(0, back)
    sync(register, clock)
    assert states(nordmuehle) == [("not_found", "solved", "found_again"), ("found_again", "open", "")]


def test_an_absence_that_was_confirmed_while_nobody_looked_is_told_with_its_return(
    register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation
) -> None:
    hook = listening(nordmuehle)
    back = gone(register)
    for rows in ([], [], [back]):
        register.rows[:0] = rows
        clock.wait(hours=24)
        syncs.run(register.source, clock=clock)
    notices.make(clock())
    assert states(nordmuehle) == [("not_found", "solved", "found_again"), ("found_again", "open", "")]
    assert [word for _, _, word in sent(hook)] == ["not_found", "valid"]


def test_many_changes_while_nobody_looked_are_told_in_their_order(
    register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation
) -> None:
    for word in (Status.SUSPENDED, Status.VALID, Status.WITHDRAWN):
        register.rows[0] = row(1, word)
        clock.wait(hours=24)
        syncs.run(register.source, clock=clock)
    notices.make(clock())
    assert states(nordmuehle) == [
        ("suspended", "solved", "lifted"),
        ("lifted", "open", ""),
        ("withdrawn", "open", ""),
    ]


def test_an_absence_of_what_is_watched_no_more_is_dropped(
    register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation, anna: User
) -> None:
    gone(register)
    sync(register, clock)
    certificates.stop_watching(nordmuehle, [watched], by=anna, now=clock())
    sync(register, clock)
    assert (told(nordmuehle), Absence.objects.count()) == ([], 0)


def test_a_first_reading_that_does_not_list_a_number_waits_too(
    register: Register, clock: Clock, nordmuehle: Organisation
) -> None:
    watch(nordmuehle, 99, NOON)
    sync(register, clock)
    assert told(nordmuehle) == []
    sync(register, clock)
    assert told(nordmuehle) == ["not_found"]
