"""Tables of a page, found and read by their headings."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from certwatch.rules.errors import SourceChanged
from certwatch.sources.context import Row
from certwatch.sources.pages import attribute, text_of, tree
from certwatch.sources.text import fold

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode


def rows_under(page: str, known: Sequence[str], sure: Sequence[str]) -> list[Row]:
    """The rows of every table that has all headings in `sure`, by heading. Cells that a row lacks are not in it.

    Headings in `known` are written as there, others as on the page. Raises `SourceChanged` if no table has them all.
    """
    lines = [_lines(table) for table in tree(page).css("table")]
    ours = [table for table in lines if not _missing(table, sure)]
    if not ours:
        lacking = min((_missing(table, sure) for table in lines), key=len, default=sure)
        raise SourceChanged(f"The heading “{lacking[0]}” is not there once any more.")
    return [row for table in ours for row in _rows(table, known)]


def _missing(table: list[list[str]], sure: Sequence[str]) -> list[str]:
    headings = [fold(cell) for cell in table[0]] if table else []
    return [heading for heading in sure if headings.count(fold(heading)) != 1]


def _rows(table: list[list[str]], known: Sequence[str]) -> list[Row]:
    ours = {fold(heading): heading for heading in known}
    names = [ours.get(fold(cell), cell) for cell in table[0]]
    rows: list[Row] = []
    for line in table[1:]:
        row: Row = {}
        for position, cell in enumerate(line, 1):
            name = names[position - 1] if position <= len(names) else ""
            row[name if name and name not in row else f"column {position}"] = cell
        rows.append(row)
    return rows


def _lines(table: "LexborNode") -> list[list[str]]:
    """The cells of each line, one that spans several columns followed by empty ones. A table's foot is no row."""
    lines = []
    for line in table.css("tr"):
        if line.parent is not None and line.parent.tag == "tfoot":
            continue
        cells: list[str] = []
        for cell in line.css("th, td"):
            cells.append(text_of(cell))
            cells += [""] * (_span(cell) - 1)
        lines.append(cells)
    return lines


def _span(cell: "LexborNode") -> int:
    text = attribute(cell, "colspan")
    return min(int(text), 100) if text.isascii() and text.isdigit() else 1
