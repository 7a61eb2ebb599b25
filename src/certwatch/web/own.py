"""A person's own settings, and the organisations that he belongs to."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, cast
from zoneinfo import available_timezones

from allauth.account.decorators import reauthentication_required
from django import forms
from django.conf import settings
from django.contrib import messages
from django.db.models import prefetch_related_objects
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone, translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from certwatch.actions import feed, members, people
from certwatch.models import Digest, Membership, User
from certwatch.rules.errors import Refused
from certwatch.web.accounts import plain
from certwatch.web.doors import came_from, memberships

View = Callable[[HttpRequest], HttpResponse]
_fresh_login = cast(Callable[[View], View], reauthentication_required)  # who proved himself of late: `web.doors`


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


class HearForm(forms.Form):
    """How a member hears of one organisation. Several stand in one form, each with its own prefix."""

    digest = forms.ChoiceField(label=_("Daily digest"), choices=Digest.choices)
    deputy = forms.ChoiceField(label=_("Deputy"), required=False)

    def __init__(self, member: Membership, now: datetime, data: QueryDict | None = None) -> None:
        others = [m for m in member.org.memberships.all() if m.user_id != member.user_id and not m.has_ended(now)]
        others.sort(key=lambda m: str(m.user).casefold())
        self.member, self.people = member, {m.public_id: m.user for m in others}
        deputy = next((m.public_id for m in others if m.user_id == member.deputy_id), "")
        super().__init__(data, prefix=member.public_id, initial={"digest": member.digest, "deputy": deputy})
        people = [(public_id, str(user)) for public_id, user in self.people.items()]
        self.fields["deputy"].choices = [("", _("Nobody: the admins are told")), *people]  # type: ignore[attr-defined]

    def save(self, now: datetime) -> None:
        deputy = self.people.get(self.cleaned_data["deputy"])
        people.hear(self.member, digest=self.cleaned_data["digest"], deputy=deputy, now=now)


class CalendarForm(forms.Form):
    show = forms.ChoiceField(
        label=_("It shows"),
        choices=[("mine", _("What I am responsible for")), ("all", _("Everything in my organisations"))],
        widget=forms.RadioSelect,
    )

    @property
    def everything(self) -> bool:
        return bool(self.cleaned_data["show"] == "all")


@require_http_methods(["GET", "HEAD", "POST"])
def me(request: HttpRequest) -> HttpResponse:
    user = cast(User, request.user)
    form = OwnForm(request.POST or None, initial=_own(user))
    if request.method == "POST" and form.is_valid():
        people.choose(user, **form.cleaned_data)
        with translation.override(user.language or translation.get_language()):
            messages.success(request, gettext("Your settings are saved."))
        return redirect("me")
    return _page(request, form=form)


@require_POST
def organisations(request: HttpRequest) -> HttpResponse:
    """Digest and deputy in every organisation; one that has come since the page was shown stays as it is."""
    now = timezone.now()
    heard = _hear_forms(request, now, request.POST)
    sent = [form for form in heard if form.is_bound]
    if [form for form in sent if not form.is_valid()]:  # each says what is wrong with it
        return _page(request, heard=heard)
    for form in sent:
        form.save(now)
    messages.success(request, gettext("Your settings are saved."))
    return redirect(f"{reverse('me')}#digests")


@sensitive_variables("token", "address")
@_fresh_login
@require_POST
def calendar(request: HttpRequest) -> HttpResponse:
    """A new subscription; a former address ends. The page that answers is the only one that ever holds the address."""
    form = CalendarForm(request.POST)
    if not form.is_valid():
        return _page(request, calendar_form=form)
    token = feed.make(cast(User, request.user), everything=form.everything, now=timezone.now())
    address = settings.BASE_URL + reverse("calendar", args=[token])
    response = render(request, "own/calendar.html", {"address": address, "everything": form.everything})
    response["Cache-Control"] = "no-store"
    return response


@require_POST
def calendar_choose(request: HttpRequest) -> HttpResponse:
    form = CalendarForm(request.POST)
    if not form.is_valid():
        return _page(request, calendar_form=form)
    feed.choose(cast(User, request.user), everything=form.everything)
    messages.success(request, gettext("Your settings are saved."))
    return redirect(f"{reverse('me')}#calendar")


@require_POST
def calendar_remove(request: HttpRequest) -> HttpResponse:
    """Without a log-in anew: who sees that an address has leaked must be quick."""
    feed.remove(cast(User, request.user))
    messages.success(
        request, gettext("The calendar’s address is not good any more. Remove it from your calendar, too.")
    )
    return redirect(f"{reverse('me')}#calendar")


def _page(
    request: HttpRequest,
    *,
    form: OwnForm | None = None,
    heard: list[HearForm] | None = None,
    calendar_form: CalendarForm | None = None,
) -> HttpResponse:
    """Own settings, with what was filled in wrongly."""
    user = cast(User, request.user)
    subscription = feed.of(user)
    shows = {"show": "all" if subscription and subscription.everything else "mine"}
    facts = {
        "form": form or OwnForm(initial=_own(user)),
        "heard": _hear_forms(request, timezone.now()) if heard is None else heard,
        "calendar_form": calendar_form or CalendarForm(initial=shows),
        "subscription": subscription,
    }
    return render(request, "own/me.html", facts)


def _own(user: User) -> dict[str, Any]:
    return {name: getattr(user, name) for name in ("name", "language", "time_zone", "shortcuts")}


def _hear_forms(request: HttpRequest, now: datetime, data: QueryDict | None = None) -> list[HearForm]:
    found = memberships(request, now)
    prefetch_related_objects([member.org for member in found], "memberships__user")
    return [
        HearForm(member, now, data if data is not None and f"{member.public_id}-digest" in data else None)
        for member in found
    ]


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
    path("me/organisations/", organisations, name="me_organisations"),
    path("me/calendar/", calendar, name="me_calendar"),
    path("me/calendar/choose/", calendar_choose, name="me_calendar_choose"),
    path("me/calendar/remove/", calendar_remove, name="me_calendar_remove"),
    path("me/leave/<slug:slug>/", leave, name="leave"),
]
