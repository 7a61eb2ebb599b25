"""Files that people import: what their columns mean and what stands in their cells (operations.md, Import files).

A file is opened and looked through as a whole first, so that one that cannot be read is refused before
anything is done with it. Its rows are then made one by one.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import IO, Any

from certwatch.rules.cells import date_order, day_of, fold, one_line, printable, status_of, tags_of, text_of
from certwatch.rules.errors import Refused
from certwatch.rules.status import Status

LARGEST = 20 * 1024 * 1024  # bytes
LARGEST_UNPACKED = 1024 * 1024 * 1024  # 50,000 rows of a broad workbook unpack to 0.2 GB; what is beyond is a bomb
MOST_ROWS = 50_000
MOST_CELLS = 12_000_000  # that a sheet spans, empty ones included: the library takes 32 bytes for each
HEADINGS_WITHIN = 20  # lines: people write titles above their tables
DELIMITERS = (";", ",", "\t", "|")

# Field → its headings, most telling first: where two columns fit a field, the one that stands first here counts.
HEADINGS: Mapping[str, tuple[str, ...]] = {
    "number": (
        "certificate number", "certificate no", "certificate id", "cert number",
        "Zertifikatsnummer", "Zertifikatnummer", "Zertifikats-Nr", "Zertifikat-Nr", "Zert-Nr",
        "certificate", "Zertifikat", "number", "Nummer",
    ),
    "scheme": ("scheme", "certification scheme", "Zertifizierungssystem", "system", "Schema", "standard"),
    "supplier": ("supplier", "supplier name", "vendor", "vendor name", "Lieferant", "Lieferantenname"),
    "supplier_number": (
        "supplier number", "supplier no", "vendor number", "vendor no", "creditor",
        "Lieferantennummer", "Lieferanten-Nr", "Kreditor", "Kreditorennummer",
    ),
    "holder": ("holder", "certificate holder", "company", "Inhaber", "Zertifikatsinhaber", "Firma"),
    "valid_from": ("valid from", "start date", "gültig ab", "gültig von", "Beginn"),
    "valid_until": (
        "valid until", "valid to", "expiry date", "expires", "end date", "gültig bis", "Ablaufdatum", "Ende",
    ),
    "status": ("status", "state", "Zustand"),
    "tags": (
        "tags", "tag", "category", "commodity group", "Schlagwörter", "Schlagwort", "Kategorie", "Warengruppe",
    ),
    "notes": ("notes", "note", "comment", "remark", "Notizen", "Notiz", "Bemerkung", "Kommentar"),
}  # fmt: skip
DATES = ("valid_from", "valid_until")

Record = tuple[int, Sequence[Any]]  # line in the file, from 1; cells
Records = Callable[[], Iterator[Record]]  # from the first line on, each time


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a file, or one number of a command, as its writer meant it."""

    line: int
    number: str  # as written; may be none
    scheme: str = ""
    supplier: str = ""
    supplier_number: str = ""
    holder: str = ""
    valid_from: date | None = None
    valid_until: date | None = None
    status: Status | None = None
    tags: tuple[str, ...] = ()
    notes: str = ""
    remarks: tuple[str, ...] = ()  # what could not be understood, sentences
    dates_unclear: bool = False  # something stands where a day belongs, and is none


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file whose headings are known and whose every line can be read."""

    name: str  # of the workbook's sheet, "" for a text file
    columns: Mapping[str, int]  # field → place of its column, from 0
    headings: Sequence[str]
    row_count: int
    _month_first: frozenset[str]  # date fields of which the column shows that the month comes first
    _records: Records  # those below the headings that are not empty

    @property
    def ignored(self) -> list[str]:
        """Headings that fit no field."""
        used = set(self.columns.values())
        return [heading for place, heading in enumerate(self.headings) if heading and place not in used]

    def rows(self) -> Iterator[Row]:
        """The lines below the headings, empty ones left out."""
        return (row for _, row in self.lines())

    def lines(self) -> Iterator[tuple[Sequence[Any], Row]]:
        """The same, each with its cells as they are."""
        for line, cells in self._records():
            yield cells, self._row(line, cells)

    def _row(self, line: int, cells: Sequence[Any]) -> Row:
        remarks: list[str] = []
        said = {field: cells[place] if place < len(cells) else "" for field, place in self.columns.items()}
        if isinstance(number := said["number"], float | int) and abs(number) >= 2**53:
            remarks.append("A spreadsheet keeps 15 digits of a number only: check it, or write it as text.")
        days: dict[str, date | None] = {}
        for field in DATES:
            try:
                days[field] = day_of(said.get(field, ""), month_first=field in self._month_first)
            except ValueError:
                remarks.append(f"“{text_of(said[field])}” is no date.")
                days[field] = None
        dates_unclear = any(days[f] is None and text_of(said.get(f, "")) not in ("", "-", "–") for f in DATES)
        status = status_of(word := one_line(said.get("status", "")))
        if word and status is None:
            remarks.append(f"“{word}” is no status that we know.")
        return Row(
            line=line,
            number=text_of(number),
            scheme=one_line(said.get("scheme", "")),
            supplier=one_line(said.get("supplier", "")),
            supplier_number=one_line(said.get("supplier_number", "")),
            holder=one_line(said.get("holder", "")),
            valid_from=days["valid_from"],
            valid_until=days["valid_until"],
            status=status,
            tags=tags_of(text_of(said.get("tags", ""))),
            notes=printable(text_of(said.get("notes", "")).strip()),
            remarks=tuple(remarks),
            dates_unclear=dates_unclear,
        )


def open_sheet(data: bytes, *, sheet: str = "") -> Sheet:
    """The table in a file's bytes; `sheet` names one of a workbook. Raises `Refused` with the reason."""
    if is_workbook(data):
        return _from_workbook(data, sheet)
    decoded = text(data)
    if sheet:
        raise Refused("A text file has no sheets to choose from.")
    return _from_text(decoded)


