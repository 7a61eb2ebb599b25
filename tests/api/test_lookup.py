"""Both readers: one query, the truth of the moment, and silence that ends."""

import asyncio
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from certwatch.api import lookup
from certwatch.api.lookup import DatabaseSilent, PostgresReader, Reader, SqliteReader, day, moment
from certwatch.models import Organisation
from certwatch.rules import keys
from tests.servers import Installation, Proxy

READ = datetime(2026, 2, 12, 8, 30, 0, 123_456, tzinfo=UTC)


def reader_of(installation: Installation) -> Reader:
    if installation.database_url.startswith("sqlite:///"):
        return SqliteReader(Path(installation.database_url.removeprefix("sqlite:///")))
    return PostgresReader(installation.database_url)


@pytest.fixture
def org(installation: Installation) -> Organisation:
    installation.source("iscc", READ)
    return installation.org(time_zone="America/Lima", rate_limit=321)


async def test_a_row_is_the_same_from_either_database(installation: Installation, org: Organisation) -> None:
    moments = [datetime(2027, 1, day, 1, 2, 3, tzinfo=UTC) for day in (1, 2, 3, 4)]
    installation.change(org, closed_at=moments[0], trial_ends=moments[1])
    key = installation.key(org, ends_at=moments[2], networks=["10.0.0.0/8"], scopes=["a", "b"])
    installation.certificate(
        org, "É ²/1", valid_from=date(2026, 1, 1), valid_until=date(2026, 12, 31), checked_at=moments[3]
    )
    reader = reader_of(installation)
    row = await reader.find("é ²/1", keys.digest(key))
    assert row is not None
    days: dict[str, Any] = {name: day(getattr(row, name)) for name in ("valid_from", "valid_until")}
    times = ("ends_at", "closed_at", "trial_ends", "checked_at", "read_began")
    moments_told: dict[str, Any] = {name: moment(getattr(row, name)) for name in times}
    assert row._replace(key=0, **days, **moments_told) == lookup.Row(
        n=1,
        key=0,
        org=org.pk,
        limit=321,
        time_zone="America/Lima",
        scopes='["a", "b"]',
        networks='["10.0.0.0/8"]',
        number="É ²/1",
        kind="automatic",
        word="valid",
        valid_from=date(2026, 1, 1),
        valid_until=date(2026, 12, 31),
        ends_at=moments[2],
        closed_at=moments[0],
        trial_ends=moments[1],
        checked_at=moments[3],
        read_began=READ,
    )
    reader.close()


async def test_questions_asked_together_get_their_own_answers(installation: Installation, org: Organisation) -> None:
    other = installation.org()
    pair = installation.key(org), installation.key(other)
    for n in range(40):
        installation.certificate((org, other)[n % 2], f"n-{n}")
    revoked = installation.key(org)
    installation.revoke(revoked)
    reader = reader_of(installation)
    asked = [(pair[i % 2], f"n-{i // 2}") for i in range(80)] + [(revoked, "n-0"), (keys.make(), "n-0")]
    rows = await asyncio.gather(*(reader.find(number, keys.digest(key)) for key, number in asked))
    for (key, number), row in zip(asked[:80], rows[:80], strict=True):
        owner = pair.index(key)
        assert row is not None
        assert row.org == (org, other)[owner].pk
        assert row.number == (number if int(number[2:]) % 2 == owner else None)
    assert rows[80:] == [None, None]
    reader.close()


async def test_what_was_committed_before_a_question_is_seen(installation: Installation, org: Organisation) -> None:
    reader = reader_of(installation)
    for _ in range(30):
        key = installation.key(org)
        digest = keys.digest(key)
        first, _ = await asyncio.gather(reader.find("", digest), reader.find("", digest))
        assert first is not None
        installation.revoke(key)
        assert await reader.find("", digest) is None
    reader.close()


def test_a_look_up_is_by_unique_indexes(installation: Installation, org: Organisation) -> None:
    digest = keys.digest(installation.key(org))
    if installation.valkey_url:
        sql = lookup.POSTGRES_QUERY.replace("$1", "%s").replace("$2", "%s")
        settings = [f"SET LOCAL {name} = '{value}'" for name, value in lookup.POSTGRES_SETTINGS.items()]
        with psycopg.connect(installation.database_url) as connection:
            for setting in settings:
                connection.execute(setting)
            rows = connection.execute(f"EXPLAIN {sql}", (["x", "y"], [digest, digest])).fetchall()
        plan = "\n".join(row[0] for row in rows)
        assert "Seq Scan" not in plan
    else:
        path = installation.database_url.removeprefix("sqlite:///")
        file = sqlite3.connect(path)
        rows = file.execute(f"EXPLAIN QUERY PLAN {lookup.sqlite_query(2)}", ("x", digest, "y", digest)).fetchall()
        file.close()
        plan = "\n".join(row[3] for row in rows)
        assert re.findall(r"SCAN (?!2 CONSTANT ROWS|q$|\(subquery)", plan, re.MULTILINE) == [], plan
    assert "one_number_per_org" in plan


