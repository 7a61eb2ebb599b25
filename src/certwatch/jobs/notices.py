"""The worker's part of notices: changes become notices and webhooks."""

from datetime import datetime

from certwatch.actions import notices


def make(now: datetime) -> None:
    """Make what the changes since the last look say. Asked every second."""
    notices.make(now)
