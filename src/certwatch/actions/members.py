"""Members of an organisation: joined by an invitation, given another role, gone."""

from datetime import date, datetime
from typing import Any

from allauth.account.models import EmailAddress
from django.db import transaction
from django.utils.translation import gettext as _

from certwatch.actions import audit
from certwatch.models import Invitation, Membership, Organisation, Role, User
from certwatch.models.base import as_json
from certwatch.rules.errors import Refused
from certwatch.rules.rights import roles_given_by


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
        user=user, defaults={"role": invitation.role, "ends_on": invitation.access_ends, "created_at": now}
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


@transaction.atomic
def change(
    member: Membership, role: Role, ends_on: date | None, *, by: User, now: datetime, address: str | None = None
) -> None:
    """Give `member` this role until `ends_on`, the last day of the access, or without an end.

    Raises `Refused` for the last owner, and where `by` may not give or take the role.
    """
    member = _mine_to_change(member, by)
    _may_give(member.org, by, role)
    if role == Role.OWNER and ends_on is not None:
        raise Refused(_("An owner’s access has no end."))
    if role != Role.OWNER and is_last_owner(member):
        raise Refused(_("This is the last owner. Make somebody else an owner first."))
    was = {"role": member.role, "ends_on": as_json(member.ends_on)}
    member.role, member.ends_on = role, ends_on
    is_now = {"role": role.value, "ends_on": as_json(ends_on)}
    if is_now == was:
        return
    member.save(update_fields=["role", "ends_on"])
    _note("member.changed", member, by=by, now=now, address=address, was=was, **is_now)


@transaction.atomic
def remove(member: Membership, *, by: User, now: datetime, address: str | None = None) -> None:
    """End a membership. Raises `Refused` for the last owner, and where `by` may not take the role."""
    member = _mine_to_change(member, by)
    if is_last_owner(member):
        raise Refused(_("This is the last owner. Make somebody else an owner first."))
    _note("member.removed", member, by=by, now=now, address=address, role=member.role)
    let_go(member.org, member.user)
    member.delete()


@transaction.atomic
def transfer_ownership(member: Membership, *, by: User, now: datetime, address: str | None = None) -> None:
    """Make `member` an owner in place of `by`, who goes on as an admin."""
    member = _mine_to_change(member, by)
    _may_give(member.org, by, Role.OWNER)
    if member.user_id == by.pk:
        raise Refused(_("You are an owner already."))
    member.role, member.ends_on = Role.OWNER, None
    member.save(update_fields=["role", "ends_on"])
    member.org.memberships.filter(user=by).update(role=Role.ADMIN)
    _note("member.made_owner", member, by=by, now=now, address=address, former_owner=by.email)


@transaction.atomic
def revoke_invitation(invitation: Invitation, *, by: User, now: datetime, address: str | None = None) -> bool:
    """Make the link of `invitation` useless; False if it was before. Raises `Refused` where `by` may not."""
    org = invitation.org
    _may_give(org, by, Role(invitation.role))
    if not org.invitations.filter(pk=invitation.pk, accepted_at=None, revoked_at=None).update(revoked_at=now):
        return False
    audit.note(
        org, "invitation.revoked", about=invitation.email, about_id=invitation.public_id, by=by, now=now,
        address=address, role=invitation.role,
    )  # fmt: skip
    return True


def _mine_to_change(member: Membership, by: User) -> Membership:
    """`member` as it stands now, with nobody else changing members of the organisation until commit."""
    locked(member.org)
    present = member.org.memberships.select_related("user", "org").filter(pk=member.pk).first()
    if present is None:
        raise Refused(_("This person is no member any more."))
    _may_give(present.org, by, Role(present.role))
    return present


def _may_give(org: Organisation, by: User, role: Role) -> None:
    """Raises `Refused` unless `by`, with the role that he has now, may give and take `role`."""
    own = org.memberships.filter(user=by).values_list("role", flat=True).first()
    if role not in roles_given_by(own or ""):
        raise Refused(_("Only an owner can do this.") if role == Role.OWNER else _("Your role does not allow this."))


def _note(action: str, member: Membership, *, by: User, now: datetime, address: str | None, **details: Any) -> None:
    about = member.user.email
    audit.note(member.org, action, about=about, about_id=member.public_id, by=by, now=now, address=address, **details)


def locked(org: Organisation) -> None:
    """Hold the organisation's row until commit: two owners who go at once would both see the other."""
    Organisation.objects.select_for_update().get(pk=org.pk)


def is_last_owner(member: Membership) -> bool:
    others = member.org.memberships.filter(role=Role.OWNER, ends_on=None).exclude(pk=member.pk)
    return member.role == Role.OWNER and not others.exists()


def let_go(org: Organisation, user: User) -> None:
    """Nobody is responsible who is no member; his own views go, those he shared stay."""
    org.certificates.filter(responsible=user).update(responsible=None)
    org.suppliers.filter(responsible=user).update(responsible=None)
    org.saved_views.filter(owner=user, shared=False).delete()
