"""The server: Granian in front of the roof. `certwatch web` becomes this module, which needs no Django.

Usage: python -m certwatch.config.serving HOST PORT PROCESSES application|api|pages
"""

import ctypes
import gc
import os
import shutil
import signal
import sys
import tempfile
from functools import partial
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.log import LogLevels

from certwatch.config.logs import LOGGING
from certwatch.management.processes import watch_parent

DRAIN_S = 4  # so long what was accepted may still be answered; after 5 all must be over
WAITING = 1024  # connections that the system keeps for us while we are busy
PR_SET_PDEATHSIG = 1


def serve(host: str, port: int, processes: int, what: str) -> None:
    """Serve until SIGTERM or Ctrl-C. The access log stays off: paths hold customers' certificate numbers."""
    server = Granian(
        what,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=processes,
        loop=Loops.asyncio,  # uvloop was no faster here (docs/performance.md)
        http=HTTPModes.http1,
        websockets=False,
        backlog=WAITING,
        respawn_failed_workers=True,
        workers_kill_timeout=DRAIN_S,
        log_level=LogLevels.warning,
        log_dictconfig=LOGGING,
    )
    shared = tempfile.mkdtemp(prefix="certwatch-metrics-") if processes > 1 else ""
    if shared:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = shared  # before anybody imports prometheus_client
    try:
        server.serve(target_loader=partial(_load, parent=os.getpid()))
    finally:
        shutil.rmtree(shared, ignore_errors=True)


def _load(what: str, parent: int) -> Any:
    """The application, in the process that serves it. It dies with its parent, in whatever way that dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    from certwatch.config import asgi

    application = getattr(asgi, what)()
    gc.freeze()  # what is loaded now stays: the collector need not walk through it again and again
    gc.set_threshold(20_000, 20, 20)  # answers leave no cycles behind; 8 % of a look-up's time otherwise
    return application


if __name__ == "__main__":
    watch_parent()
    serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
