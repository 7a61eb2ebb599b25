"""When a message is tried again, for all channels (alerts.md, Tries)."""

from datetime import datetime, timedelta

AFTER = tuple(
    timedelta(seconds=s)
    for s in (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)  # before the first, second, … try
)
MOST = len(AFTER)
JITTER = 0.1  # so that what failed together does not come back together
LONGEST_WISH = timedelta(hours=24)  # of a Retry-After


def next_try(tries: int, ended: datetime, *, chance: float, wish: timedelta | None = None) -> datetime | None:
    """When to try again after `tries` tries, the last of which ended at `ended`; None: given up.

    `chance` lies between 0 and 1. `wish`: the receiver's Retry-After, kept where it is longer, up to 24 hours.
    """
    if tries >= MOST:
        return None
    wait = AFTER[tries] * (1 + JITTER * (2 * chance - 1))
    return ended + max(wait, min(wish, LONGEST_WISH) if wish else wait)
