"""The duty `housekeeping`: what has run out is removed. Nothing reads it any more; it would only grow."""

from datetime import datetime, timedelta

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session

from certwatch.models import CachedValue

LOOK_EVERY = timedelta(days=1)


def tidy(now: datetime) -> None:
    """Remove sessions that have ended, and values of the cache that no longer count."""
    Session.objects.filter(expire_date__lt=now).delete()
    UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
    CachedValue.objects.filter(expires__lt=now).delete()
