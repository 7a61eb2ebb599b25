"""The look-up, measured (docs/performance.md): python -m benchmarks.lookup [--rounds 5] [--seconds 4] [--only sqlite]

1,000 organisations with 1,000 certificates each; keys rotated, 5 % misses; the server on one core, the load (wrk, 64
connections) on the other. In turn, several rounds, medians: a constant answered by the same server (the limit), the
look-up, Django REST framework, FastAPI with SQLAlchemy. PostgreSQL and Valkey or Redis as CERTWATCH_TEST_POSTGRES and
CERTWATCH_TEST_VALKEY say. The peers live in an environment of their own, .venv/peers, made at the first run.
"""

import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).parents[1]
PEERS = ROOT / ".venv" / "peers"
POSTGRES = os.environ.get("CERTWATCH_TEST_POSTGRES") or "postgres://postgres@127.0.0.1:5432/postgres"
VALKEY = os.environ.get("CERTWATCH_TEST_VALKEY") or "redis://127.0.0.1:6379"
CONNECTIONS = 64
QUIET = 0.9  # of its core a server must have, or something else was measured
SERVER_CORE, LOAD_CORE = {0}, {1}
GRANIAN = ("--no-ws", "--http", "1", "--loop", "asyncio", "--no-log")

LIMIT, OURS, REST, FAST = "constant answer (the limit)", "look-up", "Django REST framework", "FastAPI, SQLAlchemy"
GOALS = {  # share of the limit, times REST, times FAST
    "sqlite": (0.60, 25, 25),
    "postgres": (0.40, 20, 20),
}
P99_GOAL = 10  # times the median, at half of the maximum
MEMORY_GOAL_MIB = 80
MEMORY_REQUESTS = 1_000_000


@dataclass(frozen=True, slots=True)
class Measured:
    """What wrk says. Times in milliseconds."""

    per_second: float
    median_ms: float
    p99_ms: float
    requests: int
    processor_us: float  # the server's processor time per request
    core: float  # the share of its core that the server had


