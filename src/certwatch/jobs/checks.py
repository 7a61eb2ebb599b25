"""The worker's part of "Check now": registers are asked for single numbers."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.utils import timezone

from certwatch.actions import checks
from certwatch.jobs.queue import QUEUE
from certwatch.models import CheckRequest


def look(now: datetime) -> None:
    """Hand each check that waits, and that nobody works on, to a thread. Asked every second."""
    waiting = CheckRequest.across_orgs.filter(checks.is_free(now), ended_at=None)
    for pk in waiting.order_by("asked_at").values_list("pk", flat=True):
        carry_out_soon(pk)


def carry_out(pk: int) -> None:
    """Ask a register for one number, if that is still wanted."""
    waiting = CheckRequest.across_orgs.select_related("org", "certificate__entry")
    request = waiting.filter(pk=pk, ended_at=None).first()
    if request is not None:
        checks.carry_out(request, clock=timezone.now)


# A task that waited for longer is dropped: the check has been asked for again.
carry_out_soon: Callable[[int], object] = QUEUE.task(expires=timedelta(seconds=10))(carry_out)
