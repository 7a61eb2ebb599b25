"""Notices: made of changes, solved when their cause ends, open again when something worse happens.

What makes a notice unique is its `told_for`: the certificate, what said so and the kind; see `alerts.md`.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.db.models import QuerySet

from certwatch.models import Certificate, Change, Notice, Organisation
from certwatch.rules.notices import SEVERITY, Kind, State

STANDING = (State.OPEN, State.ACKNOWLEDGED, State.SNOOZED)
WORKING = ("trial", "open")  # states of an organisation whose people are told


def make(now: datetime) -> None:
    """Make notices and webhook deliveries of the changes of all organisations since the last look."""


def add(
    org: Organisation | None,
    kind: Kind,
    *,
    told_for: str,
    batch: str,
    now: datetime,
    certificate: Certificate | None = None,
    change: Change | None = None,
    about: str = "",
    about_id: str = "",
    day: date | None = None,
    stage: int | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Notice | None:
    """The new notice; None if it was told before. `org` None: the operator's."""
    rests = org is not None and org.state(now) not in WORKING
    notice, new = Notice.across_orgs.get_or_create(
        told_for=told_for,
        defaults={
            "org": org,
            "kind": kind,
            "severity": SEVERITY[kind],
            "batch": batch[:60],
            "certificate": certificate,
            "change": change,
            "about": about[:200],
            "about_id": about_id,
            "day": day,
            "stage": stage,
            "facts": dict(facts or {}),
            "state": State.RESTING if rests else State.OPEN,
            "made_at": now,
            "told_at": now if rests else None,  # nobody hears of it, now or later
        },
    )
    if not new:
        return None
    if org is not None and rests and not org.rested:
        org.rested = True
        org.save(update_fields=["rested"])
    return notice


def solve(notices: "QuerySet[Notice]", *, by: str, now: datetime) -> int:
    """Let those of `notices` that stand be solved; `by`: the kind or word that ended their cause. How many it were."""
    standing = notices.filter(state__in=STANDING)
    return standing.update(state=State.SOLVED, solved_at=now, solved_by=by[:40])
