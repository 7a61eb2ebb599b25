"""Numbers that are not the same and yet may be meant: suggestions for a person, never matches (architecture.md).

Two numbers are similar if their sketches are equal, or become so once what surrounds the number is taken away (a file's
name, a link), or once the beginning that is missing stands before it. Digits are never added to a serial number nor
taken away: a leading zero is part of it, and another scheme's number is another number.
"""

import re
from collections.abc import Iterator
from urllib.parse import unquote

from certwatch.rules import numbers

# What a sketch leaves out, in this order. A space before a slash stays: KZR has SGS/KZR/0275 and SGS/KZR /0275, of two
# participants. `models.registers.Entry.sketch` says the same in SQL.
LEFT_OUT = ((" /", "~/"), (" ", ""), ("-", ""), ("_", ""), ("²", "2"))


def sketch(number_key: str) -> str:
    """A normalised number without spaces, dashes and underscores, with 2 for ²."""
    for written, instead in LEFT_OUT:
        number_key = number_key.replace(written, instead)
    return number_key


def sketches(text: str) -> list[str]:
    """The sketches of the numbers that somebody may mean who wrote `text`, the likeliest first; its own, too."""
    key = numbers.key(_without_surroundings(text))
    found: dict[str, None] = {}
    for part in _parts(sketch(key)):
        for meant in (part, *_completed(part), *_misread(part)):
            found[meant] = None
    for meant in _of_three_digits(key):
        found[meant] = None
    return list(found)


_LINK = re.compile(r"(?:[a-z]+://|www\.)\S+", re.IGNORECASE)
_ENDING = re.compile(r"\.(pdf|png|jpe?g|docx?|xlsx?)$", re.IGNORECASE)
_ISCC_HEADS = ("euiscccert", "isccpluscert", "iscccorsiacert", "iscccorsiapluscert")
_BEGINNINGS = re.compile("euiscc|iscc|debblebm|euredcert|redcert|2bs(?=[0-9])")
_ISCC = re.compile(r"([a-z]*?)([a-z]{2}\d{3}\d{1,12})")
_ISCC_WHOLE = re.compile(rf"({'|'.join(sorted(_ISCC_HEADS, key=len, reverse=True))})([a-z]{{2}})([\doil]{{3,15}})")
_TWO_DIGITS = re.compile(r"(.*iscc.*cert-[a-z]{2})(\d)(\d)(-\d{1,12})")
_REDCERT = re.compile(r"(redcert|redcerteu|)(\d{11})")
_TWOBSVS = re.compile(r"(?:2bsvs)?(\d{6})")
_BLE = re.compile(r"b?(?:ble)?bm(10\d{11})")
_MISREAD = str.maketrans("oil", "011")

# What people write before an ISCC number → the beginnings that they may mean. A whole beginning means itself.
_MEANT = {
    **dict.fromkeys(("", "cert", "iscc", "iscccert"), _ISCC_HEADS),
    **dict.fromkeys(("eu", "eucert", "euiscc", "iscceu", "iscceucert"), _ISCC_HEADS[:1]),
    **dict.fromkeys(("plus", "pluscert", "isccplus"), _ISCC_HEADS[1:2]),
    **dict.fromkeys(("corsia", "corsiacert", "iscccorsia"), _ISCC_HEADS[2:]),
}


def _without_surroundings(text: str) -> str:
    """Of a link what stands after its last slash, of a file its name without ending."""
    text = text.strip()
    if _LINK.fullmatch(text):
        text = unquote(re.split("[?#]", text, maxsplit=1)[0].rstrip("/").rpartition("/")[2])
    return _ENDING.sub("", text)


def _parts(whole: str) -> Iterator[str]:
    """`whole`, and what is left of it from each known beginning on, with and without what follows the number."""
    yield whole
    for beginning in _BEGINNINGS.finditer(whole):
        part = whole[beginning.start() :]
        yield part
        if (number := _ISCC_WHOLE.match(part)) and number.end() < len(part):
            yield number[0]


def _completed(part: str) -> Iterator[str]:
    """`part` with the beginnings that may be missing before it."""
    if found := _ISCC.fullmatch(part):
        for head in _MEANT.get(found[1], ()):
            yield head + found[2]
    if found := _REDCERT.fullmatch(part):
        if found[1] != "redcerteu":
            yield f"redcert2{found[2]}"
        yield f"euredcert{found[2]}"
    if found := _TWOBSVS.fullmatch(part):
        yield f"2bs{found[1]}"
    if found := _BLE.fullmatch(part):
        yield f"debblebm{found[1]}"


def _misread(part: str) -> Iterator[str]:
    """`part` with digits where ISCC has no letters: O and l are typed for 0 and 1."""
    if (found := _ISCC_WHOLE.fullmatch(part)) and not found[3].isdigit():
        yield found[1] + found[2] + found[3].translate(_MISREAD)


def _of_three_digits(key: str) -> Iterator[str]:
    """What ISCC's number may be that names its certification body with two digits: it has three."""
    if found := _TWO_DIGITS.fullmatch(key):
        head, first, second, tail = found.groups()
        for digit in "0123456789":
            for body in (first + second + digit, first + digit + second, digit + first + second):
                yield sketch(head + body + tail)
