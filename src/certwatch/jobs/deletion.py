"""The duty `deletion`: organisations whose thirty days are over are removed for good."""

from datetime import datetime, timedelta

import structlog

from certwatch.actions import deletion

log = structlog.get_logger()

LOOK_EVERY = timedelta(hours=1)


def carry_out(now: datetime) -> None:
    """Remove what is due. If one fails, the others are removed; the next look goes on with it."""
    failed = []
    for org in deletion.due(now):
        try:
            deletion.carry_out(org, now)
        except Exception:
            log.exception("An organisation could not be removed yet.", org=org.pk)
            failed.append(org.pk)
        else:
            log.info("An organisation was removed.", org=org.pk)
    if failed:
        raise RuntimeError(f"{len(failed)} organisations could not be removed.")
