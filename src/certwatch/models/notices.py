"""From changes to notices and webhooks, in SQL: a run of a register can say the same to many thousand certificates.

What is worked on stands in the temporary tables `turn` (organisations and how far each is read) and `fresh` (their
changes). What a change says is a short text, `said`; the rules are asked once for each that differs, and `kinds` holds
their answers. All of it runs inside the caller's transaction.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from certwatch.models.alerts import DeliveryState, Purpose, WebhookEndpoint
from certwatch.models.certificates import ChangeType
from certwatch.models.staging import Bulk, as_day, as_moment
from certwatch.rules.notices import SEVERITY, Kind, Moved, State

ABSENT = "absent"  # what a change to `not_found` says once a second reading has confirmed it
RETURNED = "returned"  # in place of a change's type: listed again before that
_SEPARATOR = "|"  # in no word and no day


class Turn(NamedTuple):
    """An organisation and which of its changes are looked at: after `first`, up to `upto`."""

    org: int
    first: int
    upto: int
    rests: bool  # its people are not told


class Standing(NamedTuple):
    """A notice that stands, beside a fresh change of its certificate."""

    notice: int
    kind: Kind
    state: State
    day: date | None
    facts: dict[str, Any]
    type: str
    said: str


class Return(NamedTuple):
    """A change by which a number is listed again that had been missed, and the absence that waits."""

    change: int
    absence: int
    source: str
    missed: datetime  # when the first reading without it began
    back: datetime  # when the reading that lists it again began
    moved: Moved  # from what it was before to what it is now


class Absent(NamedTuple):
    """A change to `not_found` that a second reading confirmed."""

    change: int
    org: int
    rests: bool
    batch: str


# ---- which changes


def lock(bulk: Bulk, orgs: Sequence[int]) -> list[tuple[int, int, int]]:
    """Organisation, what was looked at, last change: of those of `orgs` that nobody else works on. Theirs get no
    numbers until the transaction ends."""
    rows = bulk.rows(
        f"""SELECT org_id, noticed, last FROM certwatch_changecounter WHERE org_id IN ({_marks(orgs)})
            ORDER BY org_id {"FOR UPDATE SKIP LOCKED" if bulk.postgres else ""}""",
        orgs,
    )
    return [(org, noticed, last) for org, noticed, last in rows]


def end_of_deed(bulk: Bulk, org: int, number: int) -> int | None:
    """The last of the changes that were made together with this one; None: they are the organisation's last.

    They go to a reader in one mail, so they are not parted. Added certificates are told nobody, so they may be.
    """
    rows = bulk.rows(
        """SELECT n.number FROM certwatch_change c JOIN certwatch_change n ON n.org_id = c.org_id
           WHERE c.org_id = %s AND c.number = %s AND n.number > c.number
             AND (n.told_by <> c.told_by OR c.told_by = 'added') ORDER BY n.number LIMIT 1""",
        [org, number],
    )
    return rows[0][0] - 1 if rows else None


def fill(bulk: Bulk, turns: Sequence[Turn]) -> None:
    """Put the changes of `turns` into `fresh`. Of one certificate only what was done at once: what comes after that
    is left for the next turn, so that each is looked at in its order."""
    _tables(bulk)
    bulk.insert("turn", ("org_id", "first_number", "upto", "rests"), turns)
    bulk.run(
        f"""INSERT INTO fresh
            SELECT c.id, c.org_id, c.certificate_id, c.number, c.type, c.told_by, {_BATCH}, c.valid_until, c.facts,
              t.rests, {_SAID}, false
            FROM turn t CROSS JOIN certwatch_change c
            WHERE c.org_id = t.org_id AND c.number > t.first_number AND c.number <= t.upto"""
    )
    if bulk.rows("SELECT org_id FROM fresh GROUP BY org_id HAVING min(told_by) <> max(told_by) LIMIT 1"):
        bulk.table("cut", "org_id bigint PRIMARY KEY, number bigint")
        bulk.run(_CUT)
        bulk.run("DELETE FROM fresh WHERE number >= (SELECT cut.number FROM cut WHERE cut.org_id = fresh.org_id)")
        bulk.run("UPDATE turn SET upto = cut.number - 1 FROM cut WHERE cut.org_id = turn.org_id")


def fill_absent(bulk: Bulk, absent: Sequence[Absent]) -> None:
    """Put changes to `not_found` that were confirmed into `fresh`, and let them wait no more."""
    _tables(bulk)
    bulk.table("absent", "change_id bigint PRIMARY KEY, org_id bigint, rests boolean, batch text")
    bulk.insert("absent", ("change_id", "org_id", "rests", "batch"), absent)
    bulk.run(
        f"""INSERT INTO fresh
            SELECT c.id, c.org_id, c.certificate_id, c.number, c.type, c.told_by, a.batch, c.valid_until, c.facts,
              a.rests, '{ABSENT}', false
            FROM absent a CROSS JOIN certwatch_change c WHERE c.id = a.change_id"""
    )
    bulk.run("DELETE FROM certwatch_absence WHERE change_id IN (SELECT change_id FROM absent)")


def go_on(bulk: Bulk) -> int:
    """Note how far each organisation was looked at, and that some rest. How many changes that were."""
    bulk.run(
        """UPDATE certwatch_changecounter SET noticed = t.upto FROM turn t
           WHERE certwatch_changecounter.org_id = t.org_id"""
    )
    bulk.run(
        """UPDATE certwatch_organisation SET rested = true
           WHERE NOT rested AND id IN (SELECT org_id FROM turn WHERE rests)"""
    )
    return int(bulk.one("SELECT coalesce(sum(upto - first_number), 0) FROM turn"))


# ---- what they say


def sayings(bulk: Bulk) -> list[str]:
    """What the fresh changes say, each once."""
    return [row[0] for row in bulk.rows("SELECT DISTINCT said FROM fresh WHERE said <> ''")]


def moved(said: str) -> Moved:
    """What `said` stands for."""
    if said == ABSENT:
        return Moved(ChangeType.STATUS.value, "", "not_found")
    change, was, word, from_was, from_, until_was, until, fields = said.split(_SEPARATOR, 7)
    return Moved(change, was, word, _day(from_was), _day(from_), _day(until_was), _day(until), json.loads(fields))


def said_of_return(move: Moved) -> str:
    """The text that stands for a return before its absence was confirmed."""
    days = (move.valid_from_was, move.valid_from, move.valid_until_was, move.valid_until)
    return _SEPARATOR.join((RETURNED, move.was, move.word, *(day.isoformat() if day else "" for day in days), "[]"))


def returns(bulk: Bulk) -> list[Return]:
    """Fresh changes by which something is listed again, whose absence was told nobody."""
    rows = bulk.rows(
        """SELECT f.change_id, a.id, w.source, b.seen_at, c.seen_at, b.was, c.word, b.valid_from_was, c.valid_from,
             b.valid_until_was, c.valid_until
           FROM fresh f JOIN certwatch_absence a ON a.certificate_id = f.certificate_id
           JOIN certwatch_change c ON c.id = f.change_id JOIN certwatch_change b ON b.id = a.change_id
           JOIN certwatch_certificate w ON w.id = f.certificate_id
           WHERE f.type = 'certificate.status_changed' AND c.was = 'not_found' AND b.number < c.number
           ORDER BY f.change_id"""
    )
    return [
        Return(change, absence, source, as_moment(missed), as_moment(back), _from(was, word, days))
        for change, absence, source, missed, back, was, word, *days in rows
    ]


def _from(was: str, word: str, days: Sequence[object]) -> Moved:
    from_was, from_, until_was, until = map(as_day, days)
    return Moved(ChangeType.STATUS.value, was, word, from_was, from_, until_was, until)


def say_otherwise(bulk: Bulk, rows: Iterable[tuple[int, str, bool]]) -> None:
    """Let fresh changes say something else: change, what, and whether no webhook carries it."""
    bulk.table("otherwise", "change_id bigint PRIMARY KEY, said text, quiet boolean")
    bulk.insert("otherwise", ("change_id", "said", "quiet"), rows)
    bulk.run("UPDATE fresh SET said = o.said, quiet = o.quiet FROM otherwise o WHERE o.change_id = fresh.change_id")


def wait(bulk: Bulk, sayings: Sequence[str]) -> None:
    """Let the fresh changes that say one of `sayings` wait as absences: nobody hears of them yet."""
    bulk.run(
        f"""INSERT INTO certwatch_absence (change_id, certificate_id) SELECT change_id, certificate_id FROM fresh
            WHERE said IN ({_marks(sayings)}) ORDER BY change_id ON CONFLICT DO NOTHING""",
        sayings,
    )
    bulk.run(f"UPDATE fresh SET said = '', quiet = true WHERE said IN ({_marks(sayings)})", sayings)


def drop_absences(bulk: Bulk) -> None:
    """What is watched no more waits for nothing."""
    bulk.run(
        f"""DELETE FROM certwatch_absence WHERE certificate_id IN
            (SELECT certificate_id FROM fresh WHERE type = '{ChangeType.REMOVED.value}')"""
    )


# ---- who hears of it


def standing(bulk: Bulk) -> list[Standing]:
    """The notices that stand about certificates with a fresh change, one row for each such change."""
    rows = bulk.rows(
        f"""SELECT n.id, n.kind, n.state, n.day, n.facts, f.type, f.said
            FROM fresh f CROSS JOIN certwatch_notice n WHERE n.certificate_id = f.certificate_id
              AND n.state IN ('open', 'acknowledged', 'snoozed')
              AND (f.said <> '' OR f.type = '{ChangeType.REMOVED.value}') ORDER BY f.number"""
    )
    return [
        Standing(pk, Kind(kind), State(state), as_day(day), _object(facts), change, said)
        for pk, kind, state, day, facts, change, said in rows
    ]


def tell(bulk: Bulk, kinds: Mapping[str, Collection[Kind]], days: Mapping[int, date], now: datetime) -> int:
    """Make the notices: of what is said the `kinds`. `days`: each organisation's own of `now`. How many are new."""
    bulk.table("its_day", "org_id bigint PRIMARY KEY, day date")
    bulk.insert("its_day", ("org_id", "day"), ((org, bulk.day(day)) for org, day in days.items()))
    bulk.table("kinds", "said text, place integer, kind text, severity text, PRIMARY KEY (said, place)")
    bulk.insert(
        "kinds",
        ("said", "place", "kind", "severity"),
        (
            (said, place, kind.value, SEVERITY[kind].value)
            for said, of in kinds.items()
            for place, kind in enumerate(of)
        ),
    )
    noted = any(Kind.SUSPENSION_NOTED in of for of in kinds.values())
    expired = any(Kind.EXPIRED in of for of in kinds.values())
    if noted:
        bulk.run("CREATE INDEX fresh_of_certificate ON fresh (certificate_id)")
    made = bulk.run(
        f"""INSERT INTO certwatch_notice (org_id, public_id, kind, severity, told_for, batch, certificate_id, change_id,
              about, about_id, day, facts, state, made_at, told_at, nobody, escalated, comment, solved_by)
            SELECT f.org_id, {_random_id(bulk)}, k.kind, k.severity,
              'c' || f.certificate_id || ':' || f.told_by || ':' || k.kind, f.batch, f.certificate_id, f.change_id,
              '', '', CASE WHEN k.kind IN ({_ABOUT_A_LAST_DAY}) THEN f.valid_until END, f.facts,
              CASE WHEN f.rests THEN '{State.RESTING.value}' ELSE '{State.OPEN.value}' END, %s,
              CASE WHEN f.rests THEN %s END, false, 0, '', ''
            FROM fresh f CROSS JOIN kinds k
            WHERE k.said = f.said AND {_NOT_TAKEN_OVER} {_NOT_SEEN_BY_ITS_WORD if noted else ""}
            {_IN_ORDER if bulk.postgres else ""} ON CONFLICT (told_for) DO NOTHING""",
        [bulk.moment(now), bulk.moment(now)],
    )
    if expired:
        bulk.run(_SOLVE_COVERED, [bulk.moment(now)])
    return made


