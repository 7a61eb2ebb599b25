"""What each key was used for, added up in the tables."""

import logging
import sqlite3
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from certwatch.api.database import Database, PostgresDatabase, SqliteDatabase
from certwatch.api.usage import Usage
from certwatch.models import ApiKey, Organisation
from certwatch.rules import keys
from tests.servers import Installation

MINUTE = datetime(2026, 11, 24, 11, 5, tzinfo=UTC)
HERE = "127.0.0.1", ""


def database_of(installation: Installation) -> Database:
    if installation.database_url.startswith("sqlite:///"):
        return SqliteDatabase(Path(installation.database_url.removeprefix("sqlite:///")))
    return PostgresDatabase(installation.database_url)


@pytest.fixture
def org(installation: Installation) -> Organisation:
    return installation.org()


@pytest.fixture
def key(installation: Installation, org: Organisation) -> int:
    return key_id(installation, installation.key(org))


def key_id(installation: Installation, plaintext: str) -> int:
    return installation.ask(lambda: ApiKey.across_orgs.using(installation.alias).get(digest=keys.digest(plaintext)).pk)


def usage_of(installation: Installation, key: int) -> list[tuple[Any, ...]]:
    sql = "SELECT minute, answered, not_found, refused, limited FROM certwatch_usage WHERE key_id = %s ORDER BY minute"
    rows = installation.execute(sql, [key])
    return [(str(minute).removesuffix("+00:00"), *numbers) for minute, *numbers in rows]


def last_use_of(installation: Installation, key: int) -> tuple[datetime | None, str | None]:
    row = installation.ask(lambda: ApiKey.across_orgs.using(installation.alias).get(pk=key))
    return row.last_used_at, row.last_used_from


async def test_answers_are_added_up_per_key_and_minute(installation: Installation, key: int) -> None:
    usage = Usage(database_of(installation), ())
    for second, status in enumerate([200, 304, 404, 404, 403, 405, 429, 200]):
        usage.note(key, status, MINUTE.replace(second=second, microsecond=5).timestamp(), *HERE)
    usage.note(key, 200, MINUTE.replace(minute=6).timestamp(), *HERE)
    await usage.write()
    assert usage_of(installation, key) == [
        ("2026-11-24 11:05:00", 3, 2, 2, 1),
        ("2026-11-24 11:06:00", 1, 0, 0, 0),
    ]


async def test_several_processes_add_to_the_same_minute(installation: Installation, key: int) -> None:
    for _ in range(3):
        usage = Usage(database_of(installation), ())
        usage.note(key, 200, MINUTE.timestamp(), *HERE)
        await usage.write()
        await usage.write()  # nothing new: nothing added
    assert usage_of(installation, key) == [("2026-11-24 11:05:00", 3, 0, 0, 0)]


async def test_last_use_is_the_newest_with_the_clients_address(installation: Installation, key: int) -> None:
    assert last_use_of(installation, key) == (None, None)
    usage = Usage(database_of(installation), (ip_network("127.0.0.0/8"),))
    usage.note(key, 200, MINUTE.timestamp(), *HERE)
    usage.note(key, 404, MINUTE.replace(second=9).timestamp(), "127.0.0.1", "203.0.113.7, 2001:db8::7")
    await usage.write()
    assert last_use_of(installation, key) == (MINUTE.replace(second=9), "2001:db8::7")
    late = Usage(database_of(installation), ())  # another process, whose minute was written later
    late.note(key, 200, MINUTE.timestamp(), *HERE)
    await late.write()
    assert last_use_of(installation, key) == (MINUTE.replace(second=9), "2001:db8::7")


async def test_a_key_that_was_deleted_meanwhile_disturbs_no_other(
    installation: Installation, org: Organisation, key: int
) -> None:
    gone = key_id(installation, installation.key(org))
    usage = Usage(database_of(installation), ())
    for each in (gone, key):
        usage.note(each, 200, MINUTE.timestamp(), *HERE)
    installation.execute("DELETE FROM certwatch_apikey WHERE id = %s", [gone])
    await usage.write()
    assert usage_of(installation, gone) == []
    assert usage_of(installation, key) == [("2026-11-24 11:05:00", 1, 0, 0, 0)]


async def test_counts_wait_for_a_database_that_is_away(
    sqlite_installation: Installation, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = key_id(sqlite_installation, sqlite_installation.key(sqlite_installation.org()))
    path = tmp_path / "away.sqlite3"
    usage = Usage(SqliteDatabase(path), ())
    usage.note(key, 200, MINUTE.timestamp(), *HERE)
    await usage.write()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    usage.note(key, 200, MINUTE.timestamp(), *HERE)
    with sqlite3.connect(sqlite_installation.database_url.removeprefix("sqlite:///")) as source:
        source.execute("VACUUM INTO ?", (str(path),))
    source.close()
    await usage.write()
    copy = sqlite3.connect(path)
    assert copy.execute("SELECT answered FROM certwatch_usage WHERE key_id = ?", (key,)).fetchall() == [(2,)]
    copy.close()


async def test_a_whole_write_counts_or_none(sqlite_installation: Installation) -> None:
    database = SqliteDatabase(Path(sqlite_installation.database_url.removeprefix("sqlite:///")))
    with pytest.raises(sqlite3.OperationalError):
        await database.write(
            [("UPDATE certwatch_organisation SET name = $1", [("changed",)]), ("UPDATE nothing SET x = $1", [(1,)])]
        )
    assert ("changed",) not in sqlite_installation.execute("SELECT name FROM certwatch_organisation")
