"""The duty `successors`: what takes the place of certificates that end, after each reading that moved something."""

from datetime import datetime, timedelta

from certwatch import models
from certwatch.actions import successors

LOOK_EVERY = timedelta(minutes=5)
NAME = "successors"


def look(now: datetime) -> None:
    """Look through what moved since the duty last ended well."""
    row = models.Duty.objects.filter(name=NAME).first()
    successors.look(now, row.last if row else None)
