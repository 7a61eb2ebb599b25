"""Tables that people take away as files: CSV and XLSX, made piece by piece."""

import csv as csv_module
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import IO, Any

AT_ONCE = 500  # rows in a piece
IN_MEMORY = 2 * 1024 * 1024  # bytes of a workbook; a larger one goes through a file
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

Table = Iterable[Sequence[Any]]  # the headings first


def harmless(cell: Any) -> str:
    """A cell as text that no spreadsheet takes for a formula (OWASP, CSV Injection): an apostrophe stands before it."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def csv(table: Table) -> Iterator[bytes]:
    """The table as CSV: UTF-8 with a mark, without which Excel takes it for Windows-1252."""
    yield b"\xef\xbb\xbf"
    rest = iter(table)
    while rows := list(islice(rest, AT_ONCE)):
        text = io.StringIO()
        csv_module.writer(text).writerows([harmless(cell) for cell in row] for row in rows)
        yield text.getvalue().encode()


def xlsx(table: Table) -> IO[bytes]:
    """The table as a workbook, to be read from its beginning. Cells are texts: none is a formula or a link."""
    import xlsxwriter  # an import only: commands of a few rows need not load it

    file: IO[bytes] = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the caller reads it
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as workbook:
        sheet = workbook.add_worksheet()
        bold = workbook.add_format({"bold": True})
        for place, row in enumerate(table):
            for column, cell in enumerate(row):
                sheet.write_string(
                    place, column, "" if cell is None else str(cell)[:32_767], bold if not place else None
                )
    file.seek(0)
    return file
