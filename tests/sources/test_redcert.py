import io
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from pytest_httpserver import HTTPServer
from werkzeug import Response

from certwatch.rules.errors import Incomplete, SourceChanged, SourceError, SourceUnreachable
from certwatch.rules.findings import Finding
from certwatch.rules.status import Status
from certwatch.sources.context import Context
from certwatch.sources.redcert import HEADINGS, SOURCE, crawl, read_file, read_results
from certwatch.sources.redcert.workbook import text_of
from tests.sources.playing import Shelf, context, play_redcert, samples

ROW: dict[str, Any] = {
    "Identifier": "EU-REDcert-999-54240001",
    "Name of the certificate holder": "Muster Biogas GmbH",
    "City": "Musterstadt",
    "Post code": 1067,
    "Country": "Deutschland",
    "Valid from": "01.04.2026",
    "Valid until": "31.03.2027",
    "Certified as": 101,
    "Certification body": "Musterzert GmbH",
    "Type": "Certificate REDcert-EU",
    "State": "valid certificate",
    "Type of biomass": "UCO",
}


def workbook(*rows: dict[str, Any], headings: tuple[str, ...] = HEADINGS) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet, day = book.add_worksheet(), book.add_format({"num_format": "dd.mm.yyyy"})
        for line, cells in enumerate([headings, *([row.get(h, "") for h in headings] for row in rows)]):
            for column, cell in enumerate(cells):
                if isinstance(cell, (date, datetime)):
                    sheet.write_datetime(line, column, cell, day)
                else:
                    sheet.write(line, column, cell)
    return content.getvalue()


def read_export(server: HTTPServer, export: bytes) -> tuple[list[Finding], Context]:
    play_redcert(server, export)
    with context(SOURCE, server.url_for("")) as ctx:
        return list(crawl(ctx)), ctx


def read_one(tmp_path: Path, **cells: Any) -> tuple[Finding, Context]:
    path = tmp_path / "export.xlsx"
    path.write_bytes(workbook(ROW | {heading.replace("_", " "): cell for heading, cell in cells.items()}))
    with context(SOURCE, "http://127.0.0.1:1") as ctx:
        [finding] = read_file(ctx, path)
        return finding, ctx


# Asking


def test_the_export_is_fetched_in_english_within_a_session(httpserver: HTTPServer) -> None:
    findings, ctx = read_export(httpserver, workbook(ROW))
    assert [f.number for f in findings] == ["EU-REDcert-999-54240001"]
    assert [(a["method"], a["url"].rpartition("/")[2]) for a in ctx.asked] == [
        ("GET", "ZertifikateDatenAnzeige.aspx"),
        ("POST", "ZertifikateDatenAnzeige.aspx"),
        ("GET", "ExportZertifikate.aspx"),
    ]
    assert findings[0].payload == ctx.asked[2]["sha256"]


def test_a_start_page_without_its_hidden_fields_stops_the_run(httpserver: HTTPServer) -> None:
    play_redcert(httpserver, workbook(ROW), start=b"<html><title>Log in</title></html>")
    with context(SOURCE, httpserver.url_for("")) as ctx, pytest.raises(SourceChanged, match="“Log in”"):
        list(crawl(ctx))
    assert len(ctx.asked) == 1


@pytest.mark.parametrize("content", [b"<html><title>Fehler</title></html>", b"", b"Identifier;State\n", b"PK"])
def test_an_error_page_in_place_of_the_spreadsheet_stops_the_run(httpserver: HTTPServer, content: bytes) -> None:
    with pytest.raises(SourceChanged, match="Instead of a spreadsheet"):
        read_export(httpserver, content)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_spreadsheet_that_is_cut_off_fails_the_run(httpserver: HTTPServer, part: float) -> None:
    whole = workbook(*[ROW] * 200)
    with pytest.raises(Incomplete, match="cut off or damaged"):
        read_export(httpserver, whole[: int(len(whole) * part)])


def rezipped(whole: bytes, spoil: Any) -> bytes:
    """`whole` with its parts changed by `spoil`, and checksums to match."""
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(content, "w") as new:
        for part in old.infolist():
            new.writestr(part.filename, spoil(part.filename, old.read(part)))
    return content.getvalue()


