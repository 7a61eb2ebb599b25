"""The duty `operator`: what went wrong with runs, sources and duties, what is over, and who watches a stale source."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from certwatch.actions import operator_notices, source_notices

LOOK_EVERY = timedelta(minutes=1)


def look(now: datetime, duties: Mapping[str, timedelta]) -> None:
    operator_notices.look(now, duties)
    source_notices.look(now)


def woken(now: datetime) -> None:
    """Asked as a worker starts: was there none for too long?"""
    operator_notices.woken(now)
