"""People: made by the operator, put into organisations, let into the back office."""

from datetime import datetime

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from certwatch.actions import audit
from certwatch.models import Organisation, Role, User
from certwatch.rules.errors import Refused, UnknownName


def with_address(email: str) -> User | None:
    """The person with this address, in any letter case; also where it is a second, confirmed one."""
    user = User.objects.filter(email__iexact=email).first()
    if user is not None:
        return user
    second = EmailAddress.objects.filter(email=email.lower(), verified=True).select_related("user").first()
    return second.user if second else None


@transaction.atomic
def create(email: str, password: str, *, by: User | None, now: datetime) -> User:
    """A new person whose address counts as confirmed. Raises `Refused` where the password is too weak."""
    user = User(email=email.lower(), language="en", date_joined=now)  # English until something else is chosen
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Refused(" ".join(error.messages)) from error
    user.set_password(password)
    user.save()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    audit.note(None, "user.created", about=user.email, by=by, now=now)
    return user


@transaction.atomic
def join(
    user: User, org: Organisation, role: Role, *, by: User | None, now: datetime, address: str | None = None
) -> bool:
    """Make `user` a member; False if he has this role there already. Raises `Refused` if he has another."""
    present = org.memberships.filter(user=user).first()
    if present is not None:
        if present.role == role:
            return False
        raise Refused(f"{user.email} is a member of {org.name} already, as {present.role}.")
    org.memberships.create(user=user, role=role, created_at=now)
    audit.note(org, "member.added", about=user.email, by=by, now=now, address=address, role=role.value)
    return True


@transaction.atomic
def make_operator(user: User, *, by: User | None, now: datetime) -> bool:
    """Let `user` into the back office; False if he was let in before."""
    if user.is_staff:
        return False
    user.is_staff = True
    user.save(update_fields=["is_staff"])
    audit.note(None, "operator.created", about=user.email, by=by, now=now)
    return True


@transaction.atomic
def remove_operator(email: str, *, by: User | None, now: datetime) -> User:
    """Close the back office to the person with this address, who stays a user."""
    user = with_address(email)
    if user is None or not user.is_staff:
        raise UnknownName(f"{email} is no operator.")
    user.is_staff = user.is_superuser = False
    user.save(update_fields=["is_staff", "is_superuser"])
    audit.note(None, "operator.removed", about=user.email, by=by, now=now)
    return user
