"""The set-based half of a sync: what was read is staged, compared and applied in SQL, on SQLite and PostgreSQL alike.

All of it runs inside the caller's transaction, on temporary tables that end with it. Times and days are handed
to the database in its own form by `Bulk`.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from django.db import connection, models

Row = tuple[Any, ...]


class Bulk:
    """Many rows at once: COPY on PostgreSQL, executemany on SQLite."""

    def __init__(self) -> None:
        self.postgres = connection.vendor == "postgresql"
        self.binary = "bytea" if self.postgres else "blob"
        self._days: dict[date, str] = {}  # a register has some hundred days and many thousand entries

    def day(self, day: date | None) -> Any:
        if self.postgres or day is None:
            return day
        if (text := self._days.get(day)) is None:
            text = self._days[day] = day.isoformat()
        return text

    def moment(self, moment: datetime | None) -> Any:
        return connection.ops.adapt_datetimefield_value(moment)

    def table(self, name: str, columns: str) -> None:
        """Make the temporary table `name`; one that an earlier run left on this connection is dropped."""
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
            cursor.execute(f"CREATE TEMPORARY TABLE {name} ({columns})")

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Write `rows` into `table`."""
        names = ", ".join(columns)
        with connection.cursor() as cursor:
            if self.postgres:
                with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
            else:
                marks = ", ".join("?" * len(columns))
                raw = connection.connection  # Django's cursor would rewrite the statement for each row
                raw.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Carry out one statement; how many rows it touched."""
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return int(cursor.rowcount)

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return list(cursor.fetchall())

    def one(self, sql: str, params: Sequence[Any] = ()) -> Any:
        """The only value of the only row."""
        return self.rows(sql, params)[0][0]

    def take_ids(self, model: type[models.Model], count: int) -> list[int]:
        """`count` fresh primary keys for rows that `insert` will write."""
        if not count:
            return []
        table = model._meta.db_table
        if self.postgres:
            series = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"
            return [row[0] for row in self.rows(series, [table, count])]
        first = self.one(f"SELECT coalesce(max(id), 0) + 1 FROM {table}")  # the write lock is ours
        return list(range(first, first + count))


def as_day(value: Any) -> date | None:
    """A day as `Bulk.rows` gives it: a date of PostgreSQL, a text of SQLite."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def as_moment(value: Any) -> datetime:
    """A time as `Bulk.rows` gives it, in UTC where SQLite says no zone."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Diff(NamedTuple):
    """What a staged reading changes: places in the staged sequence, and entries that it does not list."""

    new: list[int]
    changed: list[tuple[int, int]]  # place, entry; also entries that are listed again
    gone: list[int]  # entries


def stage(bulk: Bulk, rows: Iterable[Row]) -> None:
    """Put (place, number key, holder key, digest) into the staging table."""
    bulk.table("staged", f"seq integer, number_key text, holder_key text, digest {bulk.binary}")
    bulk.insert("staged", ("seq", "number_key", "holder_key", "digest"), rows)
    if bulk.postgres:
        bulk.run("ANALYZE staged")


def diff(bulk: Bulk, source: str, staged: int, *, whole: bool) -> Diff:
    """Compare the staging table, `staged` rows, with the entries. `whole`: what is not staged is gone."""
    moved = bulk.rows(
        """SELECT s.seq, e.id, e.gone_at IS NOT NULL FROM staged s LEFT JOIN certwatch_entry e
           ON e.source = %s AND e.number_key = s.number_key AND e.holder_key = s.holder_key
           WHERE e.id IS NULL OR e.digest <> s.digest OR e.gone_at IS NOT NULL ORDER BY s.seq""",
        [source],
    )
    new = [seq for seq, entry, _ in moved if entry is None]
    changed = [(seq, entry) for seq, entry, _ in moved if entry is not None]
    still_listed = staged - len(new) - sum(1 for _, entry, was_gone in moved if entry is not None and was_gone)
    return Diff(new, changed, _gone(bulk, source, still_listed) if whole else [])


def _gone(bulk: Bulk, source: str, still_listed: int) -> list[int]:
    listed = bulk.one("SELECT count(*) FROM certwatch_entry WHERE source = %s AND gone_at IS NULL", [source])
    if listed == still_listed:
        return []  # the usual night: no second pass over the table
    bulk.run("CREATE INDEX staged_names ON staged (number_key, holder_key)")
    rows = bulk.rows(
        """SELECT e.id FROM certwatch_entry e WHERE e.source = %s AND e.gone_at IS NULL AND NOT EXISTS
           (SELECT 1 FROM staged s WHERE s.number_key = e.number_key AND s.holder_key = e.holder_key) ORDER BY e.id""",
        [source],
    )
    return [row[0] for row in rows]


ENTRY = (
    "id", "number", "number_key", "holder", "holder_key", "scheme", "word", "source_word", "valid_from", "valid_until",
    "suspensions", "digest", "version", "gone_at",
)  # fmt: skip
VERSION = (
    "entry_id", "version", "run_id", "number", "holder", "word", "source_word", "since", "valid_from", "valid_until",
    "suspensions", "scopes", "materials", "place", "certifier", "details", "records", "row", "row_sha256",
    "payload_sha256", "first_seen", "known_from",
)  # fmt: skip


def add_entries(bulk: Bulk, source: str, first_seen: datetime, rows: Iterable[Row]) -> None:
    """Write new entries; `rows` as ENTRY."""
    seen = bulk.moment(first_seen)
    bulk.insert("certwatch_entry", (*ENTRY, "source", "first_seen"), ((*row, source, seen) for row in rows))


def move_entries(bulk: Bulk, rows: Sequence[Row], *, last_seen: datetime | None, now: datetime) -> None:
    """Bring existing entries to a new version (`rows` as ENTRY) and close the version before it."""
    if not rows:
        return
    day, moment, json = ("date", "timestamptz", "jsonb") if bulk.postgres else ("text", "text", "text")
    bulk.table(
        "fresh",
        f"id bigint PRIMARY KEY, number text, number_key text, holder text, holder_key text, scheme text, word text,"
        f" source_word text, valid_from {day}, valid_until {day}, suspensions {json}, digest {bulk.binary},"
        f" version integer, gone_at {moment}",
    )
    bulk.insert("fresh", ENTRY, rows)
    columns = ", ".join(f"{name} = f.{name}" for name in ENTRY[1:])
    bulk.run(f"UPDATE certwatch_entry SET {columns} FROM fresh f WHERE certwatch_entry.id = f.id")
    bulk.run(
        f"""UPDATE certwatch_entryversion SET known_until = %s, last_seen = {_LAST_SEEN} FROM fresh f
            WHERE certwatch_entryversion.entry_id = f.id AND certwatch_entryversion.version = f.version - 1""",
        [bulk.moment(now), *_last_seen_params(bulk, last_seen)],
    )


def leave_entries(bulk: Bulk, entries: Sequence[int], *, gone_at: datetime, last_seen: datetime | None) -> None:
    """Note that entries are listed no more although they keep word and dates: their last day has passed."""
    if not entries:
        return
    bulk.table("left_out", "id bigint PRIMARY KEY")
    bulk.insert("left_out", ("id",), ((entry,) for entry in entries))
    bulk.run(
        "UPDATE certwatch_entry SET gone_at = %s WHERE id IN (SELECT id FROM left_out)",
        [bulk.moment(gone_at)],
    )
    bulk.run(
        f"""UPDATE certwatch_entryversion SET last_seen = {_LAST_SEEN} FROM left_out l JOIN certwatch_entry e
            ON e.id = l.id
            WHERE certwatch_entryversion.entry_id = e.id AND certwatch_entryversion.version = e.version""",
        _last_seen_params(bulk, last_seen),
    )


# The last believed reading before it ended, unless a check of the one number saw it later.
_SEEN = "certwatch_entryversion.first_seen"
_LAST_SEEN = f"coalesce(certwatch_entryversion.last_seen, CASE WHEN {_SEEN} > %s THEN {_SEEN} ELSE %s END)"


def _last_seen_params(bulk: Bulk, last_seen: datetime | None) -> list[Any]:
    return [bulk.moment(last_seen or _NEVER)] * 2


_NEVER = datetime(1, 1, 1, tzinfo=UTC)  # before everything: then the version's own first sight counts
