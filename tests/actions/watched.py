"""Certificates of the list, made in one line."""

from datetime import date, timedelta
from typing import Any

from certwatch.models import Certificate, Entry, Kind, Organisation, SourceState, Supplier
from certwatch.rules import numbers
from tests.conftest import NOON

TODAY = date(2026, 11, 24)


def read(source: str = "iscc", *, hours_ago: int = 5) -> None:
    SourceState.objects.update_or_create(source=source, defaults={"read_began": NOON - timedelta(hours=hours_ago)})


def supplier(org: Organisation, name: str, **more: Any) -> Supplier:
    made: Supplier = org.suppliers.create(name=name, name_key=numbers.name_key(name), created_at=NOON, **more)
    return made


def watch(
    org: Organisation, number: str, *, holder: str = "Ölmühle Nord GmbH", listed: bool = True, **more: Any
) -> Certificate:
    """An automatic certificate, bound to an entry of `holder` if it is `listed`."""
    key = numbers.key(number)
    more = {"source": "iscc", "scheme": "ISCC EU", "word": "valid", "valid_until": date(2027, 6, 30), **more}
    entry = None
    if listed:
        entry = Entry.objects.create(
            source=more["source"], number=number, number_key=key, holder=holder, holder_key=numbers.name_key(holder),
            scheme=more["scheme"], word=more["word"], valid_until=more["valid_until"], digest=b"1" * 16, version=1,
            first_seen=NOON,
        )  # fmt: skip
    made: Certificate = org.certificates.create(
        number=number, number_key=key, match_key=key, entry=entry, added_at=more.pop("added_at", NOON), **more
    )
    return made


def by_hand(org: Organisation, number: str, *, holder: str = "Donautal Rapsöl GmbH", **more: Any) -> Certificate:
    key = numbers.key(number)
    more = {"word": "valid", "valid_until": date(2027, 6, 30), **more}
    made: Certificate = org.certificates.create(
        number=number, number_key=key, match_key=key, kind=Kind.NIS, holder=holder, added_at=NOON, **more
    )
    return made
