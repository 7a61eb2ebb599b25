"""The queue: a file beside the embedded database, or tables in PostgreSQL."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import close_old_connections, connection, transaction
from huey import Huey, PostgresHuey, SqliteHuey
from huey.serializer import SignedSerializer

SCHEMA_LOCK = 0x6377_7175_6575  # "cwqueu"; any number that nobody else locks


def make(home: Path, postgres_url: str, secret: str) -> Huey:
    """A queue in the folder `home`, or in PostgreSQL where `postgres_url` is not empty. Opens nothing yet."""
    # Messages are pickled: without the signature, who can write to the queue could run code in the worker.
    serializer = SignedSerializer(secret=secret, salt="certwatch.jobs")
    shared: dict[str, Any] = {"results": False, "serializer": serializer, "create_tables": False}
    if postgres_url:
        return PostgresHuey("certwatch", dsn=postgres_url, **shared)
    return SqliteHuey("certwatch", filename=str(home / "queue.sqlite3"), timeout=30, **shared)


QUEUE = make(
    settings.ENV.home,
    "" if settings.ENV.sqlite_path else settings.ENV.database_url,
    settings.SECRET_KEY,
)


def prepare() -> None:
    """Make the queue's tables where there are none. Several workers may start at once."""
    if connection.vendor != "postgresql":
        QUEUE.storage.initialize_schema()
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SCHEMA_LOCK])  # "if not exists" alone is no lock
        QUEUE.storage.initialize_schema()


def _renew_connection(*_: object) -> None:
    close_old_connections()  # the server may have closed it since this thread's last task


QUEUE.pre_execute("renew connection")(_renew_connection)
QUEUE.post_execute("renew connection")(_renew_connection)
