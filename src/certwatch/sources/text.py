"""Texts of registers: what is compared, and what is shown."""

import re
import unicodedata

_UNUSABLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff]")  # control characters, halves of a pair
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ‛`´′", "'"))


def clean(text: str) -> str:
    """`text` without control characters and lone surrogates (registers send NUL bytes), which no database keeps."""
    return _UNUSABLE.sub("", text)


def words(text: str) -> str:
    """`text` as a page shows it: clean, one blank for every run of white space, none outside."""
    return " ".join(clean(text).split())


def fold(text: str) -> str:
    """What is compared of a word, heading or label: letter case, kind of apostrophe and white space do not count."""
    return unicodedata.normalize("NFC", words(text).translate(_APOSTROPHES)).casefold()


def is_dash(char: str) -> bool:
    """Whether `char` is a dash of any kind, or a minus sign."""
    return char == "\N{MINUS SIGN}" or unicodedata.category(char) == "Pd"
