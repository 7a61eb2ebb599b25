"""Hearts of what looks every second: when each last looked, and went well. Written down with the worker's own."""

from datetime import datetime, timedelta

from certwatch import models

NAMES = ("notices", "tellings", "carrier")  # as in /readyz; the operator hears of one that stands still
BEAT_EVERY = timedelta(seconds=5)

_looked: dict[str, datetime] = {}


def looked(name: str, now: datetime) -> None:
    """Note that `name` looked and nothing went wrong. In memory: a row a second would be a burden."""
    _looked[name] = now


def write() -> None:
    """Bring what was noted into the rows that `/readyz` and the back office read."""
    for name, last in list(_looked.items()):
        models.Duty.objects.update_or_create(name=name, defaults={"last": last, "next": last + BEAT_EVERY})
