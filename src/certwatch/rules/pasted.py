"""Numbers in a text that somebody pasted: a mail, a line of a PDF, cells of a spreadsheet, a list.

A number is taken as it stands there, never repaired: what surrounds it in the same word (a file's name, a link) stays
with it, and becomes a suggestion later.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from certwatch.rules import cells, numbers, schemes

LONGEST_TEXT = 500_000  # characters
MOST = 5_000  # numbers; a longer list comes as a file


@dataclass(frozen=True, slots=True)
class Pasted:
    """What was found in a text."""

    numbers: list[str]  # as they stand there, each once
    empty_lines: int  # lines with something in them, and no number
    repeated: int  # numbers left out because they stand further up


def read(text: str) -> Pasted:
    """The numbers in `text`, in its order. Equal ones (normalised) count once."""
    found: dict[str, str] = {}
    count = empty_lines = 0
    for line in _lines(_NO_WORD.sub(" ", text)):
        here = list(_numbers_in(line))
        count += len(here)
        empty_lines += not here
        for number in here:
            found.setdefault(numbers.key(number), number)
    return Pasted(list(found.values()), empty_lines, count - len(found))


_DASH = r"[-\u00ad\u2010-\u2015\u2212\ufe58\ufe63\uff0d_]"
# What stands between the parts of a number, as people have it.
_GAP = rf"(?:[^\S\n]{{0,3}}{_DASH}[^\S\n]{{0,3}}|[^\S\n]{{1,3}})"
# Numbers of the schemes that are read, with dashes and spaces as people write them.
_KNOWN = re.compile(
    "|".join(
        (
            rf"(?:EU{_GAP})?ISCC(?:{_GAP}(?:EU|PLUS|CORSIA))*{_GAP}(?:Cert{_GAP})?[A-Z]{{2}}[^\S\n]?[\dOIl]{{2,3}}{_GAP}[\dOIl]{{1,12}}",
            rf"DE{_GAP}B{_GAP}BLE{_GAP}BM{_GAP}\d{{2}}{_GAP}\d{{3}}{_GAP}\d{{4,8}}",
            rf"(?:EU{_GAP})?REDcert[²2]?(?:{_GAP}EU)?{_GAP}\d{{3}}{_GAP}\d{{3,8}}(?:{_DASH}\d{{3,6}})?",
            rf"(?:SV{_DASH})?2BS(?:vs)?{_GAP}?\d{{4,8}}",
        )
    ),
    re.IGNORECASE,
)
_WORD_END = re.compile(r"""[\s,;|"'<>()\[\]{}„“”‚’«»]""")
_NO_WORD = re.compile(r"\S{600,}")  # longer than any number, name of a file or link
_CELLS = re.compile(r"[\t;|,]")
_BULLET = re.compile(r"^\s*(?:[•·*–—-]\s+|\d{1,3}[.)]\s+)+")
_OUTER = " \t\xa0.,:;!?\"'()[]{}<>„“”‚’«»"
_SCHEME_WORDS = frozenset(
    ("kzr", "inig", "eu", "iscc", "plus", "corsia", "cert", "redcert", "redcert²", "sure", "de", "b")
)
_CONNECTING = re.compile(r"[-\u2010-\u2015\u2212/]+")


def _lines(text: str) -> Iterator[str]:
    """The lines that hold something; one that ends within a number of a known scheme goes on in the next."""
    pending = ""
    for line in re.split(r"\r\n|[\r\n\v\f\x85\u2028\u2029]", text):
        line = _BULLET.sub("", line)
        if not line.strip():
            continue
        if pending and re.match(r"\s*[-\w]", line):
            line = pending + line.lstrip()
        elif pending:
            yield pending
        pending = ""
        if _is_cut(line):
            pending = line.rstrip()
        else:
            yield line
    if pending:
        yield pending


def _is_cut(line: str) -> bool:
    """Whether the last word begins as a number does and ends with a dash."""
    words = line.split()
    return bool(words) and bool(re.search(rf"{_DASH}$", words[-1])) and bool(schemes.scheme_of(words[-1]))


