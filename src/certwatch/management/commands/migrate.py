"""`certwatch migrate`: Django's own command, quiet, and one at a time."""

import fcntl
from argparse import SUPPRESS
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands import migrate
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from certwatch.rules.errors import Refused

LOCK = 0x6377_6D69_6772  # "cwmigr"; any number that nobody else locks


class Command(migrate.Command):
    help = "Bring the database up to date. Safe to run again, and by several machines at once."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(verbosity=0)
        for action in parser._actions:
            action.help = SUPPRESS  # Django's many options are for developers

    def handle(self, *args: Any, **options: Any) -> None:
        with _alone(connections[options["database"]]):
            super().handle(*args, **options)


@contextmanager
def _alone(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """One migration of a database at a time; who comes later waits, and finds nothing to do."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            try:
                yield
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
        return
    name = str(connection.settings_dict["NAME"])
    if name.startswith(("file:", ":memory:")):
        yield  # a database in memory has one process
        return
    try:
        lock = Path(f"{name}.migrate").open("w")  # noqa: SIM115 - the next line closes it
    except OSError as error:
        raise Refused(f"The database {name} cannot be written to: {error.strerror}.") from error
    with lock:  # closing it, or dying, frees the lock
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
