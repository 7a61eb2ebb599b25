"""The duty `reminders`: what a new day brings, wherever one has begun."""

from datetime import datetime, timedelta

from certwatch.actions import reminders

LOOK_EVERY = timedelta(minutes=15)  # some zones are a quarter of an hour apart


def look(now: datetime) -> None:
    reminders.look(now)
