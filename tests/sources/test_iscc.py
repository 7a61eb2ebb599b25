import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from certwatch.rules.errors import Incomplete, SourceChanged, SourceError, SourceUnreachable
from certwatch.rules.findings import Finding, gather
from certwatch.rules.status import Status
from certwatch.sources.context import Context
from certwatch.sources.iscc import SOURCE, crawl, find, read
from certwatch.sources.iscc.cards import cards, is_cut
from tests.sources.playing import context, samples

LABELS = {
    "Scope": "Trader",
    "Processing Unit Type": "-",
    "Raw Material": "-",
    "Products": "-",
    "Add-ons/CTS": "-",
    "Issuing CB": "Musterzert GmbH, Musterstadt, DE",
}


def card(number: str = "EU-ISCC-Cert-DE999-1", **given: Any) -> str:
    """A card as the register makes it. `labels` None: no fold at all."""
    holder = given.get("holder", "Muster GmbH,  Musterstadt, Germany")
    suspended = given.get("suspended", "")
    folds = "".join(
        f'<div class="is-certificate-fold-item"><p class="title smalltext">{label}</p>\n<p>{value}</p></div>'
        for label, value in given.get("labels", LABELS).items()
    )
    return (
        '<div class="is-certificate"><div class="is-certificate-head"><div>'
        + f'<div class="tag">{number}</div>'
        + f'<div class="date smalltext">{given.get("validity", "01.03.26 – 28.02.27")}</div>'
        + (f'<p class="suspend-date">{suspended}</p>' if suspended else "")
        + f'</div><h3 class="h4"><span title="{given.get("address", "")}">{holder}</span></h3></div>'
        + f'<div class="is-certificate-fold">{folds}</div></div>'
    )


def many(count: int, first: int = 1, **given: Any) -> list[str]:
    return [card(f"EU-ISCC-Cert-DE999-{first + n}", **given) for n in range(count)]


class Iscc:
    """The register: its answers are made from `pages` (bucket → pages → cards), and `spoil` may change a reply."""

    def __init__(self, server: HTTPServer, **pages: list[list[str]]) -> None:
        self.pages = pages
        self.asked: list[Request] = []
        self.totals: dict[tuple[str, int, int], int] = {}  # bucket, page, how often it was asked → total
        self.max_pages: dict[str, object] = {}
        self.nonce: str | None = None  # what must be sent, if anything
        self.start = b""
        self.as_text = False
        self.spoil: Callable[[bytes], bytes] = lambda reply: reply
        server.expect_request("/wp-json/api/certificates", method="POST").respond_with_handler(self._answer)
        server.expect_request("/certification/all-certificates/").respond_with_handler(self._begin)
        self.base = server.url_for("")

    def _begin(self, request: Request) -> Response:
        self.asked.append(request)
        response = Response(self.start, content_type="text/html")
        response.set_cookie("session", "abc")
        return response

    def _answer(self, request: Request) -> Response:
        self.asked.append(request)
        if self.nonce is not None and request.headers.get("X-WP-Nonce", "") != self.nonce:
            return Response(samples("iscc").joinpath("rest_forbidden_403.json").read_bytes(), status=403)
        asked = request.get_json()
        [bucket], number = asked["filters"]["status"], asked["page"]
        pages = [[c for c in page if asked["search"] in c] for page in self.pages.get(bucket, [])]
        before = sum(1 for r in self.asked[:-1] if r.method == "POST" and r.get_json() == asked)
        total: Any = self.totals.get((bucket, number, before), sum(map(len, pages)))
        most = self.max_pages.get(bucket, len(pages))
        html = "\n".join(pages[number - 1]) if number <= len(pages) else ""
        said = {"html": html, "totalCount": str(total) if self.as_text else total, "maxPages": most}
        return Response(self.spoil(json.dumps({"success": True, "data": {"data": said}}).encode()))


def read_all(register: Iscc) -> tuple[list[Finding], Context]:
    with context(SOURCE, register.base) as ctx:
        return list(crawl(ctx)), ctx


def search(register: Iscc, number: str) -> list[Finding]:
    with context(SOURCE, register.base) as ctx:
        return list(find(ctx, number))


