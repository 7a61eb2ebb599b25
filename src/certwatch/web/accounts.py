"""Accounts: sign-up, log-in, addresses, second factors, sessions: django-allauth's pages with our forms and words."""

import logging
import unicodedata
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account import forms as account_forms
from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.flows.signup import prevent_enumeration
from allauth.account.views import ConfirmEmailView, PasswordResetFromKeyView
from allauth.socialaccount import forms as social_forms
from allauth.socialaccount.providers.openid_connect import views as provider_views
from allauth.socialaccount.urls import urlpatterns as social_urls
from django import forms
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from requests import RequestException

from certwatch.actions import people
from certwatch.models import User
from certwatch.web.doors import came_from

log = logging.getLogger(__name__)

JOINERS = "\u200c\u200d"  # some scripts cannot do without them
PASSWORD_HELP = _("12 characters or more. A sentence is fine.")


def plain(name: str) -> None:
    """What stands in mails and lists holds no characters that nobody sees."""
    unseen = ("Cc", "Cf", "Cs", "Co", "Cn")
    if any(unicodedata.category(char) in unseen for char in name if char not in JOINERS):
        raise forms.ValidationError(_("This holds a character that cannot be shown. Type the name anew."))


class LogInForm(account_forms.LoginForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("E-mail")
        self.fields["login"].widget.attrs["autocomplete"] = "username"
        self.fields["password"].help_text = ""  # the page has the link beside the label
        self.fields["remember"].label = _("Stay signed in on this computer")


class _Beginning(forms.Form):
    """What everybody says who begins: who he is, and for whom. Its organisation is made in the same transaction."""

    name = forms.CharField(
        label=_("Your name"), max_length=150, widget=forms.TextInput({"autocomplete": "name"}), validators=[plain]
    )
    organisation = forms.CharField(
        label=_("Organisation"),
        max_length=200,
        widget=forms.TextInput({"autocomplete": "organization"}),
        validators=[plain],
    )
    terms = forms.BooleanField(error_messages={"required": _("Without accepting them there is no account.")})

    def begin(self, request: HttpRequest, user: User) -> None:
        people.start_organisation(
            user,
            self.cleaned_data["organisation"],
            trial_days=settings.ENV.trial_days,
            language=translation.get_language() or "en",
            now=timezone.now(),
            address=came_from(request),
        )


class SignUpForm(_Beginning, account_forms.SignupForm):  # type: ignore[misc]
    field_order = ("name", "organisation", "email", "password1", "terms")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("Work e-mail")
        self.fields["password1"].help_text = PASSWORD_HELP

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """Who has an account already gets a mail that says so; the page answers the same, after the same time."""
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])
        try:
            found: tuple[User | None, HttpResponse | None] = super().try_save(request)
        except IntegrityError:  # the same address was sent twice at the same moment
            return None, prevent_enumeration(request, email=self.cleaned_data["email"])
        return found

    @transaction.atomic
    def save(self, request: HttpRequest) -> User:
        user: User = super().save(request)
        self.begin(request, user)
        record_authentication(request, user, method="password")
        return user


class SingleSignUpForm(_Beginning, social_forms.SignupForm):  # type: ignore[misc]
    """The same for who comes from the provider of single sign-on: without a password."""

    field_order = ("name", "organisation", "email", "terms")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].initial = self.sociallogin.user.name
        self.fields["email"].label = _("Work e-mail")

    @transaction.atomic
    def save(self, request: HttpRequest) -> User:
        user: User = super().save(request)
        self.begin(request, user)
        return user


class _OncePassword(forms.Form):
    """A new password is typed once: browsers show it and keep it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["password2"]
        self.fields["password1"].label = _("New password")
        self.fields["password1"].help_text = PASSWORD_HELP


class NewPasswordForm(_OncePassword, account_forms.ResetPasswordKeyForm):  # type: ignore[misc]
    """After a link in a mail."""


class SetPasswordForm(_OncePassword, account_forms.SetPasswordForm):  # type: ignore[misc]
    """For who has none so far, and comes by single sign-on."""


class ChangePasswordForm(_OncePassword, account_forms.ChangePasswordForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["oldpassword"].label = _("Present password")
        self.fields["oldpassword"].help_text = ""


class _OnlyByButton:
    """A link in a mail that is only looked at ends nobody's session."""

    request: HttpRequest

    def logout(self) -> None:
        if self.request.method == "POST":
            super().logout()  # type: ignore[misc]


class ConfirmAddress(_OnlyByButton, ConfirmEmailView):  # type: ignore[misc]
    pass


class ResetPassword(_OnlyByButton, PasswordResetFromKeyView):  # type: ignore[misc]
    pass


def _if_reached(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """`view`, or a page that says that the provider of single sign-on does not answer."""

    @wraps(view)
    def page(request: HttpRequest, provider_id: str) -> HttpResponse:
        try:
            return view(request, provider_id)
        except RequestException:
            log.warning("The provider of single sign-on does not answer.", exc_info=True)
            return render(request, "socialaccount/authentication_error.html", status=502)

    return page


_pages: list[URLPattern | URLResolver] = [
    re_path(r"^confirm-email/(?P<key>[-:\w]+)/$", ConfirmAddress.as_view(), name="account_confirm_email"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        ResetPassword.as_view(),
        name="account_reset_password_from_key",
    ),
    path("", include("allauth.account.urls")),
    path("2fa/", include("allauth.mfa.urls")),
    path("sessions/", include("allauth.usersessions.urls")),
]
single_sign_on: list[URLPattern | URLResolver] = [
    path("3rdparty/", include(social_urls)),
    path("oidc/<str:provider_id>/login/", _if_reached(provider_views.login), name="openid_connect_login"),
    path(
        "oidc/<str:provider_id>/login/callback/", _if_reached(provider_views.callback), name="openid_connect_callback"
    ),
]

urls: list[URLPattern | URLResolver] = [
    path("accounts/", include([*_pages, *(single_sign_on if settings.ENV.oidc_url else [])])),
]
