"""The duty `supplier_reminders`: suppliers' contacts are asked for the next certificate before one ends."""

from datetime import datetime, timedelta

from certwatch.actions import supplier_reminders

LOOK_EVERY = timedelta(hours=1)


def look(now: datetime) -> None:
    """Make the mails that are due; the carrier sends them."""
    supplier_reminders.look(now)
