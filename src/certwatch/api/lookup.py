"""The one query of a look-up: key, organisation, certificate and its source's last reading, on either database."""

import asyncio
import os
import sqlite3
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from certwatch.api.together import Together

PATIENCE_S = 2.0  # then 503: no word is better than a wrong one
LOOK_AGAIN_S = 0.01  # while SQLite is locked


class DatabaseSilent(Exception):
    """The database does not answer."""


class Row(NamedTuple):
    """What the database knows of a key that is not revoked, and of a number in its organisation."""

    key: int
    org: int
    limit: int
    time_zone: str
    scopes: str  # JSON
    networks: str  # JSON
    number: str | None  # as the organisation wrote it; None: no such certificate
    kind: str
    word: str
    valid_from: date | None
    valid_until: date | None
    ends_at: datetime | None
    closed_at: datetime | None
    trial_ends: datetime | None
    checked_at: datetime | None
    read_began: datetime | None


class Reader(Protocol):
    """Where rows come from."""

    async def find(self, digest: bytes, number_key: str) -> Row | None:
        """The row of the key with `digest`; None if there is no such key. Raises `DatabaseSilent`."""

    def close(self) -> None: ...


QUERY = """SELECT k.id, o.id, o.rate_limit, o.time_zone, k.scopes, k.networks, c.number, c.kind, c.word, c.valid_from,
    c.valid_until, k.ends_at, o.closed_at, o.trial_ends, c.checked_at, s.read_began
    FROM {keys}
    LEFT JOIN certwatch_organisation o ON o.id = k.org_id
    LEFT JOIN certwatch_certificate c ON c.org_id = k.org_id AND c.number_key = {number_key} AND c.removed_at IS NULL
    LEFT JOIN certwatch_sourcestate s ON s.source = c.source
    {rest}"""
SQLITE_QUERY = QUERY.format(
    keys="certwatch_apikey k", number_key="?", rest="WHERE k.digest = ? AND k.revoked_at IS NULL"
)
POSTGRES_QUERY = QUERY.format(
    keys="unnest($1::bytea[], $2::text[]) WITH ORDINALITY AS q (digest, number_key, n)"
    " LEFT JOIN certwatch_apikey k ON k.digest = q.digest AND k.revoked_at IS NULL",
    number_key="q.number_key",
    rest="ORDER BY q.n",
)
POSTGRES_SETTINGS = {
    "application_name": "certwatch api",
    "default_transaction_read_only": "on",
    # Each question is a look-up in unique indexes, however many rows the planner expects.
    **dict.fromkeys(("enable_hashjoin", "enable_mergejoin", "enable_seqscan", "jit"), "off"),
    "plan_cache_mode": "force_generic_plan",
}


class SqliteReader:
    """A connection of its own. Requests that wait in one turn of the event loop share a read transaction."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._file: tuple[int, int] | None = None
        self._connection: sqlite3.Connection | None = None
        self._reading = False

    async def find(self, digest: bytes, number_key: str) -> Row | None:
        give_up = 0.0
        while True:
            try:
                return self._find(digest, number_key)
            except (sqlite3.Error, OSError) as error:
                self.close()
                now = asyncio.get_running_loop().time()
                give_up = give_up or now + PATIENCE_S
                locked = getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
                if not locked or now >= give_up:
                    raise DatabaseSilent from error
                await asyncio.sleep(LOOK_AGAIN_S)  # not in sqlite3 itself: that would hold up the event loop

    def _find(self, digest: bytes, number_key: str) -> Row | None:
        connection = self._connection if self._reading and self._connection else self._begin()
        found = connection.execute(SQLITE_QUERY, (number_key, digest)).fetchone()
        if found is None:
            return None
        return Row(*found[:9], *map(_day, found[9:11]), *map(_moment, found[11:]))

    def _begin(self) -> sqlite3.Connection:
        """Begin a read transaction that ends with this turn of the event loop.

        Its end is queued before it begins, so all requests that share it had come before it looked: what is
        committed before a request comes, a key's revocation above all, is seen by it.
        """
        asyncio.get_running_loop().call_soon(self._end)
        file = os.stat(self._path)  # noqa: PTH116 - a restored backup is another file of the same name
        if self._connection is None or self._file != (file.st_dev, file.st_ino):
            self.close()
            self._file = file.st_dev, file.st_ino
            self._connection = _open(self._path)
        self._connection.execute("BEGIN")
        self._reading = True
        return self._connection

    def _end(self) -> None:
        self._reading = False
        if self._connection is not None and self._connection.in_transaction:
            self._connection.execute("COMMIT")

    def close(self) -> None:
        connection, self._connection, self._reading = self._connection, None, False
        if connection is not None:
            connection.close()


class PostgresReader:
    """One connection. Requests that wait together are answered by one query."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Any = None
        self._statement: Any = None
        self._together = Together(self._ask, self.close, patience_s=PATIENCE_S)

    async def find(self, digest: bytes, number_key: str) -> Row | None:
        try:
            return await self._together.answer_to((digest, number_key))
        except Exception as error:
            raise DatabaseSilent from error

    async def _ask(self, questions: Sequence[tuple[bytes, str]]) -> list[Row | None]:
        if self._connection is None:
            import asyncpg  # not needed with SQLite

            self._connection = await asyncpg.connect(self._url, server_settings=POSTGRES_SETTINGS)
            self._statement = await self._connection.prepare(POSTGRES_QUERY)
        records = await self._statement.fetch([digest for digest, _ in questions], [key for _, key in questions])
        return [None if record[0] is None else Row(*record) for record in records]

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


def _open(path: str) -> sqlite3.Connection:
    # "rw", not "ro": the first reader of a write-ahead log may have to make its index.
    connection = sqlite3.connect(f"{Path(path).as_uri()}?mode=rw", uri=True, timeout=0, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA mmap_size = 1073741824")  # pages straight from the system's cache
    return connection


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


@lru_cache(maxsize=1024)  # the last readings of the sources come again and again
def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)
