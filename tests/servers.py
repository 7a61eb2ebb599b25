"""Real servers for tests: PostgreSQL and Valkey that are there already, and our own web processes.

CERTWATCH_TEST_POSTGRES and CERTWATCH_TEST_VALKEY say where they are; what cannot be reached is skipped with the
reason. Each installation has a database of its own, which is dropped afterwards.
"""

import contextlib
import http.client
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit, urlunsplit

import dj_database_url
import psycopg
import pytest
import redis
from django.db import connections
from django.db.models import Model

from certwatch.models import ApiKey, Certificate, Organisation, SourceState
from certwatch.rules import keys, numbers

POSTGRES = os.environ.get("CERTWATCH_TEST_POSTGRES") or "postgres://postgres@127.0.0.1:5432/postgres"
VALKEY = os.environ.get("CERTWATCH_TEST_VALKEY") or "redis://127.0.0.1:6379"
CERTWATCH = Path(sys.executable).with_name("certwatch")
T = TypeVar("T")
M = TypeVar("M", bound=Model)
LONG_AGO = datetime(2026, 2, 12, 8, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; header names are in small letters."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def __getitem__(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name.lower()), None)

    @property
    def told(self) -> dict[str, str]:
        """Headers without those that the server adds to everything, and without the rate limit's, which move."""
        return {k: v for k, v in self.headers if k not in ("date", "server") and "ratelimit" not in k}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def ask(
    port: int,
    path: str,
    *headers: tuple[str, str | bytes],
    method: str = "GET",
    key: str = "",
    body: bytes = b"",
    timeout_s: float = 30,
) -> Reply:
    """One request, its path and headers sent as they are. `key` goes into X-API-Key."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.putrequest(method, path, skip_host="host" in [name.lower() for name, _ in headers])
        for name, value in (*headers, *((("X-API-Key", key),) if key else ())):
            connection.putheader(name, value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        response = connection.getresponse()
        sent = tuple((name.lower(), value) for name, value in response.getheaders())
        return Reply(response.status, sent, response.read())
    finally:
        connection.close()


class Installation:
    """A migrated database of its own, reached by the ORM here and by the servers that are started on it."""

    def __init__(self, home: Path, database_url: str, valkey_url: str, blocker: Any) -> None:
        self.home, self.database_url, self.valkey_url = home, database_url, valkey_url
        self._blocker = blocker  # pytest-django's, against tests that use the database without saying so
        self.alias = f"installation_{secrets.token_hex(4)}"
        where: dict[str, Any] = {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": database_url.removeprefix("sqlite:///"),
        }
        if not database_url.startswith("sqlite:"):
            where = {**dj_database_url.parse(database_url)}
        options = {"timeout": 30} if database_url.startswith("sqlite:") else {}
        connections.databases[self.alias] = {**connections.databases["default"], "OPTIONS": options, **where}
        self._thread = ThreadPoolExecutor(1)  # its one connection is used there: coroutines may not, by Django's rules
        subprocess.run([CERTWATCH, "migrate"], env=self.settings, check=True, capture_output=True)

    @property
    def settings(self) -> dict[str, str]:
        """The environment of its processes."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
        return {
            **kept,
            "CERTWATCH_HOME": str(self.home),
            "DATABASE_URL": self.database_url,
            "VALKEY_URL": self.valkey_url,
        }

    def execute(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        def run() -> list[tuple[Any, ...]]:
            with connections[self.alias].cursor() as cursor:
                cursor.execute(sql, values)
                return list(cursor.fetchall()) if cursor.description else []

        return self.ask(run)

    def org(self, **fields: Any) -> Organisation:
        slug = f"org-{secrets.token_hex(5)}"
        return self.add(Organisation(**{"name": slug, "slug": slug, "created_at": LONG_AGO, **fields}))

    def key(self, org: Organisation, **fields: Any) -> str:
        """The plaintext of a new key."""
        plaintext = keys.make()
        values = {"name": "SAP", "scopes": ["certificates:read"], "created_at": LONG_AGO, **fields}
        self.add(ApiKey(org=org, digest=keys.digest(plaintext), begins=keys.begins(plaintext), **values))
        return plaintext

    def revoke(self, key: str) -> None:
        mine = ApiKey.across_orgs.using(self.alias).filter(digest=keys.digest(key))
        self.ask(lambda: mine.update(revoked_at=datetime.now(UTC)))

    def certificate(self, org: Organisation, number: str, **fields: Any) -> Certificate:
        folded = numbers.key(number)
        values = {"source": "iscc", "word": "valid", "added_at": LONG_AGO, **fields}
        names = {"number": numbers.written(number), "number_key": folded, "match_key": folded}
        return self.add(Certificate(org=org, **names, **values))

    def source(self, name: str, read_began: datetime | None) -> None:
        states = SourceState.objects.using(self.alias)
        self.ask(lambda: states.update_or_create(source=name, defaults={"read_began": read_began}))

    def change(self, row: Model, **fields: Any) -> None:
        """Give `row` other values."""
        for name, value in fields.items():
            setattr(row, name, value)
        self.ask(lambda: row.save(using=self.alias))

    def close(self) -> None:
        self.ask(lambda: connections[self.alias].close())
        self._thread.shutdown()
        del connections.databases[self.alias]

    def add(self, row: M) -> M:
        self.ask(lambda: row.save(using=self.alias))
        return row

    def ask(self, work: Callable[[], T]) -> T:
        """The result of `work`, which may use the ORM."""
        with self._blocker.unblock():
            return self._thread.submit(work).result()


class Server:
    """`certwatch web` on an installation; SIGTERM ends it with the `with` block."""

    def __init__(
        self, installation: Installation, *, serve: str = "api", processes: int = 1, settings: Mapping[str, str] = {}
    ) -> None:
        self.port = free_port()
        self._log = installation.home / f"server-{self.port}.log"
        options = ["--port", str(self.port), "--web-processes", str(processes), "--serve", serve]
        env = {**installation.settings, **settings}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen([CERTWATCH, "web", *options], env=env, stdout=log, stderr=log)

    def __enter__(self) -> Self:
        deadline = time.monotonic() + 30
        while True:
            try:
                ask(self.port, "/healthz")
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"The server did not start:\n{self.log()}") from None
                time.sleep(0.02)
            else:
                return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> int:
        """The exit code after SIGTERM."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(10)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()

    def log(self) -> str:
        """All that it wrote to stdout and stderr."""
        return self._log.read_text()

    def ask(self, path: str, *headers: tuple[str, str | bytes], **options: Any) -> Reply:
        return ask(self.port, path, *headers, **options)

    def look_up(self, number: str, key: str, *headers: tuple[str, str | bytes], method: str = "GET") -> Reply:
        """`number` as it stands in the address."""
        return ask(self.port, f"/api/v1/certificate/{number}", *headers, key=key, method=method)


class Proxy:
    """Stands before a server and can be told to misbehave: `stalled` passes nothing on, `cut` ends all connections."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = parts.hostname or "127.0.0.1", parts.port or 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._passing = threading.Event()
        self._passing.set()
        self._refusing = False
        self._open: list[socket.socket] = []
        who, at, _ = parts.netloc.rpartition("@")
        self.url = urlunsplit(parts._replace(netloc=f"{who}{at}127.0.0.1:{self._listener.getsockname()[1]}"))
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self) -> None:
        self._passing.clear()

    def refuse(self) -> None:
        self._refusing = True
        self.cut()

    def cut(self) -> None:
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def recover(self) -> None:
        self._refusing = False
        self.cut()  # what was held up meanwhile is lost, as after a restart
        self._passing.set()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._passing.set()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing:
                client.close()
                continue
            server = socket.create_connection(self._target)
            self._open += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with source, contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._passing.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def postgres_database() -> Iterator[str]:
    """The address of a new, empty database."""
    name = f"certwatch_test_{secrets.token_hex(6)}"
    try:
        server = psycopg.connect(POSTGRES, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        pytest.skip(f"No PostgreSQL (CERTWATCH_TEST_POSTGRES): {str(error).strip()}")
    with server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlunsplit(urlsplit(POSTGRES)._replace(path=f"/{name}"))
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """A database of Valkey that this test process has for itself."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    url = urlunsplit(urlsplit(VALKEY)._replace(path=f"/{1 + int(worker) % 15}"))
    client = redis.from_url(url, socket_timeout=5)
    try:
        client.flushdb()
    except redis.RedisError as error:
        pytest.skip(f"No Valkey or Redis (CERTWATCH_TEST_VALKEY): {error}")
    yield url
    client.flushdb()
    client.close()


@pytest.fixture(scope="session")
def sqlite_installation(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Iterator[Installation]:
    """The embedded default: SQLite, counters in memory. Shared by all tests: each makes organisations of its own."""
    home = tmp_path_factory.mktemp("sqlite")
    made = Installation(home, f"sqlite:///{home / 'certwatch.sqlite3'}", "", django_db_blocker)
    yield made
    made.close()


@pytest.fixture(scope="session")
def postgres_installation(
    tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any, valkey_url: str
) -> Iterator[Installation]:
    """PostgreSQL, counters in Valkey. Shared by all tests: each makes organisations of its own."""
    with postgres_database() as url:
        made = Installation(tmp_path_factory.mktemp("postgres"), url, valkey_url, django_db_blocker)
        yield made
        made.close()


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def installation(request: pytest.FixtureRequest) -> Installation:
    """Each of the two in turn."""
    made: Installation = request.getfixturevalue(f"{request.param}_installation")
    return made


@pytest.fixture(scope="session")
def server(installation: Installation) -> Iterator[Server]:
    """The API on either: one process with counters in memory, two with counters in Valkey."""
    with Server(installation, processes=2 if installation.valkey_url else 1) as running:
        yield running
        assert "Traceback" not in running.log()
