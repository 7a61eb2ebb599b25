"""Registers that misbehave: the lines, and each word over HTTP."""

import io
import os
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from python_calamine import CalamineError, CalamineWorkbook

from certwatch.practice import PracticeRegisters
from certwatch.practice.trouble import BadTrouble, Trouble, Word, parse, parse_lines
from certwatch.rules.status import Status
from tests.practice.conftest import Visitor, json_of
from tests.practice.test_iscc import card, folds
from tests.practice.test_redcert import EXPORT, PAGE, exported, in_english
from tests.practice.test_twobsvs import LONG_AGO, SUSPENDED, VALID, table

Troubled = Callable[..., Visitor]
LIST_PAGE = "/iscc/certification/all-certificates/"


@pytest.mark.parametrize(
    ("line", "trouble"),
    [
        ("iscc outage", Trouble("iscc", Word.OUTAGE)),
        ("  ALL   Slow 2.5 ", Trouble("all", Word.SLOW, "2.5")),
        ("iscc outage in suspended", Trouble("iscc", Word.OUTAGE, "", Status.SUSPENDED)),
        ("twobsvs rename Valid  until in valid", Trouble("twobsvs", Word.RENAME, "Valid until", Status.VALID)),
        ("redcert rename Post code", Trouble("redcert", Word.RENAME, "Post code")),
        ("all empty in expired", Trouble("all", Word.EMPTY, "", Status.EXPIRED)),
        ("iscc busy 60", Trouble("iscc", Word.BUSY, "60")),
    ],
)
def test_a_line_names_source_word_value_and_bucket(line: str, trouble: Trouble) -> None:
    assert parse(line) == trouble


@pytest.mark.parametrize(
    "line",
    [
        "iscc", "kzr outage", "iscc flood", "iscc outage now", "iscc slow", "iscc slow fast", "iscc slow -1",
        "iscc busy 1.5", "iscc busy 99999999", "iscc rename", "iscc outage in review", "twobsvs empty in expired",
        "redcert empty in valid",
    ],
)  # fmt: skip
def test_a_line_that_is_not_understood_says_why(line: str) -> None:
    with pytest.raises(BadTrouble, match=line.split()[0]):
        parse(line)


def test_comments_and_empty_lines_do_not_count_and_wrong_lines_leave_the_others() -> None:
    troubles, complaints = parse_lines("# all outage\n\n  # x\niscc outage\nnonsense here\nredcert cut\n")
    assert [trouble.source for trouble in troubles] == ["iscc", "redcert"]
    assert len(complaints) == 1


def test_the_file_is_read_with_each_request(visitor: Visitor, folder: Path, said: list[str]) -> None:
    assert visitor.iscc().status_code == 200
    (folder / "trouble.txt").write_text("all outage\nall nonsense\n", "utf-8")
    assert [visitor.iscc().status_code, visitor.get(PAGE).status_code, visitor.get(VALID).status_code] == [500] * 3
    assert sum("all nonsense" in line for line in said) == 1
    (folder / "trouble.txt").write_text("# all outage\n", "utf-8")
    assert visitor.iscc().status_code == 200
    (folder / "trouble.txt").unlink()
    assert visitor.iscc().status_code == 200


def test_only_the_named_register_and_bucket_are_in_trouble(troubled: Troubled) -> None:
    visitor = troubled("iscc outage in suspended", "twobsvs maintenance in valid")
    assert visitor.iscc("suspended").status_code == 500
    assert visitor.iscc("valid").status_code == 200
    assert visitor.iscc(None).status_code == 500
    assert visitor.get(LIST_PAGE).status_code == 200
    assert "table" not in visitor.get(VALID).text
    assert "table" in visitor.get(SUSPENDED).text
    assert visitor.get(PAGE).status_code == 200


def test_silent_takes_the_request_and_says_nothing(troubled: Troubled) -> None:
    visitor = troubled("iscc silent", timeout=0.3)
    with pytest.raises(httpx2.ReadTimeout):
        visitor.iscc()
    assert visitor.get(VALID).status_code == 200


def test_the_end_does_not_wait_for_a_silent_or_slow_answer(folder: Path) -> None:
    began = time.monotonic()
    with PracticeRegisters(
        data=folder, troubles=[parse("iscc silent"), parse("twobsvs slow 60")], say=print
    ) as registers:
        for address in (LIST_PAGE, VALID):
            with (
                httpx2.Client(base_url=registers.url, timeout=0.2, trust_env=False) as visitor,
                pytest.raises(httpx2.ReadTimeout),
            ):
                visitor.get(address)
    assert time.monotonic() - began < 5


