"""What a connector may use while it reads: the register, the day, and a place to report what it could not read.

Knows no database and no settings: whoever makes it hands in where payloads are kept.
"""

import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

from certwatch.net.client import ANSWER_S, LARGEST, Client, Reply, Request, without_user
from certwatch.rules import numbers
from certwatch.rules.errors import BadNumber, SourceChanged
from certwatch.rules.findings import Finding
from certwatch.rules.status import Status
from certwatch.sources.text import clean, fold, words

if TYPE_CHECKING:
    from certwatch.sources.source import Source

Row = dict[str, Any]

# A day outside is a slip or a stand-in for "none" (1899, 1970, 9999 were all seen): the schemes began about 2010.
EARLIEST, LATEST = date(2000, 1, 1), date(2099, 12, 31)
TELLING = 10  # records: what fails in so many, and in all, is no slip of one record
LONGEST_SHOWN = 500  # characters of a request's body in the evidence


class Unreadable(ValueError):
    """A record cannot be read at all; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the register sent. `sha256` names the payload as kept; `url` is where it came from."""

    status: int
    url: str
    body: bytes
    sha256: str


class Context:
    """One run's way to a register. Use it as a context manager: the session ends with it.

    After the run: `problems` (sentences), `problem_count` (records that could not be read in full), `asked`
    (requests), `totals` (the register's own, by part), `validators` (address → etag, last_modified, sha256).
    """

    def __init__(
        self,
        source: "Source",
        *,
        base: str = "",
        day: date,
        now: Callable[[], datetime],
        user_agent: str,
        keep: Callable[[bytes], str],
        payload: Callable[[str], bytes | None] = lambda sha256: None,
        validators: Mapping[str, Mapping[str, str]] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        timeout_s: float = ANSWER_S,
        largest: int = LARGEST,
    ) -> None:
        self.source = source
        self.base = (base or source.url).rstrip("/")
        self.today = day
        self.problems: list[str] = []
        self.problem_count = 0
        self.asked: list[dict[str, Any]] = []
        self.totals: dict[str, int] = {}
        self.validators: dict[str, Mapping[str, str]] = {}
        self._known = validators or {}
        self._keep, self._payload = keep, payload
        self._client = Client(
            self.base,
            user_agent=user_agent,
            now=now,
            sleep=sleep,
            clock=clock,
            heard=self._note,
            timeout_s=timeout_s,
            largest=largest,
        )
        self._said: list[str] | None = None  # about the record that is being read
        self._told: set[str] = set()  # new fields, once per run
        self._days: dict[str, _Days] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.close()

    # Asking

    def get(self, path: str, *, conditional: bool = False) -> Answer:
        """What stands at the register's own `path`. `conditional`: an unchanged one is read from what we kept."""
        url = self.base + path
        stored = self._stored(url) if conditional else None
        if stored is None:
            reply = self._client.ask(Request("GET", url))
        else:
            headers = _conditions(self._known[url])
            reply = self._client.ask(Request("GET", url, headers), also=frozenset({304}))
        if stored is not None and reply.status == 304:
            self.validators[url] = self._known[url]
            self.asked[-1] |= {"sha256": self._known[url]["sha256"], "bytes": len(stored)}
            return Answer(304, reply.url, stored, self._known[url]["sha256"])
        answer = self._answer(reply)
        if conditional:
            self.validators[url] = _validators(reply, answer.sha256)
        return answer

    def post_json(
        self, path: str, body: Any, *, headers: Mapping[str, str] | None = None, also: Collection[int] = ()
    ) -> Answer:
        """The answer to `body` as JSON. Statuses in `also` are the caller's business."""
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        sent = {"Content-Type": "application/json", "Accept": "application/json", **(headers or {})}
        return self._answer(self._client.ask(Request("POST", self.base + path, sent, content), also=frozenset(also)))

    def post_form(self, path: str, fields: Mapping[str, str]) -> Answer:
        """The answer to a filled-in form."""
        sent = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._answer(self._client.ask(Request("POST", self.base + path, sent, urlencode(fields).encode())))

    def take(self, name: str, content: bytes) -> Answer:
        """Note a file that a person downloaded as what was read."""
        sha256 = self._keep(content)
        self.asked.append(_asked("FILE", name, "", 200, sha256, len(content)))
        return Answer(200, name, content, sha256)

    # Reading

    def each(
        self, rows: Iterable[Row], read: "Callable[[Context, Row], Finding]", *, payload: str = ""
    ) -> Iterator[Finding]:
        """One finding for each row that can be read. One that cannot is reported whole; its neighbours are kept."""
        for row in rows:
            self._said = []
            try:
                finding = read(self, dict(row))
            except (AttributeError, LookupError, TypeError, ValueError) as error:
                self._said = None
                self.unreadable(f"A record could not be read ({error}): {json.dumps(row, ensure_ascii=False)}")
                continue
            said, self._said = self._said, None
            if said:
                self.problem_count += 1
                self.problems += (f"{finding.number}: {sentence}" for sentence in said)
            finding.details = dict(sorted(finding.details.items()))  # a label's place on a card is no news
            finding.row, finding.payload = row, payload
            yield finding

    def number(self, text: str) -> str:
        """The certificate number exactly as published, without outer white space. Raises `Unreadable` without one."""
        try:
            number = numbers.written(clean(text))
        except BadNumber as error:
            raise Unreadable(str(error)) from error
        if number not in text:
            self.problem("the register's number holds control characters")
        return number

    def look_up(self, known: Mapping[str, Status], text: str) -> Status:
        """Our word for the register's. A word that we do not know, or none, is `unknown` and reported."""
        wanted = fold(text)
        for word, status in known.items():
            if fold(word) == wanted:
                return status
        self.problem(f"“{words(text)}” is no status that we know" if wanted else "it has no status")
        return Status.UNKNOWN

    def day(self, text: str, *formats: str, field: str = "a day") -> date | None:
        """The day that `text` says in one of `formats`. What is no day is None, and reported: never one made up."""
        text = words(text)
        tally = self._days.setdefault(field, _Days())
        for form in formats:
            try:
                day = datetime.strptime(text, form).date()  # noqa: DTZ007 - a day in a register has no zone
            except ValueError:
                continue
            if EARLIEST <= day <= LATEST:
                tally.read += 1
                return day
        if text:
            tally.refused += 1
            tally.example = tally.example or text
        self.problem(f"“{text}” is no day we can read ({field})" if text else f"it has no day ({field})")
        return None

    def nothing_left(self, row: Mapping[str, Any], ignore: Collection[str] = ()) -> dict[str, str]:
        """The fields of `row` that nobody took out, as texts. Each is told once in a run: it is new, and harmless."""
        left = {name: str(value) for name, value in row.items() if name not in ignore and value not in ("", None)}
        for name, value in left.items():
            if fold(name) not in self._told:
                self._told.add(fold(name))
                self.problems.append(f"A new field, kept as a detail: “{name}” with “{value}”.")
        return left

    def problem(self, sentence: str) -> None:
        """Report something that could not be read, with the value in it; inside a record it counts that record."""
        if self._said is None:
            self.problems.append(sentence)
        else:
            self._said.append(sentence)

    def unreadable(self, sentence: str) -> None:
        """Report a record that could not be read at all."""
        self.problem_count += 1
        self.problems.append(sentence)

    def check_days(self) -> None:
        """Raises `SourceChanged` if a kind of day could be read in no record: its form has changed, everywhere."""
        for field, tally in self._days.items():
            if tally.refused >= TELLING and not tally.read:
                raise SourceChanged(f"Days have a form that we do not know ({field}): “{tally.example}”.")

    # Evidence

    def _answer(self, reply: Reply) -> Answer:
        return Answer(reply.status, reply.url, reply.body, self.asked[-1]["sha256"])

    def _note(self, request: Request, reply: Reply | None) -> None:
        content = reply.body if reply is not None else b""
        self.asked.append(
            _asked(
                request.method,
                without_user(request.url),
                _shown(request.body),
                reply.status if reply is not None else 0,
                self._keep(content) if content else "",
                len(content),
            )
        )

    def _stored(self, url: str) -> bytes | None:
        """What we kept of `url`, if all of it is still there and there is something to ask by."""
        known = self._known.get(url, {})
        if not _conditions(known):
            return None
        content = self._payload(known.get("sha256", ""))
        whole = content is not None and hashlib.sha256(content).hexdigest() == known["sha256"]
        return content if whole else None


@dataclass(slots=True)
class _Days:
    read: int = 0
    refused: int = 0
    example: str = ""


def _asked(method: str, url: str, body: str, status: int, sha256: str, size: int) -> dict[str, Any]:
    return {"method": method, "url": url, "body": body, "status": status, "sha256": sha256, "bytes": size}


def _shown(body: bytes) -> str:
    text = body.decode(errors="replace")
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}… ({len(text):,} characters)"


def _conditions(known: Mapping[str, str]) -> dict[str, str]:
    pairs = (("If-None-Match", known.get("etag")), ("If-Modified-Since", known.get("last_modified")))
    return {name: value for name, value in pairs if value}


def _validators(reply: Reply, sha256: str) -> dict[str, str]:
    """What the next run may ask by. A time of change counts only once it is a minute old (RFC 9110, 8.8.2.2):
    a page could have changed again within the same second."""
    etag, modified = reply.headers.get("etag", ""), reply.headers.get("last-modified", "")
    try:
        age = parsedate_to_datetime(reply.headers.get("date", "")) - parsedate_to_datetime(modified)
        settled = age.total_seconds() >= 60
    except (TypeError, ValueError):
        settled = False
    return {"etag": etag, "last_modified": modified if settled else "", "sha256": sha256}
