"""The end of an organisation: asked for by an owner, taken back, or carried out after thirty days."""

from datetime import UTC, datetime, timedelta

from django.core.mail import EmailMessage
from django.db import models, transaction
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from certwatch.actions import audit
from certwatch.models import Binding, ImportRow, Organisation, OwnVersion, Role, Usage, User
from certwatch.rules.errors import Refused

DELAY = timedelta(days=30)
ACTOR = "deletion"
CHUNK = 1_000  # rows of a transaction: nobody else waits for longer than such a one takes


@transaction.atomic
def ask(org: Organisation, name: str, *, by: User, now: datetime, address: str | None = None) -> None:
    """Have all of `org` removed after `DELAY`. Until then it works as before. Raises `Refused` for a wrong `name`."""
    if name.split() != org.name.split():
        raise Refused(_("That is not the organisation’s name. Write it as it stands above."))
    asked = Organisation.objects.filter(pk=org.pk, delete_after=None).update(delete_after=now + DELAY)
    if not asked:
        raise Refused(_("Somebody has asked for it already."))
    audit.note(org, "organisation.deletion_asked", about=org.name, by=by, now=now, address=address)


@transaction.atomic
def take_back(org: Organisation, *, by: User, now: datetime, address: str | None = None) -> bool:
    """Let `org` stay; False if nobody had asked, or it is too late."""
    if not Organisation.objects.filter(pk=org.pk, delete_after__gt=now).update(delete_after=None):
        return False
    audit.note(org, "organisation.deletion_taken_back", about=org.name, by=by, now=now, address=address)
    return True


def letters(org: Organisation, *, by: User, base_url: str, now: datetime) -> list[EmailMessage]:
    """To owners and admins: that it was asked for, by whom, and where it is taken back."""
    leading = org.memberships.filter(role__in=(Role.OWNER, Role.ADMIN), user__is_active=True).select_related("user")
    found = []
    for member in leading:
        if member.has_ended(now):
            continue
        words = {"org": org, "who": by.email, "link": f"{base_url}/o/{org.slug}/admin/settings/"}
        with translation.override(member.user.language or org.language), timezone.override(UTC):
            subject = " ".join(render_to_string("emails/deletion.subject.txt", words).split())
            body = render_to_string("emails/deletion.txt", words).strip() + "\n"
        found.append(EmailMessage(subject=subject, body=body, to=[member.user.email]))
    return found


def due(now: datetime) -> list[Organisation]:
    """Organisations whose time has come, also those whose removal was begun and did not end."""
    return list(Organisation.objects.filter(delete_after__lte=now).order_by("pk"))


def carry_out(org: Organisation, now: datetime) -> None:
    """Remove all of `org`, chunk by chunk; begun anew it goes on. Files follow their rows (`jobs/files.py`).

    People stay: an account is its owner's, not the organisation's. First nobody may come in any more.
    """
    Organisation.objects.filter(pk=org.pk, closed_at=None).update(closed_at=now)
    for rows in _rows(org):
        _remove(rows)
    with transaction.atomic():
        name = org.name
        org.delete()
        audit.note(None, "organisation.deleted", about=name, by=None, now=now, actor=ACTOR)


def _rows(org: Organisation) -> list[models.QuerySet]:  # type: ignore[type-arg]
    """All that can be many, what depends on other rows before them; `Organisation.delete` takes the rest along."""
    return [
        org.memberships.all(),
        org.invitations.all(),
        Usage.objects.filter(key__org=org),
        org.api_keys.all(),
        org.changes.all(),
        Binding.objects.filter(certificate__org=org),
        org.check_requests.all(),
        OwnVersion.objects.filter(certificate__org=org),
        org.documents.all(),
        ImportRow.objects.filter(of__org=org),
        org.imports.all(),
        org.certificates.all(),
        org.supplier_contacts.all(),
        org.suppliers.all(),
        org.audit_entries.all(),
    ]


def _remove(rows: models.QuerySet) -> None:  # type: ignore[type-arg]
    while chunk := list(rows.order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        with transaction.atomic():
            rows.model._base_manager.filter(pk__in=chunk).delete()