def _numbers_in(line: str) -> Iterator[str]:
    known = list(_known_in(line))
    if known:
        yield from known
        return
    cells = [cell for cell in (_without_links(c).strip(_OUTER) for c in _CELLS.split(line)) if cell]
    for cell in cells:
        if _could_be_whole(cell, alone=len(cells) == 1):
            yield cell
        else:
            yield from _runs_in(cell)


def _without_links(cell: str) -> str:
    if not any(mark in cell for mark in ("://", "www.", "@")):
        return cell
    return " ".join(w for w in cell.split() if "://" not in w and "@" not in w and not w.startswith("www."))


def _known_in(line: str) -> Iterator[str]:
    """Numbers of known schemes, each with all of the word in which it stands."""
    matches = list(_KNOWN.finditer(line))
    limits = [match.start() for match in matches[1:]] + [len(line)]
    end = 0
    for match, limit in zip(matches, limits, strict=False):
        start = match.start()
        while start > end and not _WORD_END.match(line[start - 1]):
            start -= 1
        before = line[start : match.start()]
        if "://" not in before:  # "No.:EU-ISCC-…"
            start += before.rfind(":") + 1
        end = match.end()
        while end < limit and not _WORD_END.match(line[end]):
            end += 1
        yield line[start:end].strip(_OUTER + "/+&")


def _could_be_whole(cell: str, *, alone: bool) -> bool:
    """Whether a cell is one word that can be a number. Digits alone are one only where nothing stands beside them."""
    if len(cell.split()) != 1 or not _is_telling(cell):
        return False
    return alone or not cell.isdigit()


def _runs_in(cell: str) -> Iterator[str]:
    """Numbers in words of a sentence: a word with digits, and the neighbours that belong to it."""
    spans = [word.span() for word in re.finditer(r"\S+", cell)]
    words = [cell[start:end] for start, end in spans]
    place = 0
    while place < len(words):
        start = place
        while place < len(words) and (not _has_digits(words[place]) or _is_day(words[place])):
            place += 1
        if place == len(words):
            return
        first, last = _first_of(words, place, start), _last_of(words, place)
        run = cell[spans[first][0] : spans[last][1]].strip(_OUTER)
        if len(run) <= numbers.LONGEST and _is_telling(run) and any(c.isalpha() for c in run):
            yield run
        place = last + 1


def _first_of(words: list[str], place: int, start: int) -> int:
    """Where a number begins whose first word with digits is at `place`, at `start` at the earliest."""
    first = place
    while first > start and _belongs_before(words[first - 1].strip(_OUTER), words[first]):
        first -= 1
    return first


def _belongs_before(before: str, word: str) -> bool:
    """Whether a number that goes on with `word` begins with `before`, or earlier."""
    if before.casefold() in _SCHEME_WORDS or _CONNECTING.fullmatch(before):
        return True
    if any(c.isalpha() for c in word) and not word.startswith("/"):
        return False
    return before.isalpha() and before.isupper() and len(before) <= 6


def _last_of(words: list[str], place: int) -> int:
    """Where a number ends whose first word with digits is at `place`."""
    last = place
    while last + 1 < len(words):
        after = words[last + 1]
        joined = after[0] in "/-–" or words[last][-1] in "/-–" or (after.isdigit() and words[last].isdigit())
        connecting = _CONNECTING.fullmatch(after) and last + 2 < len(words) and _has_digits(words[last + 2])
        if connecting or (joined and _has_digits(after) and not _is_day(after)):
            last += 1
        else:
            break
    return last


def _has_digits(word: str) -> bool:
    return any(c.isdigit() for c in word)


def _is_telling(text: str) -> bool:
    """Three digits at least: a house number or a percentage is no certificate."""
    return sum(c.isdigit() for c in text) >= 3 and not _is_day(text)


def _is_day(word: str) -> bool:
    if not 6 <= len(word) <= 30:  # "1.1.26" to "(31. Dezember 2026)."
        return False
    try:
        return cells.day_of(word.strip(_OUTER)) is not None
    except ValueError:
        return False
