"""The first sheet of an XLSX workbook as lines of text, read strictly: a broken file is no list."""

import io
import lzma
import re
import zipfile
import zlib
from datetime import date, datetime, time, timedelta

from certwatch.rules.errors import Incomplete, SourceChanged
from certwatch.sources.text import clean

LARGEST = 256 * 1024 * 1024  # bytes unpacked: the register's is a few MB
MOST_CELLS = 20_000_000  # calamine holds the whole rectangle: one stray cell far down would end our process

_DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError,
    EOFError, NotImplementedError, OSError, RuntimeError, ValueError, LookupError,
)  # fmt: skip
_COUNT = re.compile(rb"""\b\w*[cC]ount\s*=\s*["']([0-9]+)["']""")  # room for so many is taken at once
_PLACE = re.compile(rb"""\s(?:r|ref)\s*=\s*["'](?:[^"']*:)?([A-Za-z]*)([0-9]+)["']""")  # of a cell, row or area

Cell = str | int | float | bool | datetime | date | time | timedelta


def table(content: bytes) -> list[list[str]]:
    """The lines of the first sheet. Raises `Incomplete` if the file is cut off or damaged."""
    from python_calamine import CalamineError, CalamineWorkbook

    _must_be_whole(content)
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
            if not workbook.sheet_names:
                raise SourceChanged("The spreadsheet has no sheet.")
            lines = workbook.get_sheet_by_index(0).to_python()
    except (CalamineError, *_DAMAGE) as error:
        raise Incomplete(f"The spreadsheet cannot be opened: {error}.") from error
    return [[text_of(cell) for cell in line] for line in lines]


def text_of(cell: Cell) -> str:
    """A cell as text: a whole number without decimals, a day in ISO form."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    return clean(str(cell)).strip()


def _must_be_whole(content: bytes) -> None:
    """Every part of the archive is there, has its checksum, and unpacks to a sensible size."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(part.file_size for part in archive.infolist()) > LARGEST:
                raise SourceChanged(f"The spreadsheet unpacks to more than {LARGEST // 1024 // 1024} MB.")
            if damaged := archive.testzip():
                raise Incomplete(f"The spreadsheet is damaged in “{damaged}”.")
            for name in archive.namelist():
                _must_be_sensible(archive.read(name))
    except _DAMAGE as error:
        raise Incomplete(f"The spreadsheet is cut off or damaged: {error}.") from error


def _must_be_sensible(part: bytes) -> None:
    rows = columns = 1
    for letters, digits in _PLACE.findall(part):
        rows = max(rows, int(digits[:12]))
        columns = max(columns, _column(letters[:6]))
    if any(int(count[:12]) > MOST_CELLS for count in _COUNT.findall(part)):
        raise SourceChanged("The spreadsheet says that it holds more than we can.")
    if rows * columns > MOST_CELLS:
        raise SourceChanged(f"The spreadsheet has cells in line {rows:,} and column {columns:,}: too far out.")


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
