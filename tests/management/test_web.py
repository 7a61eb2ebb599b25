"""`certwatch web` as a process: what it refuses, how it ends, and that nothing is left over."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import (
    CERTWATCH,
    Installation,
    Proxy,
    Server,
    free_port,
    postgres_installation,
    sqlite_installation,
    valkey_url,
)

__all__ = ["postgres_installation", "sqlite_installation", "valkey_url"]


@pytest.fixture
def proxy(postgres_installation: Installation) -> Iterator[Proxy]:
    made = Proxy(postgres_installation.database_url)
    yield made
    made.close()


def refused(installation: Installation, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CERTWATCH, "web", *options], env=installation.settings, capture_output=True, text=True, timeout=20, check=False
    )


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def gone_within(seconds: float, pids: list[int]) -> bool:
    deadline = time.monotonic() + seconds
    while any(map(alive, pids)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_a_taken_port_is_refused_with_the_option_that_changes_it(sqlite_installation: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        said = refused(sqlite_installation, "--port", str(listener.getsockname()[1]))
    assert said.returncode == 1
    assert said.stderr.count("\n") == 1
    assert "--port" in said.stderr


def test_the_port_of_another_of_our_own_servers_is_taken_too(sqlite_installation: Installation) -> None:
    with Server(sqlite_installation) as server:
        said = refused(sqlite_installation, "--port", str(server.port), "--serve", "api")
        assert (said.returncode, "--port" in said.stderr) == (1, True)


def test_several_processes_without_valkey_are_refused(sqlite_installation: Installation) -> None:
    said = refused(sqlite_installation, "--port", str(free_port()), "--web-processes", "2")
    assert said.returncode == 1
    assert "VALKEY_URL" in said.stderr


@pytest.mark.parametrize("options", [("--serve", "nonsense"), ("--web-processes", "0"), ("--port", "70000")])
def test_a_value_out_of_range_is_wrong_usage(sqlite_installation: Installation, options: tuple[str, str]) -> None:
    assert refused(sqlite_installation, *options).returncode == 2


@pytest.mark.parametrize("serve", ["api", "all", "pages"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_when_nothing_is_under_way(
    sqlite_installation: Installation, serve: str, number: signal.Signals
) -> None:
    with Server(sqlite_installation, serve=serve) as server:
        idle = http.client.HTTPConnection("127.0.0.1", server.port)  # a connection that is kept alive holds up nobody
        idle.request("GET", "/healthz")
        idle.getresponse().read()
        family = [server.process.pid, *children(server.process.pid)]
        assert len(family) == 2
        began = time.monotonic()
        server.process.send_signal(number)
        assert server.process.wait(10) == 0
        assert time.monotonic() - began < 3
        assert gone_within(1, family)
        idle.close()


@pytest.mark.parametrize(("host", "shown"), [("localhost", "localhost"), ("::1", "[::1]")])
def test_it_listens_at_a_name_or_an_ipv6_address_too(sqlite_installation: Installation, host: str, shown: str) -> None:
    port = free_port()
    with subprocess.Popen(
        [CERTWATCH, "web", "--host", host, "--port", str(port), "--serve", "api"],
        env=sqlite_installation.settings,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == f"Serving at http://{shown}:{port} (Ctrl-C ends it)\n"
        deadline = time.monotonic() + 20
        while True:
            try:
                with socket.create_connection((host, port), timeout=1):
                    break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        process.terminate()
        assert process.wait(10) == 0
        assert process.stderr.read() == ""


def test_usage_is_written_at_the_end(sqlite_installation: Installation) -> None:
    org = sqlite_installation.org()
    with Server(sqlite_installation) as server:
        key = sqlite_installation.key(org)
        for _ in range(3):
            server.look_up("unknown", key)
    sql = "SELECT SUM(not_found) FROM certwatch_usage u JOIN certwatch_apikey k ON k.id = u.key_id WHERE k.org_id = %s"
    assert sqlite_installation.execute(sql, [org.pk]) == [(3,)]


def test_what_was_accepted_is_answered_before_it_ends(postgres_installation: Installation, proxy: Proxy) -> None:
    key = postgres_installation.key(postgres_installation.org())
    with Server(postgres_installation, settings={"DATABASE_URL": proxy.url}) as server:
        assert server.look_up("unknown", key).status == 404
        proxy.stall()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/api/v1/certificate/x", headers={"X-API-Key": key})
        time.sleep(0.3)  # so that it has been accepted
        began = time.monotonic()
        server.process.terminate()
        assert connection.getresponse().status == 503
        assert server.process.wait(10) == 0
        assert time.monotonic() - began < 5
        connection.close()


def test_no_orphans_when_it_is_killed(postgres_installation: Installation) -> None:
    with Server(postgres_installation, processes=2) as server:
        family = children(server.process.pid)
        assert len(family) == 2
        server.process.kill()
        server.process.wait()
        assert gone_within(5, family)
    for pid in family:
        assert not alive(pid)


def test_a_process_that_dies_is_replaced(sqlite_installation: Installation) -> None:
    with Server(sqlite_installation) as server:
        [first] = children(server.process.pid)
        time.sleep(0.1)
        os.kill(first, signal.SIGKILL)
        assert gone_within(5, [first])
        deadline = time.monotonic() + 10
        while True:
            try:
                assert server.ask("/healthz").status == 200
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        assert children(server.process.pid) != [first]


def test_the_database_that_is_away_is_503_and_back_again(postgres_installation: Installation, proxy: Proxy) -> None:
    key = postgres_installation.key(postgres_installation.org())
    with Server(postgres_installation, settings={"DATABASE_URL": proxy.url}) as server:
        assert server.look_up("x", key).status == 404
        for trouble in (proxy.stall, proxy.refuse):
            trouble()
            began = time.monotonic()
            reply = server.look_up("x", key)
            assert (reply.status, reply["content-type"]) == (503, "application/problem+json")
            assert reply["x-ratelimit-limit"] is None
            assert time.monotonic() - began < 3
            proxy.recover()
            assert server.look_up("x", key).status == 404


def test_the_api_alone_stays_small(sqlite_installation: Installation) -> None:
    with Server(sqlite_installation) as server:
        key = sqlite_installation.key(sqlite_installation.org())
        for _ in range(50):
            server.look_up("unknown", key)
        for pid in [server.process.pid, *children(server.process.pid)]:
            status = Path(f"/proc/{pid}/status").read_text()
            anonymous_kib = int(status.partition("RssAnon:")[2].split()[0])
            assert anonymous_kib < 80 * 1024
