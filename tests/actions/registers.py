"""A register in memory, for tests of what is done with its readings."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from certwatch.models import Certificate, Organisation, Supplier
from certwatch.rules import numbers
from certwatch.rules.belief import Expect
from certwatch.rules.findings import Finding
from certwatch.rules.status import Status
from certwatch.sources.context import Context
from certwatch.sources.source import Source


@dataclass
class Register:
    """Says what stands in `rows`, or raises `error`; `ask` finds what has the number."""

    rows: list[Finding] = field(default_factory=list)
    error: Exception | None = None
    expect: Expect = field(default_factory=Expect)

    def crawl(self, ctx: Context) -> Iterator[Finding]:
        yield from list(self.rows)
        if self.error:
            raise self.error

    def find(self, ctx: Context, number: str) -> Iterator[Finding]:
        if self.error:
            raise self.error
        yield from [row for row in self.rows if number.lower() in row.number.lower()]

    @property
    def source(self) -> Source:
        return Source(
            name="iscc",
            title="ISCC",
            schemes=("ISCC EU",),
            url="https://register.example",
            page="https://register.example/",
            begins=("eu-iscc",),
            crawl=self.crawl,
            find=self.find,
            expect=self.expect,
        )


@dataclass
class Clock:
    """A clock that a test sets; each look at it takes a millisecond."""

    now: datetime

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def wait(self, **time: int) -> None:
        self.now += timedelta(**time)


def row(place: int, word: Status = Status.VALID, **facts: Any) -> Finding:
    """A record of the register: EU-ISCC-Cert-XX999-<place>, valid through 2026 and into 2027."""
    known: dict[str, Any] = {
        "number": number(place),
        "holder": f"Muster {place} GmbH",
        "word": word,
        "part": word.value,
        "source_word": word.value,
        "valid_from": date(2026, 3, 1),
        "valid_until": date(2027, 2, 28),
    }
    return Finding(**{**known, **facts})


def number(place: int) -> str:
    return f"EU-ISCC-Cert-XX999-{place:08}"


def watch(org: Organisation, place: int, now: datetime, supplier: str = "") -> Certificate:
    """A certificate that `org` watches, not answered yet."""
    seller = None
    if supplier:
        seller, _ = Supplier.across_orgs.get_or_create(
            org=org, name_key=numbers.name_key(supplier), defaults={"name": supplier, "created_at": now}
        )
    key = numbers.key(number(place))
    return org.certificates.create(
        number=number(place), number_key=key, match_key=key, source="iscc", added_at=now, supplier=seller
    )
