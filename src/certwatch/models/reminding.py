"""The set-based half of reminders: what a new day brings to many organisations at once, and how it is written down.

All of it runs inside the caller's transaction. `begin` finds the certificates that a day may concern, `page` reads them
in parts, so that memory stays flat, `write` adds changes and notices, `end` solves what has lost its cause.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from certwatch.models.staging import Bulk, Row

PAGE = 2_000  # certificates that are in memory at once


class Candidate(NamedTuple):
    """A certificate that the day may concern, what of it was told before, and what takes its place.

    Days and moments are as the database gives them; see `staging.as_day` and `as_moment`.
    """

    certificate: int
    org: int
    scheme: str
    tags: object
    word: str
    valid_from: object
    valid_until: object
    review_on: object
    added_at: object
    entry: int | None
    version: int | None
    expired_told: str | None  # what told that it expired, a run, a person or the calendar
    begun_told: object
    covered: object  # a successor, accepted or suggested, begins in time and lacks nothing
    in_force: object  # its accepted successor has begun and is good, or was to its end
    taken_over: object  # its accepted successor has begun, whatever became of it
    told_stage: int | None  # the newest `expiring` for this last day,
    told_state: str | None
    decided_at: object
    decided_by: int | None
    comment: str | None
    until: object
    assigned_to: int | None
    ended_kind: str | None  # … the newest `expired` or `still_expired`,
    ended_week: int | None
    ended_at: object
    review_week: int | None  # … and the newest `review_due` for this review date
    review_at: object
    missing: object  # what a successor lacks that covers less,
    in_time: object
    successor: str | None  # … and its number


def begin(bulk: Bulk, orgs: Iterable[Row], today: date) -> None:
    """Fill the temporary table `candidate` from the certificates of `orgs`: (org, earliest day before an end as a day,
    last day that was looked at, earliest last day that is news)."""
    day = "date" if bulk.postgres else "text"
    flag = "boolean" if bulk.postgres else "integer"
    bulk.table("looking", f"org_id bigint PRIMARY KEY, soon {day}, looked_on {day}, remembered {day}")
    bulk.insert("looking", ("org_id", "soon", "looked_on", "remembered"), orgs)
    bulk.table(
        "candidate",
        f"certificate_id bigint PRIMARY KEY, org_id bigint, expired_told text, begun_told {flag}, covered {flag},"
        f" in_force {flag}, taken_over {flag}, expiring_id bigint, ended_id bigint, review_id bigint,"
        f" successor_id bigint",
    )
    bulk.run(_CANDIDATES, [bulk.day(today)] * _CANDIDATES.count("%s"))
    if bulk.postgres:
        bulk.run("ANALYZE candidate")


def concerned(bulk: Bulk) -> list[int]:
    """Organisations of which certificates are candidates."""
    return [row[0] for row in bulk.rows("SELECT DISTINCT org_id FROM candidate")]


def page(bulk: Bulk, after: int) -> list[Candidate]:
    """The next candidates whose certificate's key is higher than `after`."""
    return [Candidate(*row) for row in bulk.rows(_PAGE, [after, PAGE])]


CHANGE = (
    "id", "org_id", "number", "certificate_id", "type", "told_by", "entry_id", "version", "was", "word",
    "valid_from_was", "valid_from", "valid_until_was", "valid_until", "fields", "facts", "seen_at", "created_at",
)  # fmt: skip
NOTICE = (
    "org_id", "public_id", "kind", "severity", "told_for", "batch", "certificate_id", "change_id", "about", "about_id",
    "day", "stage", "facts", "state", "made_at", "told_at", "nobody", "escalated", "assigned_to_id", "decided_at",
    "decided_by_id", "comment", "until", "solved_at", "solved_by",
)  # fmt: skip


def write(bulk: Bulk, changes: Iterable[Row], notices: Iterable[Row]) -> None:
    """Add changes and notices; rows as CHANGE and NOTICE."""
    bulk.insert("certwatch_change", CHANGE, changes)
    bulk.insert("certwatch_notice", NOTICE, notices)


def replace(
    bulk: Bulk, certificates: Sequence[int], kinds: Sequence[str], *, state: str, by: str, now: datetime
) -> None:
    """Let the standing notices of these kinds end for certificates that are told something newer of the same."""
    if not certificates:
        return
    bulk.table("replaced", "certificate_id bigint PRIMARY KEY")
    bulk.insert("replaced", ("certificate_id",), ((pk,) for pk in sorted(set(certificates))))
    marks = ", ".join(["%s"] * len(kinds))
    bulk.run(
        f"""UPDATE certwatch_notice SET state = %s, solved_at = %s, solved_by = %s
            WHERE certificate_id IN (SELECT certificate_id FROM replaced) AND kind IN ({marks}) AND {_STANDS}""",
        [state, bulk.moment(now), by, *kinds],
    )


def end(bulk: Bulk, today: date, now: datetime) -> None:
    """Solve what stands without a cause: its successor has begun, its day was moved, its watch has ended."""
    for by, condition in _ENDED:
        days = [bulk.day(today)] * condition.count("%s")
        bulk.run(
            f"""UPDATE certwatch_notice AS n SET state = 'solved', solved_at = %s, solved_by = %s
                WHERE n.org_id IN (SELECT org_id FROM looking) AND {_STANDS} AND {condition}""",
            [bulk.moment(now), by, *days],
        )


