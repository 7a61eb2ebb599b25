"""What becomes of a row that somebody wants watched: verdicts and outcomes (operations.md, Import files)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from certwatch.rules import numbers, schemes
from certwatch.rules.sheets import Row
from certwatch.rules.status import Status


class Verdict(StrEnum):
    """What a row is, the first that applies."""

    UNREADABLE = "unreadable"
    REPEATED = "repeated"
    ALREADY_WATCHED = "already_watched"
    CONTRADICTION = "contradiction"
    FOUND = "found"
    AMBIGUOUS = "ambiguous"
    SUGGESTION = "suggestion"
    NOT_READ_YET = "not_read_yet"
    NOT_FOUND = "not_found"
    BY_HAND = "by_hand"


class Outcome(StrEnum):
    """What was done with it."""

    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    LEFT_OUT = "left_out"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a number that can be one, is new in its file, and is not watched yet."""

    monitored: bool  # a source answers for it
    contradicts: bool  # the row names another scheme than the number
    entries: int  # in question under this number; none that left the register and lost its word
    similar: int = 0  # entries under similar numbers, where they are looked for
    read: bool  # whether its source was ever read as a whole


def verdict(known: Known) -> Verdict:
    """Of the last seven the first that applies; the first three are plain to see."""
    if known.monitored and known.contradicts:
        return Verdict.CONTRADICTION
    if known.monitored and known.entries:
        return Verdict.FOUND if known.entries == 1 else Verdict.AMBIGUOUS
    if known.similar:
        return Verdict.SUGGESTION
    if not known.monitored:
        return Verdict.BY_HAND
    return Verdict.NOT_FOUND if known.read else Verdict.NOT_READ_YET


def contradiction(row: Row) -> str:
    """What is wrong with the scheme that the row names, a sentence; "" if number and scheme can agree."""
    told = schemes.scheme_of(row.number)
    meant = schemes.named(row.scheme) or row.scheme
    if not told or not meant or schemes.agree(told, meant):
        return ""
    return f"The row names {meant}, the number is of {told}."


def differences(
    row: Row, *, holder: str, status: Status, valid_from: date | None, valid_until: date | None
) -> Iterator[str]:
    """Where the row disagrees with the register, sentences. What the row does not say agrees."""
    if row.holder and numbers.name_key(row.holder) != numbers.name_key(holder):
        yield f"Holder: “{row.holder}” here, “{holder}” in the register."
    if row.status is not None and row.status != status:
        yield f"Status: {row.status} here, {status} in the register."
    for what, said, registered in (
        ("First day", row.valid_from, valid_from),
        ("Last day", row.valid_until, valid_until),
    ):
        if said is not None and said != registered:
            yield f"{what}: {said} here, {registered or 'none'} in the register."


def why_not_by_hand(row: Row) -> str:
    """Why the row cannot be entered by hand, a sentence; "" if it can."""
    if row.dates_unclear:
        return "It is not entered: its dates are unclear."
    if row.valid_from and row.valid_until and row.valid_from > row.valid_until:
        return "It is not entered: its first day lies after its last."
    return ""


def word_by_hand(status: Status | None, valid_from: date | None, today: date) -> Status:
    """The word that is kept for a status that somebody entered.

    What is not yet valid is kept as valid where its first day is known, and so becomes it by itself.
    Only a register can say that it does not list a number.
    """
    if status is None or status == Status.NOT_FOUND:
        return Status.UNKNOWN
    if status == Status.NOT_YET_VALID and valid_from is not None and valid_from > today:
        return Status.VALID
    return status
