"""What people do with alerts."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from certwatch.actions import alerts
from certwatch.models import Notice, Organisation, User
from certwatch.rules.errors import Refused
from certwatch.rules.notices import Kind, State
from tests.actions.notices import TODAY, alert
from tests.actions.watched import watch
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

TOMORROW = TODAY + timedelta(days=1)
Deed = Callable[..., int]


@pytest.fixture
def suspended(nordmuehle: Organisation) -> Notice:
    return alert(nordmuehle, Kind.SUSPENDED, watch(nordmuehle, "DE-1", valid_until=date(2026, 12, 31)))


def fresh(notice: Notice) -> Notice:
    notice.refresh_from_db()
    return notice


def do(deed: Deed, org: Organisation, *notices: Notice, by: User, **more: Any) -> int:
    chosen = org.notices.filter(pk__in=[notice.pk for notice in notices])
    return deed(org, chosen, by=by, now=NOON, address="2001:db8::1", **more)


def test_an_acknowledgement_keeps_who_when_why_and_until(
    nordmuehle: Organisation, suspended: Notice, mia: User
) -> None:
    assert do(alerts.acknowledge, nordmuehle, suspended, by=mia, comment=" Asked\r\nthem ", until=TOMORROW) == 1
    kept = fresh(suspended)
    assert (kept.state, kept.decided_by, kept.decided_at) == (State.ACKNOWLEDGED, mia, NOON)
    assert (kept.comment, kept.until) == ("Asked\nthem", TOMORROW)
    entry = nordmuehle.audit_entries.get()
    assert (entry.action, entry.about, entry.about_id) == ("alert.acknowledged", "DE-1", suspended.public_id)
    assert (entry.by, entry.source_address) == (mia, "2001:db8::1")
    assert entry.details == {"kind": "suspended", "comment": "Asked\nthem", "until": "2026-11-25"}


def test_an_acknowledgement_may_last_to_the_end_of_today_and_be_for_good(
    nordmuehle: Organisation, suspended: Notice, mia: User
) -> None:
    do(alerts.acknowledge, nordmuehle, suspended, by=mia, until=TODAY)
    assert fresh(suspended).until == TODAY
    do(alerts.acknowledge, nordmuehle, suspended, by=mia)
    assert fresh(suspended).until is None
    with pytest.raises(Refused, match="has passed"):
        do(alerts.acknowledge, nordmuehle, suspended, by=mia, until=TODAY - timedelta(days=1))


@pytest.mark.parametrize("state", [State.SOLVED, State.SKIPPED, State.RESTING])
@pytest.mark.parametrize(
    ("deed", "more"),
    [
        (alerts.acknowledge, {}),
        (alerts.snooze, {"reason": "Fair", "until": TOMORROW}),
        (alerts.assign, {"to": None}),
        (alerts.reopen, {}),
    ],
)
def test_what_is_solved_or_was_never_told_is_left_as_it_is(
    nordmuehle: Organisation, suspended: Notice, mia: User, state: State, deed: Deed, more: dict[str, Any]
) -> None:
    nordmuehle.notices.update(state=state)
    with pytest.raises(Refused, match="nothing left to decide"):
        do(deed, nordmuehle, suspended, by=mia, **more)
    assert fresh(suspended).state == state
    assert not nordmuehle.audit_entries.exists()


def test_of_many_those_are_acknowledged_that_stand_and_each_is_noted(nordmuehle: Organisation, mia: User) -> None:
    stand = [alert(nordmuehle, about=f"{place}") for place in range(3)]
    solved = alert(nordmuehle, state=State.SOLVED)
    assert do(alerts.acknowledge, nordmuehle, *stand, solved, by=mia, comment="Seen") == 3
    assert fresh(solved).state == State.SOLVED
    assert {fresh(notice).state for notice in stand} == {State.ACKNOWLEDGED}
    noted = nordmuehle.audit_entries.values_list("about_id", flat=True)
    assert sorted(noted) == sorted(notice.public_id for notice in stand)


def test_more_than_one_statement_takes_are_acknowledged_at_once(
    nordmuehle: Organisation, mia: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "BATCH", 2)
    stand = [alert(nordmuehle) for _ in range(5)]
    assert do(alerts.acknowledge, nordmuehle, *stand, by=mia) == 5
    assert not nordmuehle.notices.filter(state=State.OPEN).exists()


def test_another_organisations_alert_is_out_of_reach(
    nordmuehle: Organisation, suedoel: Organisation, mia: User
) -> None:
    theirs = alert(suedoel)
    with pytest.raises(Refused):
        alerts.acknowledge(nordmuehle, suedoel.notices.all(), by=mia, now=NOON)
    assert fresh(theirs).state == State.OPEN


class TestSnoozing:
    def test_it_needs_a_reason_and_ends_on_its_day(
        self, nordmuehle: Organisation, suspended: Notice, mia: User
    ) -> None:
        with pytest.raises(Refused, match="needs a reason"):
            do(alerts.snooze, nordmuehle, suspended, by=mia, reason="  ", until=TOMORROW)
        do(alerts.snooze, nordmuehle, suspended, by=mia, reason="Audit on Friday", until=date(2026, 12, 31))
        kept = fresh(suspended)
        assert (kept.state, kept.comment, kept.until) == (State.SNOOZED, "Audit on Friday", date(2026, 12, 31))
        assert nordmuehle.audit_entries.get().action == "alert.snoozed"

    @pytest.mark.parametrize(
        ("kind", "until", "says"),
        [
            (Kind.SUSPENDED, date(2027, 1, 1), "The last day of DE-9 is 31 Dec 2026"),
            (Kind.SUSPENDED, TODAY, "ends tomorrow at the earliest"),
            (Kind.WITHDRAWN, TOMORROW, "DE-9 is withdrawn"),
        ],
    )
    def test_it_never_outlasts_the_certificate_nor_hides_a_withdrawal(
        self, nordmuehle: Organisation, mia: User, kind: Kind, until: date, says: str
    ) -> None:
        notice = alert(nordmuehle, kind, watch(nordmuehle, "DE-9", valid_until=date(2026, 12, 31)))
        with pytest.raises(Refused, match=says):
            do(alerts.snooze, nordmuehle, notice, by=mia, reason="Fair", until=until)
        assert fresh(notice).state == State.OPEN

    def test_one_that_cannot_keeps_all_awake(self, nordmuehle: Organisation, suspended: Notice, mia: User) -> None:
        withdrawn = alert(nordmuehle, Kind.WITHDRAWN, watch(nordmuehle, "DE-2"))
        with pytest.raises(Refused, match="DE-2"):
            do(alerts.snooze, nordmuehle, suspended, withdrawn, by=mia, reason="Fair", until=TOMORROW)
        assert {fresh(suspended).state, fresh(withdrawn).state} == {State.OPEN}

    def test_a_key_is_not_snoozed_beyond_its_own_last_day(self, nordmuehle: Organisation, mia: User) -> None:
        ending = alert(nordmuehle, Kind.KEY_ENDING, about="SAP", day=TOMORROW)
        with pytest.raises(Refused, match="last day of SAP is 25 Nov 2026"):
            do(alerts.snooze, nordmuehle, ending, by=mia, reason="Fair", until=TOMORROW + timedelta(days=1))


class TestAssigning:
    def test_a_member_gets_it_and_nobody_may(
        self, nordmuehle: Organisation, suspended: Notice, mia: User, anna: User
    ) -> None:
        assert do(alerts.assign, nordmuehle, suspended, to=anna, by=mia) == 1
        assert fresh(suspended).assigned_to == anna
        assert do(alerts.assign, nordmuehle, suspended, to=anna, by=mia) == 0  # and no second note
        assert do(alerts.assign, nordmuehle, suspended, to=None, by=mia) == 1
        assert fresh(suspended).assigned_to is None
        assert nordmuehle.audit_entries.filter(action="alert.assigned").count() == 2

    def test_a_stranger_gets_nothing(self, nordmuehle: Organisation, suspended: Notice, mia: User, clara: User) -> None:
        with pytest.raises(Refused, match="does not belong"):
            do(alerts.assign, nordmuehle, suspended, to=clara, by=mia)
        assert fresh(suspended).assigned_to is None


def test_opening_again_takes_the_decision_back_and_the_log_keeps_it(
    nordmuehle: Organisation, suspended: Notice, mia: User, anna: User
) -> None:
    do(alerts.acknowledge, nordmuehle, suspended, by=mia, comment="Seen", until=TOMORROW)
    assert do(alerts.reopen, nordmuehle, suspended, by=anna) == 1
    kept = fresh(suspended)
    assert (kept.state, kept.decided_by, kept.decided_at, kept.comment, kept.until) == (
        State.OPEN, None, None, "", None,
    )  # fmt: skip
    assert do(alerts.reopen, nordmuehle, suspended, by=anna) == 0
    said = nordmuehle.audit_entries.order_by("id").values_list("action", flat=True)
    assert list(said) == ["alert.acknowledged", "alert.reopened"]
