"""The worker's part of imports: verdicts for the rows of a file, applying those that were confirmed, tidying up."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db.models import Q
from django.utils import timezone

from certwatch.actions import uploads
from certwatch.jobs.queue import QUEUE
from certwatch.models import Import, ImportState

log = structlog.get_logger()

TIDY_EVERY = timedelta(hours=1)
FORGOTTEN_AFTER = timedelta(days=14)  # an import that nobody confirmed
KEEP_FILE = timedelta(days=1)  # after its end: no file goes sooner than a day after its row (architecture.md)


def look(now: datetime) -> None:
    """Hand each import that waits, and that nobody works on, to a thread. Asked every second."""
    waiting = Import.across_orgs.filter(state__in=(ImportState.LOOKING, ImportState.TAKING))
    for pk in waiting.filter(Q(claimed_until=None) | Q(claimed_until__lt=now)).values_list("pk", flat=True):
        work_soon(pk)


def work(pk: int) -> None:
    """Work on one import, if it still waits."""
    upload = Import.across_orgs.select_related("org", "created_by").filter(pk=pk).first()
    if upload is None:
        return
    try:
        uploads.work(upload, clock=timezone.now)
    except Exception:
        log.exception("An import stopped.", upload=upload.public_id)
        uploads.fail(upload, uploads.STOPPED, now=timezone.now())


def tidy(now: datetime) -> None:
    """Cancel what nobody confirmed, and remove the files of what has ended."""
    forgotten = (ImportState.UPLOADED, ImportState.PREVIEW)
    old = Import.across_orgs.select_related("org").filter(created_at__lt=now - FORGOTTEN_AFTER, state__in=forgotten)
    for upload in old:
        uploads.cancel(upload, now=now)
    for upload in Import.across_orgs.select_related("org").filter(ended_at__lt=now - KEEP_FILE).exclude(path=""):
        uploads.forget_file(upload)


# A task that waited for longer is dropped: the import has been asked for again.
work_soon: Callable[[int], object] = QUEUE.task(expires=timedelta(seconds=10))(work)
