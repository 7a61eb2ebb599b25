"""Files that people import: read as they are meant, or refused as a whole."""

import csv
import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from certwatch.rules import sheets
from certwatch.rules.errors import Refused
from certwatch.rules.sheets import HEADINGS, Row, open_sheet
from certwatch.rules.status import Status

NUMBER = "EU-ISCC-Cert-DE100-12345678"


def rows(text: str | bytes, **options: str) -> list[Row]:
    data = text if isinstance(text, bytes) else text.encode()
    return list(open_sheet(data, **options).rows())


def row(*cells: str, heads: str) -> Row:
    (only,) = rows(f"{heads}\n{';'.join(cells)}\n")
    return only


def workbook(fill: Callable[[Any, Any], None] | Sequence[Sequence[Any]], *, name: str = "Sheet1") -> bytes:
    """An XLSX file, of rows or as `fill` writes it into workbook and first sheet."""
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, {"in_memory": True})
    sheet = book.add_worksheet(name)
    if callable(fill):
        fill(book, sheet)
    else:
        for line, cells in enumerate(fill):
            sheet.write_row(line, 0, cells)
    book.close()
    return stream.getvalue()


@pytest.mark.parametrize(("field", "heading"), [(f, h) for f, hs in HEADINGS.items() for h in hs])
def test_every_heading_is_known_in_any_dress(field: str, heading: str) -> None:
    dressed = f" {heading.upper().replace(' ', '_')}. "
    for text in (heading, dressed, heading.replace(" ", "-"), heading.replace("ü", "u\u0308")):
        assert open_sheet(f"{text};Nummer\nx;{NUMBER}\n".encode()).columns[field] == 0


def test_the_headings_of_the_manual_are_all_there() -> None:
    assert {field: len(headings) for field, headings in HEADINGS.items()} == {
        "number": 13, "scheme": 6, "supplier": 6, "supplier_number": 9, "holder": 6, "valid_from": 5,
        "valid_until": 8, "status": 3, "tags": 8, "notes": 8,
    }  # fmt: skip


def test_of_two_columns_for_a_field_the_more_telling_counts() -> None:
    sheet = open_sheet(f"Zertifikat;Zertifikatsnummer;Nummer\nISCC-Nachweis;{NUMBER};17\n".encode())
    assert [r.number for r in sheet.rows()] == [NUMBER]
    assert sheet.ignored == ["Zertifikat", "Nummer"]


def test_all_fields_of_a_row_are_read() -> None:
    heads = "Zertifikatsnummer;System;Lieferant;Kreditor;Inhaber;gültig ab;gültig bis;Status;Schlagwörter;Notiz"
    cells = (NUMBER, "ISCC EU", " Müller  GmbH ", "70012", "Müller", "1.1.2026", "31.12.2026", "Ausgesetzt")
    assert row(*cells, '"Raps, Öl;raps"', "x", heads=heads) == Row(
        line=2,
        number=NUMBER,
        scheme="ISCC EU",
        supplier="Müller GmbH",
        supplier_number="70012",
        holder="Müller",
        valid_from=date(2026, 1, 1),
        valid_until=date(2026, 12, 31),
        status=Status.SUSPENDED,
        tags=("Raps", "Öl"),
        notes="x",
    )


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_delimiter_is_the_one_that_gives_the_headings(delimiter: str, end: str) -> None:
    text = end.join([f"number{delimiter}supplier", f'{NUMBER}{delimiter}"A;B,C\tD|E"', ""])
    (only,) = rows(text)
    assert (only.number, only.supplier) == (NUMBER, "A;B,C D|E")


