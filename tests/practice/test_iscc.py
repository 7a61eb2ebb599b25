"""ISCC's side, over HTTP."""

import json
import re
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode

from tests.practice.conftest import Visitor, json_of


def card(visitor: Visitor, number: str, bucket: str = "valid") -> LexborNode:
    page = LexborHTMLParser(str(json_of(visitor.iscc(bucket))["html"]))
    return next(card for card in page.css(".is-certificate") if text(card, ".tag") == number)


def text(node: LexborNode, selector: str) -> str:
    return node.css(selector)[0].text()


def folds(node: LexborNode) -> dict[str, str]:
    return {text(item, "p.title"): item.css("p")[1].text() for item in node.css(".is-certificate-fold-item")}


@pytest.mark.parametrize(
    ("bucket", "numbers"),
    [("valid", "123"), ("suspended", "4"), ("withdrawn", "5"), ("terminated", "6"), ("expired", "7"), ("odd", "")],
)
def test_a_bucket_lists_its_own_and_what_is_not_yet_valid_stands_among_the_valid(
    visitor: Visitor, bucket: str, numbers: str
) -> None:
    assert visitor.numbers(bucket) == [f"EU-ISCC-Cert-DE999-{n}" for n in numbers]


def test_without_a_filter_all_buckets_are_listed(visitor: Visitor) -> None:
    everything = visitor.numbers(None)
    assert sorted(everything) == [f"EU-ISCC-Cert-DE999-{n}" for n in range(1, 8)]
    pages = [number for page in (1, 2, 3, 4) for number in visitor.numbers(None, count=2, page=page)]
    assert pages == everything


def test_a_row_with_a_status_that_iscc_has_not_is_told_and_not_listed(visitor: Visitor, said: list[str]) -> None:
    assert "EU-ISCC-Cert-DE999-8" not in visitor.numbers(None)
    assert said.count("iscc.csv: EU-ISCC-Cert-DE999-8 is not listed: iscc has no status 'under review'.") == 1


def test_a_card_has_the_holder_before_two_spaces_and_two_digit_years_about_a_long_dash(visitor: Visitor) -> None:
    first = card(visitor, "EU-ISCC-Cert-DE999-1")
    assert text(first, ".date") == "02.01.26 – 01.01.27"
    assert text(first, "h3 span") == "C&D (HAINAN) CO., LTD,  Musterstadt, Germany"
    assert first.css("h3 span")[0].attributes["title"] == "C&D (HAINAN) CO., LTD, Musterstadt, Germany"
    assert [link.text(strip=True) for link in first.css("a.custom-button")] == [
        "Geolocation",
        "Audit Report",
        "Certificate",
    ]


def test_a_withdrawn_certificate_has_no_documents(visitor: Visitor) -> None:
    links = card(visitor, "EU-ISCC-Cert-DE999-5", "withdrawn").css("a.custom-button")
    assert [link.text(strip=True) for link in links] == ["Geolocation"]


def test_further_columns_are_shown_under_their_labels_and_empty_ones_as_a_dash(visitor: Visitor) -> None:
    shown = folds(card(visitor, "EU-ISCC-Cert-DE999-1"))
    assert (shown["Scope"], shown["Raw Material"], shown["Colour"]) == ("Trader", "-", "blue")


def test_what_is_no_date_is_shown_as_it_is(visitor: Visitor) -> None:
    assert text(card(visitor, "EU-ISCC-Cert-DE999-3"), ".date") == "02.01.26 – 31/11/2026"


def test_a_suspension_is_shown_also_when_it_is_over_or_open(visitor: Visitor) -> None:
    over = text(card(visitor, "EU-ISCC-Cert-DE999-3"), "p.suspend-date")
    assert re.sub(r"\s", "", over) == "10.02.26–24.02.26"
    assert text(card(visitor, "EU-ISCC-Cert-DE999-4", "suspended"), "p.suspend-date") == "01.11.26 –"


def test_pages_cover_the_bucket_and_one_past_the_end_has_only_the_totals(visitor: Visitor) -> None:
    assert visitor.numbers(count=2, page=1) + visitor.numbers(count="2", page="2") == visitor.numbers()
    past = json_of(visitor.iscc(count=2, page=3))
    assert past["html"] == ""
    assert (int(str(past["totalCount"])), int(str(past["maxPages"]))) == (3, 2)


