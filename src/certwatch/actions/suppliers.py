"""Suppliers: one for each name, however it is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from certwatch.actions import audit, certificates
from certwatch.models import Certificate, Organisation, Supplier, SupplierContact, User
from certwatch.rules import names, numbers
from certwatch.rules.errors import Refused

LONGEST_NAME, LONGEST_NUMBER = 300, 60
LONGEST_TAG, MOST_TAGS = 60, 50

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


@dataclass(frozen=True, slots=True)
class Page:
    """A page of suppliers by name; `before` and `after`: cursors of the pages beside it, "" where there is none."""

    rows: list[Supplier]
    before: str
    after: str


def page(found: "QuerySet[Supplier]", *, after: str, before: str, size: int) -> Page:
    """The suppliers after or before a name's key, which no two of an organisation share."""
    backwards = bool(before and not after)
    if after:
        found = found.filter(name_key__gt=after)
    elif before:
        found = found.filter(name_key__lt=before)
    rows = list(found.order_by("-name_key" if backwards else "name_key")[: size + 1])
    more, rows = len(rows) > size, rows[:size]
    if backwards:
        rows.reverse()
    has_before, has_after = (more, True) if backwards else (bool(after), more)
    first, last = (rows[0].name_key, rows[-1].name_key) if rows else ("", "")
    return Page(rows, first if has_before else "", last if has_after else "")


@dataclass(frozen=True, slots=True)
class Details:
    """What an organisation says of a supplier, as it is to stand."""

    name: str
    number: str = ""
    tags: Sequence[str] = ()
    notes: str = ""
    responsible: User | None = None


@transaction.atomic
def save(
    org: Organisation,
    supplier: Supplier | None,
    said: Details,
    *,
    by: User,
    now: datetime,
    address: str | None = None,
) -> Supplier:
    """Make a supplier, or put `said` in place of what stood there. A new name may decide between several holders.

    Raises `Refused` where another supplier has this name, however it is written.
    """
    name = names.clean(said.name, _("The name"), LONGEST_NAME)
    key = numbers.name_key(name)
    if not key:
        raise Refused(_("The name holds no letter and no digit."))
    if any(other != supplier for other in org.suppliers.filter(name_key=key)):
        raise Refused(_("There is a supplier with this name already."))
    if len(said.tags) > MOST_TAGS or any(len(tag) > LONGEST_TAG for tag in said.tags):
        limits = {"most": MOST_TAGS, "longest": LONGEST_TAG}
        raise Refused(_("A supplier has at most %(most)s tags of %(longest)s characters.") % limits)
    renamed = supplier is not None and supplier.name_key != key
    before = _as_it_stands(supplier) if supplier else {}
    supplier = supplier or Supplier(org=org, created_at=now)
    supplier.name, supplier.name_key, supplier.number = name, key, said.number
    supplier.tags, supplier.notes, supplier.responsible = list(said.tags), said.notes, said.responsible
    supplier.save()
    if renamed:
        certificates.settle_again(org, _watched(org).filter(supplier=supplier), now=now)
    after = _as_it_stands(supplier)
    changed = {name: [before.get(name, ""), is_now] for name, is_now in after.items() if before.get(name) != is_now}
    if changed:
        audit.note(
            org, "supplier.changed" if before else "supplier.created", about=supplier.name, about_id=supplier.public_id,
            by=by, now=now, address=address, changed=changed,
        )  # fmt: skip
    return supplier


@transaction.atomic
def remove(supplier: Supplier, *, by: User, now: datetime, address: str | None = None) -> None:
    """Forget a supplier. Its certificates are watched on, without one."""
    org = supplier.org
    watched = list(org.certificates.watched().filter(supplier=supplier).values_list("pk", flat=True))
    audit.note(
        org, "supplier.removed", about=supplier.name, about_id=supplier.public_id, by=by, now=now, address=address
    )
    supplier.delete()
    certificates.settle_again(org, _watched(org).filter(pk__in=watched), now=now)


@transaction.atomic
def save_contact(
    supplier: Supplier,
    contact: SupplierContact | None,
    *,
    name: str,
    email: str,
    phone: str,
    language: str,
    by: User,
    now: datetime,
    address: str | None = None,
) -> SupplierContact:
    contact = contact or SupplierContact(org=supplier.org, supplier=supplier)
    contact.name, contact.email, contact.phone, contact.language = name, email, phone, language
    contact.save()
    _note_contact(supplier, "supplier.contact_saved", by, now, address)
    return contact


@transaction.atomic
def remove_contact(contact: SupplierContact, *, by: User, now: datetime, address: str | None = None) -> None:
    _note_contact(contact.supplier, "supplier.contact_removed", by, now, address)
    contact.delete()


def _watched(org: Organisation) -> "QuerySet[Certificate]":
    return org.certificates.watched().select_related("supplier", "entry")


def _as_it_stands(supplier: Supplier) -> dict[str, object]:
    return {
        "name": supplier.name,
        "number": supplier.number,
        "tags": list(supplier.tags),
        "notes": supplier.notes,
        "responsible": supplier.responsible.email if supplier.responsible else "",
    }


def _note_contact(supplier: Supplier, action: str, by: User, now: datetime, address: str | None) -> None:
    audit.note(supplier.org, action, about=supplier.name, about_id=supplier.public_id, by=by, now=now, address=address)
