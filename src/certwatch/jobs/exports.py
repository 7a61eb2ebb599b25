"""The worker's part of exports: files are made, those who asked are told, what is old goes."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core.mail import get_connection
from django.db.models import Q
from django.utils import timezone

from certwatch.actions import exports
from certwatch.jobs.queue import QUEUE
from certwatch.models import Export

log = structlog.get_logger()

TIDY_EVERY = timedelta(minutes=1)


def look(now: datetime) -> None:
    """Hand each export that waits, and that nobody makes, to a thread. Asked every second."""
    waiting = Export.across_orgs.filter(Q(claimed_until=None) | Q(claimed_until__lt=now), ready_at=None, error="")
    for pk in waiting.values_list("pk", flat=True):
        make_soon(pk)


def make(pk: int) -> None:
    """Make one export, if it still waits, and tell who asked."""
    export = Export.across_orgs.select_related("org", "asked_by").filter(pk=pk).first()
    if export is None or not exports.claim(export, timezone.now()):
        return
    try:
        exports.make(export, clock=timezone.now)
    except exports.Lost:
        return
    except Exception:
        log.exception("An export stopped.", export=export.public_id)
        exports.fail(export)
    tell(timezone.now())


def tidy(now: datetime) -> None:
    """Tell whom the mail server kept from hearing, and let old files go (`files` removes what no row names)."""
    Export.across_orgs.filter(ready_at__lte=now - exports.LASTS).exclude(path="").update(path="")
    tell(now)


def tell(now: datetime) -> None:
    """Mail to those whose export is ready. If one mail fails, the others wait for the next look."""
    untold = Export.across_orgs.filter(mailed_at=None, ready_at__gt=now - exports.LASTS).exclude(asked_by=None)
    for export in untold.select_related("org", "asked_by"):
        try:
            exports.tell(export, base_url=settings.BASE_URL, connection=get_connection(), now=now)
        except OSError as error:
            log.warning("That an export is ready could not be mailed yet.", export=export.public_id, why=str(error))
            return


# A task that waited for longer is dropped: the export has been asked for again.
make_soon: Callable[[int], object] = QUEUE.task(expires=timedelta(seconds=10))(make)
