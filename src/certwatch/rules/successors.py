"""Which later certificate takes the place of one that ends: one company, one scheme, and only without a doubt."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from certwatch.rules.numbers import name_key
from certwatch.rules.status import Status

NEAR, PAST = timedelta(days=120), timedelta(days=60)  # so long before and after an end a successor may begin
OVERLAP = timedelta(days=31)  # who watches both for longer has two certificates, not an old and a new one


@dataclass(frozen=True, slots=True)
class Listed:
    """What a register lists of a company under a scheme."""

    id: int
    number_key: str
    word: Status
    valid_from: date | None
    valid_until: date | None
    place: str
    gone: bool  # the register lists it no more


def successors(listed: Iterable[Listed]) -> dict[int, int]:
    """Of one company under one scheme: old certificates and what takes their place.

    A company has certificates for several sites, and registers do not always say which. So a pair counts only where the
    old one has no other that could follow it, and the new one no other that it could follow.
    """
    everything = list(listed)
    after: dict[int, list[int]] = defaultdict(list)
    before: dict[int, list[int]] = defaultdict(list)
    for old in everything:
        for new in everything:
            if could_follow(old, new):
                after[old.id].append(new.id)
                before[new.id].append(old.id)
    return {old: news[0] for old, news in after.items() if len(news) == 1 and len(before[news[0]]) == 1}


def could_follow(old: Listed, new: Listed) -> bool:
    """Whether `new` could take the place of `old`, had the company no others."""
    if new.number_key == old.number_key or new.gone or new.word != Status.VALID:
        return False
    if old.word not in (Status.VALID, Status.EXPIRED):
        return False
    if old.valid_until is None or new.valid_until is None or new.valid_from is None:
        return False
    if new.valid_until <= old.valid_until or (old.valid_from is not None and new.valid_from <= old.valid_from):
        return False
    if not old.valid_until - NEAR <= new.valid_from <= old.valid_until + PAST:
        return False
    here, there = name_key(old.place), name_key(new.place)
    return not here or not there or here == there


def is_unrelated(old_last: date, new_first: date | None) -> bool:
    """Whether who watches both knows them as two: they are good side by side for longer than a change takes."""
    return new_first is None or new_first <= old_last - OVERLAP
