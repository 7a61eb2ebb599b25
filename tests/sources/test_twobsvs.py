from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer

from certwatch.rules.errors import Incomplete, SourceChanged, SourceUnreachable
from certwatch.rules.findings import Finding, Suspension
from certwatch.rules.status import Status
from certwatch.sources.context import Context
from certwatch.sources.twobsvs import PAGES, SOURCE, crawl
from tests.sources.playing import Shelf, context, play_twobsvs, samples

WORDS = ("valides", "suspendus", "retires", "resilies")
LAST_HEADING = {
    "valides": "Date de fin de validité du certificat",
    "suspendus": "Date de suspension du certificat",
    "retires": "Date de retrait du certificat",
    "resilies": "Date de fin de validité du certificat",
}


def headings(word: str) -> list[str]:
    return [
        "Nom de l’opérateur économique",
        "Adresse",
        "Pays",
        "Type d'activité",
        "Numéro de Certificat 2BS",
        "Date de début de validité du certificat",
        LAST_HEADING[word],
        "Certificat",
    ]


def row(number: str = "2BS999001", **cells: str) -> list[str]:
    first, last = cells.get("first", "01/03/2026"), cells.get("last", "28/02/2027")
    return [cells.get("holder", "Exemple SA"), "1 rue", "France", "Négociant", number, first, last, ""]


def page(word: str, *rows: list[str], heads: list[str] | None = None) -> bytes:
    head = "".join(f"<th>{heading}</th>" for heading in (heads if heads is not None else headings(word)))
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\n" for cells in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<!DOCTYPE html><html><h1>Certificats {word}</h1>{table}</html>".encode()


def empty(**pages: bytes) -> dict[str, bytes]:
    return {word: page(word) for word in WORDS} | pages


def read_all(server: HTTPServer, pages: dict[str, bytes]) -> tuple[list[Finding], Context]:
    play_twobsvs(server, pages)
    with context(SOURCE, server.url_for("")) as ctx:
        return list(crawl(ctx)), ctx


def test_the_page_is_the_status(httpserver: HTTPServer) -> None:
    pages = {word: page(word, row(f"2BS99900{n}")) for n, word in enumerate(WORDS)}
    findings, _ = read_all(httpserver, pages)
    assert [(f.word.value, f.part, f.source_word) for f in findings] == [
        ("valid", "valid", "valides"),
        ("suspended", "suspended", "suspendus"),
        ("withdrawn", "withdrawn", "retirés"),
        ("terminated", "terminated", "résiliés"),
    ]


def test_the_day_of_suspension_or_withdrawal_is_no_end_of_validity(httpserver: HTTPServer) -> None:
    pages = {word: page(word, row(f"2BS99900{n}", last="12/05/2026")) for n, word in enumerate(WORDS)}
    valid, suspended, withdrawn, terminated = read_all(httpserver, pages)[0]
    day = date(2026, 5, 12)
    assert (valid.valid_until, valid.since, valid.suspensions) == (day, None, [])
    assert (suspended.valid_until, suspended.since) == (None, day)
    assert suspended.suspensions == [Suspension(day, None)]
    assert (withdrawn.valid_until, withdrawn.since, withdrawn.suspensions) == (None, day, [])
    assert (terminated.valid_until, terminated.since, terminated.suspensions) == (day, None, [])


def test_empty_tables_are_good_lists(httpserver: HTTPServer) -> None:
    findings, ctx = read_all(httpserver, empty())
    assert (findings, ctx.problems) == ([], [])


def test_a_second_row_with_the_address_only_is_skipped(httpserver: HTTPServer) -> None:
    again = ["", "1 rue", "France", "", "\u00a0", "", "", ""]
    findings, ctx = read_all(httpserver, empty(valides=page("valides", row(), again, ["", "1 rue"])))
    assert (len(findings), ctx.problems) == (1, [])


def test_a_row_that_lost_its_number_is_reported_whole(httpserver: HTTPServer) -> None:
    rows = [row(), row("", holder="Perdu SARL"), row("2BS999003")]
    findings, ctx = read_all(httpserver, empty(valides=page("valides", *rows)))
    assert [f.number for f in findings] == ["2BS999001", "2BS999003"]
    assert ctx.problem_count == 1
    assert "Perdu SARL" in ctx.problems[0]


@pytest.mark.parametrize(
    "lost", [["", "", "", "", "", "01/03/2026", "", ""], ["", "1 rue", "", "", "", "", "", "Voir"]]
)
def test_a_row_with_more_than_an_address_is_not_skipped(httpserver: HTTPServer, lost: list[str]) -> None:
    findings, ctx = read_all(httpserver, empty(valides=page("valides", row(), lost)))
    assert (len(findings), ctx.problem_count) == (1, 1)


