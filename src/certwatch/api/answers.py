"""Answers to programs: rows into bytes, and problems (RFC 9457), which are made once."""

import hashlib
from datetime import date, datetime
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from certwatch.api.lookup import Row
from certwatch.rules.status import Status, status_on
from certwatch.rules.window import Verdict

Headers = tuple[tuple[bytes, bytes], ...]
QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
FORBIDDEN = {
    "organisation_closed": "The organisation of this API key is not active.",
    "scope_missing": "This API key lacks the scope certificates:read.",
    "network_not_allowed": "This API key may not be used from this address.",
}


class Answer(NamedTuple):
    """What is sent."""

    status: int
    headers: Headers
    body: bytes = b""


class _Certificate(msgspec.Struct):
    cert_number: str
    status: str
    valid_until: str | None
    last_checked: str | msgspec.UnsetType | None = msgspec.UNSET


_encode = msgspec.json.Encoder().encode


def certificate(row: Row, now: datetime, if_none_match: bytes) -> Answer:
    """The published answer (api-contract.md, 200), or 304 if the client has it already."""
    word = status_on(_today(row.time_zone, now), Status(row.word), row.valid_from, row.valid_until)
    until = None if row.valid_until is None else "{2:02}.{1:02}.{0:04}".format(*row.valid_until.timetuple()[:3])
    checked = msgspec.UNSET if row.kind == "nis" else _last_checked(row)
    body = _encode(_Certificate(row.number or "", word, until, checked))
    etag = b'"%b"' % hashlib.sha256(body).hexdigest()[:32].encode()
    kept = ((b"etag", etag), (b"cache-control", b"private, no-cache"))
    if if_none_match and _matches(if_none_match, etag):
        return Answer(304, kept)
    return Answer(200, ((b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *kept), body)


def limited(answer: Answer, limit: int, verdict: Verdict) -> Answer:
    """`answer` with the headers that tell a good key of its limit."""
    headers = (
        *answer.headers,
        *_limit_headers(limit),
        (b"x-ratelimit-remaining", b"%d" % verdict.remaining),
        (b"ratelimit", b'"org";r=%d;t=%d' % (verdict.remaining, verdict.reset_s)),
    )
    if not verdict.admitted:
        headers += ((b"retry-after", b"%d" % verdict.retry_s),)
    return Answer(answer.status, headers, answer.body)


class Problems:
    """What can go wrong in front of and at the look-up. `docs`: the address of the documentation page."""

    def __init__(self, docs: str) -> None:
        def problem(status: int, detail: str, *headers: tuple[bytes, bytes], kind: str = "", code: str = "") -> Answer:
            about = {"type": kind or f"{docs}#{status}", "title": HTTPStatus(status).phrase, "status": status}
            body = _encode(about | {"detail": detail} | ({"code": code} if code else {}))
            length = (b"content-length", b"%d" % len(body))
            head = ((b"content-type", b"application/problem+json"), length, (b"cache-control", b"no-store"))
            return Answer(status, head + headers, body)

        invalid = (b"www-authenticate", b'Bearer error="invalid_token"')
        self.no_key = problem(
            401,
            "An API key is needed, in the header Authorization: Bearer or in X-API-Key.",
            (b"www-authenticate", b"Bearer"),
        )
        self.two_keys = problem(401, "Two different API keys were sent.", invalid)
        self.bad_key = problem(401, "This API key is not valid.", invalid)
        self.no_certificate = problem(404, "The organisation of this key has no certificate with this number.")
        self.no_address = problem(404, "There is nothing at this address.")
        self.method = problem(405, "A certificate can be read with GET or HEAD.", (b"allow", b"GET, HEAD"))
        self.too_many = problem(429, "The limit of requests per minute is used up.", kind=QUOTA_EXCEEDED)
        self.broken = problem(500, "Something went wrong here. It has been noted.")
        self.silent = problem(503, "The database does not answer at the moment.")
        self.forbidden = {
            code: (problem(403, detail), problem(403, detail, code=code))  # at the look-up; elsewhere
            for code, detail in FORBIDDEN.items()
        }


def _last_checked(row: Row) -> str | None:
    """When the source, or this one number, was last read; the later of the two."""
    times = [moment for moment in (row.read_began, row.checked_at) if moment is not None]
    return max(times).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z" if times else None


def _matches(if_none_match: bytes, etag: bytes) -> bool:
    tags = [tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")]
    return etag in tags or tags == [b"*"]


def _today(time_zone: str, now: datetime) -> date:
    return _day(time_zone, now.replace(second=0, microsecond=0))


@lru_cache(maxsize=256)  # days of all time zones begin with a minute
def _day(time_zone: str, minute: datetime) -> date:
    return minute.astimezone(ZoneInfo(time_zone)).date()


@lru_cache(maxsize=256)
def _limit_headers(limit: int) -> Headers:
    return (b"x-ratelimit-limit", b"%d" % limit), (b"ratelimit-policy", b'"org";q=%d;w=60' % limit)
