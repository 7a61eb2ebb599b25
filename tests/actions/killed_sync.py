"""A run in a process of its own that is killed after so many statements: `python -m tests.actions.killed_sync N`."""

import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any


def main(after: int, hours: int, rows: str) -> None:
    """Read the register as it is after `hours`; with `after` > 0 die at that statement."""
    import django

    django.setup()
    from django.db import connection

    from certwatch.actions import syncs
    from certwatch.rules.status import Status
    from tests.actions.registers import Clock, Register, row

    register = Register([row(place) for place in range(1, 61)])
    if rows == "changed":
        register.rows[0] = row(1, Status.SUSPENDED)
        register.rows[1] = row(2, holder="Nachfolger AG")
        del register.rows[2]
        register.rows.append(row(70))
    left = after

    def die(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(sql, params, many, context)

    clock = Clock(datetime(2026, 11, 24, 11, tzinfo=UTC) + timedelta(hours=hours))
    with connection.execute_wrapper(die):
        run = syncs.run(register.source, clock=clock)
    sys.stdout.write(f"{run.state} {after - left}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
