"""REDcert's side, over HTTP."""

import io
from pathlib import Path
from typing import Any

import httpx2
import pytest
from python_calamine import CalamineWorkbook
from selectolax.lexbor import LexborHTMLParser

from tests.practice.conftest import Visitor

PAGE = "/redcert/ZertifikateDatenAnzeige.aspx"
EXPORT = "/redcert/ExportZertifikate.aspx"
ENGLISH = [
    "Identifier", "Name of the certificate holder", "City", "Post code", "Country", "Valid from", "Valid until",
    "Certified as", "Certification body", "Type", "State", "Type of biomass",
]  # fmt: skip


def hidden(page: httpx2.Response) -> dict[str, str]:
    fields = LexborHTMLParser(page.text).css('form input[type="hidden"]')
    return {str(field.attributes["name"]): field.attributes["value"] or "" for field in fields}


def in_english(visitor: Visitor) -> httpx2.Response:
    fields = hidden(visitor.get(PAGE))
    return visitor.post(PAGE, data={**fields, "__EVENTTARGET": "ctl00$languageEnglishLinkButton"})


def exported(visitor: Visitor) -> list[list[Any]]:
    reply = visitor.get(EXPORT)
    assert reply.headers["Content-Type"] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return CalamineWorkbook.from_filelike(io.BytesIO(reply.content)).get_sheet_by_index(0).to_python()


def test_the_export_in_english_after_the_postback(visitor: Visitor) -> None:
    assert '<html lang="en">' in in_english(visitor).text
    headings, *rows = exported(visitor)
    assert headings == [*ENGLISH, "Colour"]
    assert rows[0] == [
        "EU-REDcert-999-1", "Muster & Söhne", "Dresden", 1067.0, "Deutschland", "02.01.2026", "01.01.2027",
        101.0, "", "", "valid certificate", "", "blue",
    ]  # fmt: skip
    assert rows[1][:4] == ["REDcert²-999-2", "=1+1", "Łódź", "90-001"]
    assert rows[1][7] == "801,901"


def test_the_state_is_our_word_in_redcerts_words_and_any_other_text_as_it_is(visitor: Visitor, said: list[str]) -> None:
    in_english(visitor)
    _, *rows = exported(visitor)
    states = {row[0][-1]: row[10] for row in rows}
    assert states == {
        "1": "valid certificate",
        "2": "suspended certificate",
        "3": "certificate under review",
        "4": "valid certificate",
    }
    assert rows[2][5] == "soon"
    assert any("EU-REDcert-999-5" in line for line in said)


def test_a_word_that_only_looks_like_ours_stands_as_it_is(visitor: Visitor, folder: Path) -> None:
    file = folder / "redcert.csv"
    file.write_text(file.read_text("utf-8").replace(",valid,", ",Valid,", 1), "utf-8")
    in_english(visitor)
    assert exported(visitor)[1][10] == "Valid"


def test_without_the_postback_the_headings_are_german(visitor: Visitor) -> None:
    visitor.get(PAGE)
    headings, first, *_ = exported(visitor)
    assert headings[:2] == ["Identifikator", "Name des Zertifikatsinhabers"]
    assert first[10] == "gültiges Zertifikat"


def test_without_a_session_the_export_is_a_page(visitor: Visitor) -> None:
    reply = visitor.get(EXPORT)
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "text/html; charset=UTF-8")
    assert "aspnetForm" in reply.text


@pytest.mark.parametrize("field", ["__VIEWSTATE", "__VIEWSTATEGENERATOR", "__EVENTVALIDATION"])
def test_a_postback_with_other_hidden_fields_is_an_error(visitor: Visitor, field: str) -> None:
    fields = {**hidden(visitor.get(PAGE)), "__EVENTTARGET": "ctl00$languageEnglishLinkButton"}
    assert visitor.post(PAGE, data={**fields, field: "other"}).status_code == 500
    del fields[field]
    assert visitor.post(PAGE, data=fields).status_code == (200 if field == "__VIEWSTATE" else 500)
    assert exported(visitor)[0][0] == "Identifikator"


def test_the_hidden_fields_belong_to_one_visitor(visitor: Visitor) -> None:
    fields = {**hidden(visitor.get(PAGE)), "__EVENTTARGET": "ctl00$languageEnglishLinkButton"}
    visitor.cookies.clear()
    assert visitor.post(PAGE, data=fields).status_code == 500


def test_the_same_rows_are_the_same_bytes(visitor: Visitor) -> None:
    in_english(visitor)
    assert visitor.get(EXPORT).content == visitor.get(EXPORT).content


def test_addresses_are_read_without_regard_to_letter_case_and_others_are_not_found(visitor: Visitor) -> None:
    assert visitor.get(PAGE.replace("Zertifikate", "ZERTIFIKATE")).status_code == 200
    assert visitor.get("/redcert/Other.aspx").status_code == 404
