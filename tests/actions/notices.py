"""Alerts as they might stand, made in one line."""

from datetime import date, timedelta
from itertools import count
from typing import Any

from certwatch.models import Certificate, Notice, Organisation
from certwatch.rules.notices import SEVERITY, Kind
from tests.conftest import NOON

TODAY = date(2026, 11, 24)
_PLACES = count(1)


def alert(
    org: Organisation, kind: Kind = Kind.SUSPENDED, certificate: Certificate | None = None, **facts: Any
) -> Notice:
    """An alert that was told yesterday at noon."""
    told_for = f"test:{next(_PLACES)}"
    made_at = facts.pop("made_at", NOON - timedelta(days=1))
    known: dict[str, Any] = {
        "kind": kind, "severity": SEVERITY[kind], "told_for": told_for, "batch": told_for, "certificate": certificate,
        "made_at": made_at, "told_at": made_at,
    }  # fmt: skip
    made: Notice = org.notices.create(**{**known, **facts})
    return made
