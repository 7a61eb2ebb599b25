"""The processes: what they start, how they end, and that nothing is left over."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.servers import postgres_database

CERTWATCH = Path(sys.executable).with_name("certwatch")
ENDS_WITHIN_S = 5.0


class Started:
    """A `certwatch` of its own, in an environment of its own, with what it started."""

    def __init__(self, home: Path, *arguments: str, **settings: str) -> None:
        kept = ("PATH", "LANG", "LC_ALL", "TMPDIR")
        env = {name: os.environ[name] for name in kept if name in os.environ}
        self.errors = (home / f"{'-'.join(arguments[:1])}.{time.monotonic_ns()}.txt").open("w+b")
        self.process = subprocess.Popen(
            [CERTWATCH, *arguments],
            env={**env, "CERTWATCH_HOME": str(home / "var"), **settings},
            stdin=subprocess.DEVNULL,
            stdout=self.errors,
            stderr=self.errors,
        )

    def said(self) -> str:
        self.errors.seek(0)
        return self.errors.read().decode()

    def ended(self, within_s: float) -> int:
        return self.process.wait(within_s)

    def told(self, number: int) -> tuple[int, float]:
        """The exit code after this signal, and how many seconds it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(30)
        return code, time.monotonic() - began

    def family(self) -> list[int]:
        """All processes that it started, directly or not."""
        return descendants(self.process.pid)


