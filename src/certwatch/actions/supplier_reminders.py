"""Reminders to suppliers: a mail with an upload link to each contact, before a certificate ends (alerts.md, Supplier).

Where an organisation wants it. Each contact is told once per certificate, last day and stage; after a pause the most
urgent stage alone.
"""

from collections import defaultdict
from datetime import date, datetime, timedelta
from email.utils import formataddr
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import translation

from certwatch.actions import deliveries, notices, upload_links
from certwatch.actions.contacts import ascii_address
from certwatch.models import Certificate, Decision, Delivery, Organisation, Purpose, SupplierContact, UploadLink, User
from certwatch.models.certificates import CertificateQuerySet
from certwatch.rules.notices import stages_reached
from certwatch.rules.status import Status

log = structlog.get_logger()

PART = 500  # certificates that are looked at together
BRAND = "#2c3f94"  # the edge of the letter; it is no alert


def look(now: datetime) -> None:
    """Make the reminders that are due, for all organisations that want them. One that fails stops no other."""
    failed = 0
    for org in Organisation.objects.filter(supplier_reminders=True, closed_at=None).order_by("pk"):
        try:
            remind(org, now)
        except Exception:
            log.exception("Suppliers could not be reminded.", org=org.slug)
            failed += 1
    if failed:
        raise RuntimeError(f"The suppliers of {failed} organisations could not be reminded.")


def remind(org: Organisation, now: datetime) -> int:
    """Make what is due for `org`; how many mails."""
    if org.state(now) not in notices.WORKING or not org.supplier_days:
        return 0
    today, made = org.today(now), 0
    keys = list(ending(org, today).order_by("valid_until", "pk").values_list("pk", flat=True))
    for start in range(0, len(keys), PART):
        part = org.certificates.filter(pk__in=keys[start : start + PART]).select_related("entry", "supplier")
        made += _remind(org, list(part), today, now)
    return made


def ending(org: Organisation, today: date) -> CertificateQuerySet:
    """Valid certificates of a supplier that end within the organisation's days and that nothing takes the place of."""
    soon = today + timedelta(days=max(org.supplier_days, default=0))
    found: CertificateQuerySet = org.certificates.expiring_by(soon)
    found = found.filter(valid_until__gte=today).exclude(supplier=None)
    suggested = org.successors.filter(
        in_time=True, missing=[], entry__word=Status.VALID, entry__gone_at=None, certificate__in=found
    ).exclude(decision=Decision.DISMISSED)
    begun = org.certificates.watched().filter(word=Status.VALID, predecessor__in=found).filter(_begun(today))
    return found.exclude(pk__in=suggested.values("certificate")).exclude(pk__in=begun.values("predecessor"))


def _begun(today: date) -> Q:
    return Q(valid_from=None) | Q(valid_from__lte=today)


def _remind(org: Organisation, certificates: list[Certificate], today: date, now: datetime) -> int:
    contacts: dict[int, list[SupplierContact]] = defaultdict(list)
    suppliers = {c.supplier_id for c in certificates}
    for contact in org.supplier_contacts.filter(supplier__in=suppliers).exclude(email="").order_by("pk"):
        contacts[contact.supplier_id].append(contact)
    wanted: dict[str, tuple[Certificate, SupplierContact, int]] = {}
    for certificate in certificates:
        certificate.org = org
        stages = stages_reached(org.supplier_days, certificate.valid_until or today, today)
        for contact in contacts[certificate.supplier_id or 0] if stages else ():
            assert stages is not None  # else there are no contacts to ask
            told_for = f"supplier:{certificate.pk}:{certificate.valid_until}:{stages.told}:{contact.pk}"
            wanted[told_for] = certificate, contact, stages.told
    told = set(org.deliveries.filter(told_for__in=wanted).values_list("told_for", flat=True)) if wanted else set()
    return sum(_make(told_for, *what, now=now) for told_for, what in wanted.items() if told_for not in told)


