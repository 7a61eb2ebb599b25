"""The duty `housekeeping`: what has run out is removed. Nothing reads it any more; it would only grow."""

from datetime import datetime, timedelta

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session

from certwatch.models import CachedValue, IdempotentCall, Usage

LOOK_EVERY = timedelta(days=1)
KEEP_CALLS = timedelta(days=1)  # api-docs: so long an Idempotency-Key is known
KEEP_USAGE = timedelta(days=90)  # pages show 30; the export of everything has what there is


def tidy(now: datetime) -> None:
    """Remove sessions that have ended, values of the cache that count no more, old counts of API use and old calls."""
    Session.objects.filter(expire_date__lt=now).delete()
    UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
    CachedValue.objects.filter(expires__lt=now).delete()
    IdempotentCall.objects.filter(made_at__lt=now - KEEP_CALLS).delete()
    Usage.objects.filter(minute__lt=now - KEEP_USAGE).delete()