def test_one_column_needs_no_delimiter() -> None:
    assert [r.number for r in rows("Certificate No.\n2BS010181\n2BS010182")] == ["2BS010181", "2BS010182"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_umlauts_are_read_in_every_encoding(encoding: str) -> None:
    (only,) = rows("Zert-Nr;Lieferant;gültig bis\nREDcert²-929-1;Nordmühle – Öl;31.12.2026\n".encode(encoding))
    assert (only.number, only.supplier, only.valid_until) == ("REDcert²-929-1", "Nordmühle – Öl", date(2026, 12, 31))


def test_utf_16_with_either_mark_is_read() -> None:
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        assert rows(mark + "number\nÖ-1\n".encode(encoding))[0].number == "Ö-1"


def test_titles_above_the_table_and_empty_lines_are_passed_over() -> None:
    text = "sep=;\n;\nOur suppliers 2026;\n\nnumber;supplier\n\n;\n2BS010181;A\n \n2BS010182;B\n"
    assert [(r.line, r.number) for r in rows(text)] == [(8, "2BS010181"), (10, "2BS010182")]


def test_a_row_is_named_by_its_line_in_the_file_also_after_a_cell_of_several_lines() -> None:
    text = 'number;notes\nA;"one\ntwo\nthree"\nB;x\n'
    assert [(r.line, r.number, r.notes) for r in rows(text)] == [(2, "A", "one\ntwo\nthree"), (5, "B", "x")]


def test_short_and_long_lines_are_read_as_far_as_the_headings_go() -> None:
    assert [(r.number, r.supplier) for r in rows("number;supplier\nA\nB;x;y;z\n")] == [("A", ""), ("B", "x")]


def test_the_day_comes_before_the_month_unless_the_column_shows_that_it_cannot() -> None:
    day_first = rows("number;valid until\nA;01/02/2026\nB;03/04/2026\n")
    assert [r.valid_until for r in day_first] == [date(2026, 2, 1), date(2026, 4, 3)]
    month_first = rows("number;valid from;valid until\nA;01/02/2026;01/02/2026\nB;01/02/2026;12/31/2026\n")
    assert [r.valid_until for r in month_first] == [date(2026, 1, 2), date(2026, 12, 31)]
    assert [r.valid_from for r in month_first] == [date(2026, 2, 1), date(2026, 2, 1)]  # its own column shows nothing


def test_a_column_that_shows_both_orders_is_read_day_first_and_the_rest_is_told() -> None:
    one, two = rows("number;valid until\nA;31/12/2026\nB;12/31/2026\n")
    assert one.valid_until == date(2026, 12, 31)
    assert two.valid_until is None
    assert two.dates_unclear
    assert two.remarks == ("“12/31/2026” is no date.",)


def test_a_status_that_nobody_knows_is_remarked() -> None:
    only = row("X1", "active", heads="number;status")
    assert only.status is None
    assert only.remarks == ("“active” is no status that we know.",)


def test_whole_numbers_in_cells_have_no_decimals() -> None:
    data = workbook(
        [["number", "supplier no"], [890818, 70012], [1884150058295754752, 1.5], ["1884150058295754752", "0012"]]
    )
    one, two, three = rows(data)
    assert (one.number, one.supplier_number, one.remarks) == ("890818", "70012", ())
    assert len(two.number) == 19
    assert two.number.isdigit()
    assert two.supplier_number == "1.5"
    assert "15 digits" in two.remarks[0]
    assert (three.number, three.supplier_number, three.remarks) == ("1884150058295754752", "0012", ())


def test_a_spreadsheets_own_dates_are_read() -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, ["number", "valid until"])
        sheet.write_string(1, 0, NUMBER)
        sheet.write_datetime(1, 1, datetime(2026, 12, 31), book.add_format({"num_format": "mm/dd/yy"}))  # noqa: DTZ001

    assert rows(workbook(fill))[0].valid_until == date(2026, 12, 31)


def test_an_open_document_sheet_is_read() -> None:
    cells = "".join(
        f"<table:table-cell office:value-type='string'><text:p>{t}</text:p></table:table-cell>" for t in "AB"
    )
    number = (
        "<table:table-cell office:value-type='float' office:value='890818'><text:p>890818</text:p></table:table-cell>"
    )
    day = (
        "<table:table-cell office:value-type='date' office:date-value='2026-12-31'><text:p>31.12.26</text:p>"
        "</table:table-cell>"
    )
    heads = cells.replace(">A<", ">Zert-Nr<").replace(">B<", ">gültig bis<")
    content = (
        "<?xml version='1.0' encoding='UTF-8'?><office:document-content"
        " xmlns:office='urn:oasis:names:tc:opendocument:xmlns:office:1.0'"
        " xmlns:table='urn:oasis:names:tc:opendocument:xmlns:table:1.0'"
        " xmlns:text='urn:oasis:names:tc:opendocument:xmlns:text:1.0'><office:body><office:spreadsheet>"
        f"<table:table table:name='T'><table:table-row>{heads}</table:table-row>"
        f"<table:table-row>{number}{day}</table:table-row></table:table></office:spreadsheet></office:body>"
        "</office:document-content>"
    )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", "<?xml version='1.0'?><manifest/>")
    (only,) = rows(stream.getvalue())
    assert (only.number, only.valid_until) == ("890818", date(2026, 12, 31))


