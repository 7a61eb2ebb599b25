"""The worker process: threads that take tasks from the queue, a clock that adds them, a carrier, and a heartbeat."""

import logging
import sys
import threading
import time
from collections.abc import Callable

import structlog
from django.db import close_old_connections, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from certwatch.actions import carrier, sources
from certwatch.jobs import duties, hearts
from certwatch.jobs.carrier import Carrier
from certwatch.jobs.queue import QUEUE, prepare
from certwatch.rules.errors import Refused

log = structlog.get_logger()

LOOK_EVERY_S = 0.2
PATIENCE_S = 3  # for tasks under way when we are told to end; all must be over after 5
ERRANDS_EVERY_S = 1.0
QUEUE_POLL_S = 1.0  # the embedded queue cannot call us; so long may a task wait


def run(told_to_end: Callable[[], bool]) -> None:
    """Work until `told_to_end` says so. Then the caller must leave the process with `os._exit`: a thread may still wait
    for a slow register, and nothing may wait for it. What it had begun, the next run does again."""
    _check_database()
    prepare()
    duties.open_rows()
    stopping = threading.Event()
    threading.Thread(target=_beat, args=(stopping,), name="heartbeat", daemon=True).start()
    carrying = Carrier(carrier.means())
    threading.Thread(target=carrying.run, args=(stopping,), name="carrier", daemon=True).start()
    threading.Thread(target=_run_errands, args=(stopping, carrying.look), name="errands", daemon=True).start()
    # One thread for each source, so that a slow register never holds up another or a duty.
    consumer = QUEUE.create_consumer(workers=len(sources.names()) + 2, max_delay=QUEUE_POLL_S)
    consumer._set_signal_handlers = lambda: None  # Huey's wait for ever, or not at all; the caller has set his
    consumer.start()
    log.info("The worker has started.", sources=", ".join(sources.names()))
    while not told_to_end():
        time.sleep(LOOK_EVERY_S)
        consumer.check_worker_health()
    stopping.set()
    consumer.stop_flag.set()
    deadline = time.monotonic() + PATIENCE_S
    for _, thread in consumer.worker_threads:
        thread.join(max(deadline - time.monotonic(), 0))
    carrying.wait(max(deadline - time.monotonic(), 0))
    log.info("The worker has ended.")
    logging.shutdown()
    sys.stderr.flush()


def _beat(stopping: threading.Event) -> None:
    while True:
        try:
            close_old_connections()
            duties.beat(timezone.now(), waiting=QUEUE.pending_count())
        except Exception:  # a database that is away for a while must not end the worker
            log.warning("The heartbeat could not be written.", exc_info=True)
        if stopping.wait(duties.BEAT_EVERY.total_seconds()):
            return


def _run_errands(stopping: threading.Event, then: Callable[[], None]) -> None:
    """Find what people wait for, `then` carry it out. The queue's own clock ticks once a minute, which is too long to
    look at a page."""
    while not stopping.wait(ERRANDS_EVERY_S):
        for name, errand in duties.ERRANDS.items():
            try:
                close_old_connections()
                errand(timezone.now())
            except Exception:
                log.warning("An errand failed.", errand=name, exc_info=True)
            else:
                if name in hearts.NAMES:
                    hearts.looked(name, timezone.now())
        then()


def _check_database() -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise Refused("The database is not up to date. Run `certwatch migrate` first.")
