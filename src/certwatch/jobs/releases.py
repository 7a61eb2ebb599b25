"""The duty `releases`: held runs that the operator has released in the back office are applied.

A register's whole list takes seconds, in which no page and no look-up should share its process.
"""

from datetime import datetime, timedelta

from django.utils import timezone

from certwatch.actions import syncs
from certwatch.models import RunState, Sync
from certwatch.rules.errors import Refused

LOOK_EVERY = timedelta(minutes=1)


def release(now: datetime) -> None:
    """Apply what was asked for. A source that is being read at the moment is left for the next look."""
    asked = Sync.objects.filter(state=RunState.HELD, release_asked_at__lte=now).select_related("release_asked_by")
    for run in asked.defer("review", "asked", "tally").order_by("id"):
        try:
            syncs.release(run.pk, by=run.release_asked_by, clock=timezone.now)
        except Refused:
            continue  # busy, or somebody was quicker
        except Exception:
            Sync.objects.filter(pk=run.pk).update(release_asked_at=None)  # not again until somebody asks again
            raise
