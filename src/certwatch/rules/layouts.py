"""How a file is to be read where its headings do not tell: a first look at it, and what a person then chose.

`sheets.open_sheet` reads what needs no person; here somebody confirms or mends the columns (operations.md, Import
files).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from certwatch.rules import schemes, sheets
from certwatch.rules.cells import one_line, text_of
from certwatch.rules.errors import Refused
from certwatch.rules.sheets import Records, Sheet

FIRST_VALUES = 3  # of a column, shown so that a person knows what stands in it
LONGEST_VALUE = 60  # characters
MOST_COLUMNS = 200


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read a file: which sheet, with which delimiter, below which line, which column is what."""

    sheet: str = ""  # of a workbook
    delimiter: str = ""  # of a text file
    heading_line: int = 0  # 0: the file has no headings
    columns: Mapping[str, int] = field(default_factory=dict)  # field → place of its column, from 0


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file, for the person who says what it is."""

    heading: str
    first_values: Sequence[str]  # that differ
    filled: int  # rows in which something stands


@dataclass(frozen=True, slots=True)
class Look:
    """What a first look at a file shows."""

    layout: Layout  # a guess
    sheets: Sequence[str]  # of a workbook
    columns: Sequence[Column]
    row_count: int


def look(data: bytes, *, sheet: str = "") -> Look:
    """What stands in a file, and how it is probably to be read. Raises `Refused` for what cannot be read."""
    if not sheets.is_workbook(data):
        text = sheets.text(data)
        tables = [(d, lambda d=d: sheets.text_records(text, d)) for d in sheets.DELIMITERS]
        layout, table = _likeliest(tables, prefer_most=True)
        return _looked(Layout("", *layout), (), table)
    with sheets.workbook(data) as all_of_it:
        found = list(all_of_it)
        names = [name for name, _ in found]
        if sheet and sheet not in names:
            raise Refused(f"There is no sheet “{sheet}”; there are {', '.join(names)}.")
        (name, heading_line, columns), table = _likeliest([t for t in found if sheet in ("", t[0])], prefer_most=False)
        return _looked(Layout(name, "", heading_line, columns), names, table)


@contextmanager
def opened(data: bytes, layout: Layout) -> Iterator[Sheet]:
    """The file as `layout` says, looked through once. Raises `Refused`, also while it is read."""
    if "number" not in layout.columns:
        raise sheets.NoNumbers("Say which column holds the certificate numbers.")
    if not sheets.is_workbook(data):
        text = sheets.text(data)
        yield _opened(lambda: sheets.text_records(text, layout.delimiter), layout)
        return
    with sheets.workbook(data, layout.sheet) as tables:
        for _, records in tables:
            yield _opened(records, layout)
            return


def _opened(records: Records, layout: Layout) -> Sheet:
    headings = [
        one_line(cell)
        for line, cells in islice(records(), layout.heading_line)
        for cell in cells
        if line == layout.heading_line
    ]
    return sheets.table(layout.sheet, records, layout.heading_line, headings, layout.columns)


Guess = tuple[str, int, dict[str, int]]  # sheet or delimiter, line of the headings, columns


def _likeliest(tables: Sequence[tuple[str, Records]], *, prefer_most: bool) -> tuple[Guess, Records]:
    """The table with a column of numbers: by its heading, else by what stands in it; else the broadest.

    `prefer_most`: the tables are the same text cut in different ways, and the most known headings tell the right one.
    """
    reason: Refused | None = None
    known: list[tuple[Guess, Records]] = []
    unknown: list[tuple[int, Guess, Records]] = []
    for name, records in tables:
        try:
            line, _, columns = sheets.headings_of(records())
            known.append(((name, line, columns), records))
        except sheets.NoNumbers:
            first = [(line, cells) for line, cells in islice(records(), 200) if any(map(_filled, cells))]
            if first:
                line, columns = _guessed(first)
                unknown.append((_rank(first, columns), (name, line, columns), records))
        except Refused as refused:
            reason = refused
        if known and not prefer_most:
            break
    if known:
        return max(known, key=lambda pair: len(pair[0][2]))
    if unknown:
        return max(unknown, key=lambda ranked: ranked[0])[1:]
    raise reason or Refused("The file is empty.")


def _rank(first: Sequence[sheets.Record], columns: Mapping[str, int]) -> int:
    """Where a column of numbers was found counts most, then how broad the table mostly is."""
    widths = Counter(len(cells) for _, cells in first)
    return 1000 * ("number" in columns) + widths.most_common(1)[0][0]


def _guessed(first: Sequence[sheets.Record]) -> tuple[int, dict[str, int]]:
    """Line of the headings and the columns, where no heading says what the number is."""
    numbers = Counter(place for _, cells in first for place, cell in enumerate(cells) if _looks_like_number(cell))
    line, headings = first[0][0], [one_line(cell) for cell in first[0][1]]
    if any(map(_looks_like_number, headings)):
        line, headings = 0, []
    columns = sheets.columns_of(headings)
    if numbers:
        place = numbers.most_common(1)[0][0]
        columns = {field: at for field, at in columns.items() if at != place} | {"number": place}
    return line, columns


def _looks_like_number(cell: Any) -> bool:
    return isinstance(cell, str) and any(c.isdigit() for c in cell) and bool(schemes.scheme_of(cell))


def _filled(cell: Any) -> bool:
    return cell not in ("", None) and bool(text_of(cell).strip())


def _looked(layout: Layout, names: Sequence[str], records: Records) -> Look:
    """All of the table, counted."""
    headings: list[str] = []
    values: list[dict[str, None]] = []
    filled: list[int] = []
    for line, cells in records():
        if line == layout.heading_line:
            headings = [one_line(cell) for cell in cells]
        if line <= layout.heading_line:
            continue
        for place, cell in enumerate(cells[:MOST_COLUMNS]):
            if not _filled(cell):
                continue
            while len(filled) <= place:
                filled.append(0)
                values.append({})
            filled[place] += 1
            if len(values[place]) < FIRST_VALUES:
                values[place][one_line(cell)[:LONGEST_VALUE]] = None
    width = min(max(len(headings), len(filled)), MOST_COLUMNS)
    columns = [
        Column(
            headings[place] if place < len(headings) else "",
            list(values[place]) if place < len(values) else [],
            filled[place] if place < len(filled) else 0,
        )
        for place in range(width)
    ]
    return Look(
        layout, names, columns, sheets.table(layout.sheet, records, layout.heading_line, headings, {}).row_count
    )


def columns_used(columns: Iterable[Column]) -> list[int]:
    """Places of the columns in which anything stands."""
    return [place for place, column in enumerate(columns) if column.heading or column.filled]