def descendants(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(child): int(parent) for child, parent in (line.split() for line in listed.splitlines())}
    found: list[int] = []
    for child in parents:
        above = child
        while above in parents and above != pid:
            above = parents[above]
        if above == pid and child != pid:
            found.append(child)
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(true: Callable[[], bool], within_s: float, why: Callable[[], str]) -> float:
    """How many seconds it took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < within_s, why()
        time.sleep(0.05)
    return time.monotonic() - began


def wait_for(one: "Started", true: Callable[[], bool]) -> float:
    """The same for something that `one` does, as long as it runs."""
    seconds = wait_until(lambda: one.process.poll() is not None or true(), 30, one.said)
    assert one.process.poll() is None, one.said()
    return seconds


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


def readyz(port: int) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except OSError:
        return {"ready": False}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    running: list[Started] = []

    def started(*arguments: str, **settings: str) -> Started:
        running.append(Started(tmp_path, *arguments, **settings))
        return running[-1]

    yield started
    for one in running:
        left = [one.process.pid, *one.family()] if one.process.poll() is None else []
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        one.process.wait(10)
        one.errors.close()


Start = Callable[..., Started]


def test_migrate_is_quiet_and_may_run_again_and_at_the_same_time(start: Start, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    at_once = [start("migrate"), start("migrate"), start("migrate")]
    assert [one.ended(60) for one in at_once] == [0, 0, 0], [one.said() for one in at_once]
    again = start("migrate")
    assert again.ended(30) == 0
    assert [one.said() for one in (*at_once, again)] == ["", "", "", ""]


def test_a_worker_refuses_a_database_that_is_not_up_to_date(start: Start) -> None:
    worker = start("worker")
    assert worker.ended(30) == 1
    assert worker.said() == "certwatch: The database is not up to date. Run `certwatch migrate` first.\n"


def test_nohup_lets_a_worker_live_on_when_the_terminal_is_closed(start: Start) -> None:
    assert start("migrate").ended(60) == 0
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does; inherited
    try:
        worker = start("worker", CERTWATCH_SOURCES="iscc", CERTWATCH_SOURCE_ISCC_URL="http://127.0.0.1:1/iscc")
    finally:
        signal.signal(signal.SIGHUP, before)
    wait_for(worker, lambda: "The worker has started." in worker.said())
    worker.process.send_signal(signal.SIGHUP)
    wait_for(worker, lambda: "A source was not read well." in worker.said())
    assert worker.told(signal.SIGTERM)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_waits_for_a_slow_register_ends_within_five_seconds(
    start: Start, httpserver: HTTPServer, number: int
) -> None:
    asked: list[str] = []

    def silent(request: Request) -> Response:
        asked.append(request.path)
        while len(asked) < 1000:  # until the test is over
            time.sleep(0.1)
        return Response()

    httpserver.expect_request("/iscc/wp-json/api/certificates").respond_with_handler(silent)
    assert start("migrate").ended(60) == 0
    worker = start(
        "worker", CERTWATCH_SOURCES="iscc", CERTWATCH_SOURCE_ISCC_URL=f"{httpserver.url_for('/iscc').rstrip('/')}"
    )
    wait_for(worker, lambda: bool(asked))
    code, seconds = worker.told(number)
    asked.extend([""] * 1000)
    assert code == 0, worker.said()
    assert seconds < ENDS_WITHIN_S


def test_a_worker_with_nothing_to_do_ends_at_once(start: Start) -> None:
    assert start("migrate").ended(60) == 0
    worker = start("worker", CERTWATCH_SOURCES="iscc", CERTWATCH_SOURCE_ISCC_URL="http://127.0.0.1:1/iscc")
    wait_for(worker, lambda: "The worker has started." in worker.said())
    code, seconds = worker.told(signal.SIGTERM)
    assert code == 0, worker.said()
    assert seconds < ENDS_WITHIN_S


def test_up_is_ready_within_fifteen_seconds_and_ends_with_all_within_five(start: Start) -> None:
    port = free_port()
    up = start("up", "--port", str(port), CERTWATCH_SOURCES="iscc", CERTWATCH_SOURCE_ISCC_URL="http://127.0.0.1:1")
    assert wait_for(up, lambda: readyz(port)["ready"] is True) < 15
    children = up.family()
    assert len(children) >= 2
    code, seconds = up.told(signal.SIGTERM)
    assert code == 0, up.said()
    assert seconds < ENDS_WITHIN_S
    assert not [pid for pid in children if alive(pid)]


def test_ctrl_c_at_the_terminal_ends_all_of_it(start: Start) -> None:
    port = free_port()
    up = start("up", "--port", str(port), CERTWATCH_SOURCES="iscc", CERTWATCH_SOURCE_ISCC_URL="http://127.0.0.1:1")
    wait_for(up, lambda: readyz(port)["ready"] is True)
    children = up.family()
    code, seconds = up.told(signal.SIGINT)
    assert code == 0, up.said()
    assert seconds < ENDS_WITHIN_S
    assert "Traceback" not in up.said()
    assert not [pid for pid in children if alive(pid)]


def test_nothing_is_left_when_up_is_killed(start: Start) -> None:
    port = free_port()
    up = start("up", "--port", str(port), CERTWATCH_SOURCES="iscc", CERTWATCH_SOURCE_ISCC_URL="http://127.0.0.1:1")
    wait_for(up, lambda: readyz(port)["ready"] is True)
    children = up.family()
    up.told(signal.SIGKILL)
    wait_until(lambda: not any(alive(pid) for pid in children), ENDS_WITHIN_S + 1, lambda: f"left: {children}")


@pytest.mark.parametrize(("dying", "word"), [("web", b"certwatch.config.serving"), ("worker", b"worker")])
def test_when_one_part_dies_the_other_is_ended_and_up_says_so(start: Start, dying: str, word: bytes) -> None:
    port = free_port()
    up = start("up", "--port", str(port), CERTWATCH_SOURCES="iscc", CERTWATCH_SOURCE_ISCC_URL="http://127.0.0.1:1")
    wait_for(up, lambda: readyz(port)["ready"] is True)
    children = up.family()
    victim = next(p for p in children if word in Path(f"/proc/{p}/cmdline").read_bytes().split(b"\0"))
    os.kill(victim, signal.SIGKILL)
    assert up.ended(ENDS_WITHIN_S + 1) == 1
    assert f"{dying} ended by itself" in up.said()
    wait_until(lambda: not any(alive(pid) for pid in children), ENDS_WITHIN_S, lambda: f"left: {children}")


def test_a_port_that_is_taken_is_refused_before_anything_starts(start: Start, tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        up = start("up", "--port", str(port))
        assert up.ended(30) == 1
    assert up.said() == f"certwatch: Port {port} of 127.0.0.1 is taken. Choose another one with --port.\n"
    assert not (tmp_path / "var" / "certwatch.sqlite3").exists()


def test_a_host_that_is_not_ours_is_refused(start: Start) -> None:
    up = start("up", "--host", "203.0.113.7", "--port", str(free_port()))
    assert up.ended(30) == 1
    assert up.said() == "certwatch: 203.0.113.7 is no address of this machine. Choose another one with --host.\n"


def test_several_web_processes_need_a_place_to_count_together(start: Start) -> None:
    up = start("up", "--port", str(free_port()), "--web-processes", "2")
    assert up.ended(30) == 1
    assert "VALKEY_URL" in up.said()


@pytest.mark.parametrize("arguments", [("--port", "0"), ("--port", "70000"), ("--web-processes", "0"), ("--port", "x")])
def test_a_value_out_of_range_is_wrong_usage(start: Start, arguments: tuple[str, str]) -> None:
    assert start("up", *arguments).ended(30) == 2


def test_a_source_that_nobody_knows_stops_the_start(start: Start) -> None:
    worker = start("worker", CERTWATCH_SOURCES="iscc,isscc")
    assert worker.ended(30) == 1
    said = worker.said()
    assert "CERTWATCH_SOURCES" in said
    assert "isscc" in said
    assert "Traceback" not in said


def test_everything_runs_on_postgresql_and_valkey_with_several_web_processes(start: Start, valkey_url: str) -> None:
    with postgres_database() as database_url:
        at_once = [start("migrate", DATABASE_URL=database_url) for _ in range(3)]
        assert [one.ended(60) for one in at_once] == [0, 0, 0], [one.said() for one in at_once]
        port = free_port()
        up = start(
            "up",
            "--port",
            str(port),
            "--web-processes",
            "2",
            DATABASE_URL=database_url,
            VALKEY_URL=valkey_url,
            CERTWATCH_SOURCES="iscc",
            CERTWATCH_SOURCE_ISCC_URL="http://127.0.0.1:1",
        )
        wait_for(up, lambda: readyz(port)["ready"] is True)
        wait_for(up, lambda: "A source was not read well." in up.said())  # so the task went through the queue
        children = up.family()
        code, seconds = up.told(signal.SIGTERM)
        assert code == 0, up.said()
        assert seconds < ENDS_WITHIN_S
        assert not [pid for pid in children if alive(pid)]


def test_a_database_that_does_not_answer_is_told_in_a_line(start: Start) -> None:
    up = start("up", "--port", str(free_port()), DATABASE_URL="postgres://me:hidden@127.0.0.1:1/none")
    assert up.ended(30) == 1
    assert up.said().startswith("certwatch: The database cannot be reached")
    assert "hidden" not in up.said()


def test_a_folder_that_cannot_hold_the_database_is_told_in_a_line(start: Start) -> None:
    migrate = start("migrate", DATABASE_URL="sqlite:////nowhere/at/all.sqlite3")
    assert migrate.ended(30) == 1
    assert migrate.said().startswith("certwatch: The database /nowhere/at/all.sqlite3 cannot be written to")
