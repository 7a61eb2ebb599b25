"""ISCC's side: a WordPress page and, behind it, certificates as JSON with cards of HTML (sources.md, 4.1)."""

import base64
import json
import math
import zlib
from collections.abc import Collection, Iterator, Sequence
from html import escape
from typing import Any

from certwatch.practice.exchange import HTML, JSON, Reply, Request, Sessions, moved, not_found
from certwatch.practice.rows import Row, Table, day
from certwatch.practice.trouble import BUCKETS, Troubles
from certwatch.rules.status import Status

LIST_PAGE = "/certification/all-certificates/"
CERTIFICATES = "/wp-json/api/certificates"
COOKIE = "iscc_session"
DETAILS = ("Scope", "Processing Unit Type", "Raw Material", "Products", "Add-ons/CTS", "Issuing CB")
ADDRESS = ("Street", "Post code", "City", "Country")
LINKS = ("Geolocation", "Audit Report", "Certificate")

_BUCKETS = tuple(BUCKETS["iscc"])
_MERGED = {Status.NOT_YET_VALID: Status.VALID}  # the card has the first day; there is no bucket of its own
_MARK = b"\xef\xbb\xbf"
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


class Iscc:
    name = "iscc"

    def __init__(self) -> None:
        self._sessions = Sessions()

    def buckets(self, request: Request) -> Collection[Status]:
        if request.path != CERTIFICATES:
            return ()
        return _asked(_json(request) or {})

    def lets_in(self, request: Request) -> bool:
        visitor = request.cookie(COOKIE)
        if request.path.rstrip("/") == LIST_PAGE.rstrip("/"):
            return True
        return visitor in self._sessions and request.headers.get("X-WP-Nonce") == self._nonce(visitor)

    def refusal(self) -> Reply:
        return _error(403, "rest_cookie_invalid_nonce", "Cookie check failed")

    def answer(self, request: Request, table: Table, troubles: Troubles) -> Reply:
        if request.path == LIST_PAGE.rstrip("/"):
            return moved(request.root + LIST_PAGE)
        if request.path == LIST_PAGE:
            return self._list_page(request) if request.method == "GET" else _error_page(405)
        if request.path != CERTIFICATES and request.path.startswith("/wp-json"):
            return _no_route()
        if request.path != CERTIFICATES:
            return not_found("<!DOCTYPE html><html><head><title>Page not found – ISCC System</title></head></html>")
        if request.method != "POST":
            return _no_route()
        nonce = request.headers.get("X-WP-Nonce")
        if nonce is not None and nonce != self._nonce(request.cookie(COOKIE)):
            return self.refusal()  # none at all is fine, a wrong one never
        return _certificates(request, table, troubles)

    def unlisted(self, table: Table) -> Sequence[Row]:
        return [row for bucket, rows in table.divided(_MERGED).items() if bucket not in _BUCKETS for row in rows]

    def _nonce(self, visitor: str) -> str:
        return self._sessions.token(visitor, "nonce")[:10]

    def _list_page(self, request: Request) -> Reply:
        visitor = request.cookie(COOKIE)
        headers = []
        if visitor not in self._sessions:
            visitor = self._sessions.start()
            headers = [("Set-Cookie", f"{COOKIE}={visitor}; Path=/; HttpOnly; SameSite=Lax")]
        settings = json.dumps(
            {"root": f"{request.root}/wp-json/", "nonce": self._nonce(visitor), "versionString": "wp/v2/"}
        )
        page = _LIST_PAGE.replace("SETTINGS", settings.replace("/", "\\/"))
        return Reply(200, page.encode(), HTML, headers)


