"""What nobody acknowledged goes further: how its working days are counted, and of what nobody hears."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest

from certwatch.actions import alerts, digests, notices
from certwatch.models import Membership, Notice, Organisation, User, When
from certwatch.rules.notices import Kind, State
from tests.actions.mornings import LONG_AGO, MONDAY, TUESDAY, at, told
from tests.actions.told import confirm

WEDNESDAY, THURSDAY = date(2026, 11, 25), date(2026, 11, 26)
Opens = Callable[[Notice, User, datetime], None]
OCTOBER = at(date(2026, 10, 1), 10)


@pytest.fixture(autouse=True)
def members_since_long(anna: User, otto: User, mia: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "_waits", {})
    confirm(anna, otto, mia)
    Membership.across_orgs.update(created_at=LONG_AGO)
    Organisation.objects.update(created_at=LONG_AGO)


def further(notice: Notice) -> set[tuple[str, str]]:
    return {(str(t.user), t.why) for t in notice.tellings.exclude(why="default").select_related("user")}


def acknowledged(org: Organisation, *to: User, until: date | None = None) -> Notice:
    """Told in October, and acknowledged then."""
    return told(org, Kind.SUSPENDED, *to, when=When.AT_ONCE, made_at=OCTOBER, state=State.ACKNOWLEDGED, until=until)


def by_something_worse(notice: Notice, by: User, now: datetime) -> None:
    assert notice.org
    notices.add(notice.org, Kind.WITHDRAWN, told_for="x", batch="x", now=now, certificate=notice.certificate)


def by_hand(notice: Notice, by: User, now: datetime) -> None:
    assert notice.org
    alerts.reopen(notice.org, notice.org.notices.filter(pk=notice.pk), by=by, now=now)


def by_its_day(notice: Notice, by: User, now: datetime) -> None:
    Notice.across_orgs.filter(pk=notice.pk).update(until=now.date() - timedelta(days=1))
    digests.end_decisions(now)


@pytest.mark.parametrize("opens", [by_something_worse, by_hand, by_its_day])
def test_what_is_open_again_goes_further_three_working_days_after_that(
    nordmuehle: Organisation, anna: User, mia: User, opens: Opens
) -> None:
    notice = acknowledged(nordmuehle, mia)
    Notice.across_orgs.filter(pk=notice.pk).update(escalated=2)
    opens(notice, anna, at(MONDAY, 9))
    for day in (MONDAY, TUESDAY, WEDNESDAY):
        digests.escalate(at(day, 10))
    assert further(notice) == set()
    digests.escalate(at(THURSDAY))
    assert further(notice) == {("Anna", "deputy")}
