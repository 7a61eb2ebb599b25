"""The first sheet of an XLSX workbook as lines of text, read strictly: a broken file is no list."""

import io
import zipfile
from datetime import date, datetime, time, timedelta

from certwatch.rules.errors import Incomplete, SourceChanged
from certwatch.sources.text import clean

LARGEST = 512 * 1024 * 1024  # bytes unpacked: the register's is a few MB

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
    except (CalamineError, OSError, ValueError, LookupError) as error:
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
            damaged = archive.testzip()
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError, ValueError) as error:
        raise Incomplete(f"The spreadsheet is cut off or damaged: {error}.") from error
    if damaged:
        raise Incomplete(f"The spreadsheet is damaged in “{damaged}”.")