def one(html: str, bucket: str = "valid") -> tuple[Finding, Context]:
    with context(SOURCE, "http://127.0.0.1:1") as ctx:
        [finding] = ctx.each(cards(html), lambda ctx, row: read(ctx, row, bucket=bucket))
        return finding, ctx


# Asking


def test_all_five_buckets_are_asked_for_as_people_do(httpserver: HTTPServer) -> None:
    register = Iscc(httpserver)
    read_all(register)
    assert [r.get_json() for r in register.asked] == [
        {
            "filters": {"status": [word]},
            "valid_from": "",
            "valid_until": "",
            "search": "",
            "count": 200,
            "page": 1,
        }
        for word in ("valid", "suspended", "withdrawn", "terminated", "expired")
    ]


def test_the_bucket_is_the_status(httpserver: HTTPServer) -> None:
    words = ("valid", "suspended", "withdrawn", "terminated", "expired")
    register = Iscc(httpserver, **{word: [[card(f"EU-ISCC-Cert-DE999-{n}")]] for n, word in enumerate(words)})
    findings, ctx = read_all(register)
    assert [(f.word.value, f.part, f.source_word) for f in findings] == [(word, word, word) for word in words]
    assert ctx.totals == dict.fromkeys(words, 1)


def test_a_certificate_in_two_buckets_is_withdrawn_and_no_longer_valid(httpserver: HTTPServer) -> None:
    findings, _ = read_all(Iscc(httpserver, valid=[[card()]], withdrawn=[[card()]]))
    [reading] = gather(findings, date(2026, 11, 24)).values()
    assert [r.word for r in reading.records] == [Status.WITHDRAWN, Status.VALID]


def test_totals_may_come_as_text_and_the_html_with_an_xml_line(httpserver: HTTPServer) -> None:
    register = Iscc(httpserver, valid=[["<?xml version='1.0' encoding='utf-8'?>\n" + card()], [card("ISCC-2")]])
    register.as_text = True
    register.max_pages["valid"] = "2"
    assert [f.number for f in read_all(register)[0]] == ["EU-ISCC-Cert-DE999-1", "ISCC-2"]


def test_the_total_rules_where_the_number_of_pages_was_rounded_down(httpserver: HTTPServer) -> None:
    register = Iscc(httpserver, valid=[many(3), many(3, 10), many(1, 20)])
    register.max_pages["valid"] = 2
    assert len(read_all(register)[0]) == 7


def test_all_pages_are_read_where_a_total_is_too_low(httpserver: HTTPServer) -> None:
    register = Iscc(httpserver, valid=[many(3), many(3, 10)])
    register.totals = {("valid", 1, 0): 3, ("valid", 2, 0): 3}
    assert len(read_all(register)[0]) == 6


def test_a_page_too_many_is_asked_for_in_vain(httpserver: HTTPServer) -> None:
    register = Iscc(httpserver, valid=[many(3)])
    register.max_pages["valid"] = 1_000_000
    assert len(read_all(register)[0]) == 3
    assert len(register.asked) == 6


def test_fewer_cards_than_the_total_says_are_no_list(httpserver: HTTPServer) -> None:
    register = Iscc(httpserver, valid=[many(3)])
    register.totals[("valid", 1, 0)] = register.totals[("valid", 2, 0)] = 4
    with pytest.raises(Incomplete, match="3 of 4"):
        read_all(register)


def test_repeated_cards_count_and_are_read_once(httpserver: HTTPServer) -> None:
    pages = [many(2), [*many(1, 2), *many(1, 3)]]
    findings, ctx = read_all(Iscc(httpserver, valid=pages))
    assert [f.number[-1] for f in findings] == ["1", "2", "3"]
    assert ctx.totals["valid"] == 4


def test_one_number_for_two_holders_stays_two(httpserver: HTTPServer) -> None:
    register = Iscc(httpserver, valid=[[card(), card(holder="Beispiel AG,  Bern, Switzerland")]])
    assert [f.holder for f in read_all(register)[0]] == ["Muster GmbH", "Beispiel AG"]


def test_a_list_that_moves_is_read_once_more(httpserver: HTTPServer) -> None:
    register = Iscc(httpserver, valid=[many(3), many(3, 10)])
    register.totals[("valid", 2, 0)] = 7
    findings, ctx = read_all(register)
    assert len(findings) == 6
    assert ctx.problem_count == 0
    assert [r.get_json()["page"] for r in register.asked[:4]] == [1, 2, 1, 2]


