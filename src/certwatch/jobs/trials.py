"""The duty `trials`: who is on trial hears of its end 7, 3 and 1 days before, once each."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from smtplib import SMTPException
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import IntegrityError, transaction
from django.template.loader import render_to_string
from django.utils import timezone, translation

from certwatch.models import Membership, Organisation, Role, TrialReminder

log = structlog.get_logger()

LOOK_EVERY = timedelta(hours=1)
STAGES = (1, 3, 7)  # days before the end, the most urgent first


def remind(now: datetime) -> None:
    """Tell owners and admins whose trial ends soon. What was missed is told once, at the most urgent stage."""
    ending = Organisation.objects.filter(closed_at=None, trial_ends__gt=now)
    for org in ending.filter(trial_ends__lte=now + timedelta(days=max(STAGES))):
        stage = _stage(org, now)
        if stage and (claim := _claim(org, stage, now)):
            try:
                _send(org, now)
            except (OSError, SMTPException):
                claim.delete()  # nobody was told: the next look tries again
                log.warning("A reminder of a trial's end could not be mailed.", org=org.slug, exc_info=True)


def _stage(org: Organisation, now: datetime) -> int | None:
    """The most urgent stage that is reached; None where the whole trial is shorter."""
    ends = org.trial_ends
    assert ends is not None  # the query asks for it
    for days in STAGES:
        if ends - timedelta(days=days) <= now:
            return days if org.created_at < ends - timedelta(days=days) else None
    return None


def _claim(org: Organisation, days: int, now: datetime) -> TrialReminder | None:
    """The stage's row, if nobody has told it: this stage or a more urgent one of the same end."""
    ends = org.trial_ends
    assert ends is not None  # the query asks for it
    if org.trial_reminders.filter(trial_ends=ends, days__lte=days).exists():
        return None
    try:
        with transaction.atomic():
            return org.trial_reminders.create(trial_ends=ends, days=days, sent_at=now)
    except IntegrityError:
        return None  # another worker is at it


def _send(org: Organisation, now: datetime) -> None:
    mails = list(_mails(org, now))
    if not mails:
        return
    with get_connection() as connection:
        connection.send_messages(mails)


def _mails(org: Organisation, now: datetime) -> Iterator[EmailMessage]:
    assert org.trial_ends is not None  # the query asks for it
    days = -((now - org.trial_ends) // timedelta(days=1))  # the last one has begun
    for member in _told(org, now):
        zone = member.user.time_zone or org.time_zone
        with translation.override(member.user.language or org.language), timezone.override(ZoneInfo(zone)):
            words = {
                "org": org,
                "days": days,
                "time_zone": zone,
                "base_url": settings.BASE_URL,
                "link": f"{settings.BASE_URL}/o/{org.slug}/",
                "contact_url": f"{settings.BASE_URL}/contact",
            }
            yield EmailMessage(
                subject=render_to_string("emails/trial.subject.txt", words).strip(),
                body=render_to_string("emails/trial.txt", words).strip() + "\n",
                to=[member.user.email],
            )


def _told(org: Organisation, now: datetime) -> list[Membership]:
    leading = org.memberships.filter(role__in=(Role.OWNER, Role.ADMIN), user__is_active=True)
    return [member for member in leading.select_related("user", "org") if not member.has_ended(now)]
