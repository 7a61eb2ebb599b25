"""What a register is asked, and what it answers."""

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from email.message import Message
from http.cookies import CookieError, SimpleCookie
from typing import Protocol
from urllib.parse import parse_qsl

from certwatch.practice.rows import Row, Table
from certwatch.practice.trouble import Troubles
from certwatch.rules.status import Status

HTML = "text/html; charset=UTF-8"
JSON = "application/json; charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `path` is the register's own, without the part that the practice server puts before it."""

    method: str
    path: str
    headers: Message
    body: bytes
    root: str  # scheme, host and the part before the register's own path

    def cookie(self, name: str) -> str:
        """The value of a cookie, or ""."""
        try:
            morsel = SimpleCookie(self.headers.get("Cookie", "")).get(name)
        except CookieError:
            return ""
        return morsel.value if morsel else ""

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def form(self) -> dict[str, str]:
        """The fields of a posted form."""
        if self.content_type != "application/x-www-form-urlencoded":
            return {}
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


@dataclass(slots=True)
class Reply:
    """One answer. Where `changed_at` (seconds since 1970) is known, it may be asked for conditionally."""

    status: int
    body: bytes
    content_type: str = HTML
    headers: list[tuple[str, str]] = field(default_factory=list)
    changed_at: float | None = None


class Register(Protocol):
    """One register's side of the conversation."""

    name: str

    def buckets(self, request: Request) -> Collection[Status]:
        """The buckets (or pages) that this request is about."""

    def lets_in(self, request: Request) -> bool:
        """Whether it has fetched the start page and sends its cookies (and nonce), or fetches it now."""

    def refusal(self) -> Reply:
        """What stands in place of an answer where it has not."""

    def answer(self, request: Request, table: Table, troubles: Troubles) -> Reply:
        """What the register says."""

    def unlisted(self, table: Table) -> Sequence[Row]:
        """Rows whose status has no place in this register."""


class Sessions:
    """The visitors of a register, known by a cookie, each with a few values of its own."""

    MOST = 10_000  # then the oldest are forgotten

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._known: OrderedDict[str, dict[str, str]] = OrderedDict()
        self._lock = threading.Lock()

    def start(self) -> str:
        """A new visitor's cookie value."""
        visitor = secrets.token_hex(13)
        with self._lock:
            self._known[visitor] = {}
            if len(self._known) > self.MOST:
                self._known.popitem(last=False)
        return visitor

    def __contains__(self, visitor: str) -> bool:
        return visitor in self._known

    def of(self, visitor: str) -> dict[str, str]:
        """What is noted of a visitor who is known."""
        return self._known[visitor]

    def token(self, visitor: str, purpose: str) -> str:
        """A value that only this visitor was told (a nonce, a view state)."""
        return hmac.new(self._secret, f"{purpose}:{visitor}".encode(), hashlib.sha256).hexdigest()


def not_found(page: str = "") -> Reply:
    """The usual 404."""
    return Reply(404, (page or "<!DOCTYPE html><html><head><title>404</title></head></html>").encode())


def moved(to: str) -> Reply:
    """The usual way from an address without its last slash to the one with it."""
    return Reply(301, b"", headers=[("Location", to)])
