"""Accounts, own settings, organisations, invitations."""

from datetime import timedelta

from django.utils import timezone

from certwatch.models import Invitation, Organisation, Role, User
from tests.doors import LOGIN, PUBLIC, Door

TOKEN = "a-token-that-was-mailed"

OWN = (LOGIN, *(200,) * 6)  # everybody's own
LOGGED_OUT_ONLY = (200, *(302,) * 6)  # who is logged in is led on
NOT_YET = (LOGIN,) * 7  # a step of a log-in that nobody has begun
NONE_OF_HIS = (LOGIN, *(404,) * 6)
MEMBER_LEAVES = (LOGIN, 404, 302, 302, 302, 409, 404)  # the only owner stays

DOORS = [
    Door("account_login", LOGGED_OUT_ONLY),
    Door("account_login", (200, *(302,) * 6), "post", data={"login": "nobody@nowhere.example", "password": "wrong"}),
    Door("account_signup", LOGGED_OUT_ONLY),
    Door("account_signup", LOGGED_OUT_ONLY, "post"),
    Door("account_logout", (302, *(200,) * 6)),
    Door("account_logout", (302,) * 7, "post"),
    Door("account_inactive", PUBLIC),
    Door("account_email_verification_sent", PUBLIC),
    Door("account_confirm_email", PUBLIC, args=("no-such-key",)),
    Door("account_confirm_email", (404,) * 7, "post", args=("no-such-key",)),
    Door("account_reset_password", PUBLIC),
    Door("account_reset_password", (302,) * 7, "post", data={"email": "somebody@nowhere.example"}),
    Door("account_reset_password_done", PUBLIC),
    Door("account_reset_password_from_key", PUBLIC, args=("1", "no-such-key")),
    Door("account_reset_password_from_key_done", PUBLIC),
    Door("account_confirm_login_code", NOT_YET),
    Door("account_email", OWN),
    Door("account_email", (302,) * 7, "post", data={"email": "x@nowhere.example", "action_remove": "1"}),
    Door("account_change_password", (302,) * 7),  # the cast has none yet: on to the next
    Door("account_set_password", OWN),
    Door("account_set_password", OWN, "post", data={"password1": "password"}),
    Door("account_reauthenticate", (LOGIN, *(403,) * 6)),  # without a password there is nothing to ask for
    Door("mfa_index", OWN),
    Door("mfa_authenticate", NOT_YET),
    Door("mfa_reauthenticate", (LOGIN, *(403,) * 6)),
    Door("mfa_activate_totp", OWN),
    Door("mfa_activate_totp", OWN, "post", data={"code": "000000"}),
    Door("mfa_deactivate_totp", NONE_OF_HIS),
    Door("mfa_view_recovery_codes", NONE_OF_HIS),
    Door("mfa_generate_recovery_codes", OWN),
    Door("mfa_generate_recovery_codes", OWN, "post"),  # refused: there is no second factor yet
    Door("mfa_download_recovery_codes", NONE_OF_HIS),
    Door("mfa_list_webauthn", OWN),
    Door("mfa_add_webauthn", OWN),
    Door("mfa_add_webauthn", OWN, "post", data={"credential": "{}"}),
    Door("mfa_edit_webauthn", NONE_OF_HIS, args=("1",)),
    Door("mfa_remove_webauthn", NONE_OF_HIS, args=("1",)),
    Door("mfa_remove_webauthn", NONE_OF_HIS, "post", args=("1",)),
    Door("mfa_reauthenticate_webauthn", (LOGIN, *(403,) * 6)),
    Door("mfa_login_webauthn", (302,) * 7),
    Door("usersessions_list", OWN),
    Door("usersessions_list", (302,) * 7, "post"),
    Door("me", OWN),
    Door("me", (302,) * 7, "post", data={"name": "Somebody"}),
    Door("leave", (LOGIN, 404, 200, 200, 200, 200, 404)),
    Door("leave", MEMBER_LEAVES, "post"),
    Door("orgs", (LOGIN, 302, 302, 302, 302, 302, 200)),  # the operator belongs to none
    Door("invitation", PUBLIC, args=(TOKEN,)),
    Door("invitation", (200, *(403,) * 6), "post", args=(TOKEN,)),  # nobody: the form is not filled in
    Door("invitation", (404,) * 7, args=("another-token",)),
]


def things(org: Organisation, cast: dict[str, User | None]) -> dict[str, str]:
    now = timezone.now()
    org.invitations.create(
        email="new@nordmuehle.example",
        role=Role.MEMBER,
        token_digest=Invitation.digest(TOKEN),
        created_at=now,
        ends_at=now + timedelta(days=7),
    )
    return {}
