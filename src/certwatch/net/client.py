"""The only way we call the outside: our own name, time-outs, a size cap, a pace, patience, and one kind of error."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from certwatch.rules.errors import SourceChanged, SourceUnreachable

if TYPE_CHECKING:
    import httpx2

PAUSE_S = 0.5  # between two requests: a guest who asks twice a second is no burden
AGAIN_AFTER_S = (1.0, 2.0)  # no answer, 429 and 5xx are tried twice more
LONGEST_WAIT_S = 30  # of a Retry-After that we sit out; a longer one ends the run
ANSWER_S = 30.0
LARGEST = 64 * 1024 * 1024  # bytes of one answer, unpacked
MOST_REDIRECTS = 5

_OK = frozenset({200})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_A_YEAR_S = 366 * 86_400  # nobody means a longer Retry-After, and a date has an end


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered. `url` is where it came from, without a user's name; header names are in small letters."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes


def user_agent(base_address: str, operator_email: str = "") -> str:
    """Our name in every request, with an address at which whoever minds can reach us."""
    contact = f"+{base_address}; {operator_email}" if operator_email else f"+{base_address}"
    return "".join(c if " " <= c <= "~" else "?" for c in f"CertificateWatch/1.0 ({contact})")


def is_loopback(url: str) -> bool:
    """Whether `url` names this machine: there we keep no pace and use no proxy."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def without_user(url: str) -> str:
    """`url` without a user's name and password: fit to be shown and stored."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def retry_after_s(text: str, now: datetime) -> float | None:
    """How long a `Retry-After` asks us to wait, in seconds: a number or an HTTP date; None if it says neither."""
    if re.fullmatch(r"[0-9]{1,20}", text.strip(), re.ASCII):
        return float(min(int(text), _A_YEAR_S))
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return None
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return min(max((then - now).total_seconds(), 0.0), _A_YEAR_S)


class Client:
    """One session with one host: cookies are kept, one request at a time.

    `heard` is told every request and its answer, also those that are tried again (None: there was no answer).
    `now` is asked only to read a `Retry-After`; `clock` counts seconds from anywhere.
    """

    def __init__(
        self,
        base: str,
        *,
        user_agent: str,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
        clock: Callable[[], float],
        heard: Callable[[Request, Reply | None], None] = lambda request, reply: None,
        timeout_s: float = ANSWER_S,
        largest: int = LARGEST,
    ) -> None:
        self._base = base
        self._name = user_agent
        self._now, self._sleep, self._clock, self._heard = now, sleep, clock, heard
        self._timeout_s, self._largest = timeout_s, largest
        self._pause_s = 0.0 if is_loopback(base) else PAUSE_S
        self._http: httpx2.Client | None = None
        self._last: float | None = None  # when the last answer was read

    def ask(self, request: Request, *, also: frozenset[int] = frozenset()) -> Reply:
        """The answer to `request`: status 200, or one of `also`.

        Redirects are followed at the same host only, and never from https to http. Raises
        `SourceUnreachable` for every other status and where no answer comes, `SourceChanged` for an
        answer that is too large or sends us elsewhere.
        """
        for _ in range(MOST_REDIRECTS + 1):
            reply = self._patiently(request)
            if reply.status not in _REDIRECTS or "location" not in reply.headers:
                break
            request = _onward(request, reply)
        else:
            raise SourceChanged(f"{_name(request)}: sends us on and on, {MOST_REDIRECTS} times.")
        if reply.status not in _OK | also:
            raise SourceUnreachable(f"{_name(request)}: the answer was {reply.status}.")
        return reply

    def close(self) -> None:
        """End the session."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def _patiently(self, request: Request) -> Reply:
        for pause_s in (*AGAIN_AFTER_S, None):
            reply, why = self._once(request)
            if reply is not None and not why:
                return reply
            wait_s = retry_after_s(reply.headers.get("retry-after", ""), self._now()) if reply is not None else None
            not_before = self._now() + timedelta(seconds=wait_s) if wait_s else None
            if wait_s is not None and wait_s > LONGEST_WAIT_S:
                raise SourceUnreachable(f"{_name(request)}: {why}; come back in {wait_s:.0f} s.", not_before=not_before)
            if pause_s is None:
                break
            self._sleep(max(pause_s, wait_s or 0.0))
        raise SourceUnreachable(
            f"{_name(request)}: {why} (tried {len(AGAIN_AFTER_S) + 1} times).", not_before=not_before
        )

    def _once(self, request: Request) -> tuple[Reply | None, str]:
        """One try: the reply if one came, and why it is to be tried again ("": it is not)."""
        import httpx2

        reply, why = None, ""
        self._keep_pace()
        try:
            reply = self._send(request)
        except httpx2.TimeoutException:
            why = f"no answer within {self._timeout_s:g} s"
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, httpx2.CookieConflict, ValueError) as error:
            why = f"no answer ({str(error) or type(error).__name__})"
        finally:
            self._last = self._clock()
        if reply is not None and (reply.status == 429 or reply.status >= 500):
            why = f"the answer was {reply.status}"
        self._heard(request, reply)
        return reply, why

    def _send(self, request: Request) -> Reply:
        http = self._session()
        began = self._clock()
        with http.stream(
            request.method, request.url, headers=dict(request.headers), content=request.body or None
        ) as response:
            body = self._body(request, response, began)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status_code, without_user(str(response.url)), headers, body)

    def _body(self, request: Request, response: "httpx2.Response", began: float) -> bytes:
        import httpx2

        with suppress(ValueError):
            if int(response.headers.get("content-length", "0")) > self._largest:
                raise self._too_large(request)
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > self._largest or response.num_bytes_downloaded > self._largest:
                raise self._too_large(request)
            if self._clock() - began > self._timeout_s:  # a server that drips stays below every single time-out
                raise httpx2.ReadTimeout("the answer did not end")
        return bytes(body)

    def _too_large(self, request: Request) -> SourceChanged:
        return SourceChanged(f"{_name(request)}: the answer is larger than {self._largest // 1024 // 1024} MB.")

    def _keep_pace(self) -> None:
        if self._last is not None:
            wait_s = self._last + self._pause_s - self._clock()
            if wait_s > 0:
                self._sleep(wait_s)

    def _session(self) -> "httpx2.Client":
        import httpx2

        if self._http is None:
            try:
                self._http = httpx2.Client(
                    headers={"User-Agent": self._name},
                    timeout=self._timeout_s,
                    follow_redirects=False,
                    trust_env=not is_loopback(self._base),  # a proxy of the operator's, but never for this machine
                )
            except (OSError, ValueError) as error:
                raise SourceUnreachable(f"The settings of proxy or certificates are not usable: {error}.") from error
        return self._http


def _onward(request: Request, reply: Reply) -> Request:
    """The request to which a redirect sends us, made as browsers make it."""
    import httpx2

    here = httpx2.URL(request.url)
    try:
        there = here.join(reply.headers["location"])
    except (httpx2.InvalidURL, ValueError) as error:
        raise SourceChanged(f"{_name(request)}: sends us to no address ({error}).") from error
    same = there.host == here.host and (there.scheme, there.port) == (here.scheme, here.port)
    safer = there.host == here.host and (here.scheme, there.scheme) == ("http", "https")
    if not (same or safer):
        raise SourceChanged(f"{_name(request)}: sends us on to another host, {without_user(str(there))}.")
    url = str(there.copy_with(fragment=None))
    if reply.status in (307, 308) or request.method == "GET":
        return Request(request.method, url, request.headers, request.body)
    headers = {name: value for name, value in request.headers.items() if name.lower() != "content-type"}
    return Request("GET", url, headers)


def _name(request: Request) -> str:
    return f"{request.method} {without_user(request.url)}"
