"""Questions asked of the counters of API use. Two statements a page, each over the minutes in which a key was used."""

from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import Sum

from certwatch.models.keys import Usage
from certwatch.models.orgs import Organisation
from certwatch.rules.usage import Count

_TEN_MINUTES = {
    "sqlite": "substr(minute, 1, 15)",
    "postgresql": "substr(to_char(minute AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), 1, 15)",
}
_BY_TEN_MINUTES = """
    SELECT {ten_minutes}, MAX(answered), SUM(answered), SUM(refused), SUM(limited)
    FROM (
        SELECT u.minute, SUM(u.answered + u.not_found + u.refused) AS answered, SUM(u.refused) AS refused,
               SUM(u.limited) AS limited
        FROM certwatch_usage u JOIN certwatch_apikey k ON k.id = u.key_id
        WHERE k.org_id = %s AND u.minute >= %s
        GROUP BY u.minute
    ) AS minutes
    GROUP BY 1 ORDER BY 1"""


def by_ten_minutes(org: Organisation, since: datetime) -> list[Count]:
    """What all keys together did, for each ten minutes in which there was a request."""
    sql = _BY_TEN_MINUTES.format(ten_minutes=_TEN_MINUTES[connection.vendor])
    moment = connection.ops.adapt_datetimefield_value(since)
    with connection.cursor() as cursor:
        cursor.execute(sql, [org.pk, moment])
        return [Count(_start(text), *map(int, counts)) for text, *counts in cursor.fetchall()]


def by_key(org: Organisation, since: datetime) -> list[dict[str, Any]]:
    """What each key did, the busiest first; keys that did nothing are left out."""
    names = ("answered", "not_found", "refused", "limited")
    used = Usage.objects.filter(key__org=org, minute__gte=since)
    sums = used.values("key__name", "key__begins", "key__revoked_at").annotate(**{name: Sum(name) for name in names})
    rows: list[dict[str, Any]] = [dict(row) for row in sums]
    for row in rows:
        row["requests"] = sum(row[name] for name in names)
    return sorted(rows, key=lambda row: (-row["requests"], row["key__begins"]))


def _start(text: str) -> datetime:
    """`2026-11-24 11:3` → 11:30."""
    return datetime.fromisoformat(f"{text}0").replace(tzinfo=UTC)