def test_a_sheet_that_is_cut_off_inside_a_whole_archive_fails_the_run(httpserver: HTTPServer) -> None:
    def halve(name: str, part: bytes) -> bytes:
        return part[: len(part) // 2] if "sheet1" in name else part

    with pytest.raises(SourceError):
        read_export(httpserver, rezipped(workbook(*[ROW] * 200), halve))


def test_a_damaged_spreadsheet_fails_the_run(httpserver: HTTPServer) -> None:
    whole = bytearray(workbook(*[ROW] * 200))
    middle = whole.index(b"xl/worksheets/sheet1.xml") + 60
    whole[middle : middle + 4] = b"\xff\x00\xff\x00"
    with pytest.raises(Incomplete):
        read_export(httpserver, bytes(whole))


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        ("sheet1", b'r="L4"', b'r="XFD1048576"'),
        ("sheet1", b'r="L4"', b'r="L99999999999"'),
        ("sharedStrings", b'uniqueCount="', b'uniqueCount="99999999'),
    ],
)
def test_a_spreadsheet_that_would_take_all_memory_is_not_opened(
    httpserver: HTTPServer, part: str, old: bytes, new: bytes
) -> None:
    vast = rezipped(workbook(*[ROW] * 3), lambda name, text: text.replace(old, new) if part in name else text)
    with pytest.raises(SourceChanged, match=r"too far out|more than we can"):
        read_export(httpserver, vast)


def test_an_archive_that_is_no_workbook_fails_the_run(httpserver: HTTPServer) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("readme.txt", "no workbook")
    with pytest.raises(SourceError):
        read_export(httpserver, content.getvalue())


@pytest.mark.parametrize("heading", HEADINGS)
def test_a_heading_that_is_not_there_stops_the_run(httpserver: HTTPServer, heading: str) -> None:
    left = tuple(h if h != heading else "Renamed" for h in HEADINGS)
    with pytest.raises(SourceChanged, match=f"“{heading}”"):
        read_export(httpserver, workbook(ROW, headings=left))


def test_a_heading_that_is_there_twice_stops_the_run(httpserver: HTTPServer) -> None:
    with pytest.raises(SourceChanged, match="“Valid until”"):
        read_export(httpserver, workbook(ROW, headings=(*HEADINGS, "Valid until")))


def test_german_headings_stop_the_run_and_tell_why(httpserver: HTTPServer) -> None:
    german = ("Identifikator", "Name des Zertifikatsinhabers", "Ort", "PLZ", "Land")
    with pytest.raises(SourceChanged, match="German"):
        read_export(httpserver, workbook(ROW, headings=german))


def test_columns_are_read_by_name_in_any_order_and_letter_case(httpserver: HTTPServer) -> None:
    turned = tuple(reversed(HEADINGS))
    content = workbook(ROW, headings=turned)
    shouted = rezipped(content, lambda name, part: part.replace(b"Valid until", b"VALID  UNTIL"))
    findings, ctx = read_export(httpserver, shouted)
    assert findings[0].valid_until == date(2027, 3, 31)
    assert findings[0].row["Valid until"] == "31.03.2027"
    assert ctx.problems == []


def test_a_new_column_is_kept_and_told_once(httpserver: HTTPServer) -> None:
    rows = [ROW | {"Identifier": f"EU-REDcert-999-{n}", "Region": "Nord"} for n in range(3)]
    findings, ctx = read_export(httpserver, workbook(*rows, headings=("Region", *HEADINGS)))
    assert [f.details["Region"] for f in findings] == ["Nord"] * 3
    assert (len(ctx.problems), ctx.problem_count) == (1, 0)


def test_an_export_without_rows_is_a_list_without_certificates(httpserver: HTTPServer) -> None:
    assert read_export(httpserver, workbook())[0] == []


def test_a_row_without_a_number_is_reported_and_its_neighbours_are_kept(httpserver: HTTPServer) -> None:
    rows = [ROW, ROW | {"Identifier": "", "City": "Nirgendwo"}, {}, ROW | {"Identifier": 54240009}]
    findings, ctx = read_export(httpserver, workbook(*rows))
    assert [f.number for f in findings] == ["EU-REDcert-999-54240001", "54240009"]
    assert ctx.problem_count == 1
    assert "Nirgendwo" in ctx.problems[0]


def test_days_in_another_form_everywhere_stop_the_run(httpserver: HTTPServer) -> None:
    rows = [ROW | {"Identifier": f"EU-REDcert-999-{n}", "Valid until": "03/31/2027"} for n in range(12)]
    with pytest.raises(SourceChanged, match="03/31/2027"):
        read_export(httpserver, workbook(*rows))


# A row


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("Valid", Status.VALID),
        ("VALID CERTIFICATE", Status.VALID),
        (" suspended  certificate ", Status.SUSPENDED),
        ("withdrawn certificate", Status.WITHDRAWN),
        ("terminated certificate", Status.TERMINATED),
        ("expired certificate", Status.EXPIRED),
    ],
)
def test_the_words_of_state_in_any_letter_case(tmp_path: Path, state: str, word: Status) -> None:
    finding, ctx = read_one(tmp_path, State=state)
    assert (finding.word, ctx.problem_count) == (word, 0)


