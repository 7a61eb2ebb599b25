"""Which entry answers for a watched number, and what the answer is (architecture.md, Binding)."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, TypeVar

from certwatch.rules.numbers import name_key
from certwatch.rules.status import Status

Id = TypeVar("Id", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Candidate(Generic[Id]):
    """An entry under the watched number. `gone_at`: when a believed reading no longer listed it."""

    id: Id
    holder_key: str
    word: Status
    valid_from: date | None
    valid_until: date | None
    gone_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Answer(Generic[Id]):
    """`entry` None: no entry, or several that a person must choose from (`ambiguous`). `how` as in `Binding`."""

    word: Status
    valid_from: date | None = None
    valid_until: date | None = None
    entry: Id | None = None
    how: str = ""
    ambiguous: bool = False


def answer(candidates: Sequence[Candidate[Id]], *, supplier: str, chosen: Id | None, read: bool) -> Answer[Id]:
    """What a certificate is, given all entries under its number.

    `supplier`: the supplier's name in the organisation's words, "" if none. `chosen`: the entry that a person
    picked. `read`: whether the register was ever read as a whole, without which absence proves nothing.
    """
    if picked := next((c for c in candidates if c.id == chosen), None):
        return _bound(picked, "person")  # also when it is gone: another holder's entry must not stand in for it
    standing = in_question(candidates)
    if not standing:
        return Answer(Status.NOT_FOUND if read else Status.UNKNOWN)
    if len(standing) == 1:
        return _bound(standing[0], "number")
    if supplier and len(named := [c for c in standing if c.holder_key == name_key(supplier)]) == 1:
        return _bound(named[0], "holder")
    return _shared(standing)


def in_question(candidates: Sequence[Candidate[Id]]) -> list[Candidate[Id]]:
    """The entries that are still listed; where none is, the one that was listed last."""
    listed = [c for c in candidates if c.gone_at is None]
    if listed or not candidates:
        return listed
    last = max(c.gone_at for c in candidates if c.gone_at is not None)
    return [c for c in candidates if c.gone_at == last]


def _bound(candidate: Candidate[Id], how: str) -> Answer[Id]:
    return Answer(candidate.word, candidate.valid_from, candidate.valid_until, candidate.id, how)


def _shared(standing: Sequence[Candidate[Id]]) -> Answer[Id]:
    """Several holders have a word only if all have the same and, where that is valid, the same dates."""
    words = {c.word for c in standing}
    froms = {c.valid_from for c in standing}
    untils = {c.valid_until for c in standing}
    agreed = len(words) == 1 and (Status.VALID not in words or len(froms) == len(untils) == 1)
    return Answer(
        standing[0].word if agreed else Status.UNKNOWN,
        standing[0].valid_from if len(froms) == 1 else None,
        standing[0].valid_until if len(untils) == 1 else None,
        ambiguous=True,
    )
