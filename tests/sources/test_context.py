import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from certwatch.rules.errors import SourceChanged, SourceUnreachable
from certwatch.rules.findings import Finding
from certwatch.rules.status import Status
from certwatch.sources.context import Context, Row, Unreadable
from tests.sources.playing import NAME, Shelf, context

KNOWN = {"Valid": Status.VALID, "Retiré d’office": Status.WITHDRAWN}


@pytest.fixture
def ctx() -> Iterator[Context]:
    with context("iscc", "http://127.0.0.1:1") as made:
        yield made


def read(ctx: Context, row: Row) -> Finding:
    finding = Finding(
        number=ctx.number(row.pop("no", "")),
        word=ctx.look_up(KNOWN, row.pop("state", "Valid")),
        valid_until=ctx.day(row.pop("to"), "%d/%m/%Y", field="to"),
    )
    finding.details = ctx.nothing_left(row)
    return finding


def test_a_record_that_cannot_be_read_is_reported_whole_and_its_neighbours_are_kept(ctx: Context) -> None:
    rows = [{"no": "A", "to": "01/02/2026"}, {"no": "", "to": "x"}, {"no": "B"}, {"no": "C", "to": "03/02/2026"}]
    assert [f.number for f in ctx.each(rows, read)] == ["A", "C"]
    assert ctx.problem_count == 2
    assert '{"no": "", "to": "x"}' in ctx.problems[0]
    assert '{"no": "B"}' in ctx.problems[1]


def test_a_record_with_two_problems_counts_once(ctx: Context) -> None:
    [finding] = ctx.each([{"no": "A", "state": "odd", "to": "31/11/2026"}], read)
    assert (finding.word, finding.valid_until) == (Status.UNKNOWN, None)
    assert ctx.problem_count == 1
    assert ctx.problems == [
        "A: “odd” is no status that we know",
        "A: “31/11/2026” is no day we can read (to)",
    ]


def test_a_finding_keeps_its_record_and_where_it_stood(ctx: Context) -> None:
    row = {"no": "A", "to": "01/02/2026", "zone": "1", "area": "2"}
    [finding] = ctx.each([row], read, payload="abc")
    assert (finding.row, finding.payload) == (row, "abc")
    assert list(finding.details) == ["area", "zone"]  # the same in whatever order they came


def test_a_new_field_is_told_once_in_a_run_and_is_harmless(ctx: Context) -> None:
    rows = [{"no": no, "to": "01/02/2026", "Zone": "1"} for no in "ABC"]
    assert [f.details for f in ctx.each(rows, read)] == [{"Zone": "1"}] * 3
    assert ctx.problem_count == 0
    assert ctx.problems == ["A new field, kept as a detail: “Zone” with “1”."]


@pytest.mark.parametrize("text", ["Valid", " valid\n", "VALID"])
def test_words_are_compared_without_regard_to_case_and_space(ctx: Context, text: str) -> None:
    assert ctx.look_up(KNOWN, text) == Status.VALID
    assert ctx.problems == []


@pytest.mark.parametrize("text", ["retiré d'office", "RETIRÉ  D´OFFICE", "retire\u0301\u00a0d‘office"])
def test_words_are_compared_without_regard_to_the_apostrophe(ctx: Context, text: str) -> None:
    assert ctx.look_up(KNOWN, text) == Status.WITHDRAWN


@given(st.text())
def test_a_word_that_we_do_not_know_is_never_valid(text: str) -> None:
    with context("iscc", "http://127.0.0.1:1") as ctx:
        status = ctx.look_up({"valid certificate": Status.VALID}, text)
        assert (status == Status.VALID) == (" ".join(text.split()).casefold() == "valid certificate")
        assert bool(ctx.problems) == (status == Status.UNKNOWN)


@pytest.mark.parametrize(
    "text",
    ["", "-", "31/11/2026", "00/00/0000", "01/01/1970", "31/12/1899", "31/12/9999", "2026-11-01", "01/11/2026 x"],
)
def test_what_is_no_day_is_none_and_reported(ctx: Context, text: str) -> None:
    assert ctx.day(text, "%d/%m/%Y", field="to") is None
    assert len(ctx.problems) == 1
    assert text in ctx.problems[0]


def test_a_two_digit_year_is_of_this_century_or_no_day(ctx: Context) -> None:
    assert ctx.day("31.12.68", "%d.%m.%y") == date(2068, 12, 31)
    assert ctx.day("31.12.69", "%d.%m.%y") is None


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)), st.sampled_from(["%d/%m/%Y", "%d.%m.%Y", "%Y-%m-%d"]))
def test_every_day_is_read_as_it_was_written(day: date, form: str) -> None:
    with context("iscc", "http://127.0.0.1:1") as ctx:
        assert ctx.day(f" {day.strftime(form)}\u00a0", form) == day
        assert ctx.problems == []


@given(st.text())
def test_a_day_is_never_made_up(text: str) -> None:
    with context("iscc", "http://127.0.0.1:1") as ctx:
        day = ctx.day(text, "%d/%m/%Y")
        assert (day is None) == (len(ctx.problems) == 1)


def test_a_kind_of_day_that_no_record_has_in_a_form_we_know_stops_the_run(ctx: Context) -> None:
    list(ctx.each([{"no": str(n), "to": "2026-11-01"} for n in range(10)], read))
    with pytest.raises(SourceChanged, match="2026-11-01"):
        ctx.check_days()


