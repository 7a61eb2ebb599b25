"""The pages' words for a status (design.md, 4): one key, and where it needs one its reason.

Code, API and addresses use the words of `rules.status`; only what people see uses these keys.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from certwatch.rules.status import Status, status_on


class Key(StrEnum):
    """Keys of the style sheet, worst first: the order of every list."""

    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"
    TERMINATED = "terminated"
    EXPIRED = "expired"
    NOT_FOUND = "notfound"
    UNCLEAR = "unclear"
    EXPIRING = "expiring"
    NOT_YET = "notyet"
    VALID = "valid"
    NEVER = "never"


BY_SEVERITY = tuple(Key)
NEED_ATTENTION = BY_SEVERITY[:6]


class Why(StrEnum):
    """Why nobody can say, or what is still open about "Not found"."""

    SEVERAL_HOLDERS = "several_holders"  # a person must choose
    SECOND_PERSON = "second_person"  # entered by hand, not approved yet
    FOREIGN_WORD = "foreign_word"  # the register says something that we do not know
    NO_STATUS = "no_status"  # entered by hand without a status
    UNCONFIRMED = "unconfirmed"  # not found in one complete reading only


@dataclass(frozen=True, slots=True)
class Shown:
    """What pages show. `last_known`: its source is stale, so the status is not of today."""

    key: Key
    why: Why | None = None
    last_known: bool = False


CONFIRMED_AFTER = timedelta(hours=12)  # between two complete readings that do not list a number (alerts.md)

_KEYS = {
    Status.SUSPENDED: Key.SUSPENDED,
    Status.WITHDRAWN: Key.WITHDRAWN,
    Status.TERMINATED: Key.TERMINATED,
    Status.EXPIRED: Key.EXPIRED,
    Status.NOT_FOUND: Key.NOT_FOUND,
    Status.NOT_YET_VALID: Key.NOT_YET,
    Status.VALID: Key.VALID,
}


def shown(
    word: Status,
    valid_from: date | None,
    valid_until: date | None,
    *,
    today: date,
    expiring_days: int,
    by_hand: bool = False,
    checked: bool = True,
    ambiguous: bool = False,
    waiting: bool = False,
    unconfirmed: bool = False,
    stale: bool = False,
) -> Shown:
    """What a certificate is called on pages on `today`, the organisation's calendar day.

    `checked`: its register was read, or asked for it, at least once. `ambiguous`: several holders. `waiting`: what was
    entered by hand waits for a second person. `stale`: the register's last good reading is too old.
    """
    status = status_on(today, word, valid_from, valid_until)
    if status == Status.UNKNOWN:
        return Shown(*_unknown(by_hand, checked, ambiguous, waiting), last_known=stale and not by_hand)
    key = _KEYS[status]
    if key == Key.VALID and valid_until is not None and valid_until <= today + timedelta(days=expiring_days):
        key = Key.EXPIRING
    why = Why.UNCONFIRMED if key == Key.NOT_FOUND and unconfirmed else None
    return Shown(key, why, last_known=stale and not by_hand)


def is_unconfirmed(first_missed: datetime | None, read_began: datetime | None) -> bool:
    """Whether only one complete reading, or two within 12 hours, missed a number. `first_missed`: when the first of
    them began; None: it is not missed."""
    return first_missed is not None and (read_began is None or read_began - first_missed < CONFIRMED_AFTER)


def _unknown(by_hand: bool, checked: bool, ambiguous: bool, waiting: bool) -> tuple[Key, Why | None]:
    if by_hand:
        return Key.UNCLEAR, Why.SECOND_PERSON if waiting else Why.NO_STATUS
    if ambiguous:
        return Key.UNCLEAR, Why.SEVERAL_HOLDERS
    if not checked:
        return Key.NEVER, None
    return Key.UNCLEAR, Why.FOREIGN_WORD
