"""The one query of a look-up: key, organisation, certificate and its source's last reading, on either database."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from certwatch.api.together import Together

PATIENCE_S = 2.0  # then 503: no word is better than a wrong one
LOOK_AGAIN_S = 0.01  # while SQLite is locked
MOST = 64  # questions in one query; SQLite keeps a prepared statement for each number

# Days and times as the database gives them: SQLite texts, PostgreSQL values. `day` and `moment` read either.
Day = date | str | None
Moment = datetime | str | None
Question = tuple[str, bytes]  # a normalised number, the digest of a key


class DatabaseSilent(Exception):
    """The database does not answer."""


class Row(NamedTuple):
    """What the database knows of a key that is not revoked, and of a number in its organisation."""

    n: int  # which of the questions it answers, from 1
    key: int
    org: int
    limit: int
    time_zone: str
    scopes: str  # JSON
    networks: str  # JSON
    number: str | None  # as the organisation wrote it; None: no such certificate
    kind: str
    word: str
    valid_from: Day
    valid_until: Day
    ends_at: Moment
    closed_at: Moment
    trial_ends: Moment
    checked_at: Moment
    read_began: Moment


class Reader(Protocol):
    """Where rows come from. Requests that wait together are answered by one query."""

    async def find(self, number_key: str, digest: bytes) -> Row | None:
        """The row of the key with `digest`; None if there is no such key. Raises `DatabaseSilent`."""

    def close(self) -> None: ...


QUERY = """SELECT q.n, k.id, o.id, o.rate_limit, o.time_zone, k.scopes, k.networks, c.number, c.kind, c.word,
    c.valid_from, c.valid_until, k.ends_at, o.closed_at, o.trial_ends, c.checked_at, s.read_began
    FROM {questions}
    LEFT JOIN certwatch_apikey k ON k.digest = q.digest AND k.revoked_at IS NULL
    LEFT JOIN certwatch_organisation o ON o.id = k.org_id
    LEFT JOIN certwatch_certificate c ON c.org_id = k.org_id AND c.number_key = q.number_key AND c.removed_at IS NULL
    LEFT JOIN certwatch_sourcestate s ON s.source = c.source"""
POSTGRES_QUERY = QUERY.format(questions="unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS q (number_key, digest, n)")
POSTGRES_SETTINGS = {
    "application_name": "certwatch api",
    "default_transaction_read_only": "on",
    # Each question is a look-up in unique indexes, however many rows the planner expects.
    **dict.fromkeys(("enable_hashjoin", "enable_mergejoin", "enable_seqscan", "jit"), "off"),
    "plan_cache_mode": "force_generic_plan",
}


@lru_cache(maxsize=MOST)
def sqlite_query(count: int) -> str:
    values = ", ".join(f"({n}, ?, ?)" for n in range(1, count + 1))
    return QUERY.format(
        questions=f"(SELECT column1 AS n, column2 AS number_key, column3 AS digest FROM (VALUES {values})) q"  # noqa: S608
    )


class _Batch:
    """Questions that came in one turn of the event loop, and their rows once they were read."""

    __slots__ = ("questions", "rows")

    def __init__(self) -> None:
        self.questions: list[Question] = []
        self.rows: list[Row | None] | None = None


class SqliteReader:
    """A connection of its own, in the event loop's thread: a look-up is quicker than the way to another thread."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._file: tuple[int, int] | None = None
        self._connection: sqlite3.Connection | None = None
        self._coming = _Batch()

    async def find(self, number_key: str, digest: bytes) -> Row | None:
        batch, give_up = self._coming, time.monotonic() + PATIENCE_S
        place = len(batch.questions)
        batch.questions.append((number_key, digest))
        await asyncio.sleep(0)  # all that came in this turn have asked; the first of them reads for all
        while batch.rows is None:
            if batch is self._coming:
                self._coming = _Batch()
            try:
                batch.rows = self._read(batch.questions)
            except (sqlite3.Error, OSError) as error:
                self.close()
                locked = getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
                if not locked or time.monotonic() > give_up:
                    raise DatabaseSilent from error
                await asyncio.sleep(LOOK_AGAIN_S)  # not in sqlite3 itself: that would hold up everybody
        return batch.rows[place]

    def _read(self, questions: Sequence[Question]) -> list[Row | None]:
        connection, rows = self._connect(), list[Row | None]()
        for start in range(0, len(questions), MOST):
            part = questions[start : start + MOST]
            records = connection.execute(sqlite_query(len(part)), list(chain.from_iterable(part))).fetchall()
            rows += _in_order(records, len(part))
        return rows

    def _connect(self) -> sqlite3.Connection:
        file = os.stat(self._path)  # noqa: PTH116 - a restored backup is another file of the same name
        if self._connection is None or self._file != (file.st_dev, file.st_ino):
            self.close()
            self._file = file.st_dev, file.st_ino
            # "rw", not "ro": the first reader of a write-ahead log may have to make its index.
            uri = f"{Path(self._path).as_uri()}?mode=rw"
            self._connection = sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None)
            self._connection.execute("PRAGMA query_only = ON")
            self._connection.execute("PRAGMA mmap_size = 1073741824")  # pages straight from the system's cache
        return self._connection

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class PostgresReader:
    """One connection."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Any = None
        self._statement: Any = None
        self._together = Together(self._ask, self.close, patience_s=PATIENCE_S)

    async def find(self, number_key: str, digest: bytes) -> Row | None:
        try:
            return await self._together.answer_to((number_key, digest))
        except Exception as error:
            raise DatabaseSilent from error

    async def _ask(self, questions: Sequence[Question]) -> list[Row | None]:
        if self._connection is None:
            import asyncpg  # not needed with SQLite

            self._connection = await asyncpg.connect(self._url, server_settings=POSTGRES_SETTINGS)
            self._statement = await self._connection.prepare(POSTGRES_QUERY)
        records = await self._statement.fetch([number for number, _ in questions], [digest for _, digest in questions])
        return _in_order(records, len(questions))

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


def _in_order(records: Iterable[Iterable[Any]], count: int) -> list[Row | None]:
    """The rows of keys that exist, each at the place of its question."""
    rows: list[Row | None] = [None] * count
    for row in map(Row._make, records):
        if row.key is not None:
            rows[row.n - 1] = row
    return rows


def day(stored: Day) -> date | None:
    """`stored` as a day."""
    return date.fromisoformat(stored) if isinstance(stored, str) else stored


def moment(stored: Moment) -> datetime | None:
    """`stored` as a time in UTC."""
    return datetime.fromisoformat(stored).replace(tzinfo=UTC) if isinstance(stored, str) else stored