def call(bulk: Bulk, endpoints: Sequence[WebhookEndpoint], hosts: Mapping[int, str], now: datetime) -> int:
    """Make the webhooks: one for each change and endpoint that wants its type. How many are new."""
    bulk.table(
        "hears", "org_id bigint, type text, endpoint_id bigint, host text, PRIMARY KEY (org_id, type, endpoint_id)"
    )
    bulk.insert(
        "hears",
        ("org_id", "type", "endpoint_id", "host"),
        (
            (endpoint.org_id, str(kind), endpoint.pk, hosts[endpoint.pk])
            for endpoint in endpoints
            for kind in dict.fromkeys(endpoint.types or ChangeType.values)
        ),
    )
    return bulk.run(
        f"""INSERT INTO certwatch_delivery (org_id, public_id, purpose, told_for, endpoint_id, change_id, facts, host,
              state, tries, due_at, made_at, error)
            SELECT f.org_id, {_random_id(bulk)}, '{Purpose.WEBHOOK.value}',
              'hook:e' || h.endpoint_id || ':' || f.change_id, h.endpoint_id, f.change_id, '{{}}', h.host,
              '{DeliveryState.WAITING.value}', 0, %s, %s, ''
            FROM fresh f JOIN hears h ON h.org_id = f.org_id AND h.type = f.type
            WHERE NOT f.quiet AND NOT f.rests
            ORDER BY f.org_id, f.number, h.endpoint_id ON CONFLICT (told_for) DO NOTHING""",
        [bulk.moment(now), bulk.moment(now)],
    )


