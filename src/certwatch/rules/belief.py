"""Whether a complete reading of a register is plausible (architecture.md, Belief)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

LEAST_ROWS = 10  # a small list may lose a few rows without anything being wrong
MAY_WORSEN_BY = 0.05  # of the source's watched certificates with a known status
LEAST_WORSENED = 10

Tally = Mapping[str, Mapping[str, int]]  # part → last day (ISO, "" for none) → records


@dataclass(frozen=True, slots=True)
class Expect:
    """What is known of a register's size. `at_least` judges only the first run at its own address."""

    at_least: int = 0
    may_shrink_by: float = 0.03


@dataclass(frozen=True, slots=True)
class Watched:
    """What a run would do to the source's watched certificates that have a known status."""

    known: int
    worse: int  # would change their word, get an earlier last day, or lose it


def judge(
    now: Tally,
    before: Tally | None,
    *,
    valid: int,
    watched: Watched,
    expect: Expect,
    first_at_own_address: bool,
    day: date,
) -> list[str]:
    """Why the reading is to be held for the operator, one sentence each; empty: it is believed.

    `now` and `before` (the last run that was believed or released, None for the first) are tallies of
    records; those whose last day lies before `day` do not count in either. `valid`: records with the word
    valid. What the register is known to hold judges the first reading at its own address only.
    """
    reasons = []
    if not valid:
        reasons.append("It lists no valid certificate at all.")
    if before is not None:
        reasons += _shrunk(now, before, expect.may_shrink_by, day)
    if first_at_own_address and (rows := sum(sum(days.values()) for days in now.values())) < expect.at_least:
        reasons.append(f"It is the first reading and lists {rows:,} records; at least {expect.at_least:,} are known.")
    if watched.worse >= LEAST_WORSENED and watched.worse > MAY_WORSEN_BY * watched.known:
        reasons.append(
            f"{watched.worse:,} of {watched.known:,} watched certificates would change their status "
            "or get an earlier last day."
        )
    return reasons


def _shrunk(now: Tally, before: Tally, may_shrink_by: float, day: date) -> list[str]:
    was = {part: _current(days, day) for part, days in before.items()}
    is_ = {part: _current(days, day) for part, days in now.items()}
    pairs = [("It", sum(was.values()), sum(is_.values()))]
    pairs += [(f"“{part}”", was[part], is_.get(part, 0)) for part in sorted(was) if part]
    return [
        f"{name} lists {fewer:,} records, {many:,} before."
        for name, many, fewer in pairs
        if many - fewer >= LEAST_ROWS and many - fewer > may_shrink_by * many
    ]


def _current(days: Mapping[str, int], day: date) -> int:
    today = day.isoformat()
    return sum(count for last, count in days.items() if not last or last >= today)
