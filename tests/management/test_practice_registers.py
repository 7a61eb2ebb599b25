"""`certwatch practice-registers` as a process."""

import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.management.test_processes import ENDS_WITHIN_S, Started, free_port, wait_until

Start = Callable[..., Started]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[Started] = []

    def started(*arguments: str) -> Started:
        running.append(Started(tmp_path, "practice-registers", *arguments))
        return running[-1]

    yield started
    for one in running:
        one.process.kill()
        one.process.wait(10)
        one.errors.close()


def serving(one: Started) -> None:
    wait_until(lambda: "Ctrl-C ends them" in one.said() or one.process.poll() is not None, 20, one.said)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_end(start: Start, tmp_path: Path, number: int) -> None:
    port = free_port()
    registers = start("--port", str(port), "--data", str(tmp_path / "data"), "--trouble", "iscc outage")
    serving(registers)
    assert f"CERTWATCH_SOURCE_TWOBSVS_URL=http://127.0.0.1:{port}/twobsvs\n" in registers.said()
    assert (tmp_path / "data" / "redcert.csv").exists()
    with pytest.raises(urllib.error.HTTPError) as outage:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/iscc/", timeout=5)
    outage.value.close()
    assert outage.value.code == 500
    code, seconds = registers.told(number)
    assert (code, "Traceback" in registers.said()) == (0, False)
    assert seconds < ENDS_WITHIN_S


def test_a_taken_port_is_refused_and_a_line_that_is_not_understood_is_wrong_usage(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = start("--port", str(server.getsockname()[1]))
        assert taken.ended(20) == 1
        assert "--port" in taken.said()
    wrong = start("--trouble", "iscc outage", "--trouble", "iscc flood")
    assert wrong.ended(20) == 2
    assert "no trouble is called 'flood'" in wrong.said()
