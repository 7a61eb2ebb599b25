"""Asking ISCC for all cards of one status: session, pages, and the register's own total."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from certwatch.rules.errors import Incomplete, SourceChanged, SourceUnreachable
from certwatch.sources.context import TELLING, Answer, Context, Row
from certwatch.sources.iscc.cards import cards, is_cut
from certwatch.sources.pages import what_came

ASK = "/wp-json/api/certificates"
LIST_PAGE = "/certification/all-certificates/"
PER_PAGE = 200  # what everybody uses
MOST_FOUND = 1_000  # cards that one search may bring; more means that it does not search any more
REFUSED = frozenset({401, 403})

# WordPress' own, in a script of the list page. The hidden field `wdtNonce…` of the old table plug-in is not it.
_SETTINGS = re.compile(rb"\bwpApiSettings\s*=\s*\{([^<]*?)\}\s*;?")
_NONCE = re.compile(rb"""["']?\bnonce["']?\s*:\s*["']([0-9A-Za-z_-]+)["']""")


@dataclass(slots=True)
class Page:
    """The cards of one answer."""

    rows: list[Row]
    sha256: str


@dataclass(slots=True)
class Bucket:
    """All cards that the register lists with one status; `total` is what it says they are."""

    word: str
    total: int
    pages: list[Page] = field(default_factory=list)

    def rows(self) -> list[Row]:
        return [row for page in self.pages for row in page.rows]


class Register:
    """A session. Where the register refuses, its list page is fetched once and asked for cookies and nonce."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._nonce = ""

    def bucket(self, word: str, *, search: str = "") -> Bucket:
        """All cards of one bucket, in all its pages, repeated ones too.

        The list may move while it is read: if its total differs between two pages it is read once more.
        Raises `Incomplete` if it moves again, or has fewer cards than its total says.
        """
        bucket = self._read(word, search) or self._read(word, search)
        if bucket is None:
            raise Incomplete(f"The bucket “{word}” changed its total twice while it was read.")
        count = len(bucket.rows())
        if count < bucket.total:
            raise Incomplete(f"The bucket “{word}” brought {count:,} of {bucket.total:,} certificates.")
        return bucket

    def _read(self, word: str, search: str) -> Bucket | None:
        """One reading of all pages, or None if the total differed between them."""
        bucket, number, count, last = None, 0, 0, 1
        while bucket is None or count < bucket.total or number < last:
            number += 1
            page, total, pages = self._page(word, search, number)
            if bucket is None:
                if search and total > MOST_FOUND:
                    raise SourceChanged(f"The search for one number finds {total:,} certificates in “{word}”.")
                # Their number of pages was once rounded down, so the total rules. It may be right, though,
                # where pages are smaller than asked for; but there are no more pages than cards.
                bucket, last = Bucket(word, total), min(pages, total)
            elif total != bucket.total:
                return None
            if not page.rows and bucket.pages:
                break
            if len(page.rows) >= TELLING and any(page.rows == other.rows for other in bucket.pages):
                raise Incomplete(f"Page {number} of the bucket “{word}” is an earlier page again.")
            bucket.pages.append(page)
            count += len(page.rows)
            if not page.rows:
                break
        return bucket

    def _page(self, word: str, search: str, number: int) -> tuple[Page, int, int]:
        answer = self._ask(
            {
                "filters": {"status": [word]},
                "valid_from": "",
                "valid_until": "",
                "search": search,
                "count": PER_PAGE,
                "page": number,
            }
        )
        html, total, pages = _opened(answer)
        if is_cut(html):
            raise Incomplete(f"Page {number} of the bucket “{word}” is cut off.")
        rows = cards(html)
        if total and html.strip() and not rows:
            raise SourceChanged(f"Page {number} of the bucket “{word}” holds no card that we know.")
        return Page(rows, answer.sha256), total, pages

    def _ask(self, body: dict[str, Any]) -> Answer:
        answer = self._post(body)
        if answer.status in REFUSED:
            self._begin_session()
            answer = self._post(body)
        if answer.status in REFUSED:
            raise SourceUnreachable(f"{ASK}: refused with {answer.status}, also after its list page was fetched.")
        return answer

    def _post(self, body: dict[str, Any]) -> Answer:
        headers = {"X-WP-Nonce": self._nonce} if self._nonce else {}
        return self._ctx.post_json(ASK, body, headers=headers, also=REFUSED)

    def _begin_session(self) -> None:
        settings = _SETTINGS.search(self._ctx.get(LIST_PAGE).body)
        nonce = _NONCE.search(settings[1]) if settings else None
        self._nonce = nonce[1].decode() if nonce else ""


def _opened(answer: Answer) -> tuple[str, int, int]:
    """HTML, total and number of pages of a reply. Raises `SourceChanged` for any other shape."""
    try:
        reply = json.loads(answer.body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        if answer.body.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{"):
            raise Incomplete(f"The answer of {ASK} is cut off or broken ({error}).") from error
        raise SourceChanged(f"Instead of certificates came {what_came(answer.body)}.") from error
    if not isinstance(reply, dict) or "success" not in reply:
        raise SourceChanged(f"The answer of {ASK} has a shape that we do not know: {what_came(answer.body)}.")
    if reply["success"] is not True:
        raise SourceUnreachable(f"{ASK} says that it had no success: {what_came(answer.body)}.")
    try:
        data = reply["data"]["data"]
        html, total, pages = data["html"], _count(data["totalCount"]), _count(data["maxPages"])
    except (LookupError, TypeError, ValueError) as error:
        raise SourceChanged(f"The answer of {ASK} lacks what we need ({error}): {what_came(answer.body)}.") from error
    if not isinstance(html, str):
        raise SourceChanged(f"The answer of {ASK} has no HTML in “html”.")
    return html, total, pages


def _count(value: object) -> int:
    """A number that may come as text."""
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,9}", str(value).strip(), re.ASCII):
        raise ValueError(f"“{value}” is no count")
    return int(str(value))
