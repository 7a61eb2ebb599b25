"""The worker's part of telling: who hears of what is new."""

from datetime import datetime

from certwatch.actions import tellings


def decide(now: datetime) -> None:
    """Decide who hears of new notices. Asked every second."""
    tellings.decide(now)
