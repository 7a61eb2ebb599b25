"""Reminders before the end of a trial."""

from datetime import UTC, datetime, timedelta
from smtplib import SMTPException

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend

from certwatch.jobs import trials
from certwatch.models import Organisation, Role, TrialReminder, User

pytestmark = pytest.mark.django_db

BEGAN = datetime(2026, 11, 24, 11, tzinfo=UTC)
ENDS = BEGAN + timedelta(days=14)


@pytest.fixture
def org(nordmuehle: Organisation) -> Organisation:
    nordmuehle.created_at, nordmuehle.trial_ends = BEGAN, ENDS
    nordmuehle.save()
    return nordmuehle


def look_hourly(start: datetime, end: datetime) -> list[tuple[datetime, str]]:
    """What was mailed, and when."""
    told = []
    now = start
    while now < end:
        before = len(mail.outbox)
        trials.remind(now)
        told += [(now, str(message.subject)) for message in mail.outbox[before:]]
        now += timedelta(hours=1)
    return told


def test_owners_hear_seven_three_and_one_days_before_once_each(org: Organisation, otto: User) -> None:
    assert look_hourly(BEGAN, ENDS + timedelta(days=10)) == [
        (ENDS - timedelta(days=7), "The trial of Nordmühle ends in 7 days"),
        (ENDS - timedelta(days=3), "The trial of Nordmühle ends in 3 days"),
        (ENDS - timedelta(days=1), "The trial of Nordmühle ends in 1 day"),
    ]
    assert mail.outbox[0].to == [otto.email]
    assert "ends on 8 Dec 2026, 12:00 (Europe/Berlin)" in str(mail.outbox[0].body)
    assert "http://127.0.0.1:8000/contact" in str(mail.outbox[0].body)


def test_owners_and_admins_are_told_and_nobody_else(
    org: Organisation, otto: User, anna: User, mia: User, ben: User
) -> None:
    trials.remind(ENDS - timedelta(days=7))
    assert sorted(message.to[0] for message in mail.outbox) == [anna.email, otto.email]


def test_a_worker_that_slept_tells_once(org: Organisation, otto: User) -> None:
    assert [subject for _, subject in look_hourly(ENDS - timedelta(hours=30), ENDS - timedelta(hours=26))] == [
        "The trial of Nordmühle ends in 2 days"
    ]
    assert TrialReminder.objects.get().days == 3


def test_a_trial_shorter_than_a_stage_is_not_reminded_of_it(org: Organisation, otto: User) -> None:
    org.created_at = ENDS - timedelta(days=5)
    org.save()
    assert [at for at, _ in look_hourly(org.created_at, ENDS)] == [ENDS - timedelta(days=3), ENDS - timedelta(days=1)]


def test_a_longer_trial_is_reminded_of_anew(org: Organisation, otto: User) -> None:
    trials.remind(ENDS - timedelta(days=1))
    org.trial_ends = ENDS + timedelta(days=30)
    org.save()
    trials.remind(ENDS)
    assert len(mail.outbox) == 1
    trials.remind(ENDS + timedelta(days=29))
    assert len(mail.outbox) == 2


@pytest.mark.parametrize("change", [{"trial_ends": None}, {"closed_at": BEGAN}])
def test_who_is_open_or_closed_hears_nothing(org: Organisation, otto: User, change: dict[str, datetime | None]) -> None:
    Organisation.objects.update(**change)
    assert look_hourly(ENDS - timedelta(days=8), ENDS) == []


def test_each_reads_it_in_his_language_and_zone(org: Organisation, otto: User, anna: User) -> None:
    User.objects.filter(pk=anna.pk).update(language="de", time_zone="Asia/Tokyo")
    trials.remind(ENDS - timedelta(days=7))
    anna_s = next(message for message in mail.outbox if message.to == [anna.email])
    assert "8. Dez. 2026, 20:00" in str(anna_s.body)


def test_access_that_has_ended_hears_nothing(org: Organisation, otto: User, anna: User) -> None:
    org.memberships.filter(role=Role.ADMIN).update(ends_on=BEGAN.date())
    trials.remind(ENDS - timedelta(days=7))
    assert [message.to for message in mail.outbox] == [[otto.email]]


def test_where_no_mail_goes_out_the_next_look_tries_again(
    org: Organisation, otto: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise SMTPException("busy")

    with monkeypatch.context() as patched:
        patched.setattr(EmailBackend, "send_messages", fail)
        trials.remind(ENDS - timedelta(days=7))
    assert not TrialReminder.objects.exists()
    trials.remind(ENDS - timedelta(days=7) + timedelta(hours=1))
    assert len(mail.outbox) == 1


def test_one_organisation_without_people_stops_no_other(org: Organisation, suedoel: Organisation, otto: User) -> None:
    Organisation.objects.filter(pk=suedoel.pk).update(trial_ends=ENDS, created_at=BEGAN)
    trials.remind(ENDS - timedelta(days=7))
    assert len(mail.outbox) == 1
