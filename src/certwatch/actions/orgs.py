"""Organisations: made, closed, opened; who is invited into them."""

import secrets
from datetime import UTC, date, datetime, timedelta
from smtplib import SMTPException

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import IntegrityError, transaction
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from certwatch.actions import audit, users
from certwatch.models import Invitation, Organisation, Role, User
from certwatch.models.base import as_json
from certwatch.models.orgs import INVITATION_LASTS
from certwatch.rules import names
from certwatch.rules.errors import Refused, UnknownName

MOST_A_DAY = 100  # invitations of one organisation: mails to strangers must not be had by the thousand


def named(slug: str) -> Organisation:
    """The organisation with this slug. Raises `UnknownName`."""
    org = Organisation.objects.filter(slug=slug).first()
    if org is None:
        raise UnknownName(f"There is no organisation “{slug}”. certwatch org list shows all.")
    return org


@transaction.atomic
def create(
    name: str,
    *,
    slug: str = "",
    time_zone: str = "Europe/Berlin",
    language: str = "en",
    rate_limit: int = 100,
    trial_ends: datetime | None = None,
    by: User | None,
    now: datetime,
    address: str | None = None,
) -> Organisation:
    """A new organisation; open for good where it has no end of a trial.

    Without a `slug` it is made from the name, with a number where that is taken.
    """
    name = names.clean(name, "The name", 200)
    facts = {
        "name": name,
        "time_zone": time_zone,
        "language": language,
        "rate_limit": rate_limit,
        "trial_ends": trial_ends,
    }
    org = _with_slug(slug, facts, now) if slug else _with_free_slug(names.slug(name), facts, now)
    audit.note(org, "organisation.created", about=org.name, by=by, now=now, address=address)
    return org


@transaction.atomic
def close(org: Organisation, *, by: User | None, now: datetime, address: str | None = None) -> bool:
    """Close `org`; False if it was closed before."""
    if not Organisation.objects.filter(pk=org.pk, closed_at=None).update(closed_at=now):
        return False
    org.closed_at = now
    audit.note(org, "organisation.closed", about=org.name, by=by, now=now, address=address)
    return True


@transaction.atomic
def reopen(org: Organisation, *, by: User | None, now: datetime, address: str | None = None) -> bool:
    """Open `org` for good, whether it was closed or on trial; False if it was open before."""
    if org.closed_at is None and org.trial_ends is None:
        return False
    org.closed_at = org.trial_ends = None
    org.save(update_fields=["closed_at", "trial_ends"])
    audit.note(org, "organisation.opened", about=org.name, by=by, now=now, address=address)
    return True


def invite(
    org: Organisation,
    email: str,
    role: Role,
    *,
    base_url: str,
    connection: BaseEmailBackend,
    by: User | None,
    now: datetime,
    access_ends: date | None = None,
    address: str | None = None,
) -> Invitation:
    """Invite `email` by a mail whose link makes a member of its reader. Of the token only the SHA-256 is kept.

    `access_ends`: last day of the membership. A former invitation of the same address ends. Raises `Refused` if the
    mail cannot be handed over; then the invitation ends, too.
    """
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        if org.memberships.filter(user__email__iexact=email).exists():
            raise Refused(_("%(email)s is a member of %(name)s already.") % {"email": email, "name": org.name})
        if by is not None and org.invitations.filter(created_at__gt=now - timedelta(days=1)).count() >= MOST_A_DAY:
            raise Refused(_("%(most)s invitations have been sent within a day. Go on tomorrow.") % {"most": MOST_A_DAY})
        org.invitations.filter(email__iexact=email, accepted_at=None, revoked_at=None).update(revoked_at=now)
        invitation: Invitation = org.invitations.create(
            email=email,
            role=role,
            token_digest=Invitation.digest(token),
            invited_by=by,
            created_at=now,
            ends_at=now + INVITATION_LASTS,
            access_ends=access_ends,
        )
        audit.note(
            org, "member.invited", about=email, about_id=invitation.public_id, by=by, now=now, address=address,
            role=Role(role).value, access_ends=as_json(access_ends),
        )  # fmt: skip
    try:
        _invitation_mail(invitation, f"{base_url}/invitation/{token}/", connection).send()
    except (OSError, SMTPException) as error:
        org.invitations.filter(pk=invitation.pk).update(revoked_at=now)
        raise Refused(
            _("The invitation could not be mailed to %(email)s: %(why)s.") % {"email": email, "why": error}
        ) from error
    return invitation


def invitation_of(token: str) -> Invitation | None:
    """The invitation whose link holds `token`, whatever became of it."""
    found = Invitation.across_orgs.filter(token_digest=Invitation.digest(token))
    return found.select_related("org", "invited_by").first()


def _with_slug(slug: str, facts: dict[str, object], now: datetime) -> Organisation:
    try:
        with transaction.atomic():
            return Organisation.objects.create(slug=slug, created_at=now, **facts)
    except IntegrityError as error:
        raise Refused(f"The slug “{slug}” is taken.") from error


def _with_free_slug(wanted: str, facts: dict[str, object], now: datetime) -> Organisation:
    taken = set(Organisation.objects.filter(slug__startswith=wanted[:40]).values_list("slug", flat=True))
    slug, count = wanted, 1
    while True:
        if slug not in taken:
            try:
                return _with_slug(slug, facts, now)
            except Refused:
                taken.add(slug)  # somebody was quicker
        count += 1
        slug = names.numbered(wanted, count)


def _invitation_mail(invitation: Invitation, link: str, connection: BaseEmailBackend) -> EmailMessage:
    """In the reader's language, if he is known and chose one, else in the organisation's."""
    known = users.with_address(invitation.email)
    words = {"invitation": invitation, "org": invitation.org, "link": link}
    with translation.override((known and known.language) or invitation.org.language), timezone.override(UTC):
        words["role"] = Role(invitation.role).label
        return EmailMessage(
            subject=render_to_string("emails/invitation.subject.txt", words).strip(),
            body=render_to_string("emails/invitation.txt", words).strip() + "\n",
            to=[invitation.email],
            connection=connection,
        )
