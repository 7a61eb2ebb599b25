"""Whether a member can be told anything by mail, and if not, why (alerts.md, Rules)."""

from dataclasses import dataclass
from datetime import datetime

from allauth.account.models import EmailAddress
from django.db.models import Exists, OuterRef
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from certwatch.models import Organisation, User

NO_MEMBER = _("No member any more")


@dataclass(frozen=True, slots=True)
class Reached:
    """A member whose access has not ended. `why_not`: why no mail gets there, "" where it does."""

    user: User
    public_id: str  # of the membership
    role: str
    digest: str
    why_not: str | Promise


def members(org: Organisation, now: datetime) -> list[Reached]:
    """The members of `org`, each with whether he can be reached, in one query."""
    confirmed = EmailAddress.objects.filter(user=OuterRef("user"), verified=True, email__iexact=OuterRef("user__email"))
    found = org.memberships.select_related("user", "org").annotate(confirmed=Exists(confirmed))
    return [
        Reached(member.user, member.public_id, member.role, member.digest, _why_not(member.user, member.confirmed))
        for member in found
        if not member.has_ended(now)
    ]


def why_not(member: Reached | None) -> str | Promise:
    """Why a mail to somebody who may be a member does not get there; "" where it does."""
    return NO_MEMBER if member is None else member.why_not


def _why_not(user: User, confirmed: bool) -> str | Promise:
    if not user.is_active:
        return _("The account is deactivated")
    if not confirmed:
        return _("The address is not confirmed")
    if user.mail_failed_at is not None:
        return _("Mails to the address were given up")
    return ""
