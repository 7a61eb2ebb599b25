"""One run of a source at a time, whoever starts it. A lock ends with its process, so `kill -9` blocks nothing."""

import fcntl
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection


@contextmanager
def only_one(name: str) -> Iterator[bool]:
    """Whether the lock `name` is ours until the block ends; False if somebody has it. Never waits."""
    with _advisory(name) if connection.vendor == "postgresql" else _file(name) as ours:
        yield ours


@contextmanager
def _file(name: str) -> Iterator[bool]:
    folder = Path(settings.ENV.home) / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextmanager
def _advisory(name: str) -> Iterator[bool]:
    """On a connection of its own: Django's may be renewed while a register is read."""
    import psycopg  # only where PostgreSQL is the database

    parameters = connection.get_connection_params()
    for own in ("cursor_factory", "context"):
        parameters.pop(own, None)
    with psycopg.connect(**parameters, autocommit=True) as session:
        # CRC-32 fits the key's 64 bits; a clash would only make one source wait for another
        row = session.execute("SELECT pg_try_advisory_lock(%s)", [zlib.crc32(f"certwatch:{name}".encode())]).fetchone()
        yield bool(row and row[0])
