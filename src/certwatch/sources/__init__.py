"""Public registers as we read them, one folder each. A new register is one line in `SOURCES`."""

from certwatch.rules import numbers
from certwatch.sources import iscc, redcert, twobsvs
from certwatch.sources.source import Source

SOURCES: dict[str, Source] = {
    "iscc": iscc.SOURCE,
    "redcert": redcert.SOURCE,
    "twobsvs": twobsvs.SOURCE,
}


def telling(number_key: str) -> Source | None:
    """The source whose beginnings tell this normalised number; the longest that fits wins."""
    fitting = [(len(b), s) for s in SOURCES.values() for b in s.begins if number_key.startswith(b)]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def of_scheme(name: str) -> Source | None:
    """The source of a scheme (`ISCC EU`, `REDcert²`, …) or of its own name (`twobsvs`), in any letter case."""
    wanted = numbers.key(name)
    return next((source for source in SOURCES.values() if wanted in _names(source)), None)


def scheme_name(name: str) -> str | None:
    """The scheme as we write it: `iscc plus` is `ISCC PLUS`, `twobsvs` is `2BSvs`. None: we know no such name."""
    source = of_scheme(name)
    return _names(source)[numbers.key(name)] if source else None


def _names(source: Source) -> dict[str, str]:
    named = {source.name: source.title, **{scheme: scheme for scheme in (source.title, *source.schemes)}}
    return {numbers.key(name): written for name, written in named.items()}
