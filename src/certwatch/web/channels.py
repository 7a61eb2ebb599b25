"""Org Admin: the chat channels that alerts go to. Their table stands on the page Notifications."""

from dataclasses import dataclass
from functools import wraps
from typing import Any, NamedTuple, cast

from allauth.core.exceptions import ReauthenticationRequired
from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Max
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from certwatch.actions import channels as actions
from certwatch.actions import secrets
from certwatch.models import Channel, Delivery, DeliveryState
from certwatch.rules.errors import Refused
from certwatch.rules.rights import Right
from certwatch.web.doors import OrgRequest, OrgView, P, came_from, fresh_login, org_page
from certwatch.web.fields import NameField
from certwatch.web.org_admin import page


class Service(NamedTuple):
    """A chat service that an operator may allow: its name, an address as apprise writes it, and the service's own
    address that it is made of, where it has one."""

    name: str
    example: str
    made_of: str = ""
    icon: str = "i-send"


SERVICES = {  # by apprise's schemes
    "slack": Service(
        "Slack", "slack://T0AB1CD2E/B0AB1CD2E/SECRET/", "https://hooks.slack.com/services/T0AB1CD2E/B0AB1CD2E/SECRET",
        "i-brand-slack",
    ),
    "workflows": Service(
        "Microsoft Teams", "workflows://prod-12.westeurope.logic.azure.com/WORKFLOW/SIGNATURE/",
        "https://prod-12.westeurope.logic.azure.com/workflows/WORKFLOW/triggers/…?…&sig=SIGNATURE", "i-brand-teams",
    ),
    "discord": Service("Discord", "discord://ID/TOKEN/", "https://discord.com/api/webhooks/ID/TOKEN"),
    "gchat": Service(
        "Google Chat", "gchat://SPACE/KEY/TOKEN/",
        "https://chat.googleapis.com/v1/spaces/SPACE/messages?key=KEY&token=TOKEN",
    ),
    "tgram": Service("Telegram", "tgram://BOT-TOKEN/CHAT-ID/"),
    "wxteams": Service("Webex", "wxteams://TOKEN/", "https://webexapis.com/v1/webhooks/incoming/TOKEN"),
    "pagerduty": Service("PagerDuty", "pagerduty://INTEGRATION-KEY@API-KEY/"),
    "opsgenie": Service("Opsgenie", "opsgenie://API-KEY/"),
}  # fmt: skip


SEALED = "sealed:"  # before an address that waited in the session for a log-in anew


class Untold(forms.TextInput):
    """A text that no page repeats, not even the form that was refused."""

    def format_value(self, value: Any) -> str | None:
        return None


class ChannelForm(forms.Form):
    """A channel. The address is typed anew or stays; it is never filled in."""

    name = NameField(label=_("Name"), max_length=100, help_text=_("As rules and alerts name it, e.g. #biofuels."))
    target = forms.CharField(
        label=_("Address"),
        max_length=4_000,
        widget=Untold({"class": "cw-mono", "autocomplete": "off", "spellcheck": "false"}),
    )
    language = forms.ChoiceField(label=_("Language"), required=False)

    def __init__(self, *args: Any, channel: Channel | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].choices = [("", _("The organisation’s")), *settings.LANGUAGES]  # type: ignore[attr-defined]
        target = self.fields["target"]
        target.help_text = _("Stored encrypted and not shown again.")
        if channel is not None:
            target.required = False
            words = _("Now %(shown)s. Leave it empty to keep it; it is stored encrypted and not shown again.")
            target.help_text = words % {"shown": channel.shown}

    def clean_target(self) -> str:
        text: str = self.cleaned_data["target"]
        try:
            return secrets.decrypt(text.removeprefix(SEALED)) if text.startswith(SEALED) else text
        except secrets.Unreadable:
            raise ValidationError(_("Type the address anew.")) from None


@dataclass(frozen=True, slots=True)
class Row:
    """A channel and what became of its last message."""

    channel: Channel
    service: Service
    last: Delivery | None

    @property
    def waits(self) -> bool:
        return self.last is not None and self.last.state == DeliveryState.WAITING


def service(scheme: str) -> Service:
    """What people call apprise's scheme, one that we do not know by its own name."""
    return SERVICES.get(scheme, Service(scheme, f"{scheme}://…"))


def rows(request: OrgRequest) -> list[Row]:
    """The organisation's channels by name, in two queries."""
    found = actions.of(request.org).annotate(last=Max("deliveries__pk")).order_by("name")
    last = {d.pk: d for d in request.org.deliveries.filter(pk__in=[one.last for one in found if one.last])}
    return [Row(one, service(one.scheme), last.get(one.last)) for one in found]