def test_a_row_without_a_holder_keeps_its_entry(httpserver: HTTPServer) -> None:
    findings, ctx = read_all(httpserver, empty(valides=page("valides", row(holder=""))))
    assert ([f.number for f in findings], ctx.problem_count) == (["2BS999001"], 1)


def test_a_row_with_too_few_cells_is_reported_for_what_it_lacks(httpserver: HTTPServer) -> None:
    findings, ctx = read_all(httpserver, empty(valides=page("valides", row()[:6])))
    assert (findings[0].valid_from, findings[0].valid_until) == (date(2026, 3, 1), None)
    assert ctx.problem_count == 1
    assert "Date de fin de validité du certificat" in " ".join(ctx.problems)


def test_a_cell_too_many_is_kept_and_told(httpserver: HTTPServer) -> None:
    findings, ctx = read_all(httpserver, empty(valides=page("valides", [*row(), "extra"])))
    assert findings[0].details["column 9"] == "extra"
    assert (len(ctx.problems), ctx.problem_count) == (1, 0)


@pytest.mark.parametrize("day", ["31/11/2026", "01/01/1970", "2026-11-30", "", "-"])
def test_what_is_no_day_is_none_and_reported(httpserver: HTTPServer, day: str) -> None:
    findings, ctx = read_all(httpserver, empty(valides=page("valides", row(last=day))))
    assert (findings[0].valid_from, findings[0].valid_until) == (date(2026, 3, 1), None)
    assert ctx.problem_count == 1


def test_days_in_another_form_everywhere_stop_the_run(httpserver: HTTPServer) -> None:
    rows = [row(f"2BS99{n}", first="2026-03-01") for n in range(1000, 1012)]
    with pytest.raises(SourceChanged, match="Date de début"):
        read_all(httpserver, empty(valides=page("valides", *rows)))


@pytest.mark.parametrize(
    ("word", "heading"),
    [(word, heading) for word in WORDS for heading in headings(word)],
)
def test_a_heading_that_is_sure_and_gone_stops_the_run(httpserver: HTTPServer, word: str, heading: str) -> None:
    kept = [h if h != heading else "Autre" for h in headings(word)]
    pages = empty(**{word: page(word, row(), heads=kept)})
    not_sure = word == "retires" and heading in ("Type d'activité", headings(word)[5], "Certificat")
    if not_sure:
        findings, ctx = read_all(httpserver, pages)
        assert findings[0].since == date(2027, 2, 28)
        assert ctx.problem_count == 0
    else:
        with pytest.raises(SourceChanged, match=heading):
            read_all(httpserver, pages)


def test_the_withdrawn_page_may_have_five_columns(httpserver: HTTPServer) -> None:
    heads = [headings("retires")[n] for n in (0, 1, 2, 4, 6)]
    lines = ["Exemple SA", "1 rue", "France", "2BS999020", "03/02/2025"]
    findings, ctx = read_all(httpserver, empty(retires=page("retires", lines, heads=heads)))
    assert (findings[0].since, findings[0].valid_from, ctx.problems) == (date(2025, 2, 3), None, [])


def test_a_new_column_is_kept_told_once_and_moves_no_other(httpserver: HTTPServer) -> None:
    heads = ["Région", *headings("valides")]
    rows = [["Grand Est", *row()], ["Bretagne", *row("2BS999002")]]
    findings, ctx = read_all(httpserver, empty(valides=page("valides", *rows, heads=heads)))
    assert [f.details["Région"] for f in findings] == ["Grand Est", "Bretagne"]
    assert findings[0].holder == "Exemple SA"
    assert (len(ctx.problems), ctx.problem_count) == (1, 0)


def test_another_pages_day_in_a_new_column_is_a_detail_and_no_problem(httpserver: HTTPServer) -> None:
    heads = [*headings("valides"), "Date de suspension du certificat"]
    findings, ctx = read_all(httpserver, empty(valides=page("valides", [*row(), ""], heads=heads)))
    assert (findings[0].since, findings[0].suspensions, ctx.problem_count) == (None, [], 0)


def test_headings_are_known_with_any_apostrophe_case_and_space(httpserver: HTTPServer) -> None:
    heads = [h.replace("’", "'").replace("d'a", "d’a").upper().replace(" ", "&nbsp;<br>") for h in headings("valides")]
    findings, ctx = read_all(httpserver, empty(valides=page("valides", row(), heads=heads)))
    assert (findings[0].holder, ctx.problems) == ("Exemple SA", [])