def test_slow_waits_before_each_answer(troubled: Troubled) -> None:
    visitor = troubled("iscc slow 0.3")
    began = time.monotonic()
    assert visitor.iscc().status_code == 200
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(("word", "shown"), [("maintenance", "Maintenance"), ("login", "Log in")])
def test_a_page_with_status_200_stands_in_place_of_everything(troubled: Troubled, word: str, shown: str) -> None:
    visitor = troubled(f"all {word}")
    for reply in (visitor.iscc(), visitor.get(LIST_PAGE), visitor.get(EXPORT), visitor.get(VALID)):
        assert (reply.status_code, reply.headers["Content-Type"]) == (200, "text/html; charset=UTF-8")
        assert f"<title>{shown}</title>" in reply.text


def test_iscc_refuses_until_cookie_and_nonce_of_its_list_page_are_sent(troubled: Troubled) -> None:
    visitor = troubled("iscc refuse")
    assert visitor.iscc().status_code == 403
    nonce = visitor.get(LIST_PAGE).text.split('"nonce": "')[1][:10]
    assert visitor.iscc().status_code == 403
    visitor.headers["X-WP-Nonce"] = nonce
    assert visitor.iscc().status_code == 200
    visitor.cookies.clear()
    assert visitor.iscc().status_code == 403


def test_redcert_refuses_until_its_page_was_fetched_and_2bsvs_always(troubled: Troubled) -> None:
    visitor = troubled("all refuse")
    assert visitor.get(EXPORT).status_code == 403
    in_english(visitor)
    assert exported(visitor)[0][0] == "Identifier"
    assert [visitor.get(VALID).status_code, visitor.get(VALID).status_code] == [403, 403]


def test_busy_says_when_to_come_back(troubled: Troubled) -> None:
    reply = troubled("all busy 60").iscc()
    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "60")


def test_cut_sends_half_as_if_it_were_all(visitor: Visitor, troubled: Troubled) -> None:
    cut = troubled("all cut")
    whole, half = visitor.get(VALID), cut.get(VALID)
    assert half.content == whole.content[: len(whole.content) // 2]
    assert int(half.headers["Content-Length"]) == len(half.content)
    assert cut.get(VALID, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 200
    cut.get(PAGE)
    with pytest.raises(CalamineError):
        CalamineWorkbook.from_filelike(io.BytesIO(cut.get(EXPORT).content))


@pytest.mark.parametrize(("word", "told"), [("half", 2), ("short", 3)])
def test_every_second_row_is_left_out_with_or_without_the_totals(troubled: Troubled, word: str, told: int) -> None:
    visitor = troubled(f"all {word}")
    assert [number[-1] for number in visitor.numbers("valid")] == ["1", "3"]
    assert int(str(json_of(visitor.iscc("valid"))["totalCount"])) == told
    assert len(visitor.numbers("suspended")) == 1
    in_english(visitor)
    assert [row[0][-1] for row in exported(visitor)[1:]] == ["1", "3"]
    assert [row[4] for row in table(visitor, VALID)[1:] if row[4]] == ["2BS999003"]


def test_empty_has_no_rows_but_all_headings(troubled: Troubled) -> None:
    visitor = troubled("all empty")
    data = json_of(visitor.iscc())
    assert (data["html"], int(str(data["totalCount"])), int(str(data["maxPages"]))) == ("", 0, 0)
    in_english(visitor)
    assert len(exported(visitor)) == 1
    assert len(table(visitor, VALID)) == 1


def test_a_heading_or_label_gets_another_name(troubled: Troubled) -> None:
    visitor = troubled("all rename valid UNTIL", "iscc rename issuing cb", "twobsvs rename type d’ACTIVITÉ in valid")
    in_english(visitor)
    assert "Valid until" not in exported(visitor)[0]
    assert "Valid from" in exported(visitor)[0]
    labels = folds(card(visitor, "EU-ISCC-Cert-DE999-1"))
    assert "Issuing CB" not in labels
    assert "Scope" in labels
    assert card(visitor, "EU-ISCC-Cert-DE999-1").css_first(".date") is None
    valid, suspended = table(visitor, VALID)[0], table(visitor, SUSPENDED)[0]
    assert "Date de fin de validité du certificat" not in valid
    assert "Type d'activité" not in valid
    assert "Type d'activité" in suspended


def test_a_german_heading_can_be_named_in_either_language(troubled: Troubled) -> None:
    visitor = troubled("redcert rename Valid from", "redcert rename ort")
    visitor.get(PAGE)
    headings = exported(visitor)[0]
    assert {"Gültig von", "Ort"}.isdisjoint(headings)


def test_a_register_in_trouble_is_not_hidden_by_a_date(visitor: Visitor, folder: Path) -> None:
    os.utime(folder / "twobsvs.csv", (LONG_AGO, LONG_AGO))
    modified = visitor.get(VALID).headers["Last-Modified"]
    (folder / "trouble.txt").write_text("twobsvs empty\n", "utf-8")
    reply = visitor.get(VALID, headers={"If-Modified-Since": modified})
    assert reply.status_code == 200
    assert "Last-Modified" not in reply.headers