def sealed(view: OrgView[P]) -> OrgView[P]:
    """Above `fresh_login`: what was sent waits in the session for the log-in anew, its address encrypted."""

    @wraps(view)
    def page(request: OrgRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except ReauthenticationRequired:
            sent = request.POST.copy()
            if target := sent.get("target"):
                sent["target"] = SEALED + secrets.encrypt(target)
                request.POST = sent  # type: ignore[assignment]
            raise

    return cast(OrgView[P], page)


@sensitive_post_parameters("target")
@org_page(Right.ADMIN)
@sealed
@fresh_login
@require_http_methods(["GET", "HEAD", "POST"])
def channel_create(request: OrgRequest) -> HttpResponse:
    form = ChannelForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.create(
                request.org, **form.cleaned_data, schemes=settings.ENV.apprise_schemes, by=request.user,
                now=request.now, address=came_from(request),
            )  # fmt: skip
        except Refused as error:
            form.add_error(None, gettext(str(error)))
        else:
            words = gettext("“%(name)s” is added. Send a test, then name it in a rule.")
            messages.success(request, words % {"name": made.name})
            return redirect("notifications", request.org.slug)
    return _form(request, form)


@sensitive_post_parameters("target")
@org_page(Right.ADMIN)
@sealed
@fresh_login
@require_http_methods(["GET", "HEAD", "POST"])
def channel(request: OrgRequest, public_id: str) -> HttpResponse:
    found = _channel(request, public_id)
    stored = {"name": found.name, "language": found.language}
    form = ChannelForm(request.POST or None, initial=stored, channel=found)
    if request.method == "POST" and form.is_valid():
        try:
            actions.change(
                found, **form.cleaned_data, schemes=settings.ENV.apprise_schemes, by=request.user, now=request.now,
                address=came_from(request),
            )  # fmt: skip
        except Refused as error:
            form.add_error(None, gettext(str(error)))
        else:
            messages.success(request, gettext("“%(name)s” is saved.") % {"name": found.name})
            return redirect("notifications", request.org.slug)
    return _form(request, form, found)


@org_page(Right.ADMIN)
@require_POST
def channel_switch(request: OrgRequest, public_id: str) -> HttpResponse:
    """Without a log-in anew: the address stays what it is."""
    found, on = _channel(request, public_id), request.POST.get("on") == "1"
    actions.switch(found, on=on, by=request.user, now=request.now, address=came_from(request))
    words = gettext("“%(name)s” is on.") if on else gettext("“%(name)s” is off: nothing goes there.")
    messages.success(request, words % {"name": found.name})
    return redirect("notifications", request.org.slug)


@org_page(Right.ADMIN)
@require_POST
def channel_test(request: OrgRequest, public_id: str) -> HttpResponse:
    found = _channel(request, public_id)
    try:
        actions.test(found, by=request.user, now=request.now, address=came_from(request))
    except Refused as error:
        messages.error(request, str(error))
    else:
        words = gettext("A test is on its way to “%(name)s”. What became of it stands beside the channel.")
        messages.success(request, words % {"name": found.name})
    return redirect("notifications", request.org.slug)


@org_page(Right.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def channel_remove(request: OrgRequest, public_id: str) -> HttpResponse:
    found = _channel(request, public_id)
    if request.method != "POST":
        facts = {"channel": found, "rules": found.rules.order_by("name")}
        return page(request, "notifications", "notifications/channel_remove.html", **facts)
    name = found.name
    actions.remove(found, by=request.user, now=request.now, address=came_from(request))
    messages.success(request, gettext("“%(name)s” is removed, and its address forgotten.") % {"name": name})
    return redirect("notifications", request.org.slug)


def _form(request: OrgRequest, form: ChannelForm, found: Channel | None = None) -> HttpResponse:
    allowed = [service(scheme) for scheme in settings.ENV.apprise_schemes]
    return page(request, "notifications", "notifications/channel.html", form=form, channel=found, services=allowed)


def _channel(request: OrgRequest, public_id: str) -> Channel:
    mine = actions.of(request.org).select_related("org")
    found: Channel = get_object_or_404(mine, public_id=public_id)
    return found


urls: list[URLPattern] = [
    path("admin/notifications/channels/new/", channel_create, name="channel_create"),
    path("admin/notifications/channels/<str:public_id>/", channel, name="channel"),
    path("admin/notifications/channels/<str:public_id>/switch/", channel_switch, name="channel_switch"),
    path("admin/notifications/channels/<str:public_id>/test/", channel_test, name="channel_test"),
    path("admin/notifications/channels/<str:public_id>/remove/", channel_remove, name="channel_remove"),
]
