"""What an organisation itself says of a certificate: supplier, responsible person, tags, notes, when to look again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.db.models import Count, Q
from django.utils.translation import gettext as _

from certwatch.actions import audit, certificates, suppliers
from certwatch.models import Certificate, Membership, Organisation, User
from certwatch.models.base import as_json
from certwatch.rules.errors import Refused

LONGEST_NOTES = 10_000  # characters
LONGEST_TAG, MOST_TAGS = 60, 50


@dataclass(frozen=True, slots=True)
class Description:
    """All of it, as it is to stand."""

    supplier: str = ""  # a name; "" for none
    responsible: User | None = None
    tags: Sequence[str] = ()
    notes: str = ""
    review_on: date | None = None


@transaction.atomic
def describe(
    certificate: Certificate, said: Description, *, by: User, now: datetime, address: str | None = None
) -> None:
    """Put `said` in place of what stood there. A new supplier may decide between several holders.

    Raises `Refused` for what cannot stand there, e.g. somebody responsible who is no member.
    """
    org = certificate.org
    if len(said.notes) > LONGEST_NOTES:
        raise Refused(_("Notes have at most %(most)s characters.") % {"most": LONGEST_NOTES})
    if len(said.tags) > MOST_TAGS or any(len(tag) > LONGEST_TAG for tag in said.tags):
        limits = {"most": MOST_TAGS, "longest": LONGEST_TAG}
        raise Refused(_("A certificate has at most %(most)s tags of %(longest)s characters.") % limits)
    chosen = said.responsible
    if chosen and chosen.pk != certificate.responsible_id and chosen not in people(org, now):
        raise Refused(_("%(person)s does not belong to this organisation.") % {"person": chosen})
    before = _as_it_stands(certificate)
    moved = _set_supplier(certificate, said.supplier, now)
    certificate.responsible, certificate.tags = said.responsible, list(said.tags)
    certificate.notes = said.notes
    certificate.look_again_on(said.review_on)
    certificate.save(update_fields=["supplier", "responsible", "tags", "notes", "review_on", "review_moves"])
    if moved:
        certificates.settle_again(org, [certificate], now=now)
    after = _as_it_stands(certificate)
    changed = {name: [was, after[name]] for name, was in before.items() if after[name] != was}
    if changed:
        audit.note(
            org, "certificate.described", about=certificate.number, about_id=certificate.public_id,
            by=by, now=now, address=address, changed=changed,
        )  # fmt: skip


def people(org: Organisation, now: datetime) -> list[User]:
    """Who can be responsible: the members, by name."""
    members: list[Membership] = list(org.memberships.select_related("user", "org"))
    return sorted((m.user for m in members if not m.has_ended(now)), key=lambda user: str(user).casefold())


def suppliers_by_use(org: Organisation, most: int) -> list[str]:
    """Names of the suppliers with the most certificates, at most so many."""
    used = org.suppliers.annotate(used=Count("certificates", filter=Q(certificates__removed_at=None)))
    return list(used.order_by("-used", "name").values_list("name", flat=True)[:most])


def _set_supplier(certificate: Certificate, name: str, now: datetime) -> bool:
    """Whether it is another one now."""
    was = certificate.supplier_id
    if not name:
        certificate.supplier = None
    else:
        found, problems = suppliers.of(certificate.org, {0: (name, "")}, now=now)
        if problems or not found:
            raise Refused(_("This is no name of a supplier: it is empty or too long."))
        certificate.supplier = found[0]
    return certificate.supplier_id != was


def _as_it_stands(certificate: Certificate) -> dict[str, object]:
    return {
        "supplier": certificate.supplier.name if certificate.supplier else "",
        "responsible": certificate.responsible.email if certificate.responsible else "",
        "tags": list(certificate.tags),
        "notes": certificate.notes,
        "review_on": as_json(certificate.review_on),
    }
