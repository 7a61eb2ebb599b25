"""An invitation's page. Its link is the right to join; looking at it changes nothing."""

from typing import cast

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from certwatch.actions import members, people, users
from certwatch.actions.orgs import invitation_of
from certwatch.models import Invitation, User
from certwatch.rules.errors import Refused
from certwatch.web.accounts import PASSWORD_HELP, plain
from certwatch.web.doors import came_from


class InvitedForm(forms.Form):
    """What an invited person without an account says; the address is the invitation's."""

    name = forms.CharField(
        label=_("Your name"), max_length=150, widget=forms.TextInput({"autocomplete": "name"}), validators=[plain]
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        help_text=PASSWORD_HELP,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )
    terms = forms.BooleanField(error_messages={"required": _("Without accepting them there is no account.")})

    def __init__(self, *args: object, email: str) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self._email = email

    def clean_password(self) -> str:
        password: str = get_adapter().clean_password(self.cleaned_data["password"], user=User(email=self._email))
        return password


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    invited = invitation_of(token)
    if invited is None:
        raise Http404
    if why := _over(invited):
        return render(request, "invitations/over.html", {"why": why}, status=410)
    visitor = _visitor(request, invited)
    form = InvitedForm(request.POST or None, email=invited.email) if visitor == "new" else None
    if request.method == "POST" and (visitor == "invited" or (form is not None and form.is_valid())):
        return _join(request, invited, form)
    facts = {"invitation": invited, "visitor": visitor, "form": form}
    return render(request, "invitations/invitation.html", facts, status=403 if _is_wrong(request, visitor) else 200)


def _over(invited: Invitation) -> str:
    """Why the link is good no more; "" while it is."""
    if invited.accepted_at is not None:
        return "used"
    if invited.revoked_at is not None:
        return "revoked"
    return "old" if invited.ends_at <= timezone.now() else ""


def _visitor(request: HttpRequest, invited: Invitation) -> str:
    """`invited`: logged in with the address; `other`: with another one; `known`: has an account; `new`: has none."""
    if request.user.is_authenticated:
        return "invited" if members.is_for(invited, request.user) else "other"
    return "known" if users.with_address(invited.email) else "new"


def _is_wrong(request: HttpRequest, visitor: str) -> bool:
    return request.method == "POST" and visitor in ("other", "known")


def _join(request: HttpRequest, invited: Invitation, form: InvitedForm | None) -> HttpResponse:
    """Make the visitor a member, with a new account where he has none; he is then logged in and there."""
    now, address = timezone.now(), came_from(request)
    try:
        if form is None:
            member = members.accept_invitation(invited, cast(User, request.user), now=now, address=address)
        else:
            name, password = form.cleaned_data["name"], form.cleaned_data["password"]
            member = people.join_invited(invited, name, password, now=now, address=address)
    except Refused:
        return render(request, "invitations/over.html", {"why": "used"}, status=410)
    messages.success(request, gettext("You belong to %(organisation)s now.") % {"organisation": invited.org.name})
    if form is None:
        return redirect(f"/o/{invited.org.slug}/")
    login = Login(user=member.user, email=invited.email, redirect_url=f"/o/{invited.org.slug}/")
    answer: HttpResponse = perform_password_login(request, {"email": invited.email}, login)
    return answer


urls: list[URLPattern] = [path("invitation/<str:token>/", invitation, name="invitation")]
