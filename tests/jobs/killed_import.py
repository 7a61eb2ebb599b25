"""The worker's part of an import in a process of its own: `python -m tests.jobs.killed_import N`.

Without N it makes an installation with an import of 2,300 rows that waits, and with N it works on it and is killed at
the Nth statement (0: not at all); prints the import's state and how many statements there were.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

ROWS = 2_300
START = datetime(2026, 11, 24, 11, tzinfo=UTC)


def prepare() -> None:
    from django.core.management import call_command

    from certwatch.actions import uploads
    from certwatch.models import Organisation

    call_command("migrate", verbosity=0)
    org = Organisation.objects.create(name="Nordmühle", slug="nordmuehle", created_at=START)
    upload = uploads.receive(org, _file(), name="list.csv", by=None, now=START)
    uploads.set_columns(upload, upload.columns)


def work(after: int, hours: int) -> None:
    from django.db import connection

    from certwatch.actions import uploads
    from certwatch.models import Import, ImportState

    count = 0

    def counted(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count == after:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(*arguments)

    now = START + timedelta(hours=hours)
    upload = Import.across_orgs.select_related("org").get()
    with connection.execute_wrapper(counted):
        for _ in range(2):  # verdicts, then applying
            uploads.work(upload, clock=lambda: now)
            upload.refresh_from_db()
            if upload.state == ImportState.PREVIEW:
                uploads.confirm(upload, by=None, now=now, address=None)
                upload.refresh_from_db()
    sys.stdout.write(f"{upload.state} {count}\n")


def _file() -> Iterator[bytes]:
    yield b"Certificate number;Supplier\n"
    for place in range(ROWS):
        number = 0 if place == 1_700 else place  # the first one again, in another chunk
        yield f"EU-ISCC-Cert-DE100-{number:08};Muster {place % 7} GmbH\n".encode()


if __name__ == "__main__":
    import django

    django.setup()
    work(int(sys.argv[1]), int(sys.argv[2])) if len(sys.argv) > 1 else prepare()
