"""The list of certificates as its address says it: what is filtered, how it is sorted (operations.md, Addresses)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from certwatch.rules.shown import Key
from certwatch.rules.status import Status

SORTS = ("status", "number", "holder", "supplier", "scheme", "valid_until", "added")
KINDS = ("automatic", "nis")
LONGEST_TEXT = 200  # characters of what is searched for
MOST_VALUES = 50  # of one field; SQLite takes no condition that is a thousand deep
MOST_DAYS = 36_500

# What the address says → the pages' keys. "valid" and "expiring" are told apart as the pages tell them apart.
STATUSES: dict[str, tuple[Key, ...]] = {
    Status.SUSPENDED: (Key.SUSPENDED,),
    Status.WITHDRAWN: (Key.WITHDRAWN,),
    Status.TERMINATED: (Key.TERMINATED,),
    Status.EXPIRED: (Key.EXPIRED,),
    Status.NOT_FOUND: (Key.NOT_FOUND,),
    Status.UNKNOWN: (Key.UNCLEAR, Key.NEVER),
    "expiring": (Key.EXPIRING,),
    Status.NOT_YET_VALID: (Key.NOT_YET,),
    Status.VALID: (Key.VALID,),
}


@dataclass(frozen=True, slots=True)
class Filter:
    """What the list shows. Several values of one field: any of them; several fields: all of them."""

    q: str = ""
    status: tuple[str, ...] = ()
    scheme: tuple[str, ...] = ()
    supplier: tuple[str, ...] = ()  # parts of names
    tag: tuple[str, ...] = ()
    kind: str = ""
    expires_within: int | None = None  # days from today, of what is valid
    ends_from: date | None = None
    ends_to: date | None = None
    sort: str = "status"  # one of SORTS; "-" before it: downwards

    @property
    def downwards(self) -> bool:
        return self.sort.startswith("-")

    @property
    def by(self) -> str:
        return self.sort.removeprefix("-")

    @property
    def is_open(self) -> bool:
        """Whether nothing is filtered."""
        return replace(self, sort="status") == Filter()

    def pairs(self) -> list[tuple[str, str]]:
        """What stands in the address, in one fixed order; nothing that says nothing."""
        several = [(name, value) for name in ("status", "scheme", "supplier", "tag") for value in getattr(self, name)]
        days = [(name, day.isoformat()) for name in ("ends_from", "ends_to") if (day := getattr(self, name))]
        return [
            *([("q", self.q)] if self.q else []),
            *several,
            *([("kind", self.kind)] if self.kind else []),
            *([("expires_within", str(self.expires_within))] if self.expires_within is not None else []),
            *days,
            *([("sort", self.sort)] if self.sort != "status" else []),
        ]

    def without(self, name: str, value: str) -> "Filter":
        """The same without one of its conditions."""
        return read(_lists((n, v) for n, v in self.pairs() if (n, v) != (name, value)))


def read(values: Mapping[str, Sequence[str]]) -> Filter:
    """The filter that an address asks for. What makes no sense is left out: an old link still shows a list."""

    def first(name: str) -> str:
        return next(iter(texts_of(values, name)), "")

    sort, kind, within = first("sort"), first("kind"), first("expires_within")
    return Filter(
        q=first("q"),
        status=tuple(word for word in texts_of(values, "status") if word in STATUSES),
        scheme=texts_of(values, "scheme"),
        supplier=texts_of(values, "supplier"),
        tag=texts_of(values, "tag"),
        kind=kind if kind in KINDS else "",
        expires_within=int(within) if within.isascii() and within.isdigit() and int(within) <= MOST_DAYS else None,
        ends_from=_day(first("ends_from")),
        ends_to=_day(first("ends_to")),
        sort=sort if sort.removeprefix("-") in SORTS else "status",
    )


def texts_of(values: Mapping[str, Sequence[str]], name: str) -> tuple[str, ...]:
    """The values of one field of an address, cleaned, each once; so many as a condition may have."""
    cleaned = (value.replace("\0", "").strip()[:LONGEST_TEXT].strip() for value in values.get(name, ()))
    return tuple(dict.fromkeys(text for text in cleaned if text))[:MOST_VALUES]


def _lists(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    return lists


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
