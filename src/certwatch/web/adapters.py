"""What django-allauth asks us: which addresses, words and keys it shall use."""

import time
from datetime import UTC
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.forms import BaseForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from certwatch.actions import secrets, users
from certwatch.models import User

NO_ADDRESS = "0.0.0.0"  # noqa: S104 - nobody listens there; of a client at a Unix socket nothing else is known


class Accounts(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts: sign-up, mails, and what a failed attempt says."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": _("This account is closed."),
        "duplicate_email": _("This address belongs to your account already."),
        "email_password_mismatch": _("E-mail and password do not fit together. Check both and try again."),
        "email_taken": _("This address belongs to an account already."),
        "enter_current_password": _("This is not your present password."),
        "incorrect_code": _("This code is not right. Wait for the next one and try again."),
        "incorrect_password": _("This is not your password."),
        "max_email_addresses": _("An account has at most %d addresses."),
        "rate_limited": _("Too many attempts. Wait a few minutes and try again."),
        "too_many_login_attempts": _("Too many attempts. Wait a few minutes and try again."),
        "unverified_primary_email": _("Confirm the address first, then make it the main one."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.ENV.sign_up == "open")

    def get_client_ip(self, request: HttpRequest) -> str:
        """The client's address; what our proxies say is settled before (`config/asgi`)."""
        return request.META.get("REMOTE_ADDR") or NO_ADDRESS

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Who logged in within the last minutes has proved himself, too."""
        records = get_authentication_records(self.request, self.request.user)
        if records and time.time() - records[-1]["at"] < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT:
            return False
        return bool(super().is_reauthentication_required(app=app, **kwargs))

    def save_user(self, request: HttpRequest, user: User, form: BaseForm, commit: bool = True) -> User:
        user.name = form.cleaned_data.get("name", "")
        saved: User = super().save_user(request, user, form, commit)
        return saved

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """In the reader's language, with links below the base address, whatever name the request came under."""
        links = {
            "base_url": settings.BASE_URL,
            "sign_up_url": settings.BASE_URL + reverse("account_signup"),
            "reset_url": settings.BASE_URL + reverse("account_reset_password"),
            "open_for_sign_up": self.is_open_for_signup(self.request),
        }
        reader = users.with_address(email)
        language = reader.language if reader else ""
        with translation.override(language or translation.get_language()), timezone.override(UTC):
            super().send_mail(template_prefix, email, {**context, **links})

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return settings.BASE_URL + reverse("account_confirm_email", args=[emailconfirmation.key])

    def get_reset_password_from_key_url(self, key: str) -> str:
        user, _, token = key.partition("-")
        return settings.BASE_URL + reverse("account_reset_password_from_key", kwargs={"uidb36": user, "key": token})


class SecondFactors(DefaultMFAAdapter):  # type: ignore[misc]
    """Second factors: their secrets lie encrypted, and our name is that of the product."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _("This code is not right. Wait for the next one and try again."),
        "unverified_email": _("Confirm all your addresses first, or remove those that are not yours."),
        "cannot_generate_recovery_codes": _("Set up an authenticator app or a passkey first."),
    }

    def encrypt(self, text: str) -> str:
        return secrets.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return secrets.decrypt(encrypted_text)

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:  # noqa: A002 - allauth's word
        count = Authenticator.objects.filter(user=user, type=type).count()
        return gettext("Passkey %(number)s") % {"number": count + 1}

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        host = context.request.get_host().partition(":")[0]
        return {"id": host, "name": "Certificate Watch"}


class SingleSignOn(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Log-in at the provider that the operator named."""

    error_messages = {
        **DefaultSocialAccountAdapter.error_messages,
        "email_taken": _("This address belongs to an account already. Sign in to it, then connect %s."),
        "no_password": _("Set a password first, else you could not sign in any more."),
        "no_verified_email": _("Confirm an address first, else you could not sign in any more."),
    }

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return bool(settings.ENV.sign_up == "open")

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> User:
        user: User = super().populate_user(request, sociallogin, data)
        user.name = (data.get("name") or "")[:150]
        return user
