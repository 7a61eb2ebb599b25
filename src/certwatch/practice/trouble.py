"""How a register is told to misbehave: one line per trouble (operations.md, Practice registers).

`iscc outage in suspended` is source or `all`, word, value, and after `in` the one bucket or page that is meant.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from certwatch.practice.rows import Row
from certwatch.rules.errors import CertWatchError
from certwatch.rules.status import Status

ALL = "all"
LONGEST_S = 86_400  # of a wait; longer is a slip of the keyboard

_VALID, _SUSPENDED, _WITHDRAWN, _TERMINATED = Status.VALID, Status.SUSPENDED, Status.WITHDRAWN, Status.TERMINATED
BUCKETS: Mapping[str, Collection[Status]] = {  # what a register divides its list into
    "iscc": (_VALID, _SUSPENDED, _WITHDRAWN, _TERMINATED, Status.EXPIRED),
    "redcert": (),
    "twobsvs": (_VALID, _SUSPENDED, _WITHDRAWN, _TERMINATED),
}


class BadTrouble(CertWatchError):
    """A line that names no trouble. The message says why."""


class Word(StrEnum):
    """What a register can do wrong."""

    OUTAGE = "outage"
    SILENT = "silent"
    SLOW = "slow"
    MAINTENANCE = "maintenance"
    LOGIN = "login"
    REFUSE = "refuse"
    BUSY = "busy"
    CUT = "cut"
    HALF = "half"
    SHORT = "short"
    EMPTY = "empty"
    RENAME = "rename"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One trouble of one register, or of all."""

    source: str
    word: Word
    value: str = ""
    bucket: Status | None = None  # None: everything that the register answers

    @property
    def seconds(self) -> float:
        return float(self.value)


def parse(line: str) -> Trouble:
    """The trouble that `line` names. Raises `BadTrouble`."""
    words = line.split()
    if len(words) < 2:
        raise BadTrouble(f"{line.strip()!r}: a trouble is a source (or all) and a word, e.g. iscc outage")
    source, bucket = words[0].lower(), None
    if source != ALL and source not in BUCKETS:
        raise BadTrouble(f"{line.strip()!r}: no register is called {words[0]!r}; they are {', '.join(BUCKETS)}, or all")
    if len(words) >= 4 and words[-2].lower() == "in":
        bucket = _bucket(line, source, words[-1].lower())
        words = words[:-2]
    try:
        word = Word(words[1].lower())
    except ValueError as error:
        raise BadTrouble(f"{line.strip()!r}: no trouble is called {words[1]!r}; they are {', '.join(Word)}") from error
    return Trouble(source, word, _value(line, word, " ".join(words[2:])), bucket)


def parse_lines(text: str) -> tuple[list[Trouble], list[str]]:
    """The troubles in `text`, and what is wrong with its other lines. Empty lines and those with # do not count."""
    troubles, complaints = [], []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            troubles.append(parse(line))
        except BadTrouble as error:
            complaints.append(str(error))
    return troubles, complaints


class Troubles:
    """What one register does wrong in one answer."""

    def __init__(self, troubles: Iterable[Trouble], source: str) -> None:
        self._all = [trouble for trouble in troubles if trouble.source in (ALL, source)]
        self._renames = [trouble for trouble in self._all if trouble.word is Word.RENAME]

    def __bool__(self) -> bool:
        return bool(self._all)

    def first(self, word: Word, buckets: Collection[Status]) -> Trouble | None:
        """The first trouble of that kind that concerns one of `buckets`, which an answer is about."""
        fitting = (t for t in self._all if t.word is word and (t.bucket is None or t.bucket in buckets))
        return next(fitting, None)

    def listed(self, rows: Sequence[Row], bucket: Status | None) -> tuple[Sequence[Row], int]:
        """The rows of a bucket (or page) that are listed, and the total that the register tells."""
        buckets = () if bucket is None else (bucket,)
        if self.first(Word.EMPTY, buckets):
            return [], 0
        if self.first(Word.HALF, buckets):
            return rows[::2], len(rows[::2])
        return (rows[::2] if self.first(Word.SHORT, buckets) else rows), len(rows)

    def label(self, label: str, *also: str, bucket: Status | None = None) -> str:
        """The heading or label that is shown for `label`. `also`: what else people may call it."""
        if not self._renames:
            return label  # of thousands of cards, as a rule
        names = {folded(name) for name in (label, *also)}
        for number, trouble in enumerate(self._renames, 1):
            if trouble.bucket in (None, bucket) and folded(trouble.value) in names:
                return f"Renamed {number}"
        return label


def folded(label: str) -> str:
    """A label without regard to letter case, kind of apostrophe, underscores and repeated white space."""
    return " ".join(re.sub(r"[’‘`´]", "'", label).replace("_", " ").casefold().split())


def _bucket(line: str, source: str, word: str) -> Status:
    known = {bucket for name, buckets in BUCKETS.items() if source in (ALL, name) for bucket in buckets}
    if word not in known:
        has = f"has {', '.join(sorted(known))}" if known else "is one list"
        raise BadTrouble(f"{line.strip()!r}: nothing there is called {word!r}; {source} {has}")
    return Status(word)


def _value(line: str, word: Word, value: str) -> str:
    if word in (Word.SLOW, Word.BUSY):
        form = r"\d+(\.\d+)?" if word is Word.SLOW else r"\d+"
        if not re.fullmatch(form, value, re.ASCII) or float(value) > LONGEST_S:
            raise BadTrouble(f"{line.strip()!r}: {word} needs a number of seconds, e.g. {word} 5")
        return value
    if word is Word.RENAME:
        if not value:
            raise BadTrouble(f"{line.strip()!r}: rename needs a heading or label, e.g. rename Valid until")
        return value
    if value:
        raise BadTrouble(f"{line.strip()!r}: nothing may follow {word} but in and a bucket or page")
    return value
