"""Who may what in an organisation (architecture.md, Who may what)."""

from enum import StrEnum


class Right(StrEnum):
    """What a page or an action asks for."""

    READ = "read"  # certificates, suppliers, documents, alerts, history; own saved views
    CHANGE = "change"  # add, import, change, remove, approve
    READ_ADMIN = "read_admin"  # Org Admin, never a secret
    ADMIN = "admin"  # keys, settings, invitations, roles up to admin, export of everything
    OWN = "own"  # make and remove owners, transfer, delete the organisation


RIGHTS: dict[str, frozenset[Right]] = {  # by role
    "owner": frozenset(Right),
    "admin": frozenset(Right) - {Right.OWN},
    "member": frozenset({Right.READ, Right.CHANGE}),
    "auditor": frozenset({Right.READ, Right.READ_ADMIN}),
}

CHANGING = frozenset(
    {Right.CHANGE, Right.ADMIN, Right.OWN}
)  # rests while an organisation's trial is over or it is closed


def may(role: str, right: Right) -> bool:
    """Whether a member with `role` has `right`."""
    return right in RIGHTS.get(role, frozenset())


def roles_given_by(role: str) -> tuple[str, ...]:
    """The roles that a member with `role` may give and take; the rarest last."""
    if may(role, Right.OWN):
        return ("member", "auditor", "admin", "owner")
    return ("member", "auditor", "admin") if may(role, Right.ADMIN) else ()
