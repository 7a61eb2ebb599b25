"""The roof: which part answers which address. `application`, `api` and `pages` make what `certwatch web --serve` names.

Django is imported only where pages are served, so that a process for the API alone stays small.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec

from certwatch.api.answers import Problems
from certwatch.api.database import Database, PostgresDatabase, SqliteDatabase
from certwatch.api.gate import Gate
from certwatch.api.health import Metrics, readiness
from certwatch.api.limit import MemoryCounter, ValkeyCounter
from certwatch.api.lookup import PostgresReader, Reader, SqliteReader
from certwatch.api.rest.door import Door, Respond
from certwatch.api.usage import Usage
from certwatch.config import environ
from certwatch.rules.clients import client_address, within

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

TICK_S = 5  # so old may the numbers of the other processes be at /metrics


def application() -> "Roof":
    """Everything in one process."""
    return Roof(environ.read(), gate=True, pages=_django())


def api() -> "Roof":
    """The API alone."""
    return Roof(environ.read(), gate=True, pages=None)


def pages() -> "Roof":
    """The pages alone."""
    return Roof(environ.read(), gate=False, pages=_django())


class Roof:
    """Takes each request to whom it belongs, and looks after what the gate counts."""

    def __init__(self, env: environ.Environment, *, gate: bool, pages: App | None) -> None:
        self._env, self._pages = env, pages
        self._database, self._reader = _database(env)
        self._usage = Usage(self._database, env.trusted_proxies)
        self._counter = ValkeyCounter(env.valkey_url) if env.valkey_url else MemoryCounter()
        self._problems = Problems(f"{env.base_url}/api-docs")
        self._rest = Door(
            _rest,
            nothing=self._problems.no_address,
            docs=f"{env.base_url}/api-docs",
            trusted_proxies=env.trusted_proxies,
        )
        self._gate = Gate(
            reader=self._reader,
            counter=self._counter,
            usage=self._usage,
            problems=self._problems,
            rest=self._rest,
            proxies=env.trusted_proxies,
        )
        self._serves_api = gate
        self._metrics = Metrics()
        self._machines: dict[str, App] = {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._measures,
        }

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._live(receive, send)
        path: str = scope["path"]  # decoded, as Django sees it: nobody comes round the gate by writing %61pi
        if path.startswith("/api/"):
            return self._gate(scope, receive, send) if self._serves_api else self._nothing(scope, receive, send)
        if path in self._machines:
            return self._machines[path](scope, receive, send)
        if self._pages is None:
            return self._nothing(scope, receive, send)
        return self._pages(self._as_the_client_sent_it(scope), receive, send)

    def _as_the_client_sent_it(self, scope: Scope) -> Scope:
        """`scope` with the client and the scheme before our proxies, so that no page need ask for them."""
        peer, port = scope["client"] or ("", 0)
        forwarded = {
            name: b",".join(value for key, value in scope["headers"] if key == name).decode("latin-1")
            for name in (b"x-forwarded-for", b"x-forwarded-proto")
        }
        client = client_address(peer, forwarded[b"x-forwarded-for"], self._env.trusted_proxies)
        ours = client_address(peer, "", ())
        scheme = forwarded[b"x-forwarded-proto"].rpartition(",")[2].strip().lower()
        if ours is None or not within(ours, self._env.trusted_proxies) or scheme not in ("http", "https"):
            scheme = scope["scheme"]
        return {**scope, "client": (str(client or peer), port), "scheme": scheme}

    async def _live(self, receive: Receive, send: Send) -> None:
        """The server's beginning and end."""
        housekeeping: asyncio.Task[None] | None = None
        while True:
            event = (await receive())["type"]
            if event == "lifespan.startup":
                housekeeping = asyncio.create_task(self._keep_house())
                await send({"type": "lifespan.startup.complete"})
            elif event == "lifespan.shutdown":
                if housekeeping is not None:
                    housekeeping.cancel()
                await self._usage.write()
                self._rest.close()
                self._reader.close()
                self._counter.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _keep_house(self) -> None:
        minute = datetime.now(UTC).minute
        while True:
            await asyncio.sleep(TICK_S)
            self._metrics.take(self._gate.answers, self._counter.failures)
            if (now := datetime.now(UTC).minute) != minute:
                minute = now
                self._counter.tidy()
                await self._usage.write()

    async def _healthz(self, scope: Scope, _receive: Receive, send: Send) -> None:
        await _say(scope, send, 200, b"ok\n", b"text/plain; charset=utf-8")

    async def _readyz(self, scope: Scope, _receive: Receive, send: Send) -> None:
        state = await readiness(self._database, datetime.now(UTC))
        await _say(scope, send, 200 if state["ready"] else 503, msgspec.json.encode(state), b"application/json")

    async def _measures(self, scope: Scope, receive: Receive, send: Send) -> None:
        peer = self._as_the_client_sent_it(scope)["client"][0]
        client = client_address(peer, "", ())
        if client is None or not within(client, self._env.metrics_networks):
            await self._nothing(scope, receive, send)
            return
        self._metrics.take(self._gate.answers, self._counter.failures)
        await _say(scope, send, 200, self._metrics.text(), b"text/plain; version=0.0.4; charset=utf-8")

    async def _nothing(self, scope: Scope, _receive: Receive, send: Send) -> None:
        status, _, body = self._problems.no_address
        await _say(scope, send, status, body, b"application/problem+json")


def _django() -> App:
    from django.core.asgi import get_asgi_application

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "certwatch.config.settings")
    return get_asgi_application()


@cache
def _rest() -> Respond:
    """What answers behind the gate, loaded with the first request that needs it."""
    import django
    from django.apps import apps

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "certwatch.config.settings")
    if not apps.ready:
        django.setup()
    from certwatch.api.rest.answering import respond

    return respond


def _database(env: environ.Environment) -> tuple[Database, Reader]:
    if env.sqlite_path is not None:
        return SqliteDatabase(env.sqlite_path), SqliteReader(env.sqlite_path)
    return PostgresDatabase(env.database_url), PostgresReader(env.database_url)


async def _say(scope: Scope, send: Send, status: int, body: bytes, kind: bytes) -> None:
    headers = [
        (b"content-type", kind),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
