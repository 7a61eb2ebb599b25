"""The duty `sources`: which registers are to be read now, and reading them, side by side."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from certwatch.actions import sources, syncs
from certwatch.jobs.queue import QUEUE
from certwatch.models import RunState, SourceState
from certwatch.rules.schedule import next_try

log = structlog.get_logger()

LOOK_EVERY = timedelta(minutes=1)


def due(now: datetime) -> list[str]:
    """Names of the sources whose next run lies in the past, and of those that never ran."""
    waiting = set(SourceState.objects.filter(next_run__gt=now).values_list("source", flat=True))
    return [name for name in sources.names() if name not in waiting]


def look(now: datetime) -> None:
    """Hand each source that is due to a thread of its own."""
    for name in due(now):
        read_soon(name)


def read(name: str) -> None:
    """Read one source, if it is still due and nobody else reads it."""
    now = timezone.now()
    if name not in due(now):
        return
    state = SourceState.objects.filter(source=name).first()
    slot = state.next_run.isoformat() if state and state.next_run else ""
    try:
        run = syncs.run(sources.known(name), clock=timezone.now, slot=slot)
    except syncs.AlreadyRunning:
        return  # a second task, another worker or somebody's command is at it
    except Exception:
        # The run could not even note that it failed: without this the register would be asked again every minute.
        SourceState.objects.filter(source=name).update(next_run=next_try(name, "failed", 1, now))
        raise
    if run.state == RunState.GOOD:
        log.info("A source was read.", source=name, run=run.pk, new=run.new, changed=run.changed, gone=run.gone)
    else:
        why = run.error or " ".join(run.reasons)
        log.warning("A source was not read well.", source=name, run=run.pk, state=str(run.state), why=why)


# A task that waited for longer than a minute is dropped: the next look has asked for the same again.
read_soon: Callable[[str], object] = QUEUE.task(expires=LOOK_EVERY)(read)
