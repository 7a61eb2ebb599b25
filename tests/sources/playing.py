"""Plays the registers' recorded answers over real HTTP, and reads them with our connectors.

`python -m tests.sources.playing NAME` prints what a register's samples are read as, to be reviewed and kept as its
`expected.json`.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from certwatch.rules.findings import Finding
from certwatch.sources import SOURCES
from certwatch.sources.context import Context
from certwatch.sources.redcert import read_results
from certwatch.sources.source import Source

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
HERE = Path(__file__).parent
NAME = "CertificateWatch/1.0 (+https://watch.example; ops@watch.example)"

Ask = Callable[[Context], Iterator[Finding]]


@dataclass
class Shelf:
    """Where payloads are kept in a test."""

    kept: dict[str, bytes] = field(default_factory=dict)

    def keep(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        self.kept[sha256] = content
        return sha256


@dataclass
class Time:
    """A clock that only a sleep moves."""

    now_s: float = 0.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


def context(source: Source | str, base: str, **options: Any) -> Context:
    """A context whose payloads are kept in a `Shelf` and whose clock is a `Time`, unless told otherwise."""
    shelf, time = options.pop("shelf", None) or Shelf(), Time()
    given: dict[str, Any] = {
        "day": date(2026, 11, 24),
        "now": lambda: NOW,
        "user_agent": NAME,
        "keep": shelf.keep,
        "payload": shelf.kept.get,
        "sleep": time.sleep,
        "clock": time,
    }
    return Context(SOURCES[source] if isinstance(source, str) else source, base=base, **(given | options))


def samples(source: str) -> Path:
    """The folder of a register's recorded answers."""
    return Path(str(resources.files(f"certwatch.sources.{source}"))) / "samples"


def expected(source: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((samples(source).parent / "expected.json").read_text(encoding="utf-8"))
    return said


def play_iscc(server: HTTPServer, pages: dict[str, list[bytes]], start: bytes = b"") -> None:
    """Answers each bucket with its pages, in order. A bucket without pages is empty."""
    nothing = samples("iscc").joinpath("rest_search_none.json").read_bytes()

    def answer(request: Request) -> Response:
        asked = request.get_json()
        bucket = pages.get(asked["filters"]["status"][0], [])
        number = int(asked["page"])
        return Response(bucket[number - 1] if number <= len(bucket) else nothing, content_type="application/json")

    server.expect_request("/wp-json/api/certificates", method="POST").respond_with_handler(answer)
    server.expect_request("/certification/all-certificates/").respond_with_data(start, content_type="text/html")


def play_redcert(server: HTTPServer, export: bytes, start: bytes | None = None) -> None:
    """The export behind its session: it is there only once the page was turned to English."""
    page = start if start is not None else samples("redcert").joinpath("search_results.html").read_bytes()
    english: set[str] = set()

    def show(request: Request) -> Response:
        response = Response(page, content_type="text/html; charset=utf-8")
        if "ASP.NET_SessionId" not in request.cookies:
            response.set_cookie("ASP.NET_SessionId", f"s{len(english)}")
        return response

    def turn(request: Request) -> Response:
        assert request.form["__VIEWSTATE"] == "c2FtcGxlLXZpZXdzdGF0ZQ=="
        assert request.form["__EVENTVALIDATION"] == "c2FtcGxlLWV2ZW50"
        assert request.form["__EVENTTARGET"] == "ctl00$languageEnglishLinkButton"
        english.add(request.cookies["ASP.NET_SessionId"])
        return Response(page, content_type="text/html; charset=utf-8")

    def give(request: Request) -> Response:
        if request.cookies.get("ASP.NET_SessionId") not in english:
            return Response("<title>Anmeldung</title>", content_type="text/html")
        return Response(export, content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")

    server.expect_request("/ZertifikateDatenAnzeige.aspx", method="GET").respond_with_handler(show)
    server.expect_request("/ZertifikateDatenAnzeige.aspx", method="POST").respond_with_handler(turn)
    server.expect_request("/ExportZertifikate.aspx").respond_with_handler(give)


def play_twobsvs(server: HTTPServer, pages: dict[str, bytes]) -> None:
    """The four pages, by the last part of their address."""
    for word in ("valides", "suspendus", "retires", "resilies"):
        page = pages.get(word, samples("twobsvs").joinpath(f"certificats_{word}.html").read_bytes())
        server.expect_request(f"/fr/certificats-bloc-parent/certificats-{word}/").respond_with_data(
            page, content_type="text/html; charset=UTF-8"
        )


def cases(source: str, server: HTTPServer) -> Iterator[tuple[str, Ask]]:
    """Each recorded reading of a register: its name, and how it is asked for. The server then plays it."""
    folder = samples(source)
    crawl = SOURCES[source].crawl
    if source == "iscc":
        named = {
            "valid": ["rest_valid_page1.json", "rest_valid_page2_bom.json"],
            "suspended": ["rest_suspended.json"],
            "withdrawn": ["rest_withdrawn.json"],
            "terminated": ["rest_search_none.json"],
            "expired": ["rest_search_none.json"],
        }
        play_iscc(server, {word: [(folder / name).read_bytes() for name in files] for word, files in named.items()})
        yield "all buckets", crawl
    elif source == "redcert":
        for name in ("export_2021.xlsx", "export_2026.xlsx"):
            server.clear()
            play_redcert(server, (folder / name).read_bytes())
            yield name, crawl
        results = (folder / "search_results.html").read_text(encoding="utf-8")
        yield "search_results.html", lambda ctx: read_results(ctx, results)
    else:
        play_twobsvs(server, {})
        yield "four pages", crawl


def reading(source: str, server: HTTPServer) -> dict[str, Any]:
    """What a register's samples are read as, in the form of its `expected.json`."""
    said = {}
    for case, ask in cases(source, server):
        with context(source, server.url_for("")) as ctx:
            findings = [_short(finding) for finding in ask(ctx)]
            said[case] = {"findings": findings, "problems": ctx.problems, "problem_count": ctx.problem_count}
    return said


def _short(finding: Finding) -> dict[str, Any]:
    """A finding without what is empty, and without the record it was read from."""
    said = msgspec.to_builtins(finding)
    return {name: value for name, value in said.items() if value and name not in ("row", "payload")}


if __name__ == "__main__":
    with HTTPServer(port=0) as playing:
        print(json.dumps(reading(sys.argv[1], playing), ensure_ascii=False, indent=1))  # noqa: T201
