"""Answers to programs: rows into bytes, and problems (RFC 9457), which are made once."""

from binascii import hexlify
from datetime import date, datetime
from functools import lru_cache
from hashlib import sha256
from http import HTTPStatus
from zoneinfo import ZoneInfo

import msgspec

from certwatch.api.lookup import Day, Moment, Row, day, moment
from certwatch.rules.status import Status, status_on
from certwatch.rules.window import Verdict

Headers = tuple[tuple[bytes, bytes], ...]
Answer = tuple[int, Headers, bytes]  # status, headers, body
QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
FORBIDDEN = {
    "organisation_closed": "The organisation of this API key is not active.",
    "scope_missing": "This API key lacks the scope certificates:read.",
    "network_not_allowed": "This API key may not be used from this address.",
}


class _Said(msgspec.Struct):
    """What follows the number."""

    status: str
    valid_until: str | None
    last_checked: str | msgspec.UnsetType | None = msgspec.UNSET


_encode = msgspec.json.Encoder().encode


def certificate(row: Row, minute: int, if_none_match: bytes) -> Answer:
    """The published answer (api-contract.md, 200), or 304 if the client has it already. `minute`: now, since 1970."""
    today = _today(row.time_zone, minute)
    said = _said(row.kind, row.word, row.valid_from, row.valid_until, row.read_began, row.checked_at, today)
    body = b'{"cert_number":%b,%b' % (_encode(row.number), said)
    etag = b'"%b"' % hexlify(sha256(body).digest()[:16])
    kept = (b"etag", etag), (b"cache-control", b"private, no-cache")
    if if_none_match and _matches(if_none_match, etag):
        return 304, kept, b""
    return 200, ((b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *kept), body


def limited(answer: Answer, limit: int, verdict: Verdict) -> Answer:
    """`answer` with the headers that tell a good key of its limit."""
    status, headers, body = answer
    retry = () if verdict.admitted else ((b"retry-after", b"%d" % verdict.retry_s),)
    headers = (
        *headers,
        *_limit_headers(limit),
        (b"x-ratelimit-remaining", b"%d" % verdict.remaining),
        (b"ratelimit", b'"org";r=%d;t=%d' % (verdict.remaining, verdict.reset_s)),
        *retry,
    )
    return status, headers, body


class Problems:
    """What can go wrong in front of and at the look-up. `docs`: the address of the documentation page."""

    def __init__(self, docs: str) -> None:
        def problem(status: int, detail: str, *headers: tuple[bytes, bytes], kind: str = "", code: str = "") -> Answer:
            about = {"type": kind or f"{docs}#{status}", "title": HTTPStatus(status).phrase, "status": status}
            body = _encode(about | {"detail": detail} | ({"code": code} if code else {}))
            length = (b"content-length", b"%d" % len(body))
            head = ((b"content-type", b"application/problem+json"), length, (b"cache-control", b"no-store"))
            return status, head + headers, body

        invalid = (b"www-authenticate", b'Bearer error="invalid_token"')
        self.no_key = problem(
            401,
            "An API key is needed, in the header Authorization: Bearer or in X-API-Key.",
            (b"www-authenticate", b"Bearer"),
        )
        self.bad_key = problem(401, "This API key is not valid.", invalid)
        self.no_certificate = problem(404, "The organisation of this key has no certificate with this number.")
        self.no_address = problem(404, "There is nothing at this address.")
        self.method = problem(405, "A certificate can be read with GET or HEAD.", (b"allow", b"GET, HEAD"))
        self.too_many = problem(429, "The limit of requests per minute is used up.", kind=QUOTA_EXCEEDED)
        self.broken = problem(500, "Something went wrong here. It has been noted.")
        self.silent = problem(503, "The database does not answer at the moment.")
        self.forbidden = {  # by reason, and whether it is said at the look-up: there without a code
            (code, at_the_look_up): problem(403, detail, code="" if at_the_look_up else code)
            for code, detail in FORBIDDEN.items()
            for at_the_look_up in (True, False)
        }


@lru_cache(maxsize=4096)  # many certificates of a source have the same word, days and times
def _said(
    kind: str, word: str, valid_from: Day, valid_until: Day, read_began: Moment, checked_at: Moment, today: date
) -> bytes:
    until = day(valid_until)
    status = status_on(today, Status(word), day(valid_from), until)
    said = _Said(status, f"{until.day:02}.{until.month:02}.{until.year:04}" if until else None)
    if kind != "nis":
        times = [at for at in (moment(read_began), moment(checked_at)) if at]
        said.last_checked = f"{max(times).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z" if times else None
    return _encode(said)[1:]


@lru_cache(maxsize=256)
def _today(time_zone: str, minute: int) -> date:
    """In all time zones the day begins with a minute."""
    return datetime.fromtimestamp(minute * 60, ZoneInfo(time_zone)).date()


@lru_cache(maxsize=256)
def _limit_headers(limit: int) -> Headers:
    return (b"x-ratelimit-limit", b"%d" % limit), (b"ratelimit-policy", b'"org";q=%d;w=60' % limit)


def _matches(if_none_match: bytes, etag: bytes) -> bool:
    tags = [tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")]
    return etag in tags or tags == [b"*"]
