"""Our connectors against the practice registers, which were written without knowing them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from certwatch.practice.server import PracticeRegisters
from certwatch.rules.errors import Incomplete, SourceChanged, SourceUnreachable
from certwatch.rules.findings import Finding
from certwatch.sources import SOURCES
from certwatch.sources.context import Context
from tests.sources.playing import NOW, context


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registers")


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with PracticeRegisters(data=folder, today=NOW.date()) as registers:
        yield registers.url


def crawl(source: str, address: str) -> tuple[list[Finding], Context]:
    with context(source, f"{address}/{source}", timeout_s=0.3) as ctx:
        return list(SOURCES[source].crawl(ctx)), ctx


@pytest.fixture
def trouble(folder: Path) -> Iterator[Path]:
    path = folder / "trouble.txt"
    yield path
    path.unlink(missing_ok=True)


@pytest.mark.parametrize("source", SOURCES)
def test_a_well_behaved_register_is_read_in_full(source: str, address: str) -> None:
    findings, ctx = crawl(source, address)
    assert len(findings) >= 60
    assert {f.word.value for f in findings} >= {"valid", "suspended", "withdrawn", "terminated"}
    assert all("is no status that we know" in problem for problem in ctx.problems)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("outage", SourceUnreachable),
        ("silent", SourceUnreachable),
        ("busy 60", SourceUnreachable),
        ("maintenance", SourceChanged),
        ("login", SourceChanged),
        ("cut", Incomplete),
    ],
)
def test_what_is_no_answer_fails_the_run(
    source: str, line: str, error: type[Exception], address: str, trouble: Path
) -> None:
    trouble.write_text(f"{source} {line}\n")
    with pytest.raises(error):
        crawl(source, address)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("iscc short", Incomplete),
        ("iscc short in withdrawn", Incomplete),
        ("iscc outage in expired", SourceUnreachable),
        ("iscc rename Scope", SourceChanged),
        ("iscc rename Issuing CB in suspended", SourceChanged),
        ("redcert rename State", SourceChanged),
        ("redcert rename City", SourceChanged),
        ("twobsvs rename Numéro de Certificat 2BS", SourceChanged),
        ("twobsvs rename Date de retrait du certificat", SourceChanged),
        ("twobsvs cut in terminated", Incomplete),
        ("twobsvs refuse", SourceUnreachable),
    ],
)
def test_a_register_that_has_changed_or_lacks_something_fails_the_run(
    line: str, error: type[Exception], address: str, trouble: Path
) -> None:
    trouble.write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(error):
        crawl(line.split()[0], address)


@pytest.mark.parametrize("source", ["iscc", "redcert"])
def test_a_register_that_wants_a_session_gets_one(source: str, address: str, trouble: Path) -> None:
    trouble.write_text(f"{source} refuse\n")
    assert len(crawl(source, address)[0]) >= 60


def test_one_number_is_found_by_the_search(address: str) -> None:
    wanted = crawl("iscc", address)[0][0]
    find = SOURCES["iscc"].find
    assert find is not None
    with context("iscc", f"{address}/iscc") as ctx:
        found = list(find(ctx, wanted.number.lower()))
        nothing = list(find(ctx, "EU-ISCC-Cert-DE999-00000000"))
    assert (wanted.number, wanted.holder) in {(f.number, f.holder) for f in found}
    assert nothing == []