def _certificates(request: Request, table: Table, troubles: Troubles) -> Reply:
    asked = _json(request)
    if asked is None:
        return _error(400, "rest_invalid_json", "Invalid JSON body passed.")
    missing = [name for name in ("count", "page") if asked.get(name) in (None, "")]
    if missing:
        return _error(400, "rest_missing_callback_param", f"Missing parameter(s): {', '.join(missing)}", params=missing)
    count, page = _whole(asked["count"]), _whole(asked["page"])
    if not count or not page:
        return _error(400, "rest_invalid_param", "Invalid parameter(s): count, page", params=["count", "page"])

    buckets = _asked(asked)
    search = str(asked.get("search") or "").strip().casefold()
    html, total, first = "", 0, (page - 1) * count
    for bucket, rows, told in _listed(table, buckets, search, troubles):
        here = rows[max(first, 0) : max(first + count, 0)]
        html += "".join(_card(row, bucket, table.more, troubles) for row in here)
        first -= len(rows)  # counted from the next bucket's first card
        total += told
    return _page(html, total, math.ceil(total / count), variant=page + _BUCKETS.index(buckets[0]) if buckets else 1)


def _listed(
    table: Table, buckets: Sequence[Status], search: str, troubles: Troubles
) -> Iterator[tuple[Status, Sequence[Row], int]]:
    """The rows of each bucket that fit, and the total that is told of them."""
    divided = table.divided(_MERGED)
    for bucket in buckets:
        fitting = divided.get(bucket, ())
        if search:
            fitting = [row for row in fitting if search in f"{row.number}\n{row.holder}".casefold()]
        yield bucket, *troubles.listed(fitting, bucket)


def _page(html: str, total: int, pages: int, *, variant: int) -> Reply:
    """The reply. Every second one starts with a byte-order mark and has its numbers as text, some begin with an
    XML line, as the real ones do now and then."""
    odd = variant % 2 == 0
    if variant % 3 == 0 and html:
        html = _XML + html
    totals: dict[str, Any] = {"totalCount": str(total) if odd else total, "maxPages": str(pages) if odd else pages}
    body = json.dumps({"success": True, "data": {"data": {"html": html, **totals}}}, ensure_ascii=False).encode()
    return Reply(200, _MARK + body if odd else body, JSON)


def _card(row: Row, bucket: Status, more: Sequence[str], troubles: Troubles) -> str:
    def label(name: str, *also: str) -> str:
        return escape(troubles.label(name, *also, bucket=bucket))

    known = {name.casefold(): value for name, value in row.more.items()}
    place = {name: known.get(name.casefold(), "") for name in ADDRESS}
    town = f"{place['Post code']} {place['City']}".strip()
    title = ", ".join(part for part in (row.holder, place["Street"], town, place["Country"]) if part)
    where = ", ".join(part for part in (place["City"], place["Country"]) if part)
    suspension = _suspension(row, label("suspend-date", "suspended from", "suspended until"))
    validity = f"{day(row.valid_from, '%d.%m.%y')} – {day(row.valid_until, '%d.%m.%y')}".strip()
    return _CARD.format(
        tag=label("tag", "number"),
        number=escape(row.number),
        date=label("date", "valid from", "valid until"),
        validity=escape(validity),
        suspension=suspension,
        title=escape(title),
        holder=escape(f"{row.holder},  {where}" if where else row.holder, quote=False),
        items="".join(_item(label(name), _value(name, text, row)) for name, text in _details(row, known, more)),
        links=_links(row, known, label),
    )


def _suspension(row: Row, css_class: str) -> str:
    if not row.suspended_from and not row.suspended_until:
        return ""
    start, end = (escape(day(text, "%d.%m.%y")) for text in (row.suspended_from, row.suspended_until))
    dash = "<br>–<br>" if _chance(row) % 2 and end else " – "
    return f'\n        <p class="{css_class}">{(start + dash + end).strip()}</p>'


def _details(row: Row, known: dict[str, str], more: Sequence[str]) -> list[tuple[str, str]]:
    """Labels and texts of the fold. Not every card has all of them, and not all in the same order."""
    items = [(name, known.get(name.casefold(), "")) for name in DETAILS]
    if _chance(row) % 7 == 0:
        items = [(name, text) for name, text in items if text or name != "Processing Unit Type"]
    if _chance(row) % 5 == 0:
        items = [items[-1], *items[:-1]]
    usual = {name.casefold() for name in (*DETAILS, *ADDRESS, "Latitude", "Longitude")}
    return items + [(name, row.more.get(name, "")) for name in more if name.casefold() not in usual]