_STANDS = "state IN ('open', 'acknowledged', 'snoozed')"
_OF_ITS_END = "n.kind IN ('expiring', 'expired', 'still_expired')"


def _begun(certificate: str, words: str) -> str:
    return f"""EXISTS (SELECT 1 FROM certwatch_certificate s WHERE s.predecessor_id = {certificate}
        AND s.removed_at IS NULL AND s.word {words} AND (s.valid_from IS NULL OR s.valid_from <= %s))"""


_GOOD, _KNOWN = "IN ('valid', 'expired')", "NOT IN ('unknown', 'not_found')"
# Of a successor only what its register still lists as valid counts.
_STANDING = """FROM certwatch_successor s JOIN certwatch_entry e ON e.id = s.entry_id
    WHERE s.certificate_id = c.id AND s.decision <> 'dismissed' AND e.word = 'valid' AND e.gone_at IS NULL"""


def _newest(kinds: str, day: str) -> str:
    return f"""(SELECT max(n.id) FROM certwatch_notice n WHERE n.certificate_id = c.id AND n.kind IN ({kinds})
        AND n.day = {day})"""


_EXPIRED_BEFORE = """(SELECT max(h.told_by) FROM certwatch_change h WHERE h.certificate_id = c.id
    AND h.type = 'certificate.status_changed' AND h.word = 'expired' AND h.valid_until = c.valid_until)"""

# CROSS JOIN: SQLite keeps this order and finds the certificates of each organisation by an index.
_CANDIDATES = f"""INSERT INTO candidate
    SELECT c.id, c.org_id,
        {_EXPIRED_BEFORE},
        EXISTS (SELECT 1 FROM certwatch_change h WHERE h.certificate_id = c.id
            AND h.told_by = 'day:begun:' || CAST(c.valid_from AS text) AND h.type = 'certificate.status_changed'),
        EXISTS (SELECT 1 {_STANDING} AND s.in_time AND CAST(s.missing AS text) = '[]'),
        {_begun("c.id", _GOOD)},
        {_begun("c.id", _KNOWN)},
        {_newest("'expiring'", "c.valid_until")},
        {_newest("'expired', 'still_expired'", "c.valid_until")},
        {_newest("'review_due'", "c.review_on")},
        (SELECT max(s.id) {_STANDING})
    FROM looking l CROSS JOIN certwatch_certificate c
    WHERE c.org_id = l.org_id AND c.removed_at IS NULL AND (
        (c.word IN ('valid', 'suspended') AND c.valid_until >= %s AND c.valid_until <= l.soon)
        OR (c.word IN ('valid', 'expired') AND c.valid_until < %s AND (c.valid_until >= l.remembered
            OR EXISTS (SELECT 1 FROM certwatch_notice n WHERE n.certificate_id = c.id AND n.kind = 'expired'
                       AND n.day = c.valid_until)))
        OR (c.word = 'valid' AND c.valid_from > l.looked_on AND c.valid_from <= %s)
        OR (c.kind = 'nis' AND c.review_on <= %s))"""

_PAGE = """SELECT k.certificate_id, k.org_id, c.scheme, c.tags, c.word, c.valid_from, c.valid_until, c.review_on,
        c.added_at, c.entry_id, e.version, k.expired_told, k.begun_told, k.covered, k.in_force, k.taken_over,
        x.stage, x.state, x.decided_at, x.decided_by_id, x.comment, x.until, x.assigned_to_id,
        d.kind, d.stage, d.made_at, r.stage, r.made_at, s.missing, s.in_time, i.number
    FROM candidate k JOIN certwatch_certificate c ON c.id = k.certificate_id
    LEFT JOIN certwatch_entry e ON e.id = c.entry_id
    LEFT JOIN certwatch_notice x ON x.id = k.expiring_id
    LEFT JOIN certwatch_notice d ON d.id = k.ended_id
    LEFT JOIN certwatch_notice r ON r.id = k.review_id
    LEFT JOIN certwatch_successor s ON s.id = k.successor_id
    LEFT JOIN certwatch_entry i ON i.id = s.entry_id
    WHERE k.certificate_id > %s ORDER BY k.certificate_id LIMIT %s"""


def _of_certificate(condition: str) -> str:
    return f"EXISTS (SELECT 1 FROM certwatch_certificate c WHERE c.id = n.certificate_id AND {condition})"


# What is missed once, or unclear, has no days; that corrects nothing.
_ANOTHER_DAY = "c.word NOT IN ('unknown', 'not_found') AND c.valid_until IS DISTINCT FROM n.day"
_ENDED = (
    ("successor", _begun("n.certificate_id", _GOOD)),
    ("removed", f"({_OF_ITS_END} OR n.kind = 'review_due') AND {_of_certificate('c.removed_at IS NOT NULL')}"),
    ("corrected", f"{_OF_ITS_END} AND {_of_certificate(_ANOTHER_DAY)} AND n.day IS NOT NULL"),
    ("expired", "n.kind = 'expiring' AND n.day < %s"),
    ("corrected", f"n.kind = 'review_due' AND {_of_certificate('c.review_on IS DISTINCT FROM n.day')}"),
)
