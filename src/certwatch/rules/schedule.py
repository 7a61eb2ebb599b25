"""When a source is read: once a night at a minute of its own, and again soon after a failed run. What is late."""

import hashlib
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

NIGHT = ZoneInfo("Europe/Berlin")
FIRST_HOUR, HOURS = 1, 4  # slots lie from 01:00 to 04:59, on Berlin's clocks
WORKER_SEEN = timedelta(seconds=30)  # its heart beats every 5 s; a long commit may delay one on SQLite
LATE = timedelta(minutes=5)  # the worker's clock ticks once a minute
TRY_AGAIN_AFTER = (timedelta(hours=1), timedelta(hours=2), timedelta(hours=4))


def next_slot(name: str, after: datetime) -> datetime:
    """The first slot of the source `name` later than `after`; UTC.

    There is one slot a day, at the same minute of Berlin's clocks for ever. A minute that the change to summer time
    leaves out is an hour later by the clocks; one that comes twice in autumn is the first of the two.
    """
    day = after.astimezone(NIGHT).date()
    slot = _slot(name, day)
    return slot if slot > after else _slot(name, day + timedelta(days=1))


def next_try(name: str, state: str, tries: int, ended: datetime, not_before: datetime | None = None) -> datetime:
    """When the source `name` is read next after a run that ended in `state`; UTC.

    `tries` counts the failed runs since the last one that ended otherwise, this one included. A failed one is tried
    again after 1, 2 and 4 hours, then at the next slot, and so on. `not_before`: the register's own wish (Retry-After).
    """
    place = (tries - 1) % (len(TRY_AGAIN_AFTER) + 1)
    if state == "failed" and place < len(TRY_AGAIN_AFTER):
        due = ended + TRY_AGAIN_AFTER[place]
    else:
        due = next_slot(name, ended)
    return max(due, not_before).astimezone(UTC) if not_before else due.astimezone(UTC)


def _slot(name: str, day: date) -> datetime:
    minute = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % (HOURS * 60)
    clock = time(FIRST_HOUR + minute // 60, minute % 60, tzinfo=NIGHT)
    return datetime.combine(day, clock).astimezone(UTC)
