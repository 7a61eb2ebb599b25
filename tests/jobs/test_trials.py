"""Reminders before the end of a trial."""

import smtplib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from certwatch.actions import letters, notices, tellings
from certwatch.jobs import trials
from certwatch.models import Membership, Notice, Organisation, Telling, User
from tests.actions.mornings import look
from tests.actions.told import confirm

pytestmark = pytest.mark.django_db

BEGAN = datetime(2026, 11, 24, 11, tzinfo=UTC)
ENDS = BEGAN + timedelta(days=14)
LAST_DAY = date(2026, 12, 8)


@pytest.fixture
def org(nordmuehle: Organisation) -> Organisation:
    nordmuehle.created_at, nordmuehle.trial_ends = BEGAN, ENDS
    nordmuehle.save()
    return nordmuehle


def look_hourly(start: datetime, end: datetime) -> list[tuple[datetime, int | None]]:
    """What is told, and when."""
    told = []
    now = start
    while now < end:
        before = set(Notice.across_orgs.values_list("pk", flat=True))
        trials.remind(now)
        new = Notice.across_orgs.exclude(pk__in=before).order_by("pk")
        told += [(now, notice.stage) for notice in new]
        now += timedelta(hours=1)
    return told


def stages(org: Organisation) -> list[tuple[int | None, str, str]]:
    return list(org.notices.order_by("pk").values_list("stage", "state", "solved_by"))


def test_it_is_told_seven_three_and_one_days_before_once_each(org: Organisation) -> None:
    assert look_hourly(BEGAN, ENDS) == [
        (ENDS - timedelta(days=7), 7),
        (ENDS - timedelta(days=3), 3),
        (ENDS - timedelta(days=1), 1),
    ]
    assert stages(org) == [(7, "skipped", "trial_ending"), (3, "skipped", "trial_ending"), (1, "open", "")]
    assert {(notice.kind, notice.severity, notice.day) for notice in org.notices.all()} == {
        ("trial_ending", "warning", LAST_DAY)
    }


def test_owners_and_admins_read_it_in_their_digest_and_nobody_else(
    org: Organisation, otto: User, anna: User, mia: User, ben: User
) -> None:
    confirm(otto, anna, mia, ben)
    Membership.across_orgs.update(created_at=BEGAN)
    trials.remind(ENDS - timedelta(days=7))
    tellings.decide(ENDS - timedelta(days=7))
    assert not org.deliveries.exists()
    look(ENDS - timedelta(days=6))
    mails = [delivery for delivery in org.deliveries.filter(purpose="digest") if delivery.notices.exists()]
    assert sorted(mail.user.email for mail in mails if mail.user) == [anna.email, otto.email]
    assert all("8 Dec  Nordmühle" in str(letters.letter(mail, now=ENDS).body) for mail in mails)


def test_one_whose_address_is_refused_or_not_confirmed_neither_repeats_nor_stops_it(
    org: Organisation, otto: User, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise smtplib.SMTPRecipientsRefused({otto.email: (550, b"no")})

    confirm(anna)
    monkeypatch.setattr(smtplib, "SMTP", refuse)
    assert [stage for _, stage in look_hourly(ENDS - timedelta(days=7), ENDS - timedelta(days=6))] == [7]
    tellings.decide(ENDS - timedelta(days=6))
    assert {telling.user: telling.reachable for telling in Telling.objects.all()} == {anna: True, otto: False}


def test_a_worker_that_slept_tells_the_most_urgent_stage_once(org: Organisation) -> None:
    assert [stage for _, stage in look_hourly(ENDS - timedelta(hours=30), ENDS - timedelta(hours=26))] == [3]


def test_a_trial_shorter_than_a_stage_is_not_reminded_of_it(org: Organisation) -> None:
    org.created_at = ENDS - timedelta(days=5)
    org.save()
    assert [at for at, _ in look_hourly(org.created_at, ENDS)] == [ENDS - timedelta(days=3), ENDS - timedelta(days=1)]


def test_a_longer_trial_solves_what_was_told_and_is_told_anew(org: Organisation) -> None:
    trials.remind(ENDS - timedelta(days=1))
    org.trial_ends = ENDS + timedelta(days=30)
    org.save()
    trials.remind(ENDS)
    assert stages(org) == [(1, "solved", "corrected")]
    trials.remind(ENDS + timedelta(days=29))
    assert stages(org) == [(1, "solved", "corrected"), (1, "open", "")]


def test_who_is_opened_for_good_is_warned_no_more(org: Organisation) -> None:
    trials.remind(ENDS - timedelta(days=1))
    Organisation.objects.update(trial_ends=None)
    trials.remind(ENDS - timedelta(hours=23))
    assert stages(org) == [(1, "solved", "corrected")]


def test_once_the_trial_is_over_nobody_is_warned_of_its_end(org: Organisation) -> None:
    trials.remind(ENDS - timedelta(days=1))
    assert look_hourly(ENDS, ENDS + timedelta(hours=2)) == []
    assert stages(org) == [(1, "solved", "ended")]


@pytest.mark.parametrize("change", [{"trial_ends": None}, {"closed_at": BEGAN}])
def test_who_is_open_or_closed_hears_nothing(org: Organisation, change: dict[str, datetime | None]) -> None:
    Organisation.objects.update(**change)
    assert look_hourly(ENDS - timedelta(days=8), ENDS) == []


def test_the_last_day_is_the_organisations_own(org: Organisation) -> None:
    org.time_zone, org.trial_ends = "Asia/Tokyo", datetime(2026, 12, 8, 15, tzinfo=UTC)  # midnight there
    org.save()
    trials.remind(ENDS - timedelta(days=1))
    assert org.notices.get().day == LAST_DAY


def test_one_organisation_that_cannot_be_told_stops_no_other_and_the_duty_fails(
    org: Organisation, suedoel: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    Organisation.objects.filter(pk=suedoel.pk).update(trial_ends=ENDS, created_at=BEGAN)
    add = notices.add

    def fail(whose: Organisation, *args: Any, **more: Any) -> Notice | None:
        if whose == org:
            raise ValueError("broken")
        return add(whose, *args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(notices, "add", fail)
        with pytest.raises(RuntimeError, match="1 organisations"):
            trials.remind(ENDS - timedelta(days=7))
    assert suedoel.notices.count() == 1
    trials.remind(ENDS - timedelta(days=7) + timedelta(hours=1))
    assert org.notices.count() == 1
