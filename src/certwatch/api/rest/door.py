"""From the gate to the rest of the API: read the body, find a thread, hand the whole answer back.

Here is no Django: it is loaded with the first request that needs it, so that a process which only answers look-ups
stays small (docs/decisions/0011-rest-behind-the-gate.md).
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from certwatch.api.answers import Answer
from certwatch.api.rest.problems import Problem
from certwatch.rules.clients import Network, client_address

SCOPES = {"/api/v1/webhooks": "webhooks:manage"}  # what lies below an address needs which scope
LARGEST = 5 * 1024 * 1024  # of a body
SWALLOWED = 64 * 1024 * 1024  # so much of one that is too large is read, so that its sender hears why
BODY_WITHIN_S = 30.0
THREADS = 16  # they wait for name servers and for the database
OF_ONE_ORG = 4  # of these threads at once

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a good key."""

    id: str
    scope: Scope  # the gate added `org`, `key` (their primary keys) and `scopes`
    body: bytes
    client: str | None  # the address behind our proxies


Respond = Callable[[Request], Answer]


class Door:
    """Answers what the gate lets through.

    `load` makes the part that knows Django; `nothing` is answered where nothing is; `docs` is the documentation page.
    """

    def __init__(
        self, load: Callable[[], Respond], *, nothing: Answer, docs: str, trusted_proxies: Sequence[Network]
    ) -> None:
        self._load, self._nothing, self._docs, self._trusted_proxies = load, nothing, docs, trusted_proxies
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="rest")
        self._turns: WeakValueDictionary[int, asyncio.Semaphore] = WeakValueDictionary()

    async def __call__(self, scope: Scope, receive: Receive) -> Answer:
        path: str = scope["path"]
        needed = next((word for of, word in SCOPES.items() if path == of or path.startswith(f"{of}/")), None)
        if needed is None:
            return self._nothing
        request_id = secrets.token_hex(8)
        try:
            if needed not in scope["scopes"]:
                raise Problem(403, f"This API key lacks the scope {needed}.", "scope_missing")
            request = Request(request_id, scope, await _body(scope, receive), self._client(scope))
            turn = self._turns.setdefault(scope["org"], asyncio.Semaphore(OF_ONE_ORG))
            async with turn:  # one organisation's slow name servers must not hold up the others
                return await asyncio.get_running_loop().run_in_executor(self._pool, self._respond, request)
        except Problem as problem:
            return problem.answer(self._docs, request_id)
        except Exception:
            log.exception("Request %s could not be answered.", request_id)
            return Problem(500, "Something went wrong here. It has been noted.").answer(self._docs, request_id)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _respond(self, request: Request) -> Answer:
        return self._load()(request)

    def _client(self, scope: Scope) -> str | None:
        peer = (scope["client"] or ("",))[0]
        hops = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")
        client = client_address(peer, hops, self._trusted_proxies)
        return str(client) if client else None


async def _body(scope: Scope, receive: Receive) -> bytes:
    """The request's body. Raises `Problem`: 413, or 408 if it does not come."""
    parts, size, more = list[bytes](), 0, True
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            while more and size <= SWALLOWED:
                event = await receive()
                if event["type"] == "http.disconnect":
                    raise Problem(400, "The connection ended within the request.")
                part = event.get("body", b"")
                size, more = size + len(part), event.get("more_body", False)
                if size <= LARGEST:
                    parts.append(part)
    except TimeoutError as error:
        raise Problem(408, "The body of the request did not come in time.") from error
    if size > LARGEST:
        raise Problem(413, "The body of a request has at most 5 MB.")
    return b"".join(parts)