@dataclass(slots=True)
class Contestant:
    """A running server."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    def anonymous_mib(self) -> float:
        """Memory of its own, of the process that serves."""
        return int(self._told("status").partition("RssAnon:")[2].split()[0]) / 1024

    def processor_s(self) -> float:
        """Processor time that the process which serves has used so far."""
        user, system = self._told("stat").rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def _told(self, file: str) -> str:
        [child] = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return Path(f"/proc/{child}/{file}").read_text()


def main() -> None:
    options = argparse.ArgumentParser(description="Measure the look-up.")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=int, default=4)
    options.add_argument("--only", choices=GOALS)
    asked = options.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("The load generator wrk is needed. On Debian and Ubuntu: apt-get install wrk")
    if (os.cpu_count() or 1) < 2:
        sys.exit("Two cores are needed, one for the server and one for the load.")
    make_peers()
    for database in GOALS:
        if asked.only in (None, database):
            with tempfile.TemporaryDirectory(prefix="certwatch-bench-") as folder:
                measure(database, Path(folder), asked.rounds, asked.seconds)


def measure(database: str, folder: Path, rounds: int, seconds: int) -> None:
    with ExitStack() as stack:
        env = stack.enter_context(installation(database, folder))
        if env is None:
            return
        say(f"\n{database}: filling a million certificates ...")
        look_ups = folder / "look_ups.txt"
        subprocess.run([sys.executable, "-m", "benchmarks.million", look_ups], cwd=ROOT, env=env, check=True)
        contestants = [stack.enter_context(one) for one in line_up(env)]
        compare_answers(contestants[1:], look_ups)
        results: dict[str, list[Measured]] = {one.name: [] for one in contestants}
        for one in contestants:
            load(one, look_ups, 1)
        for number in range(rounds):
            say(f"round {number + 1} of {rounds} ...")
            for one in contestants:
                results[one.name].append(load(one, look_ups, seconds))
        report(database, results)
        ours = next(one for one in contestants if one.name == OURS)
        report_tail(ours, look_ups, seconds, median_of(results[OURS]))
        if database == "sqlite":
            report_memory(ours, look_ups)


def report(database: str, results: dict[str, list[Measured]]) -> None:
    limit, ours, rest, fast = (median_of(results[name]) for name in (LIMIT, OURS, REST, FAST))
    for name, rate in ((LIMIT, limit), (OURS, ours), (REST, rest), (FAST, fast)):
        latency = statistics.median(one.p99_ms for one in results[name])
        processor = statistics.median(one.processor_us for one in results[name])
        say(
            f"  {name:28} {rate:8,.0f} requests/s   {rate / limit:5.3f} of the limit   p99 {latency:6.1f} ms"
            f"   {processor:6.1f} µs of processor time"
        )
    share = min(statistics.median(one.core for one in results[name]) for name in (LIMIT, OURS))
    if share < QUIET:
        say(f"  NOT QUIET: the server had {share:.0%} of its core, other work the rest; the ratios do not count")
    of_the_limit, times_rest, times_fast = GOALS[database]
    judge(f"{database}: share of the limit", ours / limit, of_the_limit, "{:.2f}")
    judge(f"{database}: times Django REST framework", ours / rest, times_rest, "{:.1f}")
    judge(f"{database}: times FastAPI, SQLAlchemy", ours / fast, times_fast, "{:.1f}")


def report_tail(ours: Contestant, look_ups: Path, seconds: int, maximum: float) -> None:
    """The 99th percentile while half of the maximum is asked for."""
    wanted = maximum / 2
    pause_ms = 1000 * CONNECTIONS / wanted
    half = load(ours, look_ups, seconds, pause_ms=pause_ms)
    for _ in range(3):  # what an answer takes is part of the pause
        pause_ms *= half.per_second / wanted
        half = load(ours, look_ups, seconds, pause_ms=pause_ms)
    say(f"  at {half.per_second:,.0f} requests/s: median {half.median_ms:.2f} ms, p99 {half.p99_ms:.2f} ms")
    judge("p99 in medians, at half of the maximum", half.p99_ms / half.median_ms, P99_GOAL, "{:.1f}", at_most=True)


def report_memory(ours: Contestant, look_ups: Path) -> None:
    before, requests, most = ours.anonymous_mib(), 0, 0.0
    while requests < MEMORY_REQUESTS:
        requests += load(ours, look_ups, 10).requests
        most = max(most, ours.anonymous_mib())
    say(f"  anonymous memory: {before:.0f} MiB, after {requests:,} more requests {ours.anonymous_mib():.0f} MiB")
    judge("anonymous memory, MiB", most, MEMORY_GOAL_MIB, "{:.0f}", at_most=True)


def judge(what: str, value: float, goal: float, form: str, *, at_most: bool = False) -> None:
    met = value <= goal if at_most else value >= goal
    bound = "at most" if at_most else "at least"
    say(f"  {'met' if met else 'MISSED':7} {what}: {form.format(value)} (goal: {bound} {goal:g})")


def median_of(results: Sequence[Measured]) -> float:
    return statistics.median(one.per_second for one in results)


def load(one: Contestant, look_ups: Path, seconds: int, *, pause_ms: float = 0) -> Measured:
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", "benchmarks/look_up.lua"]
    env = {**os.environ, "LOOK_UPS": str(look_ups), "PAUSE_MS": f"{pause_ms:.3f}"}
    before, began = one.processor_s(), time.monotonic()
    said = subprocess.run(
        [*command, f"http://127.0.0.1:{one.port}"],
        cwd=ROOT,
        env=env,
        check=True,
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, LOAD_CORE),
    ).stdout
    used, elapsed = one.processor_s() - before, time.monotonic() - began
    if "Socket errors" in said:
        sys.exit(f"{one.name}:\n{said}")
    requests = int(found(r"(\d+) requests in", said))
    return Measured(
        per_second=float(found(r"Requests/sec:\s+([\d.]+)", said)),
        median_ms=milliseconds(found(r"^ +50% +(\S+)", said)),
        p99_ms=milliseconds(found(r"^ +99% +(\S+)", said)),
        requests=requests,
        processor_us=used * 1e6 / requests,
        core=used / elapsed,
    )


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        sys.exit(f"wrk's answer was not understood:\n{text}")
    return match[1]


def milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(\D+)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def line_up(env: dict[str, str]) -> Iterator[AbstractContextManager[Contestant]]:
    granian = str(PEERS / "bin" / "granian")
    ports = [free_port() for _ in range(4)]
    commands = [
        (LIMIT, [granian, "--interface", "asgi", "benchmarks.peers.constant:app"]),
        (OURS, [sys.executable, "-m", "certwatch.config.serving", "127.0.0.1", str(ports[1]), "1", "api"]),
        (REST, [granian, "--interface", "wsgi", "--blocking-threads", "2", "benchmarks.peers.rest_framework:app"]),
        (FAST, [granian, "--interface", "asgi", "benchmarks.peers.fast_api:app"]),
    ]
    for port, (name, command) in zip(ports, commands, strict=True):
        yield running(name, port, command if name == OURS else [*command, *GRANIAN, "--port", str(port)], env)


@contextmanager
def running(name: str, port: int, command: list[str], env: dict[str, str]) -> Iterator[Contestant]:
    process = subprocess.Popen(command, cwd=ROOT, env=env, preexec_fn=lambda: os.sched_setaffinity(0, SERVER_CORE))
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"{name} did not start: {' '.join(command)}")
                time.sleep(0.05)
        yield Contestant(name, port, process)
    finally:
        process.terminate()
        process.wait(15)


def compare_answers(contestants: Sequence[Contestant], look_ups: Path) -> None:
    """Nobody takes part who answers otherwise."""
    sample = [line.split("\t") for line in look_ups.read_text().splitlines()[:200]] + [["x", "cw_unknown"]]
    for number, key in sample:
        said = {one.name: answer(one.port, number, key) for one in contestants}
        if len({json.dumps(each) for each in said.values()}) != 1:
            sys.exit(f"The contestants disagree on {number}: {said}")


def answer(port: int, number: str, key: str) -> tuple[int, object]:
    """Status, and what a client reads of a good answer."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/certificate/{number}", headers={"X-API-Key": key})
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, None