def test_the_first_sheet_with_a_known_heading_counts_or_the_one_chosen() -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, ["Status", "draft"])
        for name, number in (("Iscc", "A"), ("Rest", "B")):
            more = book.add_worksheet(name)
            more.write_row(3, 2, ["Supplier", "Certificate number"])
            more.write_row(5, 2, ["x", number])

    data = workbook(fill)
    assert [(r.line, r.number) for r in rows(data)] == [(6, "A")]
    assert open_sheet(data).name == "Iscc"
    assert [r.number for r in rows(data, sheet="Rest")] == ["B"]
    with pytest.raises(Refused, match="no sheet “Iscc2”; there are Sheet1, Iscc, Rest"):
        rows(data, sheet="Iscc2")
    with pytest.raises(Refused, match="no column of certificate numbers"):
        rows(data, sheet="Sheet1")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"supplier;status\nA;valid\n", "no column of certificate numbers"),
        (b"%PDF-1.7 \n", "a PDF"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "neither text nor a workbook"),
        (b"number\n\x81\x8d\x8f\n", "neither text nor a workbook"),
        ("number\nÖ\n".encode("utf-16-le"), "neither text nor a workbook"),
        (b"\xff\xfen\0u\0m", "neither text nor a workbook"),
        (b"PK\x03\x04" + b"x" * 100, "broken"),
        (b"\xd0\xcf\x11\xe0" + b"x" * 100, "cannot be read"),
        (b'number;notes\nA;"open\nB;x\n', "Line 2 cannot be read: a quotation mark is not closed"),
        (b'number;notes\nA;"x"y\n', "Line 2 cannot be read"),
    ],
)
def test_what_cannot_be_read_is_refused_as_a_whole_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        open_sheet(data)


def test_a_workbook_that_was_cut_off_is_refused() -> None:
    whole = workbook([["number"], *[[f"2BS{n:06}"] for n in range(1000)]])
    for part in (2, 3, 10):
        with pytest.raises(Refused):
            open_sheet(whole[: len(whole) * (part - 1) // part])


def test_fifty_thousand_rows_are_taken_and_one_more_is_refused() -> None:
    lines = ["number", *(f"2BS{n:06}" for n in range(sheets.MOST_ROWS))]
    assert open_sheet("\n".join([*lines, "", ";"]).encode()).row_count == 50_000
    with pytest.raises(Refused, match="more than 50,000 rows"):
        open_sheet("\n".join([*lines, "one more"]).encode())


def test_twenty_megabytes_are_the_most() -> None:
    with pytest.raises(Refused, match=r"20\.0 MB; 20 MB are the most"):
        open_sheet(b"number\n" + b"x" * sheets.LARGEST)


def test_a_workbook_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "LARGEST_UNPACKED", 100)
    with pytest.raises(Refused, match="too large once it is unpacked"):
        open_sheet(workbook([["number"], ["A"]]))


def test_a_cell_far_outside_of_the_table_is_told_instead_of_taking_all_memory() -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, ["number"])
        sheet.write_row(1, 0, [NUMBER])
        sheet.write(1_048_575, 16_383, "x")

    with pytest.raises(Refused, match="spans 1,048,576 rows and 16,384 columns: clear the cells far outside of it"):
        open_sheet(workbook(fill))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        for one in open_sheet(data).rows():
            assert isinstance(one.number, str)
    except Refused as refused:
        assert str(refused)


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=10))
def test_what_a_cell_holds_comes_out_again(cells: list[tuple[str, str]]) -> None:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=";")
    writer.writerow(["number", "holder"])
    writer.writerows(cells)
    text = stream.getvalue()
    if "\0" in text or any(0xD800 <= ord(c) <= 0xDFFF for c in text):
        return
    expected = [number for number, holder in cells if number.strip() or holder.strip()]
    assert [r.number for r in rows(text)] == expected