def _tables(bulk: Bulk) -> None:
    bulk.table("turn", "org_id bigint PRIMARY KEY, first_number bigint, upto bigint, rests boolean")
    key, day, json_text = ("bigint", "date", "jsonb") if bulk.postgres else ("integer", "text", "text")
    bulk.table(
        "fresh",
        f"change_id {key} PRIMARY KEY, org_id bigint, certificate_id bigint, number bigint, type text, told_by text,"
        f" batch text, valid_until {day}, facts {json_text}, rests boolean, said text, quiet boolean",
    )


def _marks(values: Sequence[object]) -> str:
    return ", ".join(["%s"] * len(values))


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _object(value: object) -> dict[str, Any]:
    return dict(json.loads(value)) if isinstance(value, str) and value != "{}" else {}


def _random_id(bulk: Bulk) -> str:
    """A public id for each row, in SQL: 16 of the letters that `base.random_id` uses, 64 bits of chance."""
    if not bulk.postgres:
        return "lower(hex(randomblob(8)))"
    chance = "replace(CAST(gen_random_uuid() AS text), '-', '')"  # in its middle some bits are always the same
    return f"substr({chance}, 1, 8) || substr({chance}, 25, 8)"


# What is done to many certificates at once (a run, another supplier) goes to a reader in one mail.
_BATCH = "CASE WHEN c.run_id IS NULL THEN substr('by:' || c.told_by, 1, 60) ELSE 'run:' || c.run_id END"

