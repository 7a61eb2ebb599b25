"""The list of alerts as its address says it: what is filtered, how it is sorted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from certwatch.rules.listing import texts_of
from certwatch.rules.notices import EVENTS_ONLY, OPERATORS, Kind, Severity, State

ALL = "all"  # whatever became of it
STATES = (*(state.value for state in State), ALL)
SORTS = ("newest", "severity")
SEVERITIES = (Severity.CRITICAL, Severity.WARNING, Severity.INFORMATION)  # the gravest first
KINDS = tuple(kind for kind in Kind if kind not in EVENTS_ONLY and kind not in OPERATORS)  # that alerts can have


@dataclass(frozen=True, slots=True)
class Filter:
    """What the list shows. Several values of one field: any of them; several fields: all of them."""

    q: str = ""
    state: str = State.OPEN.value  # one of STATES
    severity: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    scheme: tuple[str, ...] = ()
    supplier: tuple[str, ...] = ()  # parts of names
    tag: tuple[str, ...] = ()
    mine: bool = False  # assigned to the reader
    sort: str = "newest"  # one of SORTS

    @property
    def is_narrow(self) -> bool:
        """Whether more is asked than a state and a severity, which are counted anyway."""
        return replace(self, state=State.OPEN.value, severity=(), sort="newest") != Filter()

    @property
    def is_open(self) -> bool:
        """Whether nothing but the state is asked for."""
        return not self.is_narrow and not self.severity

    def pairs(self) -> list[tuple[str, str]]:
        """What stands in the address, in one fixed order; nothing that says nothing."""
        several = ("severity", "kind", "scheme", "supplier", "tag")
        return [
            *([("q", self.q)] if self.q else []),
            *([("state", self.state)] if self.state != State.OPEN else []),
            *[(name, value) for name in several for value in getattr(self, name)],
            *([("mine", "1")] if self.mine else []),
            *([("sort", self.sort)] if self.sort != "newest" else []),
        ]

    def without(self, name: str, value: str) -> "Filter":
        """The same without one of its conditions."""
        lists: dict[str, list[str]] = {}
        for n, v in self.pairs():
            if (n, v) != (name, value):
                lists.setdefault(n, []).append(v)
        return read(lists)


def read(values: Mapping[str, Sequence[str]]) -> Filter:
    """The filter that an address asks for. What makes no sense is left out: an old link still shows a list."""

    def several(name: str, known: Sequence[str] | None = None) -> tuple[str, ...]:
        return tuple(text for text in texts_of(values, name) if known is None or text in known)

    def one(name: str, known: Sequence[str], otherwise: str) -> str:
        return next((text for text in texts_of(values, name) if text in known), otherwise)

    return Filter(
        q=next(iter(texts_of(values, "q")), ""),
        state=one("state", STATES, State.OPEN.value),
        severity=several("severity", SEVERITIES),
        kind=several("kind", KINDS),
        scheme=several("scheme"),
        supplier=several("supplier"),
        tag=several("tag"),
        mine=one("mine", ("1",), "") == "1",
        sort=one("sort", SORTS, "newest"),
    )
