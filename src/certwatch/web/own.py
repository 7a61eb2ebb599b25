"""A person's own settings, and the organisations that he belongs to."""

from typing import cast
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone, translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from certwatch.actions import members, people
from certwatch.models import Membership, User
from certwatch.rules.errors import Refused
from certwatch.web.accounts import plain
from certwatch.web.doors import came_from, memberships


class OwnForm(forms.Form):
    name = forms.CharField(
        label=_("Your name"),
        max_length=150,
        required=False,
        help_text=_("Others see it; without a name they see the address."),
        widget=forms.TextInput({"autocomplete": "name"}),
        validators=[plain],
    )
    language = forms.ChoiceField(
        label=_("Language"), required=False, choices=lambda: [("", _("The browser’s")), *settings.LANGUAGES]
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        required=False,
        choices=lambda: [("", _("The organisation’s")), *((zone, zone) for zone in sorted(available_timezones()))],
    )
    shortcuts = forms.BooleanField(
        label=_("Single keys on pages: / searches, j and k go through a list"), required=False
    )


@require_http_methods(["GET", "HEAD", "POST"])
def me(request: HttpRequest) -> HttpResponse:
    user = cast(User, request.user)
    own = {name: getattr(user, name) for name in ("name", "language", "time_zone", "shortcuts")}
    form = OwnForm(request.POST or None, initial=own)
    if request.method == "POST" and form.is_valid():
        people.choose(user, **form.cleaned_data)
        with translation.override(user.language or translation.get_language()):
            messages.success(request, gettext("Your settings are saved."))
        return redirect("me")
    return render(request, "own/me.html", {"form": form, "members": memberships(request, timezone.now())})


@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest, slug: str) -> HttpResponse:
    """The last owner cannot go: the page says what to do first."""
    member = _own_membership(request, slug)
    if request.method != "POST":
        return _leave_page(request, member)
    try:
        members.leave(member.org, member.user, now=timezone.now(), address=came_from(request))
    except Refused:
        return _leave_page(request, member, status=409)
    messages.success(request, gettext("You have left %(organisation)s.") % {"organisation": member.org.name})
    return redirect("me")


def _own_membership(request: HttpRequest, slug: str) -> Membership:
    for member in memberships(request, timezone.now()):
        if member.org.slug == slug:
            return member
    raise Http404


def _leave_page(request: HttpRequest, member: Membership, status: int = 200) -> HttpResponse:
    facts = {"org": member.org, "last_owner": members.is_last_owner(member)}
    return render(request, "own/leave.html", facts, status=status)


urls: list[URLPattern] = [
    path("me/", me, name="me"),
    path("me/leave/<slug:slug>/", leave, name="leave"),
]
