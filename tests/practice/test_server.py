"""The server in front of the registers, and where its rows come from."""

import csv
import io
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from certwatch.practice import PracticeRegisters, invented
from certwatch.rules.errors import Refused
from certwatch.rules.status import Status
from tests.practice.conftest import TODAY, Visitor
from tests.practice.test_redcert import exported, in_english
from tests.practice.test_twobsvs import VALID


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("name", ["iscc", "redcert", "twobsvs"])
def test_at_least_sixty_invented_holders_with_every_status(name: str) -> None:
    listed = rows(invented.files(TODAY)[name])
    assert len({row["holder"] for row in listed}) >= 60
    assert {row["status"] for row in listed} >= set(Status) - {Status.NOT_FOUND, Status.UNKNOWN}
    assert all("999" in row["number"] for row in listed)
    assert list(listed[0])[:7] == [
        "number", "holder", "status", "valid_from", "valid_until", "suspended_from", "suspended_until",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["iscc", "redcert", "twobsvs"])
def test_invented_words_and_dates_agree(name: str) -> None:
    today = TODAY.isoformat()
    for row in rows(invented.files(TODAY)[name]):
        if row["status"] == "valid":
            assert row["valid_from"] <= today <= row["valid_until"]
        if row["status"] == "not_yet_valid":
            assert today < row["valid_from"]
        if row["status"] == "expired":
            assert row["valid_until"] < today
        if row["status"] == "suspended":
            assert row["suspended_from"] <= today
    assert TODAY.isoformat() in {row["valid_until"] for row in rows(invented.files(TODAY)[name])}


def test_one_invented_number_of_iscc_has_two_holders() -> None:
    holders: dict[str, set[str]] = {}
    for row in rows(invented.files(TODAY)["iscc"]):
        holders.setdefault(row["number"], set()).add(row["holder"])
    assert [len(who) for who in holders.values() if len(who) > 1] == [2]


def test_missing_files_are_written_and_those_that_are_there_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    folder.mkdir(parents=True)
    mine = "number,holder,status,valid_from,valid_until\n2BS999001,Mine,valid,2026-01-01,2026-12-31\n"
    (folder / "twobsvs.csv").write_text(mine, "utf-8")
    with (
        PracticeRegisters(data=folder, today=TODAY) as registers,
        Visitor(base_url=registers.url, trust_env=False) as me,
    ):
        assert "Mine" in me.get(VALID).text
        assert len(me.numbers("valid")) > 40
    assert (folder / "twobsvs.csv").read_text("utf-8") == mine
    assert (folder / "redcert.csv").read_text("utf-8") == invented.files(TODAY)["redcert"]


def test_without_a_folder_the_same_rows_are_served_from_memory() -> None:
    with PracticeRegisters(today=TODAY) as registers, Visitor(base_url=registers.url, trust_env=False) as visitor:
        in_english(visitor)
        assert len(exported(visitor)) == 1 + len(rows(invented.files(TODAY)["redcert"]))


def test_a_file_without_a_needed_column_is_a_500_and_says_what_to_mend(
    visitor: Visitor, folder: Path, said: list[str]
) -> None:
    (folder / "iscc.csv").write_text("number;holder;status\n", "utf-8")
    assert visitor.iscc().status_code == 500
    assert visitor.get(VALID).status_code == 200
    assert "has no column number, holder, status, valid_from, valid_until" in said[-1]


@pytest.mark.parametrize("content", [b"", "number,hölder".encode("latin-1"), b'number,holder\n"' + b"x" * 200_000])
def test_a_file_that_cannot_be_read_is_a_500(visitor: Visitor, folder: Path, said: list[str], content: bytes) -> None:
    (folder / "twobsvs.csv").write_bytes(content)
    assert visitor.get(VALID).status_code == 500
    assert "twobsvs.csv" in said[-1]


def test_a_file_that_went_is_a_500_until_it_is_back(visitor: Visitor, folder: Path, said: list[str]) -> None:
    content = (folder / "twobsvs.csv").read_bytes()
    (folder / "twobsvs.csv").unlink()
    assert visitor.get(VALID).status_code == 500
    (folder / "twobsvs.csv").write_bytes(content)
    assert visitor.get(VALID).status_code == 200


def test_rows_edited_by_hand_are_taken_as_they_are(visitor: Visitor, folder: Path, said: list[str]) -> None:
    (folder / "twobsvs.csv").write_text(
        "\ufeffNumber, Holder ,STATUS,valid_from,valid_until\n"
        "\n"
        "2BS999001,A, valid ,2026-01-01\n"
        "2BS999002,B, Ltd,valid,2026-01-01,2026-12-31\n",
        "utf-8",
    )
    page = visitor.get(VALID).text
    assert "2BS999001" in page
    assert any("line 4: more cells than headings" in line for line in said)


def test_a_taken_port_is_refused_with_the_option_that_changes_it(registers: PracticeRegisters) -> None:
    with pytest.raises(Refused, match="--port"):
        PracticeRegisters(port=registers.port).start()


def test_a_folder_that_is_a_file_is_refused(folder: Path) -> None:
    with pytest.raises(Refused, match="--data"):
        PracticeRegisters(data=folder / "iscc.csv").start()


def test_it_starts_within_a_second_and_leaves_no_thread() -> None:
    before, began = threading.active_count(), time.monotonic()
    with PracticeRegisters(today=TODAY) as registers, httpx2.Client(base_url=registers.url, trust_env=False) as visitor:
        assert visitor.get("/").status_code == 200
        assert time.monotonic() - began < 1
    assert threading.active_count() == before


def test_many_visitors_at_once(registers: PracticeRegisters) -> None:
    def visit(_: int) -> int:
        with Visitor(base_url=registers.url, trust_env=False, timeout=20) as visitor:
            in_english(visitor)
            return len(exported(visitor)) + len(visitor.numbers("valid"))

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(visit, range(32))) == {5 + 3}


def test_head_is_an_answer_without_its_body_and_other_addresses_are_not_found(visitor: Visitor) -> None:
    reply = visitor.head(VALID)
    assert (reply.status_code, reply.content) == (200, b"")
    assert int(reply.headers["Content-Length"]) > 0
    assert visitor.get("/").status_code == 200
    assert visitor.get("/kzr/").status_code == 404


@pytest.mark.parametrize("length", [b"99999999999", b"-1", b"x"])
def test_a_body_that_is_too_long_or_of_unknown_length_is_not_read(registers: PracticeRegisters, length: bytes) -> None:
    with socket.create_connection(("127.0.0.1", registers.port), timeout=5) as line:
        line.sendall(
            b"POST /iscc/wp-json/api/certificates HTTP/1.1\r\nHost: x\r\nContent-Length: " + length + b"\r\n\r\n"
        )
        assert line.recv(100).startswith(b"HTTP/1.1 413")


def test_a_visitor_who_leaves_in_the_middle_hurts_nobody(registers: PracticeRegisters, visitor: Visitor) -> None:
    with socket.create_connection(("127.0.0.1", registers.port), timeout=5) as line:
        line.sendall(b"POST /iscc/wp-json/api/certificates HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{")
    assert visitor.iscc().status_code == 200
