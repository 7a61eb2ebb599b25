"""Suppliers: one for each name, however it is written."""

from collections.abc import Mapping
from datetime import datetime

from certwatch.models import Organisation, Supplier
from certwatch.rules import numbers

LONGEST_NAME, LONGEST_NUMBER = 300, 60

Named = tuple[str, str]  # name, number in the organisation's books; one may be missing


def of(org: Organisation, named: Mapping[int, Named], *, now: datetime) -> tuple[dict[int, Supplier], dict[int, str]]:
    """The suppliers that are `named`, made where they are new; and why there is none, a sentence.

    Inside the caller's transaction. A supplier without a number gets it; one that has a number keeps it.
    """
    keys = {numbers.name_key(name) for name, _ in named.values()} - {""}
    by_key = {s.name_key: s for s in org.suppliers.filter(name_key__in=keys)} if keys else {}
    bare = {number for name, number in named.values() if number and not numbers.name_key(name)}
    by_number = {s.number: s for s in org.suppliers.filter(number__in=bare)} if bare else {}
    found: dict[int, Supplier] = {}
    problems: dict[int, str] = {}
    new: list[Supplier] = []
    numbered: dict[int, Supplier] = {}
    for place, (name, number) in named.items():
        key = numbers.name_key(name)
        if len(name) > LONGEST_NAME or len(number) > LONGEST_NUMBER:
            problems[place] = "The supplier's name or number is too long, and was left out."
            continue
        supplier = by_key.get(key) if key else by_number.get(number)
        if supplier is None and not key:
            problems[place] = f"No supplier is known under the number {number}."
            continue
        if supplier is None:
            supplier = by_key[key] = Supplier(org=org, name=name, name_key=key, number=number, created_at=now)
            new.append(supplier)
        elif number and not supplier.number:
            supplier.number = number
            if supplier.pk:
                numbered[supplier.pk] = supplier
        found[place] = supplier
    if new:
        org.suppliers.bulk_create(new)
    if numbered:
        org.suppliers.bulk_update(numbered.values(), ["number"])
    return found, problems
