"""What stands in the cells of files: texts, days, words of status, tags (operations.md, Import files)."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from certwatch.rules.status import Status

# The API's words and the pages', English and German (design.md, 4 and 8).
STATUS_WORDS: Mapping[Status, tuple[str, ...]] = {
    Status.VALID: ("valid", "Expiring soon", "gültig", "läuft bald ab"),
    Status.NOT_YET_VALID: ("not yet valid", "noch nicht gültig"),
    Status.EXPIRED: ("expired", "abgelaufen"),
    Status.SUSPENDED: ("suspended", "ausgesetzt"),
    Status.WITHDRAWN: ("withdrawn", "entzogen"),
    Status.TERMINATED: ("terminated", "beendet"),
    Status.NOT_FOUND: ("not found", "nicht gefunden"),
    Status.UNKNOWN: ("unknown", "Unclear", "Never checked", "unklar", "nie geprüft"),
}


def fold(heading: str) -> str:
    """A heading, or a word of a cell, without regard to letter case, spaces, dots, dashes and underscores."""
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", heading).casefold())
    return "".join(c for c in text if c not in "._" and not c.isspace() and unicodedata.category(c) not in ("Pd", "Cf"))


def text_of(cell: Any) -> str:
    """What stands in a cell. A whole number is read without decimals."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ", timespec="seconds").removesuffix(" 00:00:00")
    return str(cell)


def one_line(cell: Any) -> str:
    """The cell's text with single spaces and nothing that cannot be seen."""
    return printable(" ".join(text_of(cell).split()))


def day_of(cell: Any, *, month_first: bool = False) -> date | None:
    """The day in a cell, None if it is empty. Raises `ValueError` if something else stands there."""
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    if isinstance(cell, float | int) and not isinstance(cell, bool):
        return _serial_day(cell)
    text = unicodedata.normalize("NFC", one_line(cell))
    if text in ("", "-", "–"):
        return None
    text = _TIME.sub("", text)
    if found := _YEAR_FIRST.fullmatch(text):
        return date(int(found[1]), int(found[2]), int(found[3]))
    if found := _NUMERIC.fullmatch(text):
        day, month = (found[2], found[1]) if month_first else (found[1], found[2])
        return date(_year(found[3]), int(month), int(day))
    if found := _DAY_NAME_YEAR.fullmatch(text):
        return date(_year(found[3]), _month(found[2]), int(found[1]))
    if found := _NAME_DAY_YEAR.fullmatch(text):
        return date(_year(found[3]), _month(found[1]), int(found[2]))
    raise ValueError(text)


def status_of(word: str) -> Status | None:
    """The status that the API's or the pages' word means, English or German."""
    return _STATUS_BY_WORD.get(fold(word))


def tags_of(text: str) -> tuple[str, ...]:
    """Tags with `,` or `;` between them, each once."""
    found: dict[str, str] = {}
    for tag in map(one_line, re.split("[,;]", text)):
        if tag:
            found.setdefault(tag.casefold(), tag)
    return tuple(found.values())


def date_order(text: str) -> str:
    """What a date in digits shows about the order of day and month."""
    found = _NUMERIC.fullmatch(_TIME.sub("", text.strip()))
    if not found or (int(found[1]) <= 12 and int(found[2]) <= 12):
        return ""
    return "month first" if int(found[1]) <= 12 else "day first"


_STATUS_BY_WORD = {fold(word): status for status, words in STATUS_WORDS.items() for word in words}

_TIME = re.compile(r"[T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(Z| ?[+-]\d{2}:?\d{2})?$")
_YEAR_FIRST = re.compile(r"(\d{4})[-./](\d{1,2})[-./](\d{1,2})", re.ASCII)
_NUMERIC = re.compile(r"(\d{1,2})[./-] ?(\d{1,2})[./-] ?(\d{4}|\d{2})", re.ASCII)
_DAY_NAME_YEAR = re.compile(r"(\d{1,2})\.?[ -]?([^\W\d]+)\.?,?[ -]?(\d{4}|\d{2})")
_NAME_DAY_YEAR = re.compile(r"([^\W\d]+)\.? (\d{1,2}),? (\d{4})")
_MONTHS = {
    name: place
    for place, names in enumerate(
        (
            "jan january januar jän jänner", "feb february februar", "mar march mär märz mrz", "apr april", "may mai",
            "jun june juni", "jul july juli", "aug august", "sep sept september", "oct october okt oktober",
            "nov november", "dec december dez dezember",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip


def _month(name: str) -> int:
    number = _MONTHS.get(name.casefold())
    if number is None:
        raise ValueError(name)
    return number


def _year(digits: str) -> int:
    if len(digits) == 4:
        return int(digits)
    return 2000 + int(digits) if int(digits) < 70 else 1900 + int(digits)


def _serial_day(count: float) -> date:
    """The day that a spreadsheet keeps as a number, days since 1899-12-30, where the cell lost its date format."""
    if not 20_000 <= count <= 80_000:  # 1954 to 2119: what is outside was never meant as a day
        raise ValueError(count)
    return date(1899, 12, 30) + timedelta(days=int(count))


def printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