def is_workbook(data: bytes) -> bool:
    """Whether the file is XLSX, XLS or ODS by its content. Raises `Refused` for one that is too large or empty."""
    if len(data) > LARGEST:
        raise Refused(f"The file has {len(data) / 1024 / 1024:.1f} MB; 20 MB are the most.")
    if not data.strip():
        raise Refused("The file is empty.")
    return data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0"))


def text(data: bytes) -> str:
    """What stands in a text file. Raises `Refused` for another kind of file."""
    if data.startswith(b"%PDF"):
        raise Refused("This is a PDF, not a table. Send a CSV, XLSX, XLS or ODS file.")
    return _decoded(data)


_FIELD_BY_HEADING = {fold(h): (field, place) for field, hs in HEADINGS.items() for place, h in enumerate(hs)}
_CELL = re.compile(rb'<c [^>]*?\br="([A-Z]{1,3})(\d{1,7})"')  # of a sheet in XLSX


def _from_text(text: str) -> Sheet:
    best: Sheet | None = None
    reason = Refused(no_numbers())
    for delimiter in DELIMITERS:
        try:
            sheet = _understood("", lambda d=delimiter: text_records(text, d))  # type: ignore[misc]
        except Refused as refused:
            if not isinstance(refused, NoNumbers):
                reason = refused
            continue
        if best is None or len(sheet.columns) > len(best.columns):
            best = sheet
    if best is None:
        raise reason
    return best


