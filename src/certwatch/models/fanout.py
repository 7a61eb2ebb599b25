"""From changed entries to the certificates that watch them, in SQL: answers, bindings, one change each.

`resolve` works out who is moved and how, `belief_counts` what that would mean, `write` makes it so.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from certwatch.models.staging import Bulk, Row, as_day

# Certificates (`c`) that a run can move.
_WATCHING = "c.kind = 'automatic' AND c.removed_at IS NULL"
# Those that it can contradict: entered by hand, so they have no source.
_BY_HAND = "(c.source = '' AND c.kind = 'nis' AND c.removed_at IS NULL)"


class Watcher(NamedTuple):
    """A certificate whose answer needs a rule rather than a join."""

    certificate: int
    match_key: str
    supplier: str
    how: str
    entry: int | None
    aliased: bool


class EnteredByHand(NamedTuple):
    """A certificate that was entered by hand, beside what a register that was just read says of its number."""

    certificate: int
    time_zone: str
    word: str
    valid_from: date | None
    valid_until: date | None
    entry: int
    version: int
    said: str
    said_from: date | None
    said_until: date | None


class Disagreement(NamedTuple):
    """A certificate that was entered by hand, and the entry that says otherwise; `facts`: what it says, as JSON."""

    certificate: int
    entry: int
    version: int
    facts: str


def resolve(
    bulk: Bulk,
    source: str,
    keys: Sequence[str],
    fields: Sequence[tuple[int, str]],
    *,
    first_reading: bool,
    rule: Callable[[Sequence[Watcher]], list[Row]],
) -> None:
    """Fill the temporary table `moved` with every certificate that entries move of which something changed.

    `keys`: their numbers. `fields`: of those with a new version, what else than word and dates it changed, as JSON.
    `first_reading`: nothing was known before, so every watched number of the source gets an answer.
    `rule` answers those that a join cannot: (certificate, entry, version, word, first day, last day, how, ambiguous).
    """
    day, json, flag = ("date", "jsonb", "boolean") if bulk.postgres else ("text", "text", "integer")
    bulk.table("touched_entry", f"entry_id bigint PRIMARY KEY, fields {json}")
    bulk.insert("touched_entry", ("entry_id", "fields"), fields)
    bulk.table("touched", "number_key text PRIMARY KEY")
    _touch(bulk, source, keys, first_reading)
    bulk.table(
        "standing", f"number_key text, entry_id bigint, version integer, word text, valid_from {day}, valid_until {day}"
    )
    bulk.run(_STANDING, [source])
    bulk.table("standings", "number_key text PRIMARY KEY, entries integer")
    bulk.run("INSERT INTO standings SELECT number_key, count(*) FROM standing GROUP BY number_key")
    bulk.table(
        "resolved",
        f"certificate_id bigint PRIMARY KEY, entry_id bigint, version integer, word text, valid_from {day},"
        f" valid_until {day}, how text, ambiguous {flag}",
    )
    bulk.run(_RESOLVE_SINGLE, [source])
    answers = rule([Watcher(*row) for row in bulk.rows(_WATCHERS_BY_RULE, [source])])
    bulk.insert(
        "resolved",
        ("certificate_id", "entry_id", "version", "word", "valid_from", "valid_until", "how", "ambiguous"),
        answers,
    )
    bulk.table(
        "moved",
        f"certificate_id bigint PRIMARY KEY, org_id bigint, was text, valid_from_was {day}, valid_until_was {day},"
        f" entry_was bigint, how_was text, entry_id bigint, version integer, word text, valid_from {day},"
        f" valid_until {day}, how text, ambiguous {flag}, fields {json}, ambiguous_was {flag}",
    )
    bulk.run(_MOVED)
    if bulk.postgres:
        bulk.run("ANALYZE moved")


def belief_counts(bulk: Bulk, source: str, today: date) -> tuple[int, int]:
    """How many watched certificates have a known status, and how many of them `moved` makes worse.

    Worse: another word, an earlier last day, or none. `valid` to `expired` after the last day is no change.
    """
    worse = bulk.one(
        f"""SELECT count(*) FROM moved WHERE was <> 'unknown' AND ({_ANOTHER_WORD} OR (valid_until_was IS NOT NULL
            AND (valid_until IS NULL OR valid_until < valid_until_was)))""",
        [bulk.day(today)],
    )
    known = bulk.one(
        f"SELECT count(*) FROM certwatch_certificate c WHERE c.source = %s AND {_WATCHING} AND c.word <> 'unknown'",
        [source],
    )
    return known, worse


def watched_keys(bulk: Bulk, source: str) -> set[str]:
    """Those of the touched numbers that somebody watches."""
    rows = bulk.rows(
        f"""SELECT DISTINCT t.number_key FROM touched t JOIN certwatch_certificate c
            ON c.source = %s AND c.match_key = t.number_key AND {_WATCHING}""",
        [source],
    )
    return {row[0] for row in rows}


def entered_by_hand(bulk: Bulk) -> list[EnteredByHand]:
    """Certificates entered by hand under a number that was touched and that the register lists for one holder."""
    rows = bulk.rows(
        f"""SELECT c.id, o.time_zone, c.word, c.valid_from, c.valid_until, s.entry_id, s.version, s.word, s.valid_from,
             s.valid_until
           FROM standing s CROSS JOIN standings n CROSS JOIN certwatch_certificate c CROSS JOIN certwatch_organisation o
           WHERE n.number_key = s.number_key AND n.entries = 1 AND c.match_key = s.number_key AND {_BY_HAND}
             AND o.id = c.org_id ORDER BY c.id"""
    )
    return [
        EnteredByHand(
            certificate, zone, word, as_day(from_), as_day(until), entry, version, said, as_day(said_from),
            as_day(said_until),
        )
        for certificate, zone, word, from_, until, entry, version, said, said_from, said_until in rows
    ]  # fmt: skip


def write(
    bulk: Bulk,
    *,
    run: int,
    seen_at: datetime,
    now: datetime,
    today: date,
    disagreeing: Sequence[Disagreement] = (),
) -> int:
    """Move the certificates of `moved`, rebind them and tell it: one change per certificate, run and type. Those that
    are `disagreeing` stay as they are, and that is told, too.

    Returns how many changes were told.
    """
    bulk.run(
        f"""UPDATE certwatch_certificate SET word = m.word, valid_from = m.valid_from, valid_until = m.valid_until,
            entry_id = m.entry_id, how = m.how, ambiguous = m.ambiguous FROM moved m
            WHERE certwatch_certificate.id = m.certificate_id AND {_ANOTHER_ANSWER}"""
    )
    bulk.run(
        """UPDATE certwatch_binding SET known_until = %s WHERE known_until IS NULL AND certificate_id IN
           (SELECT certificate_id FROM moved WHERE entry_id IS DISTINCT FROM entry_was OR how <> how_was)""",
        [bulk.moment(now)],
    )
    bulk.run(
        """INSERT INTO certwatch_binding (certificate_id, entry_id, how, known_from)
           SELECT certificate_id, entry_id, how, %s FROM moved
           WHERE entry_id IS NOT NULL AND (entry_id IS DISTINCT FROM entry_was OR how <> how_was)""",
        [bulk.moment(now)],
    )
    if not disagreeing:
        return _tell(bulk, run=run, seen_at=seen_at, now=now, today=today)
    facts = "jsonb" if bulk.postgres else "text"
    bulk.table("disagreeing", f"certificate_id bigint PRIMARY KEY, entry_id bigint, version integer, facts {facts}")
    bulk.insert("disagreeing", ("certificate_id", "entry_id", "version", "facts"), disagreeing)
    bulk.run(_MOVED_BY_NOTHING)
    told = _tell(bulk, run=run, seen_at=seen_at, now=now, today=today)
    bulk.run(
        """UPDATE certwatch_change SET facts = d.facts FROM disagreeing d
           WHERE certwatch_change.certificate_id = d.certificate_id AND certwatch_change.told_by = %s""",
        [f"run:{run}"],
    )
    return told


def note_check(bulk: Bulk, source: str, number_key: str, checked_at: datetime) -> None:
    """Note on every certificate that watches this number when the register was asked for it."""
    bulk.run(
        f"""UPDATE certwatch_certificate AS c SET checked_at = %s
            WHERE c.source = %s AND c.match_key = %s AND {_WATCHING}""",
        [bulk.moment(checked_at), source, number_key],
    )


def _touch(bulk: Bulk, source: str, keys: Sequence[str], first_reading: bool) -> None:
    if first_reading:
        bulk.run(
            f"""INSERT INTO touched SELECT DISTINCT c.match_key FROM certwatch_certificate c
                WHERE (c.source = %s AND {_WATCHING}) OR {_BY_HAND}""",
            [source],
        )
    else:
        bulk.insert("touched", ("number_key",), ((key,) for key in sorted(set(keys))))
    if bulk.postgres:
        bulk.run("ANALYZE touched")


def _tell(bulk: Bulk, *, run: int, seen_at: datetime, now: datetime, today: date) -> int:
    bulk.table("told", "certificate_id bigint, org_id bigint, type text")
    into = "INSERT INTO told SELECT certificate_id, org_id, '{}' FROM moved WHERE "
    bulk.run(into.format("certificate.status_changed") + _ANOTHER_WORD, [bulk.day(today)])
    bulk.run(into.format("certificate.renewed") + f"{_KNOWN_BOTH} AND {_RENEWED}")
    bulk.run(
        into.format("certificate.data_changed")
        + f"{_KNOWN_BOTH} AND (({_OTHER_DATES} AND NOT {_RENEWED}) OR CAST(fields AS text) <> '[]')"
    )
    bulk.run(
        """INSERT INTO certwatch_changecounter (org_id, last, noticed) SELECT DISTINCT org_id, 0, 0 FROM told
           WHERE true ON CONFLICT DO NOTHING"""
    )
    if bulk.postgres:  # in order of organisation, so that two syncs never wait for each other in a ring
        bulk.rows(
            """SELECT org_id FROM certwatch_changecounter WHERE org_id IN (SELECT org_id FROM told)
               ORDER BY org_id FOR UPDATE"""
        )
    told = bulk.run(
        """INSERT INTO certwatch_change (org_id, number, certificate_id, type, told_by, run_id, entry_id, version, was,
             word, valid_from_was, valid_from, valid_until_was, valid_until, fields, facts, seen_at, created_at)
           SELECT t.org_id, n.last + row_number() OVER (PARTITION BY t.org_id ORDER BY t.certificate_id, t.type),
             t.certificate_id, t.type, %s, %s, m.entry_id, m.version, m.was, m.word, m.valid_from_was, m.valid_from,
             m.valid_until_was, m.valid_until, m.fields, '{}', %s, %s
           FROM told t JOIN moved m ON m.certificate_id = t.certificate_id
           JOIN certwatch_changecounter n ON n.org_id = t.org_id""",
        [f"run:{run}", run, bulk.moment(seen_at), bulk.moment(now)],
    )
    bulk.run(
        """UPDATE certwatch_changecounter SET last = last + t.changes
           FROM (SELECT org_id, count(*) AS changes FROM told GROUP BY org_id) t
           WHERE certwatch_changecounter.org_id = t.org_id"""
    )
    return told


_STANDING = """INSERT INTO standing
    SELECT e.number_key, e.id, e.version, e.word, e.valid_from, e.valid_until
    FROM touched t JOIN certwatch_entry e ON e.source = %s AND e.number_key = t.number_key
    WHERE e.gone_at IS NULL OR (
        NOT EXISTS (SELECT 1 FROM certwatch_entry l
                    WHERE l.source = e.source AND l.number_key = e.number_key AND l.gone_at IS NULL)
        AND e.gone_at = (SELECT max(g.gone_at) FROM certwatch_entry g
                         WHERE g.source = e.source AND g.number_key = e.number_key))"""

# CROSS JOIN: SQLite keeps this order, so each row is found by an index; else it compares all with all.
_RESOLVE_SINGLE = f"""INSERT INTO resolved
    SELECT c.id, s.entry_id, s.version, s.word, s.valid_from, s.valid_until,
        CASE WHEN c.match_key = c.number_key THEN 'number' ELSE 'alias' END, false
    FROM standing s CROSS JOIN standings n CROSS JOIN certwatch_certificate c
    WHERE n.number_key = s.number_key AND n.entries = 1
        AND c.source = %s AND c.match_key = s.number_key AND {_WATCHING} AND c.how <> 'person'"""

_WATCHERS_BY_RULE = f"""SELECT c.id, c.match_key, coalesce(p.name, ''), c.how, c.entry_id,
        c.match_key <> c.number_key
    FROM touched t JOIN certwatch_certificate c ON c.source = %s AND c.match_key = t.number_key
    LEFT JOIN standings n ON n.number_key = t.number_key
    LEFT JOIN certwatch_supplier p ON p.id = c.supplier_id
    WHERE {_WATCHING} AND (n.entries IS NULL OR n.entries <> 1 OR c.how = 'person')"""

_OTHER_DATES = "(valid_from IS DISTINCT FROM valid_from_was OR valid_until IS DISTINCT FROM valid_until_was)"
_RENEWED = "coalesce(valid_from > valid_from_was AND valid_until > valid_until_was, false)"
_KNOWN_BOTH = "was NOT IN ('unknown', 'not_found') AND word NOT IN ('unknown', 'not_found')"
_ANOTHER_WORD = "(word <> was AND NOT (was = 'valid' AND word = 'expired' AND coalesce(valid_until_was < %s, false)))"

_ANOTHER_ANSWER = """(m.word <> m.was OR m.valid_from IS DISTINCT FROM m.valid_from_was
    OR m.valid_until IS DISTINCT FROM m.valid_until_was OR m.entry_id IS DISTINCT FROM m.entry_was
    OR m.how <> m.how_was OR m.ambiguous <> m.ambiguous_was)"""

_MOVED = f"""INSERT INTO moved
    SELECT * FROM (
        SELECT c.id AS certificate_id, c.org_id, c.word AS was, c.valid_from AS valid_from_was,
            c.valid_until AS valid_until_was, c.entry_id AS entry_was, c.how AS how_was,
            r.entry_id, r.version, r.word, r.valid_from, r.valid_until, r.how, r.ambiguous,
            CASE WHEN r.entry_id = c.entry_id THEN coalesce(t.fields, '[]')
                 WHEN r.entry_id <> c.entry_id THEN '["holder"]' ELSE '[]' END AS fields,
            c.ambiguous AS ambiguous_was
        FROM resolved r JOIN certwatch_certificate c ON c.id = r.certificate_id
        LEFT JOIN touched_entry t ON t.entry_id = r.entry_id) AS m
    WHERE {_ANOTHER_ANSWER} OR CAST(m.fields AS text) <> '[]'"""

# What disagrees stays as it is; that it does so is told as other data.
_MOVED_BY_NOTHING = """INSERT INTO moved
    SELECT c.id, c.org_id, c.word, c.valid_from, c.valid_until, NULL, c.how, d.entry_id, d.version, c.word,
        c.valid_from, c.valid_until, c.how, c.ambiguous, '["disagreement"]', c.ambiguous
    FROM disagreeing d JOIN certwatch_certificate c ON c.id = d.certificate_id"""
