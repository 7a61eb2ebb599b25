"""Certificate numbers and holders' names: what is the same, and what only looks so.

A number is kept exactly as written and compared by a normalised form (`key`), never repaired.
"""

import re
import unicodedata

from certwatch.rules.errors import BadNumber

LONGEST = 200  # characters; the longest published number is below 60, 128 was needed by other systems

_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*", re.ASCII)  # printable ASCII, single inner spaces: most numbers
_MINUS = "\N{MINUS SIGN}"
# Unicode's White_Space. str.isspace() also takes U+001C to U+001F, which are control characters.
_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_SPACES = re.compile(f"[{_SPACE}]+")
_IS_SPACE = re.compile(f"[{_SPACE}]").match


def written(text: str) -> str:
    """`text` as its writer meant it to be shown: without outer white space and outer invisible characters.

    Raises `BadNumber` if it can be no number: nothing in it, control characters that are no white
    space, more than 200 characters.
    """
    if len(text) <= LONGEST and _PLAIN.fullmatch(text):
        return text
    shown = _strip(text)
    if not shown or not key(shown):
        raise BadNumber("There is no certificate number here.")
    if len(shown) > LONGEST:
        raise BadNumber(f"A certificate number has at most {LONGEST} characters; this has {len(shown)}.")
    if any(unicodedata.category(c) in ("Cc", "Cs") and not _IS_SPACE(c) for c in shown):
        raise BadNumber("A certificate number holds no control characters.")
    return shown


def key(text: str) -> str:
    """The normalised form of a number: equal keys mean the same number (api-contract.md, matching).

    In this order: NFC (never NFKC: ² stays ²), characters of category Cf dropped, every dash made `-`,
    outer white space dropped and inner runs of it made one space, letter case folded, NFC.
    """
    if _PLAIN.fullmatch(text):
        return text.casefold()
    text = unicodedata.normalize("NFC", text)
    text = "".join(_plain_dash(c) for c in text if unicodedata.category(c) != "Cf")
    text = _SPACES.sub(" ", text).strip(" ")
    return unicodedata.normalize("NFC", text.casefold())


def name_key(name: str) -> str:
    """A holder's folded name: NFC, letter case, punctuation and white space aside (glossary, Time)."""
    if not name.isascii():
        name = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    return name.translate(_NO_PUNCTUATION).lower()


class _NoPunctuation(dict[int, int | None]):
    """A table for `str.translate` that learns each character once: punctuation, spaces and controls go."""

    def __missing__(self, code: int) -> int | None:
        kept = None if unicodedata.category(chr(code))[0] in "PZC" else code
        self[code] = kept
        return kept


_NO_PUNCTUATION = _NoPunctuation()


def _plain_dash(char: str) -> str:
    return "-" if char == _MINUS or unicodedata.category(char) == "Pd" else char


def _strip(text: str) -> str:
    start, end = 0, len(text)
    while start < end and _is_blank(text[start]):
        start += 1
    while end > start and _is_blank(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_blank(char: str) -> bool:
    return bool(_IS_SPACE(char)) or unicodedata.category(char) == "Cf"
