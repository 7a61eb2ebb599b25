"""What the worker does when somebody asks for a check."""

from datetime import timedelta

import pytest

from certwatch.actions.checks import LEASE, ask
from certwatch.jobs import checks
from certwatch.models import CheckRequest, Organisation, User
from certwatch.sources import SOURCES
from tests.actions.registers import Register, row, watch
from tests.conftest import NOON

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What was handed to a thread."""
    handed: list[int] = []
    monkeypatch.setattr(checks, "carry_out_soon", handed.append)
    return handed


def test_what_waits_is_handed_to_a_thread_the_oldest_first(
    nordmuehle: Organisation, mia: User, handed: list[int]
) -> None:
    second = ask(watch(nordmuehle, 1, NOON), by=mia, now=NOON + timedelta(seconds=1))
    first = ask(watch(nordmuehle, 2, NOON), by=mia, now=NOON)
    checks.look(NOON)
    assert handed == [first.pk, second.pk]


def test_what_has_ended_or_is_being_worked_on_is_left_alone(
    nordmuehle: Organisation, mia: User, handed: list[int]
) -> None:
    request = ask(watch(nordmuehle, 1, NOON), by=mia, now=NOON)
    CheckRequest.across_orgs.update(claimed_until=NOON + LEASE)
    checks.look(NOON)
    assert handed == []
    checks.look(NOON + LEASE + timedelta(seconds=1))
    assert handed == [request.pk]
    CheckRequest.across_orgs.update(ended_at=NOON)
    checks.look(NOON + LEASE + timedelta(seconds=1))
    assert handed == [request.pk]


def test_a_check_is_carried_out_once(nordmuehle: Organisation, mia: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SOURCES, "iscc", Register([row(1)]).source)
    request = ask(watch(nordmuehle, 1, NOON), by=mia, now=NOON)
    for _ in range(2):
        checks.carry_out(request.pk)
    checks.carry_out(request.pk + 1)
    request.refresh_from_db()
    assert request.outcome == "found"
