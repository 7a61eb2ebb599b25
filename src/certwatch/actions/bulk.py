"""One thing done to many certificates at once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from certwatch.actions import audit, certificates, descriptions, suppliers
from certwatch.models import Certificate, Organisation, User
from certwatch.rules.cells import tags_of
from certwatch.rules.errors import Refused

BATCH = 500  # rows a statement


@transaction.atomic
def tag(org: Organisation, chosen: "QuerySet[Any]", text: str, *, by: User, now: datetime, address: str | None) -> int:
    """Add the tags in `text` (`,` or `;` between). Returns how many certificates got one."""
    return _retag(org, chosen, add=_tags(text), drop=(), by=by, now=now, address=address)


@transaction.atomic
def untag(
    org: Organisation, chosen: "QuerySet[Any]", text: str, *, by: User, now: datetime, address: str | None
) -> int:
    """Take the tags in `text` away. Returns how many certificates lost one."""
    return _retag(org, chosen, add=(), drop=_tags(text), by=by, now=now, address=address)


@transaction.atomic
def assign(
    org: Organisation, chosen: "QuerySet[Any]", person: User | None, *, by: User, now: datetime, address: str | None
) -> int:
    """Make `person` responsible, or nobody. Returns how many certificates have another one now."""
    if person is not None and person not in descriptions.people(org, now):
        raise Refused(_("%(person)s does not belong to this organisation.") % {"person": person})
    moved = [c for c in _rows(org, chosen) if c.responsible_id != (person.pk if person else None)]
    for certificate in moved:
        certificate.responsible = person
    org.certificates.bulk_update(moved, ["responsible"], batch_size=BATCH)
    _note(org, moved, {"responsible": person.email if person else ""}, by, now, address)
    return len(moved)


@transaction.atomic
def set_supplier(
    org: Organisation, chosen: "QuerySet[Any]", name: str, *, by: User, now: datetime, address: str | None
) -> int:
    """Set the supplier called `name`, or none. It may decide between several holders."""
    supplier = None
    if name:
        found, problems = suppliers.of(org, {0: (name, "")}, now=now)
        if problems or not found:
            raise Refused(_("This is no name of a supplier: it is empty or too long."))
        supplier = found[0]
    moved = [c for c in _rows(org, chosen) if c.supplier_id != (supplier.pk if supplier else None)]
    for certificate in moved:
        certificate.supplier = supplier
    org.certificates.bulk_update(moved, ["supplier"], batch_size=BATCH)
    certificates.settle_again(org, moved, now=now)
    _note(org, moved, {"supplier": supplier.name if supplier else ""}, by, now, address)
    return len(moved)


def remove(org: Organisation, chosen: "QuerySet[Any]", *, by: User, now: datetime, address: str | None) -> int:
    """Watch them no more; their history stays."""
    return certificates.stop_watching(org, _rows(org, chosen), by=by, now=now, address=address)


def _rows(org: Organisation, chosen: "QuerySet[Any]") -> list[Certificate]:
    """The chosen certificates as plain rows: what the list annotates is none of theirs."""
    wanted = chosen.order_by().values("pk")
    return list(org.certificates.watched().filter(pk__in=wanted).select_related("supplier", "entry").order_by("pk"))


def _tags(text: str) -> tuple[str, ...]:
    tags = tags_of(text)
    if not tags:
        raise Refused(_("Write at least one tag."))
    if any(len(tag) > descriptions.LONGEST_TAG for tag in tags):
        raise Refused(_("A tag has at most %(longest)s characters.") % {"longest": descriptions.LONGEST_TAG})
    return tags


def _retag(
    org: Organisation,
    chosen: "QuerySet[Any]",
    *,
    add: Sequence[str],
    drop: Sequence[str],
    by: User,
    now: datetime,
    address: str | None,
) -> int:
    moved = []
    for certificate in _rows(org, chosen):
        tags = list(dict.fromkeys([t for t in certificate.tags if t not in drop] + list(add)))
        if len(tags) > descriptions.MOST_TAGS:
            limits = {"number": certificate.number, "most": descriptions.MOST_TAGS}
            raise Refused(_("%(number)s would have more than %(most)s tags.") % limits)
        if tags != certificate.tags:
            certificate.tags = tags
            moved.append(certificate)
    org.certificates.bulk_update(moved, ["tags"], batch_size=BATCH)
    _note(org, moved, {"tags_added": list(add), "tags_removed": list(drop)}, by, now, address)
    return len(moved)


def _note(
    org: Organisation,
    moved: Sequence[Certificate],
    what: dict[str, Any],
    by: User,
    now: datetime,
    address: str | None,
) -> None:
    """One note for all of them; which they were stands in it."""
    if moved:
        audit.note(
            org, "certificates.described", about=str(len(moved)), by=by, now=now, address=address,
            numbers=[c.number for c in moved], **what,
        )  # fmt: skip
