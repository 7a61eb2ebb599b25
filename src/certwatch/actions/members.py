"""Members of an organisation: joined by an invitation, gone."""

from datetime import datetime

from allauth.account.models import EmailAddress
from django.db import transaction
from django.utils.translation import gettext as _

from certwatch.actions import audit
from certwatch.models import Invitation, Membership, Organisation, Role, User
from certwatch.rules.errors import Refused


def is_for(invitation: Invitation, user: User) -> bool:
    """Whether `user` is the person who was invited: one of his confirmed addresses is the invitation's."""
    own = EmailAddress.objects.filter(user=user, verified=True, email__iexact=invitation.email)
    return bool(own.exists())


@transaction.atomic
def accept_invitation(invitation: Invitation, user: User, *, now: datetime, address: str | None = None) -> Membership:
    """Make the invited `user` a member. The link works once; raises `Refused` where it works no more."""
    taken = invitation.org.invitations.filter(pk=invitation.pk, accepted_at=None, revoked_at=None, ends_at__gt=now)
    if not taken.update(accepted_at=now):
        raise Refused(_("This invitation is not good any more. Ask for a new one."))
    member: Membership
    member, new = invitation.org.memberships.get_or_create(
        user=user, defaults={"role": invitation.role, "created_at": now}
    )
    if new:
        audit.note(
            invitation.org,
            "member.joined",
            about=user.email,
            about_id=invitation.public_id,
            by=user,
            now=now,
            address=address,
            role=member.role,
        )
    return member


@transaction.atomic
def leave(org: Organisation, user: User, *, now: datetime, address: str | None = None) -> None:
    """End the membership of `user` at his own wish. Raises `Refused` for the last owner."""
    locked(org)
    member = org.memberships.get(user=user)
    if is_last_owner(member):
        raise Refused(_("You are the last owner. Make somebody else an owner first."))
    member.delete()
    let_go(org, user)
    audit.note(org, "member.left", about=user.email, by=user, now=now, address=address, role=member.role)


def locked(org: Organisation) -> None:
    """Hold the organisation's row until commit: two owners who go at once would both see the other."""
    Organisation.objects.select_for_update().get(pk=org.pk)


def is_last_owner(member: Membership) -> bool:
    others = member.org.memberships.filter(role=Role.OWNER).exclude(pk=member.pk)
    return member.role == Role.OWNER and not others.exists()


def let_go(org: Organisation, user: User) -> None:
    """Nobody is responsible who is no member; his own views go, those he shared stay."""
    org.certificates.filter(responsible=user).update(responsible=None)
    org.suppliers.filter(responsible=user).update(responsible=None)
    org.saved_views.filter(owner=user, shared=False).delete()