def _make(told_for: str, certificate: Certificate, contact: SupplierContact, stage: int, *, now: datetime) -> bool:
    """Link and mail, both or none."""
    with transaction.atomic():
        link = upload_links.make(certificate, contact=contact, language=contact.language, by=None, now=now)
        facts = {
            "certificate": certificate.public_id,
            "link": link.public_id,
            "stage": stage,
            "last_day": str(certificate.valid_until),
        }
        made = deliveries.make(
            certificate.org, Purpose.SUPPLIER, told_for=told_for, host=deliveries.MAIL, now=now, contact=contact,
            facts=facts,
        )  # fmt: skip
        if made is None:  # another worker was quicker
            link.delete()
    return made is not None


# ---- the mail


def is_wanted(delivery: Delivery, *, now: datetime) -> bool:
    """Whether the mail may still go out: its link is good, and what it reminds of is still so.

    A mail that a person asked for goes out as long as its link is good.
    """
    org, contact = delivery.org, delivery.contact
    link = _link(delivery)
    if org is None or contact is None or not contact.email or link is None or not upload_links.is_open(link, now):
        return False
    if "stage" not in delivery.facts:
        return True
    certificate = link.certificate
    if not org.supplier_reminders or str(certificate.valid_until) != delivery.facts["last_day"]:
        return False
    return ending(org, org.today(now)).filter(pk=certificate.pk).exists()


def letter(delivery: Delivery, *, now: datetime) -> EmailMultiAlternatives:
    """The mail to a supplier's contact, in his language. Whether it may still go out says `is_wanted`."""
    link, contact = _link(delivery), delivery.contact
    assert link is not None and contact is not None  # else it is not wanted
    certificate, org = link.certificate, link.org
    person = _asks(link, now)
    words: dict[str, Any] = {
        "org": org,
        "person": person,
        "contact": contact,
        "certificate": certificate,
        "holder": certificate.entry.holder if certificate.entry else certificate.holder,
        "days": (certificate.valid_until - org.today(now)).days if certificate.valid_until else None,
        "url": upload_links.address_of(link),
        "colour": BRAND,
        "last_day_of_link": org.today(link.ends_at),
        "base_url": settings.BASE_URL,
    }
    with translation.override(link.language):
        mail = EmailMultiAlternatives(
            subject=" ".join(render_to_string("emails/supplier.subject.txt", words).split()),
            body=render_to_string("emails/supplier.txt", words).strip() + "\n",
            to=[_named(contact.name, contact.email)],
            reply_to=[_named(person.name, person.email)] if person else None,
            headers={
                "Message-ID": f"<{delivery.public_id}@{settings.ENV.host}>",
                "Auto-Submitted": "auto-generated",
            },
        )
        mail.attach_alternative(render_to_string("emails/supplier.html", words), "text/html")
    return mail


def _named(name: str, email: str) -> str:
    return formataddr((" ".join(name.split()), ascii_address(email)))


def _link(delivery: Delivery) -> UploadLink | None:
    if delivery.org is None:
        return None
    links = delivery.org.upload_links.select_related(
        "org", "made_by", "certificate__entry", "certificate__responsible", "certificate__supplier__responsible"
    )
    return links.filter(public_id=delivery.facts.get("link", "")).first()


def _asks(link: UploadLink, now: datetime) -> User | None:
    """To whom an answer goes: who made the link, else the responsible person, if they are members still."""
    certificate = link.certificate
    supplier = certificate.supplier
    asked = [link.made_by, certificate.responsible, supplier.responsible if supplier else None]
    people = [person for person in asked if person is not None]
    if not people:
        return None
    memberships = link.org.memberships.filter(user__in=people, user__is_active=True).select_related("org")
    members = {member.user_id for member in memberships if not member.has_ended(now)}
    return next((person for person in people if person.pk in members), None)