def test_a_list_that_moves_twice_is_left(httpserver: HTTPServer) -> None:
    register = Iscc(httpserver, valid=[many(3), many(3, 10)])
    register.totals = {("valid", 2, 0): 7, ("valid", 2, 1): 5}
    with pytest.raises(Incomplete, match="changed its total twice"):
        read_all(register)
    assert len(register.asked) == 4


def test_a_full_page_that_comes_again_is_no_page_two(httpserver: HTTPServer) -> None:
    with pytest.raises(Incomplete, match="earlier page again"):
        read_all(Iscc(httpserver, valid=[many(20), many(20)]))


def test_a_register_that_forgot_the_status_asked_for_is_not_believed(httpserver: HTTPServer) -> None:
    with pytest.raises(SourceChanged, match="hold the same cards"):
        read_all(Iscc(httpserver, valid=[many(20)], withdrawn=[many(20)]))


# Refused


START = b"""<script id='wp-api-request-js-extra'>
var wpApiSettings = {"root":"https:\\/\\/iscc-system.org\\/wp-json\\/","nonce":"f00ba4","versionString":"wp\\/v2\\/"};
</script><input type="hidden" id="wdtNonceFrontendEdit_2" value="0a1b2c3d4e" />"""


def test_after_a_refusal_the_list_page_gives_cookies_and_a_nonce(httpserver: HTTPServer) -> None:
    register = Iscc(httpserver, valid=[[card()]])
    register.start, register.nonce = START, "f00ba4"
    findings, ctx = read_all(register)
    assert len(findings) == 1
    assert [a["status"] for a in ctx.asked] == [403, 200, 200, 200, 200, 200, 200]
    assert register.asked[2].cookies["session"] == "abc"
    assert "f00ba4" not in json.dumps(ctx.asked)  # evidence holds no secret


def test_a_session_that_ends_in_the_middle_of_a_run_is_begun_again(httpserver: HTTPServer) -> None:
    register = Iscc(httpserver, valid=[many(2), many(2, 10)], expired=[many(2, 20)])
    register.start = START
    answer = register._answer

    def forget(request: Request) -> Response:
        if len(register.asked) == 1:
            register.nonce = "f00ba4"
        if len(register.asked) == 5:
            register.nonce, register.start = "b4a00f", START.replace(b"f00ba4", b"b4a00f")
        return answer(request)

    httpserver.clear()
    httpserver.expect_request("/wp-json/api/certificates", method="POST").respond_with_handler(forget)
    httpserver.expect_request("/certification/all-certificates/").respond_with_handler(register._begin)
    findings, ctx = read_all(register)
    assert len(findings) == 6
    assert [a["status"] for a in ctx.asked].count(403) == 2


def test_a_page_without_a_nonce_still_gives_its_cookies(httpserver: HTTPServer) -> None:
    register = Iscc(httpserver, valid=[[card()]])
    register.start, register.nonce = samples("iscc").joinpath("list_page.html").read_bytes(), "f00ba4"
    with pytest.raises(SourceUnreachable, match="refused with 403"):
        read_all(register)
    assert register.asked[2].cookies["session"] == "abc"
    assert "X-WP-Nonce" not in register.asked[2].headers  # the table plug-in's hidden field is none
    assert len(register.asked) == 3


# Shape


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ({"success": False, "data": {"data": {"html": "", "totalCount": 0, "maxPages": 0}}}, SourceUnreachable),
        ({"success": "true", "data": {"data": {"html": "", "totalCount": 0, "maxPages": 0}}}, SourceUnreachable),
        ({"data": {"data": {"html": "", "totalCount": 0, "maxPages": 0}}}, SourceChanged),
        ({"success": True, "data": {"html": "", "totalCount": 0, "maxPages": 0}}, SourceChanged),
        ({"success": True, "data": {"data": {"html": "", "maxPages": 0}}}, SourceChanged),
        ({"success": True, "data": {"data": {"html": "", "totalCount": "many", "maxPages": 0}}}, SourceChanged),
        ({"success": True, "data": {"data": {"html": "", "totalCount": -1, "maxPages": 0}}}, SourceChanged),
        ({"success": True, "data": {"data": {"html": "", "totalCount": True, "maxPages": 0}}}, SourceChanged),
        ({"success": True, "data": {"data": {"html": None, "totalCount": 0, "maxPages": 0}}}, SourceChanged),
        ({"success": True, "data": []}, SourceChanged),
        ([], SourceChanged),
    ],
)
def test_a_reply_of_another_shape_fails_the_run(httpserver: HTTPServer, reply: object, error: type) -> None:
    register = Iscc(httpserver)
    register.spoil = lambda _: json.dumps(reply).encode()
    with pytest.raises(error):
        read_all(register)


