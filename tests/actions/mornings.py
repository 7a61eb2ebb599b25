"""Mornings as they might be: what was told before, and whom what was sent."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from certwatch.actions import digests, letters
from certwatch.models import Notice, Organisation, Purpose, Telling, User, When
from certwatch.rules.notices import Kind
from tests.actions.notices import alert
from tests.actions.told import certificate
from tests.conftest import NOON

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY, TUESDAY, FRIDAY, SATURDAY = date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 27), date(2026, 11, 28)
LONG_AGO = NOON - timedelta(days=300)


def at(day: date, hour: int = 8, minute: int = 0, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)


def look(now: datetime) -> None:
    """The morning's work, after the day of every organisation has been looked at."""
    for org in Organisation.objects.all():
        Organisation.objects.filter(pk=org.pk).update(looked_on=org.today(now))
    digests.look(now)


def told(
    org: Organisation,
    kind: Kind,
    *users: User,
    when: str = When.DIGEST,
    made_at: datetime | None = None,
    **facts: Any,
) -> Notice:
    """A notice of which it was decided so, on Monday at ten; what goes at once has gone."""
    made_at = made_at or at(MONDAY, 10)
    if "certificate" not in facts:
        facts["certificate"] = certificate(org, f"2BS{Notice.across_orgs.count():06}")
    notice = alert(org, kind, made_at=made_at, **facts)
    for user in users:
        sent = None
        if when == When.AT_ONCE:
            sent = org.deliveries.create(
                purpose=Purpose.ALERTS, told_for=f"test:{notice.pk}:{user.pk}", host="mail", user=user, made_at=made_at
            )
        Telling.objects.create(notice=notice, user=user, when=when, why="default", made_at=made_at, delivery=sent)
    return notice


def sent(org: Organisation, *purposes: Purpose) -> list[tuple[str, str]]:
    """Whom what was sent in the morning."""
    wanted = purposes or (Purpose.DIGEST, Purpose.REPEAT, Purpose.OPENED)
    found = org.deliveries.filter(purpose__in=wanted).order_by("pk").select_related("user", "channel")
    return [(str(d.user or d.channel), str(d.purpose)) for d in found]


def text(org: Organisation, user: User, now: datetime) -> str:
    delivery = org.deliveries.filter(user=user, purpose=Purpose.DIGEST).latest("pk")
    mail = letters.letter(delivery, now=now)
    return f"{mail.subject}\n{mail.body}"
