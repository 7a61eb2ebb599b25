"""How an organisation stands as a whole; on both databases."""

from datetime import timedelta

import pytest

from certwatch.actions import dashboard
from certwatch.models import ChangeType, Organisation
from certwatch.rules.shown import NEED_ATTENTION, Key, Why
from certwatch.rules.status import Status
from tests.conftest import NOON
from tests.web.watched import TODAY, by_hand, change, listed, reading, watch

pytestmark = pytest.mark.django_db


@pytest.fixture
def org(nordmuehle: Organisation, suedoel: Organisation) -> Organisation:
    """One suspended, one expired, one gone, one waiting for a second person, two in force; Südöl's does not count."""
    run = reading("iscc", hours_ago=8)
    change(watch(nordmuehle, 1, Status.SUSPENDED), ChangeType.STATUS, days_ago=3, was=Status.VALID, run=run)
    watch(nordmuehle, 2, ends=-1)
    listed(watch(nordmuehle, 3, Status.NOT_FOUND, ends=None), run, gone_at=NOON - timedelta(hours=8))
    by_hand(nordmuehle, 4, Status.UNKNOWN).own_versions.create(word=Status.VALID, entered_at=NOON)
    watch(nordmuehle, 5, ends=60)
    watch(nordmuehle, 6, ends=61)
    watch(suedoel, 7, Status.SUSPENDED)
    return nordmuehle


def test_everything_is_counted_worst_first(org: Organisation) -> None:
    counted = dashboard.counts(org, dashboard.states(), today=TODAY, now=NOON)
    assert list(counted.by_key.items()) == [
        (Key.SUSPENDED, 1),
        (Key.EXPIRED, 1),
        (Key.NOT_FOUND, 1),
        (Key.UNCLEAR, 1),
        (Key.EXPIRING, 1),
        (Key.VALID, 1),
    ]
    assert (counted.total, counted.attention, counted.in_force, counted.by_hand) == (6, 4, 2, 1)
    rows = [(row.scheme, row.by_hand, row.total, row.in_force, row.attention) for row in dashboard.coverage(counted)]
    assert rows == [("ISCC EU", False, 5, 2, 3), ("FSC", True, 1, 0, 1)]


def test_what_needs_attention_says_why_and_since_when(org: Organisation) -> None:
    known = dashboard.states()
    found = dashboard.attention(org, known, NEED_ATTENTION, most=10, today=TODAY, now=NOON)
    assert [(t.shown.key, t.shown.why, t.since, t.seen_at) for t in found] == [
        (Key.SUSPENDED, None, None, NOON - timedelta(days=3, hours=8)),
        (Key.EXPIRED, None, TODAY - timedelta(days=1), NOON - timedelta(days=9)),
        (Key.NOT_FOUND, Why.UNCONFIRMED, None, NOON - timedelta(days=9)),
        (Key.UNCLEAR, Why.SECOND_PERSON, None, NOON - timedelta(days=9)),
    ]
    assert len(dashboard.attention(org, known, NEED_ATTENTION, most=2, today=TODAY, now=NOON)) == 2


def test_ends_are_counted_by_day(org: Organisation) -> None:
    assert dashboard.ends(org, today=TODAY).within == {30: 0, 60: 1, 90: 2, 365: 2}


def test_changes_alike_are_gathered_and_what_was_before_stays_apart(org: Organisation) -> None:
    for place in range(20, 25):
        change(watch(org, place), ChangeType.ADDED, was=Status.VALID)
    rows = dashboard.changes(org)
    assert [(row.count, row.change.type, row.was, row.key) for row in rows] == [
        (5, ChangeType.ADDED, Key.VALID, Key.VALID),
        (1, ChangeType.STATUS, Key.VALID, Key.SUSPENDED),
    ]