# What comes by the calendar has its notices already: who wrote the change made them.
_SAID = f"""CASE WHEN c.certificate_id IS NULL OR c.type NOT IN (
      '{ChangeType.STATUS.value}', '{ChangeType.DATA.value}', '{ChangeType.RENEWED.value}')
    OR substr(c.told_by, 1, 4) IN ('day:', 'key:') OR substr(c.told_by, 1, 7) = 'source:' THEN ''
    ELSE c.type || '|' || c.was || '|' || c.word || '|' || coalesce(CAST(c.valid_from_was AS text), '') || '|' ||
      coalesce(CAST(c.valid_from AS text), '') || '|' || coalesce(CAST(c.valid_until_was AS text), '') || '|' ||
      coalesce(CAST(c.valid_until AS text), '') || '|' || CAST(c.fields AS text) END"""

# From the deed on in which a certificate is changed for the second time.
_CUT = """INSERT INTO cut
    WITH again AS (
        SELECT org_id, min(number) AS number FROM (
            SELECT org_id, number, told_by,
                lag(told_by) OVER (PARTITION BY certificate_id ORDER BY number) AS told_before
            FROM fresh WHERE certificate_id IS NOT NULL) AS f
        WHERE told_before <> told_by GROUP BY org_id)
    SELECT a.org_id, max(f.number) + 1
    FROM again a JOIN fresh x ON x.org_id = a.org_id AND x.number = a.number
    JOIN fresh f ON f.org_id = a.org_id AND f.number < a.number AND f.told_by <> x.told_by
    GROUP BY a.org_id"""

# SQLite goes through `fresh` as it stands, in the order of the changes; sorting so wide rows takes a fifth of the time.
_IN_ORDER = "ORDER BY f.org_id, f.number, k.place"

_ABOUT_A_LAST_DAY = ", ".join(f"'{kind}'" for kind in (Kind.EXPIRED, Kind.SHORTENED, Kind.EXTENDED, Kind.RENEWED))

# An old certificate is told about no more once its successor is in force.
_NOT_TAKEN_OVER = """NOT EXISTS (SELECT 1 FROM certwatch_certificate s WHERE s.predecessor_id = f.certificate_id
    AND s.removed_at IS NULL AND s.word IN ('valid', 'expired')
    AND (s.valid_from IS NULL OR s.valid_from <= (SELECT d.day FROM its_day d WHERE d.org_id = f.org_id)))"""

# What covers it silences its end; who dismisses that lets this stand again.
_SOLVE_COVERED = f"""UPDATE certwatch_notice
    SET state = '{State.SOLVED}', solved_at = %s, solved_by = '{Kind.RENEWED}'
    WHERE kind = '{Kind.EXPIRED}' AND state = '{State.OPEN}' AND change_id IN (SELECT change_id FROM fresh)
      AND EXISTS (SELECT 1 FROM certwatch_successor s JOIN certwatch_entry e ON e.id = s.entry_id
        WHERE s.certificate_id = certwatch_notice.certificate_id AND s.decision <> 'dismissed' AND s.in_time
          AND CAST(s.missing AS text) = '[]' AND e.word = 'valid' AND e.gone_at IS NULL)"""

# That a suspension is listed, or that it has an end now, is no second alert beside "suspended" and "lifted".
_NOT_SEEN_BY_ITS_WORD = f"""AND NOT (k.kind = '{Kind.SUSPENSION_NOTED}' AND EXISTS (
    SELECT 1 FROM fresh s JOIN certwatch_change w ON w.id = s.change_id
    WHERE s.certificate_id = f.certificate_id AND s.told_by = f.told_by
      AND s.type = '{ChangeType.STATUS.value}' AND 'suspended' IN (w.was, w.word)))"""
