"""What a command does about a database that is not there yet, or of another version than the program."""

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

import certwatch
from certwatch.rules.errors import Refused

MIGRATIONS = Path(certwatch.__file__).parent / "migrations"


def check_at_first_use() -> None:
    """From now on the first connection of this process finds the tables as this program needs them, or refuses.

    An embedded database that does not exist yet is made. One that exists is never changed: that is `migrate`.
    """
    if reached():
        return
    embedded = settings.ENV.sqlite_path
    fresh = embedded is not None and not embedded.exists()

    def check(connection: BaseDatabaseWrapper, **_: Any) -> None:
        if connection.alias != "default":
            return
        connection_created.disconnect(dispatch_uid=_ONCE)
        if fresh:
            sys.stderr.write(f"Making a new database: {embedded}\n")
            call_command("migrate", verbosity=0)
        elif missing := _missing(connection):
            raise Refused(
                f"The database is not up to date ({', '.join(missing[:3])} {'is' if len(missing) == 1 else 'are'} "
                "missing). Run: certwatch migrate"
            )

    # by name: two that wait in one process would each migrate inside the other, and wait for its lock for ever
    connection_created.connect(check, weak=False, dispatch_uid=_ONCE)


_ONCE = "certwatch.management.database.check_at_first_use"


def reached() -> bool:
    """Whether this process ever had its database."""
    return connections["default"].connection is not None


def _missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Our migrations that were not applied: one query; Django's own way loads all migrations of all apps."""
    wanted = {path.stem for path in MIGRATIONS.glob("[0-9]*.py")}
    with connection.cursor() as cursor:
        if "django_migrations" not in connection.introspection.table_names(cursor):
            return sorted(wanted)
        cursor.execute("SELECT name FROM django_migrations WHERE app = 'certwatch'")
        return sorted(wanted - {name for (name,) in cursor.fetchall()})