class TestSqlite:
    @pytest.fixture
    def key(self, sqlite_installation: Installation) -> str:
        return sqlite_installation.key(sqlite_installation.org())

    @pytest.fixture
    def path(self, sqlite_installation: Installation, tmp_path: Path, key: str) -> Path:
        """A copy that is not in WAL mode, so that a writer can lock readers out."""
        copy = tmp_path / "copy.sqlite3"
        source = sqlite3.connect(sqlite_installation.database_url.removeprefix("sqlite:///"))
        source.execute("VACUUM INTO ?", (str(copy),))
        source.close()
        return copy

    @pytest.fixture
    def locker(self, path: Path) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(path, isolation_level=None)
        yield connection
        connection.close()

    async def test_it_waits_for_a_lock_without_holding_up_others(
        self, path: Path, key: str, locker: sqlite3.Connection
    ) -> None:
        locker.execute("BEGIN EXCLUSIVE")
        reader = SqliteReader(path)
        waiting = [asyncio.create_task(reader.find("", keys.digest(key))) for _ in range(10)]
        began = time.monotonic()
        await asyncio.sleep(0.05)
        assert time.monotonic() - began < 0.5
        assert not any(task.done() for task in waiting)
        locker.execute("COMMIT")
        assert all(row is not None for row in await asyncio.gather(*waiting))
        reader.close()

    async def test_silence_after_two_seconds_and_recovery(
        self, path: Path, key: str, locker: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert lookup.PATIENCE_S == 2
        monkeypatch.setattr(lookup, "PATIENCE_S", 0.2)
        locker.execute("BEGIN EXCLUSIVE")
        reader = SqliteReader(path)
        began = time.monotonic()
        silent = await asyncio.gather(*(reader.find("", keys.digest(key)) for _ in range(20)), return_exceptions=True)
        assert {type(error) for error in silent} == {DatabaseSilent}
        assert 0.15 < time.monotonic() - began < 1.5
        locker.execute("COMMIT")
        assert await reader.find("", keys.digest(key)) is not None
        reader.close()

    async def test_a_file_that_is_not_there_yet(self, path: Path, key: str, tmp_path: Path) -> None:
        later = tmp_path / "later.sqlite3"
        reader = SqliteReader(later)
        with pytest.raises(DatabaseSilent):
            await reader.find("", keys.digest(key))
        assert not later.exists()
        later.touch()  # no tables yet
        with pytest.raises(DatabaseSilent):
            await reader.find("", keys.digest(key))
        shutil.copy(path, later)
        assert await reader.find("", keys.digest(key)) is not None
        reader.close()

    async def test_a_restored_file_counts_at_once(self, path: Path, key: str, tmp_path: Path) -> None:
        reader = SqliteReader(path)
        assert await reader.find("", keys.digest(key)) is not None
        restored = tmp_path / "restored.sqlite3"
        shutil.copy(path, restored)
        with sqlite3.connect(restored) as connection:
            connection.execute("DELETE FROM certwatch_apikey")
        connection.close()
        restored.replace(path)
        await asyncio.sleep(0)
        assert await reader.find("", keys.digest(key)) is None
        reader.close()

    async def test_it_never_writes(self, path: Path, key: str) -> None:
        reader = SqliteReader(path)
        await reader.find("", keys.digest(key))
        assert reader._connection is not None
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader._connection.execute("DELETE FROM certwatch_apikey")
        reader.close()

    async def test_those_who_come_together_are_one_query(self, path: Path, key: str) -> None:
        reader = SqliteReader(path)
        await reader.find("", keys.digest(key))
        assert reader._connection is not None
        queries: list[str] = []
        reader._connection.set_trace_callback(queries.append)
        rows = await asyncio.gather(*(reader.find("", keys.digest(key)) for _ in range(60)))
        assert (len(queries), rows.count(None)) == (1, 0)
        await asyncio.gather(*(reader.find("", keys.digest(key)) for _ in range(lookup.MOST + 1)))
        assert len(queries) == 3
        reader.close()


class TestPostgres:
    @pytest.fixture
    def key(self, postgres_installation: Installation) -> str:
        return postgres_installation.key(postgres_installation.org())

    @pytest.fixture
    def proxy(self, postgres_installation: Installation) -> Iterator[Proxy]:
        made = Proxy(postgres_installation.database_url)
        yield made
        made.close()

    async def test_those_who_wait_together_are_one_query(self, postgres_installation: Installation, key: str) -> None:
        reader = PostgresReader(postgres_installation.database_url)
        batches = []
        ask = reader._together._ask

        async def counted(questions: Sequence[tuple[str, bytes]]) -> list[lookup.Row | None]:
            batches.append(len(questions))
            return list(await ask(questions))

        reader._together._ask = counted
        await asyncio.gather(*(reader.find(str(n), keys.digest(key)) for n in range(64)))
        assert batches == [64]
        reader.close()

    async def test_a_server_that_was_restarted_is_asked_again(self, proxy: Proxy, key: str) -> None:
        reader = PostgresReader(proxy.url)
        for _ in range(3):
            assert await reader.find("", keys.digest(key)) is not None
            proxy.cut()
        reader.close()

    @pytest.mark.parametrize("trouble", ["stall", "refuse"])
    async def test_silence_and_recovery(
        self, proxy: Proxy, key: str, trouble: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert lookup.PATIENCE_S == 2
        monkeypatch.setattr(lookup, "PATIENCE_S", 0.3)
        reader = PostgresReader(proxy.url)
        assert await reader.find("", keys.digest(key)) is not None
        getattr(proxy, trouble)()
        for _ in range(2):
            began = time.monotonic()
            errors = await asyncio.gather(
                *(reader.find("", keys.digest(key)) for _ in range(9)), return_exceptions=True
            )
            assert {type(error) for error in errors} == {DatabaseSilent}
            assert time.monotonic() - began < 1.5
        proxy.recover()
        assert await reader.find("", keys.digest(key)) is not None
        reader.close()
