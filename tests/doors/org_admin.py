"""Org Admin: members, keys, usage, audit log, settings, export, deletion."""

from datetime import timedelta

from django.utils import timezone

from certwatch.actions import keys
from certwatch.models import Export, Invitation, Organisation, Role, User
from tests.conftest import member
from tests.doors import ADMIN, ADMIN_CHANGED, LOGIN, OWN, OWN_CHANGED, READ_ADMIN, Door

LED_ON = (LOGIN, 404, 302, 403, 302, 302, 404)
OF_AN_OWNER = OWN  # an admin may not change an owner

DOORS = [
    Door("org_admin", LED_ON),
    Door("members", READ_ADMIN),
    Door("invite", ADMIN),
    Door("invite", ADMIN, "post", data={"emails": "no address", "role": "member"}),
    Door("invite", ADMIN_CHANGED, "post", data={"emails": "new@nordmuehle.example", "role": "member"}),
    Door("member", ADMIN, args=("<auditor>",)),
    Door("member", ADMIN_CHANGED, "post", args=("<auditor>",), data={"role": "member"}),
    Door("member", OF_AN_OWNER, args=("<owner>",)),
    Door("member", OWN_CHANGED, "post", args=("<owner>",), data={"role": "admin"}),
    Door("member_remove", ADMIN_CHANGED, "post", args=("<auditor>",)),
    Door("member_remove", OWN_CHANGED, "post", args=("<owner>",)),
    Door("member_transfer", OWN_CHANGED, "post", args=("<auditor>",)),
    Door("invitation_send", ADMIN_CHANGED, "post", args=("<invitation>",)),
    Door("invitation_revoke", ADMIN_CHANGED, "post", args=("<invitation>",)),
    Door("invitation_revoke", OWN_CHANGED, "post", args=("<owners_invitation>",)),
    Door("keys", READ_ADMIN),
    Door("key_create", ADMIN),
    Door("key_create", ADMIN, "post", data={"name": "SAP", "scopes": "certificates:read"}),  # the page shows the key
    Door("key_rotate", ADMIN, args=("<key>",)),
    Door("key_rotate", ADMIN, "post", args=("<key>",), data={"overlap_days": "7"}),
    Door("key_revoke", ADMIN, args=("<key>",)),
    Door("key_revoke", ADMIN_CHANGED, "post", args=("<key>",)),
    Door("usage", READ_ADMIN),
    Door("audit", READ_ADMIN),
    Door("audit_csv", READ_ADMIN),
    Door("org_settings", READ_ADMIN),
    Door("org_settings_save", ADMIN, "post", data={"name": ""}),
    Door("org_settings_save", (LOGIN, 404, 403, 403, 405, 405, 404)),
    Door("export_ask", ADMIN_CHANGED, "post"),
    Door("export", (LOGIN, 404, 403, 403, 404, 404, 404), args=("<export>",)),  # its file is gone
    Door("org_delete", OWN),
    Door("org_delete", OWN_CHANGED, "post", data={"name": "Nordmühle"}),
    Door("org_keep", OWN_CHANGED, "post"),
]


def things(org: Organisation, cast: dict[str, User | None]) -> dict[str, str]:
    now = timezone.now()
    key, _ = keys.create(org, name="ERP", by=None, now=now)
    second = org.memberships.get(user=member(org, "Olga", Role.OWNER))
    auditor = org.memberships.get(role=Role.AUDITOR)
    export: Export = org.exports.create(asked_at=now, ready_at=now, path="exports/no/such.zip")
    return {
        "auditor": auditor.public_id,
        "owner": second.public_id,
        "key": key.public_id,
        "export": export.public_id,
        "invitation": _invitation(org, Role.MEMBER).public_id,
        "owners_invitation": _invitation(org, Role.OWNER).public_id,
    }


def _invitation(org: Organisation, role: Role) -> Invitation:
    now = timezone.now()
    made: Invitation = org.invitations.create(
        email=f"{role}@nordmuehle.example",
        role=role,
        token_digest=Invitation.digest(role),
        created_at=now,
        ends_at=now + timedelta(days=7),
    )
    return made