def test_other_tables_on_the_page_do_not_disturb(httpserver: HTTPServer) -> None:
    other = b"<table><tr><td>Menu</td></tr></table><table></table>"
    findings, _ = read_all(httpserver, empty(valides=page("valides", row()).replace(b"<table>", other + b"<table>")))
    assert [f.number for f in findings] == ["2BS999001"]


def test_a_list_in_two_tables_is_read_whole(httpserver: HTTPServer) -> None:
    two = page("valides", row()).replace(b"</html>", b"") + page("valides", row("2BS999002"))
    assert len(read_all(httpserver, empty(valides=two))[0]) == 2


def test_no_table_at_all_stops_the_run(httpserver: HTTPServer) -> None:
    with pytest.raises(SourceChanged, match="“Bientôt de retour”"):
        read_all(httpserver, empty(valides="<html><title>Bientôt de retour</title></html>".encode()))


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("part", [0.5, 0.7, 0.97])
def test_half_a_page_is_no_list(httpserver: HTTPServer, word: str, part: float) -> None:
    whole = page(word, *[row(f"2BS99{n}") for n in range(1000, 1040)])
    with pytest.raises(Incomplete, match="cut off"):
        read_all(httpserver, empty(**{word: whole[: int(len(whole) * part)]}))


@pytest.mark.parametrize("word", WORDS)
def test_one_page_that_does_not_come_fails_the_run(httpserver: HTTPServer, word: str) -> None:
    httpserver.expect_request(f"/fr/certificats-bloc-parent/certificats-{word}/").respond_with_data("", status=404)
    with pytest.raises(SourceUnreachable, match=f"certificats-{word}/: the answer was 404"):
        read_all(httpserver, empty())


def test_a_page_that_sends_us_to_another_list_is_not_believed(httpserver: HTTPServer) -> None:
    below = "/fr/certificats-bloc-parent"
    httpserver.expect_request(f"{below}/certificats-resilies/").respond_with_data(
        "", status=301, headers={"Location": f"{below}/certificats-valides/"}
    )
    with pytest.raises(SourceChanged, match="résiliés sends us on"):
        read_all(httpserver, empty(valides=page("valides", row())))


def test_two_pages_with_the_same_certificates_are_not_believed(httpserver: HTTPServer) -> None:
    rows = [row(f"2BS99{n}") for n in range(1000, 1012)]
    pages = empty(valides=page("valides", *rows), resilies=page("resilies", *rows))
    with pytest.raises(SourceChanged, match="same certificates"):
        read_all(httpserver, pages)


def test_characters_that_cannot_be_read_are_told_and_harm_no_other_row(httpserver: HTTPServer) -> None:
    content = page("valides", row(holder="Caf@"), row("2BS999002")).replace(b"@", b"\xe9")
    findings, ctx = read_all(httpserver, empty(valides=content))
    assert len(findings) == 2
    assert ctx.problems == ["The page of valides holds 1 characters that cannot be read."]


def test_an_unchanged_page_is_read_from_what_we_kept(httpserver: HTTPServer) -> None:
    shelf = Shelf()
    for word in WORDS:
        content = samples("twobsvs").joinpath(f"certificats_{word}.html").read_bytes()
        address, tag = f"/fr/certificats-bloc-parent/certificats-{word}/", {"ETag": f'"{word}"'}
        httpserver.expect_request(address, headers={"If-None-Match": f'"{word}"'}).respond_with_data("", status=304)
        httpserver.expect_request(address).respond_with_data(content, headers=tag)
    with context(SOURCE, httpserver.url_for(""), shelf=shelf) as first:
        before = list(crawl(first))
    with context(SOURCE, httpserver.url_for(""), shelf=shelf, validators=first.validators) as second:
        assert list(crawl(second)) == before
    assert [asked["status"] for asked in second.asked] == [304] * 4


@given(st.lists(st.text(max_size=30), min_size=8, max_size=8))
def test_whatever_stands_in_a_row_no_row_vanishes_and_none_breaks_the_run(cells: list[str]) -> None:
    from certwatch.sources.pages import is_whole
    from certwatch.sources.twobsvs import HEADINGS, read
    from certwatch.sources.twobsvs.tables import rows_under

    escaped = [cell.replace("&", "&amp;").replace("<", "&lt;") for cell in cells]
    text = page("valides", escaped).decode(errors="replace")
    assert is_whole(text)
    rows = rows_under(text, HEADINGS, PAGES[0].sure)
    assert len(rows) == 1
    with context(SOURCE, "http://127.0.0.1:1") as ctx:
        findings = list(ctx.each(rows, lambda ctx, row: read(ctx, row, page=PAGES[0])))
        assert len(findings) + ctx.problem_count >= 1
        assert all(f.word == Status.VALID for f in findings)