def _item(label: str, value: str) -> str:
    return (
        '    <div class="is-certificate-fold-item">\n'
        f'      <p class="title smalltext">{label}</p>\n      <p>{value}</p>\n    </div>\n'
    )


def _value(name: str, text: str, row: Row) -> str:
    """What stands below a label. A certification body's name may be short, and complete only in its title."""
    if name == "Issuing CB" and "," in text and _chance(row) % 4 == 0:
        short = escape(text.partition(",")[0], quote=False)
        return f'<span data-tooltip aria-haspopup="1" class="has-tip top" title="{escape(text)}">{short}</span>'
    return escape(text, quote=False) or "-"


def _links(row: Row, known: dict[str, str], label: Any) -> str:
    """Map, and, as long as the certificate is not withdrawn, its documents."""
    latitude, longitude = known.get("latitude") or "0.000000", known.get("longitude") or "0.000000"
    links = [("Geolocation", f"https://www.google.de/maps/place/{latitude}+{longitude}+")]
    if row.word is not Status.WITHDRAWN:
        internal = base64.b64encode(f"{40_000 + _chance(row) % 50_000}_{row.number}".encode()).decode()
        files = "https://hub.iscc-system.org/FileHandler/download"
        links += [
            ("Audit Report", f"{files}/summaryAuditReportFile/{internal}"),
            ("Certificate", f"{files}/certificateFile/{internal}"),
        ]
    return "".join(
        f'    <a href="{escape(address)}" target="_blank" class="custom-button icon small">{label(text)}</a>\n'
        for text, address in links
    )


def _chance(row: Row) -> int:
    """A number that is always the same for a certificate."""
    return zlib.crc32(row.number.encode())


def _json(request: Request) -> dict[str, Any] | None:
    """The body's object; {} where it was not sent as JSON (then WordPress sees no parameter), None if it is none."""
    if request.content_type != "application/json":
        return {}
    try:
        body = json.loads(request.body)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _asked(body: dict[str, Any]) -> list[Status]:
    """The buckets that are asked for: without a filter all of them."""
    filters = body.get("filters")
    words = filters.get("status") if isinstance(filters, dict) else None
    if not words:
        return list(_BUCKETS)
    words = words if isinstance(words, list) else [words]
    return [bucket for bucket in _BUCKETS if bucket in words]


def _whole(value: Any) -> int:
    """A whole number, also as text; 0 if it is none."""
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _error(status: int, code: str, message: str, **more: Any) -> Reply:
    body = {"code": code, "message": message, "data": {"status": status, **more}}
    return Reply(status, json.dumps(body).encode(), JSON)


def _no_route() -> Reply:
    return _error(404, "rest_no_route", "No route was found matching the URL and request method.")


def _error_page(status: int) -> Reply:
    return Reply(status, b"<!DOCTYPE html><html><head><title>Error</title></head><body></body></html>")


_LIST_PAGE = """<!DOCTYPE html>
<html lang="en-US"><head><meta charset="UTF-8"><title>All Certificates – ISCC System</title>
<script id="wp-api-request-js-extra">
var wpApiSettings = SETTINGS;
</script></head><body>
<h1>All Certificates</h1>
<div class="is-certificates-filter"><input type="search" name="search" placeholder="Search"></div>
<div class="is-certificates-list"></div>
</body></html>
"""

_CARD = """<div class="is-certificate">
  <div class="is-certificate-head">
    <div class="is-certificate-head-top">
      <div>
        <div class="{tag}">{number}</div>
        <div class="{date} smalltext">{validity}</div>{suspension}
      </div>
      <h3 class="h4"><span data-tooltip aria-haspopup="1" class="has-tip top" title="{title}">{holder}</span></h3>
    </div>
  </div>
  <div class="is-certificate-fold">
{items}  </div>
  <div class="corner">
{links}  </div>
</div>
"""
