"""One POST to an address that a customer gave: to the IP addresses that were checked, within a time, whatever comes.

No redirect is followed, no proxy of the environment asked, no more read than the beginning of the answer.
"""

import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpcore2

from certwatch.net.addresses import Pinned
from certwatch.rules.errors import DeliveryFailed

ANSWER_S = 20.0
MOST_READ = 2_000  # bytes of an answer's body; the rest is nobody's

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered. Header names are in small letters; `begins`: the beginning of its body."""

    status: int
    headers: Mapping[str, str]
    begins: bytes


def post(
    to: Pinned,
    headers: Mapping[str, str],
    body: bytes,
    *,
    timeout_s: float = ANSWER_S,
    clock: Clock = time.monotonic,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """The answer to `body`. Raises `DeliveryFailed` where none begins within `timeout_s` seconds."""
    wire = _Wire(to, clock() + timeout_s, clock)
    url = httpcore2.URL(scheme=b"https" if to.https else b"http", host=to.host, port=to.port, target=to.target)
    context = tls or (_tls() if to.https else None)
    sent = [("Host", to.authority), ("Content-Length", str(len(body))), *headers.items()]
    try:
        with (
            httpcore2.ConnectionPool(ssl_context=context, network_backend=wire) as pool,
            pool.stream("POST", url, headers=sent, content=body) as response,
        ):
            said = {name.decode("latin-1").lower(): text.decode("latin-1") for name, text in response.headers}
            return Answer(response.status, said, _beginning(response))
    except httpcore2.TimeoutException as error:
        raise DeliveryFailed(f"No answer within {timeout_s:g} s.") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError, ValueError) as error:
        raise DeliveryFailed(f"No answer: {_why(error)}.") from error


@cache
def _tls() -> ssl.SSLContext:
    return httpcore2.default_ssl_context()  # the public authorities, and those of SSL_CERT_FILE


def _beginning(response: httpcore2.Response) -> bytes:
    """Up to `MOST_READ` bytes. The status counts; that the rest does not come, or never ends, is no failure."""
    begins = bytearray()
    try:
        for chunk in response.iter_stream():
            begins += chunk
            if len(begins) >= MOST_READ:
                break
    except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError):
        pass
    return bytes(begins[:MOST_READ])


def _why(error: Exception) -> str:
    text = str(error).strip().rstrip(".") or type(error).__name__
    return " ".join(text.split())[:300]


class _Wire(httpcore2.NetworkBackend):
    """Connects to the pinned addresses only, whatever host it is asked for, one after the other until one answers."""

    def __init__(self, to: Pinned, deadline: float, clock: Clock) -> None:
        self._to, self._deadline, self._clock = to, deadline, clock
        self._backend = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        failed: Exception = httpcore2.ConnectError("it has no address")
        for place, ip in enumerate(self._to.ips):
            left = _left(self._deadline, self._clock) / (len(self._to.ips) - place)  # a dead one leaves time for others
            try:
                stream = self._backend.connect_tcp(ip, port, left, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
            else:
                return _Stream(stream, self._deadline, self._clock)
        raise failed


class _Stream(httpcore2.NetworkStream):
    """A connection of which every step ends by the deadline, so that one which drips ends by then, too."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float, clock: Clock) -> None:
        self._stream, self._deadline, self._clock = stream, deadline, clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, self._clock))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline, self._clock))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        left = _left(self._deadline, self._clock)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline, self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float, clock: Clock) -> float:
    left = deadline - clock()
    if left <= 0:
        raise httpcore2.ReadTimeout
    return left