def test_some_replies_have_a_byte_order_mark_and_numbers_as_text_and_some_an_xml_line(visitor: Visitor) -> None:
    replies = [visitor.iscc(bucket) for bucket in ("valid", "suspended", "withdrawn", "terminated", "expired")]
    assert {reply.content.startswith(b"\xef\xbb\xbf") for reply in replies} == {True, False}
    assert {type(json_of(reply)["totalCount"]) for reply in replies} == {int, str}
    assert {str(json_of(reply)["html"]).startswith("<?xml") for reply in replies} == {True, False}
    assert {reply.headers["Content-Type"] for reply in replies} == {"application/json; charset=UTF-8"}


def test_the_search_finds_what_contains_the_words_in_number_or_holder(visitor: Visitor) -> None:
    assert visitor.numbers(search="de999-1") == ["EU-ISCC-Cert-DE999-1"]
    assert visitor.numbers(search="(hainan)") == ["EU-ISCC-Cert-DE999-1"]
    assert len(visitor.numbers(search="EU-ISCC-Cert-DE999-")) == 3
    assert json_of(visitor.iscc(search="nothing"))["totalCount"] in (0, "0")


def test_the_list_page_gives_a_cookie_and_a_nonce_and_a_wrong_nonce_is_refused(visitor: Visitor) -> None:
    page = visitor.get("/iscc/certification/all-certificates/")
    found = re.search(r"var wpApiSettings = (\{.*?\});", page.text)
    assert found
    settings = json.loads(found[1])
    assert settings["root"] == f"{visitor.base_url}/iscc/wp-json/".replace("//iscc", "/iscc")
    assert "iscc_session" in page.cookies

    address = "/iscc/wp-json/api/certificates"
    asked = {"count": 1, "page": 1}
    assert visitor.post(address, json=asked, headers={"X-WP-Nonce": settings["nonce"]}).status_code == 200
    refused = visitor.post(address, json=asked, headers={"X-WP-Nonce": "0123456789"})
    assert refused.status_code == 403
    assert refused.json() == {
        "code": "rest_cookie_invalid_nonce",
        "message": "Cookie check failed",
        "data": {"status": 403},
    }
    visitor.cookies.clear()
    assert visitor.post(address, json=asked, headers={"X-WP-Nonce": settings["nonce"]}).status_code == 403


def test_the_list_page_without_its_last_slash_leads_to_the_one_with_it(visitor: Visitor) -> None:
    reply = visitor.get("/iscc/certification/all-certificates")
    assert reply.status_code == 301
    assert reply.headers["Location"].endswith("/iscc/certification/all-certificates/")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "rest_invalid_json"),
        (b"[]", "rest_invalid_json"),
        (b'{"count": 200}', "rest_missing_callback_param"),
        (b'{"count": 0, "page": 1}', "rest_invalid_param"),
        (b'{"count": "many", "page": 1}', "rest_invalid_param"),
    ],
)
def test_a_request_that_wordpress_cannot_use_is_a_400(visitor: Visitor, body: bytes, code: str) -> None:
    reply = visitor.post("/iscc/wp-json/api/certificates", content=body, headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["code"]) == (400, code)


def test_a_body_that_is_not_sent_as_json_has_no_parameters(visitor: Visitor) -> None:
    reply = visitor.post("/iscc/wp-json/api/certificates", content=b'{"count": 1, "page": 1}')
    assert reply.json()["data"]["params"] == ["count", "page"]


def test_other_methods_and_addresses_are_not_found(visitor: Visitor) -> None:
    assert visitor.get("/iscc/wp-json/api/certificates").json()["code"] == "rest_no_route"
    assert visitor.get("/iscc/wp-json/api/other").status_code == 404
    assert visitor.get("/iscc/elsewhere/").status_code == 404
    assert visitor.post("/iscc/certification/all-certificates/").status_code == 405


def test_an_edited_row_is_there_at_the_next_request(visitor: Visitor, folder: Path) -> None:
    file = folder / "iscc.csv"
    rows = file.read_text("utf-8")
    for status in ("suspended", "withdrawn", "suspended"):  # as many characters each, and quicker than a clock's tick
        file.write_text(rows.replace(",valid,", f",{status},", 1), "utf-8")
        assert "EU-ISCC-Cert-DE999-1" in visitor.numbers(status)
        assert "EU-ISCC-Cert-DE999-1" not in visitor.numbers("valid")
