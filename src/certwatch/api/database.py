"""Plain SQL beside the look-up's road, on either database: a connection for each call, 2 s at most."""

import asyncio
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

PATIENCE_S = 2.0

Step = tuple[str, Sequence[Sequence[object]]]  # a statement with $1, $2, …, and the values of each time it is run


class Database(Protocol):
    """The same statements on SQLite and PostgreSQL. Whatever goes wrong is raised as it comes."""

    async def rows(self, sql: str) -> Sequence[Sequence[Any]]: ...

    async def write(self, steps: Sequence[Step]) -> None:
        """Run `steps` in one transaction."""


class SqliteDatabase:
    """Works in a thread, so that nobody else waits for the disk."""

    def __init__(self, path: Path) -> None:
        self._uri = f"{path.as_uri()}?mode=rw"  # never makes the file

    async def rows(self, sql: str) -> Sequence[Sequence[Any]]:
        return await asyncio.to_thread(self._rows, sql)

    async def write(self, steps: Sequence[Step]) -> None:
        await asyncio.to_thread(self._write, steps)

    def _rows(self, sql: str) -> Sequence[Sequence[Any]]:
        connection = self._connect()
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def _write(self, steps: Sequence[Step]) -> None:
        connection = self._connect()
        try:
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("BEGIN IMMEDIATE")
            for sql, values in steps:
                connection.executemany(sql.replace("$", "?"), [tuple(map(_stored, row)) for row in values])
            connection.execute("COMMIT")
        finally:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._uri, uri=True, timeout=PATIENCE_S, isolation_level=None)


class PostgresDatabase:
    """Connects anew each time, which is seldom."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def rows(self, sql: str) -> Sequence[Sequence[Any]]:
        async with asyncio.timeout(PATIENCE_S):
            connection = await self._connect()
            try:
                rows: Sequence[Sequence[Any]] = await connection.fetch(sql)
                return rows
            finally:
                connection.terminate()

    async def write(self, steps: Sequence[Step]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            connection = await self._connect()
            try:
                async with connection.transaction():
                    for sql, values in steps:
                        await connection.executemany(sql, values)
            finally:
                connection.terminate()

    async def _connect(self) -> Any:
        import asyncpg  # not needed with SQLite

        return await asyncpg.connect(self._url)


def _stored(value: object) -> object:
    """`value` as Django stores it in SQLite."""
    if isinstance(value, datetime):
        return str(value.astimezone(UTC).replace(tzinfo=None))
    return value if value is None or isinstance(value, int | bytes) else str(value)