def test_one_day_that_can_be_read_is_enough_to_go_on(ctx: Context) -> None:
    days = ["2026-11-01"] * 20 + ["01/11/2026"]
    list(ctx.each([{"no": str(n), "to": day} for n, day in enumerate(days)], read))
    ctx.check_days()
    assert ctx.problem_count == 20


def test_records_without_any_day_stop_no_run(ctx: Context) -> None:
    list(ctx.each([{"no": str(n), "to": ""} for n in range(20)], read))
    ctx.check_days()
    assert ctx.problem_count == 20


def test_a_number_is_kept_as_published_but_for_what_no_database_keeps(ctx: Context) -> None:
    assert ctx.number(" EU-ISCC-Cert-PL214- 80350122\n") == "EU-ISCC-Cert-PL214- 80350122"
    assert ctx.problems == []
    assert ctx.number("EU\x00-ISCC") == "EU-ISCC"
    assert len(ctx.problems) == 1


@pytest.mark.parametrize("text", ["", "  ", "\u200b", "\x00", "x" * 201])
def test_what_can_be_no_number_makes_a_record_unreadable(ctx: Context, text: str) -> None:
    with pytest.raises(Unreadable):
        ctx.number(text)


def test_every_request_is_noted_with_what_came(httpserver: HTTPServer) -> None:
    shelf = Shelf()
    httpserver.expect_ordered_request("/list").respond_with_data("", status=500)
    httpserver.expect_ordered_request("/list").respond_with_data("all of it")
    httpserver.expect_ordered_request("/form").respond_with_data("done")
    with context("iscc", httpserver.url_for(""), shelf=shelf) as ctx:
        ctx.get("/list")
        ctx.post_form("/form", {"state": "s" * 2000})
    sha256 = hashlib.sha256(b"all of it").hexdigest()
    url = httpserver.url_for("/list")
    assert ctx.asked[0] == {"method": "GET", "url": url, "body": "", "status": 500, "sha256": "", "bytes": 0}
    assert ctx.asked[1] == {"method": "GET", "url": url, "body": "", "status": 200, "sha256": sha256, "bytes": 9}
    assert ctx.asked[2]["body"].endswith("… (2,006 characters)")
    assert shelf.kept[sha256] == b"all of it"


def test_a_request_without_an_answer_is_noted(ctx: Context) -> None:
    with pytest.raises(SourceUnreachable):
        ctx.get("/list")
    assert [asked["status"] for asked in ctx.asked] == [0, 0, 0]


def serve_list(httpserver: HTTPServer, content: bytes, **headers: str) -> list[Request]:
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        seen.append(request)
        unchanged = "ETag" in headers and request.headers.get("If-None-Match") == headers["ETag"]
        return Response(b"" if unchanged else content, status=304 if unchanged else 200, headers=headers)

    httpserver.expect_request("/list").respond_with_handler(answer)
    return seen


def get_again(httpserver: HTTPServer, shelf: Shelf, validators: object = None) -> tuple[Context, bytes]:
    with context("iscc", httpserver.url_for(""), shelf=shelf, validators=validators) as ctx:
        return ctx, ctx.get("/list", conditional=True).body


def test_an_unchanged_list_is_read_from_what_we_kept(httpserver: HTTPServer) -> None:
    shelf = Shelf()
    seen = serve_list(httpserver, b"the list", ETag='"v1"')
    first, _ = get_again(httpserver, shelf)
    second, body = get_again(httpserver, shelf, first.validators)
    assert body == b"the list"
    assert seen[1].headers["If-None-Match"] == '"v1"'
    assert (second.asked[0]["status"], second.asked[0]["bytes"]) == (304, 8)
    assert second.asked[0]["sha256"] == hashlib.sha256(b"the list").hexdigest()
    third, _ = get_again(httpserver, shelf, second.validators)
    assert third.asked[0]["status"] == 304


def test_a_list_that_we_no_longer_have_whole_is_asked_for_in_full(httpserver: HTTPServer) -> None:
    shelf = Shelf()
    seen = serve_list(httpserver, b"the list", ETag='"v1"')
    first, _ = get_again(httpserver, shelf)
    shelf.kept = dict.fromkeys(shelf.kept, b"damaged")
    _, body = get_again(httpserver, shelf, first.validators)
    shelf.kept.clear()
    get_again(httpserver, shelf, first.validators)
    assert body == b"the list"
    assert not any("If-None-Match" in request.headers for request in seen)


@pytest.mark.parametrize(
    ("age", "asks"),  # younger than a minute it may have changed again in the same second
    [(timedelta(seconds=30), False), (timedelta(minutes=5), True)],
)
def test_a_time_of_change_counts_once_it_is_a_minute_old(httpserver: HTTPServer, age: timedelta, asks: bool) -> None:
    shelf = Shelf()
    changed = format_datetime(datetime.now(UTC) - age, usegmt=True)
    seen = serve_list(httpserver, b"the list", **{"Last-Modified": changed})
    first, _ = get_again(httpserver, shelf)
    get_again(httpserver, shelf, first.validators)
    assert ("If-Modified-Since" in seen[1].headers) is asks


def test_an_unasked_304_is_no_answer(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/list").respond_with_data("", status=304)
    with pytest.raises(SourceUnreachable, match="304"):
        get_again(httpserver, Shelf())


def test_a_register_may_stand_below_a_path_of_another_address(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/iscc/list", headers={"User-Agent": NAME}).respond_with_data("yes")
    with context("iscc", httpserver.url_for("/iscc/")) as ctx:
        assert ctx.get("/list").body == b"yes"
