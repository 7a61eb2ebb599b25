"""The gate in front of everything below /api/: key, organisation, limit; then the look-up."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_network
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

import msgspec

from certwatch.api.answers import Answer, Problems, certificate, limited
from certwatch.api.limit import Counter
from certwatch.api.lookup import DatabaseSilent, Reader, Row
from certwatch.rules import keys, numbers
from certwatch.rules.clients import Network, client_address, within
from certwatch.rules.errors import BadNumber

Scope = Mapping[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]

LOOK_UP = b"/api/v1/certificate/"
log = logging.getLogger(__name__)


class Usage(Protocol):
    """Where answers are counted."""

    def note(self, key: int, status: int, now: datetime, came_from: tuple[str, str]) -> None: ...


class Gate:
    """Answers every request below /api/. Reads each request's key once; nothing behind it does again."""

    def __init__(
        self, *, reader: Reader, counter: Counter, usage: Usage, problems: Problems, trusted_proxies: Sequence[Network]
    ) -> None:
        self._reader, self._counter, self._usage, self._problems = reader, counter, usage, problems
        self._trusted_proxies = trusted_proxies
        self.answers: dict[int, int] = {}  # status → how many, for the metrics

    async def __call__(self, scope: Scope, _receive: object, send: Send) -> None:
        try:
            answer = await self._answer(scope)
        except DatabaseSilent:
            answer = self._problems.silent
        except Exception:
            log.exception("A request could not be answered.")
            answer = self._problems.broken
        self.answers[answer.status] = self.answers.get(answer.status, 0) + 1
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})

    async def _answer(self, scope: Scope) -> Answer:
        sent = _keys_in(scope["headers"])
        if len(sent) != 1:
            return self._problems.two_keys if sent else self._problems.no_key
        key = sent.pop().decode("latin-1")
        if not keys.well_formed(key):
            return self._problems.bad_key
        number_key = _number_key(scope["raw_path"])
        row = await self._reader.find(keys.digest(key), number_key or "")
        now = datetime.now(UTC)
        if row is None or (row.ends_at is not None and row.ends_at <= now):
            return self._problems.bad_key
        verdict = await self._counter.hit(row.org, row.limit)
        answer = self._let_in(scope, row, number_key, now) if verdict.admitted else self._problems.too_many
        self._usage.note(row.key, answer.status, now, _came_from(scope))
        return limited(answer, row.limit, verdict)

    def _let_in(self, scope: Scope, row: Row, number_key: str | None, now: datetime) -> Answer:
        elsewhere = number_key is None
        if row.closed_at is not None or (row.trial_ends is not None and row.trial_ends <= now):
            return self._problems.forbidden["organisation_closed"][elsewhere]
        if not elsewhere and "certificates:read" not in _words(row.scopes):
            return self._problems.forbidden["scope_missing"][elsewhere]
        if row.networks != "[]" and not self._allowed(row.networks, scope):
            return self._problems.forbidden["network_not_allowed"][elsewhere]
        if elsewhere:
            return self._problems.no_address
        if scope["method"] not in ("GET", "HEAD"):
            return self._problems.method
        if row.number is None:
            return self._problems.no_certificate
        return certificate(row, now, _header(scope, b"if-none-match"))

    def _allowed(self, networks: str, scope: Scope) -> bool:
        client = client_address(*_came_from(scope), self._trusted_proxies)
        return client is not None and within(client, _networks(networks))


def _keys_in(headers: Iterable[tuple[bytes, bytes]]) -> set[bytes]:
    """The different API keys in a request; what is sent in another scheme than Bearer is none."""
    found = set()
    for name, value in headers:
        if name == b"x-api-key":
            found.add(value.strip())
        elif name == b"authorization":
            scheme, _, credentials = value.strip().partition(b" ")
            if scheme.lower() == b"bearer":
                found.add(credentials.strip())
    return found


def _number_key(raw_path: bytes) -> str | None:
    """The normalised number that is looked up: "" if no certificate can have it, None if the path is another one."""
    segment = raw_path[len(LOOK_UP) :]
    if not raw_path.startswith(LOOK_UP) or not segment or b"/" in segment:
        return None
    try:
        return numbers.key(numbers.written(unquote_to_bytes(segment).decode()))
    except (UnicodeDecodeError, BadNumber):
        return ""


def _header(scope: Scope, wanted: bytes) -> bytes:
    return b",".join([value for name, value in scope["headers"] if name == wanted])


def _came_from(scope: Scope) -> tuple[str, str]:
    """The address at the other end of the connection, and what proxies say of those before it."""
    client = scope["client"]
    return client[0] if client else "", _header(scope, b"x-forwarded-for").decode("latin-1")


@lru_cache(maxsize=1024)
def _words(json: str) -> frozenset[str]:
    return frozenset(msgspec.json.decode(json, type=list[str]))


@lru_cache(maxsize=1024)
def _networks(json: str) -> tuple[Network, ...]:
    return tuple(ip_network(text, strict=False) for text in msgspec.json.decode(json, type=list[str]))
