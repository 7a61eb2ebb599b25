"""A first look at a file, and reading it as a person says."""

import io
from datetime import date

import pytest
import xlsxwriter

from certwatch.rules import layouts
from certwatch.rules.errors import Refused
from certwatch.rules.layouts import Layout
from certwatch.rules.sheets import Row


def workbook(**sheets: list[list[object]]) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for place, row in enumerate(rows):
                sheet.write_row(place, 0, row)
    return file.getvalue()


def read(data: bytes, layout: Layout) -> list[Row]:
    with layouts.opened(data, layout) as sheet:
        return list(sheet.rows())


def test_known_headings_are_recognised_and_first_values_shown() -> None:
    text = "Zertifikatsnummer;Lieferant;Gültig bis;Farbe\n2BS010422;Muster;31.12.2026;rot\n2BS010423;Muster;;blau\n"
    look = layouts.look(text.encode())
    assert look.layout == Layout("", ";", 1, {"number": 0, "supplier": 1, "valid_until": 2})
    assert [(c.heading, list(c.first_values), c.filled) for c in look.columns] == [
        ("Zertifikatsnummer", ["2BS010422", "2BS010423"], 2),
        ("Lieferant", ["Muster"], 2),
        ("Gültig bis", ["31.12.2026"], 1),
        ("Farbe", ["rot", "blau"], 2),
    ]
    assert look.row_count == 2


def test_unknown_headings_are_shown_for_a_person_and_a_column_of_numbers_is_guessed() -> None:
    text = "Ref,Cert. ref of supplier\nA1,EU-ISCC-Cert-DE100-12345678\nA2,EU-ISCC-Cert-DE100-12345679\n"
    look = layouts.look(text.encode())
    assert look.layout == Layout("", ",", 1, {"number": 1})
    assert [c.heading for c in look.columns] == ["Ref", "Cert. ref of supplier"]


def test_a_file_without_headings_has_its_first_row_as_a_row() -> None:
    look = layouts.look(b"EU-ISCC-Cert-DE100-12345678;Muster\n2BS010422;Beispiel\n")
    assert look.layout == Layout("", ";", 0, {"number": 0})
    assert look.row_count == 2
    rows = read(b"EU-ISCC-Cert-DE100-12345678;Muster\n2BS010422;Beispiel\n", look.layout)
    assert [(row.line, row.number) for row in rows] == [(1, "EU-ISCC-Cert-DE100-12345678"), (2, "2BS010422")]


def test_columns_are_read_as_a_person_says() -> None:
    text = "Ref;Firma;Ende\nA1;Muster;31.12.2026\n"
    layout = Layout("", ";", 1, {"number": 0, "supplier": 1, "valid_until": 2})
    (row,) = read(text.encode(), layout)
    assert (row.line, row.number, row.supplier, row.valid_until) == (2, "A1", "Muster", date(2026, 12, 31))


def test_a_workbook_shows_its_sheets_and_another_can_be_chosen() -> None:
    data = workbook(Cover=[["hello"]], Active=[["Certificate number"], ["2BS010422"]], Old=[["Certificate"], ["X1"]])
    look = layouts.look(data)
    assert (look.layout.sheet, list(look.sheets), look.row_count) == ("Active", ["Cover", "Active", "Old"], 1)
    old = layouts.look(data, sheet="Old")
    assert [row.number for row in read(data, old.layout)] == ["X1"]
    assert layouts.look(data, sheet="Cover").layout.columns == {}
    with pytest.raises(Refused, match="no sheet “Gone”"):
        layouts.look(data, sheet="Gone")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"%PDF-1.7", "PDF"),
        (b"\x00\x01\x02", "neither text nor a workbook"),
        (b"PK\x03\x04 broken", "cannot be read"),
        (b'Certificate;Notes\nX1;"never closed\n', "quotation mark"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why):
        layouts.look(data)


def test_without_a_column_of_numbers_nothing_is_read() -> None:
    with pytest.raises(Refused, match="which column"):
        read(b"a;b\n1;2\n", Layout("", ";", 1, {"supplier": 0}))