@pytest.mark.parametrize("part", [0.2, 0.5, 0.99])
def test_cut_off_json_fails_the_run(httpserver: HTTPServer, part: float) -> None:
    register = Iscc(httpserver, valid=[many(5)])
    register.spoil = lambda reply: reply[: int(len(reply) * part)]
    with pytest.raises(Incomplete, match="cut off"):
        read_all(register)


@given(st.integers(1, len(card()) - 1))
def test_html_that_is_cut_off_inside_whole_json_is_noticed(left: int) -> None:
    html = card() + "\n" + card("EU-ISCC-Cert-DE999-2")[:left]
    assert is_cut(html) or len(cards(html)) < 2


def test_whole_html_is_not_taken_for_cut_off() -> None:
    assert not any(
        map(is_cut, ["", card(), card() * 3, f"<div>{card() * 3}</div>", f"<div class='x'>{card()}</div>\n"])
    )


def test_cards_that_the_register_itself_closes_badly_are_not_taken_for_cut_off() -> None:
    sloppy = card().removesuffix("</div>")
    assert not is_cut(sloppy * 3)


def test_html_without_a_card_that_we_know_fails_the_run(httpserver: HTTPServer) -> None:
    register = Iscc(httpserver, valid=[[card().replace("is-certificate", "certificate-box")]])
    with pytest.raises(SourceChanged, match="no card that we know"):
        read_all(register)


@pytest.mark.parametrize(
    ("old", "new"),
    [('class="tag"', 'class="no"'), ('class="date ', 'class="days '), ("<h3", "<h2"), ("Scope", "Umfang")],
)
def test_what_no_card_of_a_bucket_has_any_more_stops_the_run(httpserver: HTTPServer, old: str, new: str) -> None:
    changed = [c.replace(old, new).replace("</h3", "</h2" if new == "<h2" else "</h3") for c in many(2, 50)]
    with pytest.raises(SourceChanged, match="No card of the bucket “suspended”"):
        read_all(Iscc(httpserver, valid=[many(2)], suspended=[changed]))


def test_a_label_that_no_card_has_any_more_stops_the_run(httpserver: HTTPServer) -> None:
    fewer = {label: value for label, value in LABELS.items() if label != "Products"}
    with pytest.raises(SourceChanged, match="“Products”"):
        read_all(Iscc(httpserver, valid=[many(10, labels=fewer)]))


def test_labels_may_be_missing_on_some_cards_and_come_in_any_order(httpserver: HTTPServer) -> None:
    turned = dict(reversed(LABELS.items()))
    fewer = {"Scope": "Trader"}
    findings, ctx = read_all(Iscc(httpserver, valid=[[*many(9, labels=turned), *many(9, 20, labels=fewer)]]))
    assert len(findings) == 18
    assert {tuple(f.details) for f in findings} == {("Issuing CB", "Scope"), ("Scope",)}
    assert ctx.problems == []


def test_a_new_label_is_kept_and_told_once(httpserver: HTTPServer) -> None:
    findings, ctx = read_all(Iscc(httpserver, valid=[many(3, labels={**LABELS, "Region": "EU"})]))
    assert [f.details["Region"] for f in findings] == ["EU"] * 3
    assert (len(ctx.problems), ctx.problem_count) == (1, 0)