def _decoded(data: bytes) -> str:
    """UTF-8, UTF-16 with a mark, else Windows-1252."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if data.startswith(mark):
            encodings: tuple[str, ...] = (encoding,)
            break
    else:
        encodings = ("utf-8", "cp1252")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise Refused("The file is no table that can be read: neither text nor a workbook (CSV, TSV, XLSX, XLS, ODS).")


def text_records(text: str, delimiter: str) -> Iterator[Record]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        what = "a quotation mark is not closed" if "unexpected end" in str(error) else str(error)
        raise Refused(f"Line {line} cannot be read: {what}.") from error


def _from_workbook(data: bytes, chosen: str) -> Sheet:
    with workbook(data, chosen) as tables:
        for name, records in tables:
            try:
                return _understood(name, records)
            except NoNumbers:
                continue
    raise Refused(no_numbers())


@contextmanager
def workbook(data: bytes, chosen: str = "") -> Iterator[Iterator[tuple[str, Records]]]:
    """The sheets of a workbook with their lines, or only the `chosen` one. Raises `Refused`, also while it is read."""
    from python_calamine import CalamineError, CalamineWorkbook  # an import only: other commands need not load it

    _refuse_bomb(data)
    try:
        opened = CalamineWorkbook.from_filelike(io.BytesIO(data))
        if chosen and chosen not in opened.sheet_names:
            raise Refused(f"There is no sheet “{chosen}”; there are {', '.join(opened.sheet_names)}.")
        tables = ((name, opened.get_sheet_by_name(name)) for name in ([chosen] if chosen else opened.sheet_names))
        yield ((name, lambda table=table: enumerate(table.iter_rows(), start=1)) for name, table in tables)  # type: ignore[misc]
    except CalamineError as error:
        raise Refused(f"The workbook cannot be read; it is broken, protected, or of another kind: {error}.") from error


def _refuse_bomb(data: bytes) -> None:
    """Refuse a workbook that would take all memory: the library makes room for every cell between two far apart."""
    if not data.startswith(b"PK"):
        return  # the old format cannot hold so much
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(part.file_size for part in archive.infolist()) > LARGEST_UNPACKED:
                raise Refused("The workbook is too large once it is unpacked.")
            for part in archive.namelist():
                if part.startswith("xl/worksheets/") and part.endswith(".xml"):
                    with archive.open(part) as sheet:
                        _refuse_wide(_cells(sheet))
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise Refused("The workbook cannot be read: it is broken, protected, or was not stored as a whole.") from error


def _cells(sheet: IO[bytes]) -> Iterator[tuple[int, int]]:
    """Row and column of each cell that says where it stands."""
    for text in _pieces(sheet):
        for found in _CELL.finditer(text):
            yield int(found[2]), _column_number(found[1])


def _refuse_wide(cells: Iterable[tuple[int, int]]) -> None:
    height = width = 0
    for row, column in cells:
        height, width = max(height, row), max(width, column)
    if height * width > MOST_CELLS:
        raise Refused(f"The table spans {height:,} rows and {width:,} columns: clear the cells far outside of it.")


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    """The file's content in pieces that cut no tag in two."""
    rest = b""
    while piece := file.read(1 << 20):
        whole, cut, rest = (rest + piece).rpartition(b"<")
        yield whole
        rest = cut + rest
    yield rest


@lru_cache(maxsize=1024)
def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


class NoNumbers(Refused):
    """Here is no column of numbers; another delimiter or sheet may give one."""


def no_numbers() -> str:
    return (
        "There is no column of certificate numbers. Its heading must be one of: "
        + ", ".join(HEADINGS["number"][:5])
        + ", …"
    )


def _understood(name: str, records: Records) -> Sheet:
    return table(name, records, *headings_of(records()))


def table(name: str, records: Records, heading_line: int, headings: Sequence[str], columns: Mapping[str, int]) -> Sheet:
    """The table below `heading_line` (0: there are no headings), looked through once from end to end: what cannot be
    read is found before use."""

    def below() -> Iterator[Record]:
        for line, cells in records():
            if line > heading_line and any(cell not in ("", None) and text_of(cell).strip() for cell in cells):
                yield line, cells

    shown: dict[str, set[str]] = {field: set() for field in DATES if field in columns}
    count = 0
    for _, cells in below():
        count += 1
        if count > MOST_ROWS:
            raise Refused(f"The file has more than {MOST_ROWS:,} rows. Divide it.")
        for field, orders in shown.items():
            if columns[field] < len(cells) and isinstance(cell := cells[columns[field]], str):
                orders.add(date_order(cell))
    month_first = frozenset(f for f, orders in shown.items() if "month first" in orders and "day first" not in orders)
    return Sheet(name, columns, headings, count, month_first, below)


def headings_of(records: Iterable[Record]) -> tuple[int, list[str], dict[str, int]]:
    """The line of the headings, the headings, and field → place of its column. Raises `NoNumbers`."""
    for seen, (line, cells) in enumerate(records):
        if seen == HEADINGS_WITHIN:
            break
        headings = [one_line(cell) for cell in cells]
        columns = columns_of(headings)
        if "number" in columns:
            return line, headings, columns
    raise NoNumbers(no_numbers())


def columns_of(headings: Sequence[str]) -> dict[str, int]:
    """Field → place of the column whose heading fits it best."""
    best: dict[str, tuple[int, int]] = {}  # field → (place of the heading among its names, place of the column)
    for column, heading in enumerate(headings):
        if fitting := _FIELD_BY_HEADING.get(fold(heading)):
            field, rank = fitting
            best[field] = min(best.get(field, (rank, column)), (rank, column))
    return {field: column for field, (_, column) in best.items()}