@pytest.mark.parametrize("state", ["certificate under review", "gültig", "valid?", "invalid", ""])
def test_any_other_word_is_unknown_and_reported(tmp_path: Path, state: str) -> None:
    finding, ctx = read_one(tmp_path, State=state)
    assert (finding.word, finding.part, finding.source_word) == (Status.UNKNOWN, state, state)
    assert ctx.problem_count == 1
    assert state in ctx.problems[0]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [(101, ["101"]), ("801,901", ["801", "901"]), ("401, 402", ["401", "402"]), ("", [])],
)
def test_codes_are_one_number_or_a_text_of_several(tmp_path: Path, cell: Any, expected: list[str]) -> None:
    assert read_one(tmp_path, Certified_as=cell)[0].scopes == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("RS/PFÖ", ["RS", "PFÖ"]),
        ("UCO,AuR", ["UCO", "AuR"]),
        ("SBG / SBM, Gül", ["SBG / SBM", "Gül"]),
        ("Gül/SBG / SBM/RS", ["Gül", "SBG / SBM", "RS"]),
        ("SBG / SBM", ["SBG / SBM"]),
        ("", []),
    ],
)
def test_biomass_is_parted_by_comma_or_slash_but_one_code_holds_a_slash(
    tmp_path: Path, cell: str, expected: list[str]
) -> None:
    assert read_one(tmp_path, Type_of_biomass=cell)[0].materials == expected


@pytest.mark.parametrize("cell", ["31.03.2027", date(2027, 3, 31), datetime(2027, 3, 31), " 31.03.2027 "])  # noqa: DTZ001
def test_days_are_texts_or_real_days(tmp_path: Path, cell: Any) -> None:
    finding, ctx = read_one(tmp_path, Valid_until=cell)
    assert (finding.valid_until, ctx.problems) == (date(2027, 3, 31), [])


@pytest.mark.parametrize("cell", ["31.11.2026", 46_112, "", "01.01.1970", True])
def test_what_is_no_day_is_none_and_reported(tmp_path: Path, cell: Any) -> None:
    finding, ctx = read_one(tmp_path, Valid_until=cell)
    assert (finding.valid_from, finding.valid_until) == (date(2026, 4, 1), None)
    assert ctx.problem_count == 1


@pytest.mark.parametrize(("cell", "expected"), [(1067, "1067"), ("01067", "01067"), ("3011 AA", "3011 AA")])
def test_a_post_code_is_kept_as_it_came(tmp_path: Path, cell: Any, expected: str) -> None:
    finding, _ = read_one(tmp_path, Post_code=cell)
    assert finding.details["Post code"] == expected


def test_the_superscript_two_stays(tmp_path: Path) -> None:
    assert read_one(tmp_path, Identifier="REDcert²-999-35290003")[0].number == "REDcert²-999-35290003"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [(1067.0, "1067"), (1.5, "1.5"), (7, "7"), (True, "TRUE"), (" a\x00b ", "ab"), (date(2026, 1, 2), "2026-01-02")],
)
def test_a_cell_is_a_text(cell: Any, expected: str) -> None:
    assert text_of(cell) == expected


# By file, and the search form


def test_a_file_that_a_person_downloaded_is_read_the_same_way(tmp_path: Path) -> None:
    shelf = Shelf()
    content = samples("redcert").joinpath("export_2026.xlsx").read_bytes()
    path = tmp_path / "Zertifikate.xlsx"
    path.write_bytes(content)
    with context(SOURCE, "http://127.0.0.1:1", shelf=shelf) as ctx:
        findings = list(read_file(ctx, path))
    assert len(findings) == 7
    assert ctx.asked[0]["method"] == "FILE"
    assert (ctx.asked[0]["url"], shelf.kept[ctx.asked[0]["sha256"]]) == ("Zertifikate.xlsx", content)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with context(SOURCE, "http://127.0.0.1:1") as ctx, pytest.raises(SourceUnreachable, match=r"gone\.xlsx"):
        list(read_file(ctx, tmp_path / "gone.xlsx"))


def test_a_page_without_results_is_no_answer() -> None:
    with context(SOURCE, "http://127.0.0.1:1") as ctx, pytest.raises(SourceChanged):
        list(read_results(ctx, "<html><form></form></html>"))


def test_the_session_ends_where_the_register_refuses(httpserver: HTTPServer) -> None:
    page = samples("redcert").joinpath("search_results.html").read_bytes()
    httpserver.expect_request("/ZertifikateDatenAnzeige.aspx").respond_with_data(page)
    httpserver.expect_request("/ExportZertifikate.aspx").respond_with_handler(lambda _: Response(status=403))
    with context(SOURCE, httpserver.url_for("")) as ctx, pytest.raises(SourceUnreachable, match="403"):
        list(crawl(ctx))