def test_a_card_that_lost_something_is_reported_and_its_neighbours_are_kept(httpserver: HTTPServer) -> None:
    odd = [
        card("").replace("Muster GmbH", "Nummernlos AG"),
        card("EU-ISCC-Cert-DE999-50", validity="31.02.26 – 28.02.27"),
        card("EU-ISCC-Cert-DE999-51").replace("<h3", "<h2").replace("</h3", "</h2"),
    ]
    findings, ctx = read_all(Iscc(httpserver, valid=[[*odd, *many(2)]]))
    assert [f.number[-2:] for f in findings] == ["50", "51", "-1", "-2"]
    assert (findings[0].valid_from, findings[0].valid_until) == (None, date(2027, 2, 28))
    assert findings[1].holder == ""
    assert ctx.problem_count == 3
    assert "Nummernlos AG" in ctx.problems[0]
    assert "“31.02.26”" in ctx.problems[1]


def test_a_single_card_without_its_days_takes_the_run_not_with_it(httpserver: HTTPServer) -> None:
    lone = card("EU-ISCC-Cert-DE999-9").replace('class="date ', 'class="days ')
    findings, ctx = read_all(Iscc(httpserver, valid=[many(2)], withdrawn=[[lone]]))
    assert (findings[-1].word, findings[-1].valid_until) == (Status.WITHDRAWN, None)
    assert ctx.problem_count == 1


def test_days_in_another_form_everywhere_stop_the_run(httpserver: HTTPServer) -> None:
    with pytest.raises(SourceChanged, match="2026-03-01"):
        read_all(Iscc(httpserver, valid=[many(12, validity="2026-03-01 – 2027-02-28")]))


def test_holders_that_cannot_be_told_from_places_anywhere_stop_the_run(httpserver: HTTPServer) -> None:
    with pytest.raises(SourceChanged, match="two spaces"):
        read_all(Iscc(httpserver, valid=[many(12, holder="Muster GmbH, Musterstadt, Germany")]))


# A card


def test_a_search_takes_equal_numbers_only_from_every_bucket(httpserver: HTTPServer) -> None:
    register = Iscc(
        httpserver,
        valid=[[card("EU-ISCC-Cert-DE999-1"), card("EU-ISCC-Cert-DE999-10")]],
        expired=[[card("EU-ISCC-Cert-DE999-1", validity="01.03.25 – 28.02.26")]],
    )
    found = search(register, "\u200bEU–ISCC-Cert-DE999-1 ")
    assert [(f.number, f.word.value) for f in found] == [
        ("EU-ISCC-Cert-DE999-1", "valid"),
        ("EU-ISCC-Cert-DE999-1", "expired"),
    ]
    assert {r.get_json()["search"] for r in register.asked} == {"EU-ISCC-Cert-DE999-1"}
    assert len(register.asked) == 5


def test_a_search_reads_all_its_pages(httpserver: HTTPServer) -> None:
    register = Iscc(httpserver, valid=[many(9, 11), [card("EU-ISCC-Cert-DE999-1")]])
    assert [f.number for f in search(register, "eu-iscc-cert-de999-1".upper().replace("CERT", "Cert"))] == [
        "EU-ISCC-Cert-DE999-1"
    ]


def test_a_search_that_finds_nothing_yields_nothing(httpserver: HTTPServer) -> None:
    assert search(Iscc(httpserver, valid=[many(3)]), "EU-ISCC-Cert-DE999-77") == []


def test_a_search_that_finds_everything_is_no_search(httpserver: HTTPServer) -> None:
    register = Iscc(httpserver, valid=[many(3)])
    register.totals[("valid", 1, 0)] = 16_181
    with pytest.raises(SourceChanged, match="16,181"):
        search(register, "EU-ISCC-Cert-DE999-1")
    assert len(register.asked) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_search_that_is_refused_is_no_finding(httpserver: HTTPServer, status: int) -> None:
    httpserver.expect_request("/wp-json/api/certificates").respond_with_data("", status=status)
    httpserver.expect_request("/certification/all-certificates/").respond_with_data("")
    with context(SOURCE, httpserver.url_for("")) as ctx, pytest.raises(SourceError):
        list(find(ctx, "EU-ISCC-Cert-DE999-1"))


def test_numbers_stay_as_the_register_prints_them(httpserver: HTTPServer) -> None:
    odd = ["EU-ISCC-Cert-PL214- 80350122", "ISCC-PLUS-Cert -DK220-101842021", "EU-ISCC-Cert-Pl214-1"]
    findings, _ = read_all(Iscc(httpserver, valid=[[card(number) for number in odd]]))
    assert [f.number for f in findings] == odd
