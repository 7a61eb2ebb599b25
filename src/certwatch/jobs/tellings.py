"""The worker's part of telling: who hears of what is new, at once and in the morning."""

from datetime import datetime, timedelta

from certwatch.actions import digests, tellings

LOOK_EVERY = timedelta(minutes=1)  # so long after eight a digest is made at the latest


def decide(now: datetime) -> None:
    """Decide who hears of new notices. Asked every second."""
    tellings.decide(now)


def look(now: datetime) -> None:
    """Make digests and repeats that are due, and let go further what nobody acknowledged."""
    digests.look(now)
