"""Every connector reads its register's recorded answers as reviewed, and none reads what is no answer."""

import csv
import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from certwatch.rules.errors import SourceChanged, SourceError
from certwatch.rules.findings import Finding
from certwatch.sources import SOURCES, telling
from tests.sources.playing import HERE, Shelf, cases, context, expected, play_iscc, reading, samples

FOLDERS = {"iscc": "iscc", "redcert": "redcert", "2bsvs": "twobsvs"}  # of expected.csv → source
ANYTHING = re.compile(".*")
FAILURES = sorted(path.name for path in (HERE / "failures").iterdir())


@pytest.mark.parametrize("source", SOURCES)
def test_every_connector_reads_its_samples_as_reviewed(source: str, httpserver: HTTPServer) -> None:
    assert json.loads(json.dumps(reading(source, httpserver))) == expected(source)


def rows_of(source: str) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """File of the samples, and what expected.csv says a reader should get out of it."""
    with (HERE / "expected.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for folder, name in FOLDERS.items():
        if name == source:
            for file_name in sorted({row["file"] for row in rows if row["file"].startswith(f"{folder}/")}):
                yield file_name.partition("/")[2], [row for row in rows if row["file"] == file_name]


def as_row(finding: Finding) -> dict[str, str]:
    period = finding.suspensions[0] if finding.suspensions else None
    days = {
        "valid_from": finding.valid_from,
        "valid_until": finding.valid_until,
        "suspended_from": period.start if period else None,
        "suspended_until": period.until if period else None,
    }
    return {
        "number": finding.number,
        "holder": finding.holder,
        "source_status": finding.source_word,
        "status": finding.word.value,
        **{name: day.isoformat() if day else "" for name, day in days.items()},
    }


def as_expected(row: dict[str, str]) -> dict[str, str]:
    said = {name: row[name] for name in row if name not in ("file", "note")}
    said["source_status"] = said["source_status"].removeprefix("(page: ").removesuffix(")")
    return said


@pytest.mark.parametrize("source", SOURCES)
def test_every_record_of_the_samples_is_met(source: str, httpserver: HTTPServer) -> None:
    found: list[Finding] = []
    for _, ask in cases(source, httpserver):
        with context(source, httpserver.url_for("")) as ctx:
            found += ask(ctx)
    for name, rows in rows_of(source):
        if rows[0]["status"] in ("(failed check: no status change)", "not_found") or name.startswith("legacy"):
            continue  # these have tests of their own, below and in test_iscc
        sha256 = hashlib.sha256((samples(source) / name).read_bytes()).hexdigest()
        from_file = [f for f in found if f.payload == (sha256 if name != "search_results.html" else "")]
        assert [as_row(f) for f in from_file] == [as_expected(row) for row in rows], name


@pytest.mark.parametrize("status", [200, 403, 503])
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("source", SOURCES)
def test_a_page_that_comes_instead_of_data_fails_the_run(
    source: str, failure: str, status: int, httpserver: HTTPServer
) -> None:
    page = (HERE / "failures" / failure).read_bytes()
    shelf = Shelf()

    def answer(_: Any) -> Response:
        return Response(page, status=status, content_type="text/html")

    httpserver.expect_request(ANYTHING).respond_with_handler(answer)
    with context(source, httpserver.url_for(""), shelf=shelf) as ctx:
        with pytest.raises(SourceError) as error:
            list(SOURCES[source].crawl(ctx))
        assert ctx.asked[-1]["status"] == status
        assert shelf.kept[ctx.asked[-1]["sha256"]] == page  # what came is evidence as well
        assert str(error.value)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe", b"null", b"[]", b"<table>", b"PK\x03\x04", b'{"success":'])
def test_rubbish_fails_the_run(source: str, content: bytes, httpserver: HTTPServer) -> None:
    httpserver.expect_request(ANYTHING).respond_with_data(content)
    with context(source, httpserver.url_for("")) as ctx, pytest.raises(SourceError):
        list(SOURCES[source].crawl(ctx))


def test_a_reply_of_the_protocol_that_is_gone_fails_the_run(httpserver: HTTPServer) -> None:
    legacy = (samples("iscc") / "legacy_wdt_2022.json").read_bytes()
    play_iscc(httpserver, {"valid": [legacy]})
    with context("iscc", httpserver.url_for("")) as ctx, pytest.raises(SourceChanged, match="shape"):
        list(SOURCES["iscc"].crawl(ctx))


def test_every_number_that_iscc_published_is_kept_as_it_is() -> None:
    with (samples("iscc") / "numbers_published.csv").open(encoding="utf-8", newline="") as file:
        published = [row["number"] for row in csv.DictReader(file)]
    assert len(published) > 50
    with context("iscc", "http://127.0.0.1") as ctx:
        assert [ctx.number(number) for number in published] == published
        assert ctx.problems == []


@pytest.mark.parametrize("source", SOURCES)
def test_the_samples_tell_their_own_register(source: str) -> None:
    for case in expected(source).values():
        for finding in case["findings"]:
            told = telling(finding["number"].casefold())
            assert told is not None and told.name == source