@contextmanager
def installation(database: str, folder: Path) -> Iterator[dict[str, str] | None]:
    """The environment of the servers, with an empty database; None where there is no server for it."""
    env = {**os.environ, "CERTWATCH_HOME": str(folder), "PYTHONPATH": str(ROOT)}
    if database == "sqlite":
        yield {**env, "DATABASE_URL": f"sqlite:///{folder / 'certwatch.sqlite3'}"}
        return
    name = f"certwatch_bench_{os.getpid()}"
    try:
        server = psycopg.connect(POSTGRES, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        say(f"\npostgres: left out, no server at CERTWATCH_TEST_POSTGRES ({str(error).strip()})")
        yield None
        return
    with server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            url = urlunsplit(urlsplit(POSTGRES)._replace(path=f"/{name}"))
            valkey = urlunsplit(urlsplit(VALKEY)._replace(path="/14"))
            yield {**env, "DATABASE_URL": url, "VALKEY_URL": valkey}
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def make_peers() -> None:
    wanted = (ROOT / "benchmarks/peers/requirements.txt").read_text()
    stamp = PEERS / "requirements.txt"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say("making the peers' environment ...")
    subprocess.run([sys.executable, "-m", "venv", "--clear", PEERS], check=True)
    pip = [str(PEERS / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", ROOT / "benchmarks/peers/requirements.txt"], check=True)
    stamp.write_text(wanted)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
