"""The gate in front of everything below /api/: key, organisation, limit; then the look-up."""

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_network
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

import msgspec

from certwatch.api.answers import Answer, Problems, certificate, limited
from certwatch.api.limit import Counter
from certwatch.api.lookup import DatabaseSilent, Moment, Reader, Row, moment
from certwatch.rules import keys, numbers
from certwatch.rules.clients import Network, client_address, within
from certwatch.rules.errors import BadNumber

Scope = Mapping[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Rest = Callable[[Scope, Any], Awaitable[Answer]]  # of a scope that also has the key's `org`, `key` and `scopes`

READ = frozenset((b"authorization", b"x-api-key", b"if-none-match", b"x-forwarded-for"))
LOOK_UP = b"/api/v1/certificate/"
log = logging.getLogger(__name__)


class Usage(Protocol):
    """Where answers are counted."""

    def note(self, key: int, status: int, now: float, peer: str, forwarded_for: str) -> None: ...


class Gate:
    """Answers every request below /api/. Reads each request's key once; nothing behind it does again."""

    def __init__(
        self, reader: Reader, counter: Counter, usage: Usage, problems: Problems, rest: Rest, proxies: Sequence[Network]
    ) -> None:
        self._reader, self._counter, self._usage, self._problems, self._rest = reader, counter, usage, problems, rest
        self._trusted_proxies = proxies
        self.answers: dict[int, int] = {}  # status → how many, for the metrics

    async def __call__(self, scope: Scope, receive: object, send: Send) -> None:
        try:
            status, headers, body = await self._answer(scope, receive)
        except DatabaseSilent:
            status, headers, body = self._problems.silent
        except Exception:
            log.exception("A request could not be answered.")
            status, headers, body = self._problems.broken
        self.answers[status] = self.answers.get(status, 0) + 1
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: Scope, receive: object) -> Answer:
        told = _told(scope["headers"])
        sent = _key(told)
        if sent is None:
            return self._problems.no_key
        if not keys.well_formed(key := sent.decode("latin-1")):
            return self._problems.bad_key
        number_key = _number_key(scope["raw_path"])
        row = await self._reader.find(number_key or "", keys.digest(key))
        now = time.time()
        if row is None or _over(row.ends_at, now):
            return self._problems.bad_key
        verdict = await self._counter.hit(row.org, row.limit)
        peer, forwarded_for = scope["client"][0], told.get(b"x-forwarded-for", b"").decode("latin-1")
        if not verdict.admitted:
            answer = self._problems.too_many
        elif refusal := self._refusal(row, peer, forwarded_for, now, at_the_look_up=number_key is not None):
            answer = refusal
        elif number_key is None:
            answer = await self._rest({**scope, "org": row.org, "key": row.key, "scopes": _words(row.scopes)}, receive)
        elif scope["method"] not in ("GET", "HEAD"):
            answer = self._problems.method
        elif row.number is None:
            answer = self._problems.no_certificate
        else:
            answer = certificate(row, int(now) // 60, told.get(b"if-none-match", b""))
        self._usage.note(row.key, answer[0], now, peer, forwarded_for)
        return limited(answer, row.limit, verdict)

    def _refusal(self, row: Row, peer: str, forwarded_for: str, now: float, *, at_the_look_up: bool) -> Answer | None:
        """Why a good key is not let in, the first reason that applies."""
        if row.closed_at is not None or _over(row.trial_ends, now):
            why = "organisation_closed"
        elif at_the_look_up and "certificates:read" not in _words(row.scopes):
            why = "scope_missing"
        elif row.networks != "[]" and not self._allowed(row.networks, peer, forwarded_for):
            why = "network_not_allowed"
        else:
            return None
        return self._problems.forbidden[why, at_the_look_up]

    def _allowed(self, networks: str, peer: str, forwarded_for: str) -> bool:
        client = client_address(peer, forwarded_for, self._trusted_proxies)
        return client is not None and within(client, _networks(networks))


def _told(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The headers that we read; one that comes in several lines is joined, as HTTP says."""
    told: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in READ:
            told[name] = b"%b,%b" % (told[name], value) if name in told else value
    return told


def _key(told: Mapping[bytes, bytes]) -> bytes | None:
    """What was sent as API key, in whatever header: None if nothing was, b"" if it is not one key."""
    own = told.get(b"x-api-key")
    scheme, _, credentials = told.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer":  # another scheme is another's matter, a proxy's perhaps
        return own
    return credentials.strip() if own in (None, credentials.strip()) else b""


def _number_key(raw_path: bytes) -> str | None:
    """The normalised number that is looked up: "" if no certificate can have it, None if the path is another one."""
    segment = raw_path[len(LOOK_UP) :]
    if not raw_path.startswith(LOOK_UP) or not segment or b"/" in segment:
        return None
    try:
        number = (unquote_to_bytes(segment) if b"%" in segment else segment).decode()
        return numbers.key(numbers.written(number))
    except (UnicodeDecodeError, BadNumber):
        return ""


def _over(end: Moment, now: float) -> bool:
    at = moment(end) if end else None
    return at is not None and at.timestamp() <= now


@lru_cache(maxsize=1024)
def _words(json: str) -> frozenset[str]:
    return frozenset(msgspec.json.decode(json, type=list[str]))


@lru_cache(maxsize=1024)
def _networks(json: str) -> tuple[Network, ...]:
    return tuple(ip_network(text, strict=False) for text in msgspec.json.decode(json, type=list[str]))
