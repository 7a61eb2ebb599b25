"""What people do for themselves: sign up, choose, leave."""

from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.db import transaction
from django.utils.translation import gettext as _

from certwatch.actions import audit, members, orgs, users
from certwatch.models import Invitation, Membership, Organisation, Role, User
from certwatch.rules.errors import Refused


def choose_language(user: User, language: str) -> None:
    """`language` is one of ours; from now on pages and mails use it."""
    user.language = language
    user.save(update_fields=["language"])


def choose(user: User, *, name: str, language: str, time_zone: str, shortcuts: bool) -> None:
    """Own settings. `language` "" is the browser's, `time_zone` "" the organisation's."""
    user.name, user.language, user.time_zone, user.shortcuts = name, language, time_zone, shortcuts
    user.save(update_fields=["name", "language", "time_zone", "shortcuts"])


def hear(member: Membership, *, digest: str, deputy: User | None, now: datetime) -> None:
    """How often `member` gets the digest, and who is told if he does nothing; None: the admins. Raises `Refused`."""
    if deputy is not None:
        other = member.org.memberships.filter(user=deputy).select_related("org").first()
        if deputy.pk == member.user_id or other is None or other.has_ended(now):
            raise Refused(_("Choose another member of %(name)s.") % {"name": member.org.name})
    member.digest, member.deputy = digest, deputy
    member.save(update_fields=["digest", "deputy"])


@transaction.atomic
def start_organisation(
    user: User, name: str, *, trial_days: int, language: str, now: datetime, address: str | None = None
) -> Organisation:
    """The organisation of `user`, who has just signed up and owns it; on trial, or open where `trial_days` is 0."""
    ends = now + timedelta(days=trial_days) if trial_days else None
    org = orgs.create(name, language=language, trial_ends=ends, by=user, now=now, address=address)
    users.join(user, org, Role.OWNER, by=user, now=now, address=address)
    return org


@transaction.atomic
def join_invited(
    invitation: Invitation, name: str, password: str, *, now: datetime, address: str | None = None
) -> Membership:
    """A new person and his membership. The invitation's link proves the address; `password` was found good before.

    Raises `Refused` where the invitation works no more.
    """
    user = User(email=invitation.email.lower(), name=name, date_joined=now)
    user.set_password(password)
    user.save()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    audit.note(None, "user.created", about=user.email, by=user, now=now, address=address)
    return members.accept_invitation(invitation, user, now=now, address=address)
