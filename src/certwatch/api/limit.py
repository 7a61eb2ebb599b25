"""The counter of the rate limit: in memory with one server process, in Valkey with several."""

import asyncio
import logging
import time
from collections.abc import Sequence
from hashlib import sha1
from typing import Protocol
from urllib.parse import unquote, urlsplit

from certwatch.api.together import Together
from certwatch.rules.window import Verdict, Window

PATIENCE_S = 0.1  # a goods receipt must not wait for a counter
REST_S = 2.0  # so long Valkey is not asked again after a failure
log = logging.getLogger(__name__)


class Counter(Protocol):
    """Counts the requests of each organisation."""

    failures: int  # requests that were let in without being counted

    async def hit(self, org: int, limit: int) -> Verdict:
        """Count a request of `org` now, if it fits into `limit` a minute."""

    def tidy(self) -> None:
        """Forget what no longer counts; called once a minute."""

    def close(self) -> None: ...


class MemoryCounter:
    """For one process."""

    def __init__(self) -> None:
        self.failures = 0  # never
        self._windows: dict[int, Window] = {}

    async def hit(self, org: int, limit: int) -> Verdict:
        window = self._windows.get(org)
        if window is None:
            window = self._windows[org] = Window()
        return window.hit(time.monotonic_ns(), limit)

    def tidy(self) -> None:
        now_ns = time.monotonic_ns()
        for org in [org for org, window in self._windows.items() if window.idle(now_ns)]:
            del self._windows[org]

    def close(self) -> None:
        """Nothing is open."""


# rules.window.Window in Valkey, by Valkey's own clock: a list of times in microseconds, oldest first.
SCRIPT = b"""
local function wait(us) return math.ceil(us / 1e6) end
local limit, clock, length = tonumber(ARGV[1]), redis.call('TIME'), 60 * 1e6
local now = math.max(clock[1] * 1e6 + clock[2], tonumber(redis.call('LINDEX', KEYS[1], -1) or 0))
local first = tonumber(redis.call('LINDEX', KEYS[1], 0))
while first and first <= now - length do
  redis.call('LPOP', KEYS[1])
  first = tonumber(redis.call('LINDEX', KEYS[1], 0))
end
local count, reset = redis.call('LLEN', KEYS[1]), wait((first or now) + length - now)
if count >= limit then
  return {ok = '0 0 ' .. reset .. ' ' .. wait(redis.call('LINDEX', KEYS[1], count - limit) + length - now)}
end
redis.call('RPUSH', KEYS[1], string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], 60001)
return {ok = '1 ' .. (limit - count - 1) .. ' ' .. reset .. ' 0'}
"""
SHA = sha1(SCRIPT, usedforsecurity=False).hexdigest().encode()


class ValkeyCounter:
    """For all processes on all machines. While Valkey does not answer, everybody is admitted."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._together = Together(self._ask, self.close, patience_s=PATIENCE_S)
        self._silent = False
        self._rests_until = 0.0
        self.failures = 0

    async def hit(self, org: int, limit: int) -> Verdict:
        loop = asyncio.get_running_loop()
        if loop.time() >= self._rests_until:
            try:
                verdict = await self._together.answer_to((org, limit))
            except (OSError, ValueError) as error:  # a TimeoutError is an OSError
                self._rests_until = loop.time() + REST_S
                if not self._silent:
                    log.warning("Valkey does not answer, requests are not limited: %s", type(error).__name__)
                self._silent = True
            else:
                if self._silent:
                    log.info("Valkey answers again.")
                self._silent = False
                return verdict
        self.failures += 1
        return Verdict(True, limit, 0, 0)

    def tidy(self) -> None:
        """Valkey forgets by itself."""

    async def _ask(self, questions: Sequence[tuple[int, int]]) -> list[Verdict]:
        hits = [(b"certwatch:limit:%d" % org, b"%d" % limit) for org, limit in questions]
        replies = await self._call([(b"EVALSHA", SHA, b"1", *hit) for hit in hits])
        if any(reply.startswith(b"-NOSCRIPT") for reply in replies):  # Valkey was emptied; none of them was counted
            replies = await self._call([(b"EVAL", SCRIPT, b"1", *hit) for hit in hits])
        return [_verdict(reply) for reply in replies]

    async def _call(self, commands: Sequence[tuple[bytes, ...]]) -> list[bytes]:
        """The replies to `commands`; each is one line."""
        if self._streams is None:
            await self._connect()
        assert self._streams is not None
        reader, writer = self._streams
        writer.write(b"".join(map(_encode, commands)))
        replies = b""
        while replies.count(b"\r\n") < len(commands):
            data = await reader.read(65536)
            if not data:
                raise ConnectionResetError
            replies += data
        return replies.splitlines()

    async def _connect(self) -> None:
        url = self._url
        tls = url.scheme == "rediss"
        self._streams = await asyncio.open_connection(url.hostname, url.port or 6379, ssl=tls or None)
        who = [unquote(part).encode() for part in (url.username, url.password) if part]
        greetings = [(b"AUTH", *who)] if who else []
        if database := url.path.strip("/"):
            greetings.append((b"SELECT", database.encode()))
        if greetings and any(reply != b"+OK" for reply in await self._call(greetings)):
            raise ValueError("refused")

    def close(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].transport.abort()


def _encode(command: tuple[bytes, ...]) -> bytes:
    return b"*%d\r\n" % len(command) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in command)


def _verdict(reply: bytes) -> Verdict:
    if not reply.startswith(b"+"):
        raise ValueError("refused")
    admitted, remaining, reset_s, retry_s = map(int, reply[1:].split())
    return Verdict(admitted == 1, remaining, reset_s, retry_s)
