"""What nobody acknowledged goes further, what was put off comes back: how days are counted, and who hears."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest

from certwatch.actions import alerts, digests, notices, tellings
from certwatch.models import Membership, Notice, Organisation, Telling, User, When
from certwatch.rules.notices import Kind, State
from tests.actions.mornings import LONG_AGO, MONDAY, TUESDAY, at, look, sent, text, told
from tests.actions.notices import alert
from tests.actions.told import certificate, confirm

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


def test_a_rule_that_tells_nobody_on_purpose_stays_silent(nordmuehle: Organisation, anna: User, mia: User) -> None:
    nordmuehle.alert_rules.create(name="Nobody", kinds=[Kind.SUSPENDED], created_at=OCTOBER)
    quiet = notices.add(nordmuehle, Kind.SUSPENDED, told_for="x", batch="x", now=OCTOBER)
    unheard = notices.add(nordmuehle, Kind.WITHDRAWN, told_for="y", batch="y", now=OCTOBER)
    assert quiet and unheard
    tellings.decide(OCTOBER)
    Telling.objects.all().delete()
    Notice.across_orgs.filter(pk=unheard.pk).update(nobody=True)
    digests.escalate(at(MONDAY))
    assert further(quiet) == set()
    assert further(unheard) == {("Otto", "escalated"), ("Anna", "escalated")}


# ---- what was snoozed is told again


def test_the_next_stage_of_a_snoozed_alert_waits_until_that_ends(nordmuehle: Organisation, anna: User) -> None:
    nordmuehle.alert_rules.create(name="all", roles=["admin"], when="at_once", created_at=OCTOBER)
    its = certificate(nordmuehle, "2BS-SNOOZED")
    snoozed = {"told_at": None, "state": State.SNOOZED, "until": MONDAY}
    notice = alert(nordmuehle, Kind.EXPIRING, its, made_at=OCTOBER, **snoozed)
    tellings.decide(OCTOBER)
    look(at(MONDAY))
    assert not nordmuehle.deliveries.exists()
    look(at(TUESDAY))
    assert sent(nordmuehle) == [("Anna", "digest")]
    assert "2BS-SNOOZED" in text(nordmuehle, anna, at(TUESDAY))
    look(at(WEDNESDAY))
    assert nordmuehle.deliveries.count() == 1
    assert notice.tellings.count() == 1


@pytest.mark.parametrize("state", [State.SNOOZED, State.ACKNOWLEDGED])
def test_who_was_told_hears_again_when_a_decision_ends(nordmuehle: Organisation, anna: User, state: State) -> None:
    told(nordmuehle, Kind.EXPIRED, anna, when=When.AT_ONCE, made_at=OCTOBER, state=state, until=MONDAY)
    told(nordmuehle, Kind.SUSPENDED, anna, when=When.AT_ONCE, made_at=OCTOBER, state=state, until=MONDAY)
    channel = nordmuehle.channels.create(name="Buying", scheme="slack", address="x", shown="s", created_at=OCTOBER)
    for notice in nordmuehle.notices.all():
        carried = nordmuehle.deliveries.first()
        Telling.objects.create(
            notice=notice, channel=channel, when="at_once", why="rule", made_at=OCTOBER, delivery=carried
        )
    look(at(MONDAY))
    assert sent(nordmuehle) == []
    look(at(TUESDAY))
    assert sent(nordmuehle) == [("Anna", "digest"), ("Buying", "digest")]
    assert {delivery.notices.count() for delivery in nordmuehle.deliveries.filter(purpose="digest")} == {2}
    look(at(WEDNESDAY))
    assert {delivery.notices.get().kind for delivery in nordmuehle.deliveries.order_by("-pk")[:2]} == {"suspended"}
