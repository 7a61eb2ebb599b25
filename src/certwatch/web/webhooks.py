"""Org Admin: webhook endpoints and the log of what was sent to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from certwatch.actions import endpoints as actions
from certwatch.actions import secrets
from certwatch.actions.keys import LAST_YEAR
from certwatch.models import Attempt, Delivery, DeliveryState, EndpointState, WebhookEndpoint
from certwatch.rules import tries
from certwatch.rules.errors import Refused
from certwatch.rules.events import EventType
from certwatch.rules.rights import Right
from certwatch.web.doors import OrgRequest, came_from, fresh_login, org_page
from certwatch.web.fields import DayField, NameField
from certwatch.web.org_admin import page

PAGE = 50  # messages
SHOWN = ("all", "failed", "waiting")
FAILED = Q(state=DeliveryState.GIVEN_UP) | Q(state=DeliveryState.WAITING, tries__gt=0)  # its last try was none

EVENTS = {
    EventType.STATUS: _("The status changed"),
    EventType.EXPIRING: _("A last day comes near"),
    EventType.RENEWED: _("Renewed"),
    EventType.DATA: _("Dates, holder, scope or suspensions changed"),
    EventType.ADDED: _("A certificate is watched from now on"),
    EventType.REMOVED: _("A certificate is no longer watched"),
    EventType.SOURCE_STALE: _("A register was not read for long"),
    EventType.SOURCE_RECOVERED: _("It was read again"),
    EventType.KEY_EXPIRING: _("An API key ends"),
}


class EndpointForm(forms.Form):
    """An endpoint as it is to be."""

    url = forms.CharField(
        label=_("Address"),
        max_length=2_000,
        help_text=_("It is resolved and checked now and before every try; nothing is sent there yet."),
        widget=forms.URLInput({"placeholder": False, "class": "cw-mono", "spellcheck": "false"}),
    )
    name = NameField(label=_("Name"), max_length=100, required=False, help_text=_("Which system it is."))
    types = forms.MultipleChoiceField(
        label=_("Events"),
        choices=[(kind.value, words) for kind, words in EVENTS.items()],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one; an endpoint that gets nothing is of no use.")},
    )


class RangeForm(forms.Form):
    """Which days are sent anew. Days are the reader's."""

    first = DayField(label=_("From"))
    last = DayField(label=_("Until"))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if any(day.year >= LAST_YEAR for name in ("first", "last") if (day := cleaned.get(name))):
            raise ValidationError(_("This year is too far away."))
        return cleaned

    def moments(self, now: datetime) -> tuple[datetime, datetime]:
        """From the beginning of the first day to the end of the last, or to now."""
        zone = timezone.get_current_timezone()
        begin = datetime.combine(self.cleaned_data["first"], time.min, zone)
        end = datetime.combine(self.cleaned_data["last"] + timedelta(days=1), time.min, zone)
        return begin, min(end - timedelta(microseconds=1), now)


@org_page(Right.READ_ADMIN)
@require_safe
def webhooks(request: OrgRequest) -> HttpResponse:
    facts = {"endpoints": list(request.org.webhook_endpoints.order_by("name", "pk")), **_log(request, None)}
    return page(request, "webhooks", "webhooks/webhooks.html", **facts)


@org_page(Right.READ_ADMIN)
@require_safe
def webhook(request: OrgRequest, public_id: str) -> HttpResponse:
    return _endpoint_page(request, _endpoint(request, public_id), RangeForm(initial=_last_days(request)))


@sensitive_variables("secret")
@org_page(Right.ADMIN)
@fresh_login
@require_http_methods(["GET", "HEAD", "POST"])
def webhook_create(request: OrgRequest) -> HttpResponse:
    form = EndpointForm(request.POST or None, initial={"types": [kind.value for kind in EVENTS]})
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = actions.create(
                request.org, **form.cleaned_data, by=request.user, now=request.now, address=came_from(request)
            )
        except Refused as error:
            form.add_error("url", gettext(str(error)))
        else:
            return _shown_once(request, made, secret)
    return page(request, "webhooks", "webhooks/edit.html", form=form)


@org_page(Right.ADMIN)
@fresh_login
@require_http_methods(["GET", "HEAD", "POST"])
def webhook_edit(request: OrgRequest, public_id: str) -> HttpResponse:
    """With a log-in anew: another address would get all that is told from now on."""
    found = _endpoint(request, public_id)
    stored = {"url": found.url, "name": found.name, "types": actions.of_types(found)}
    form = EndpointForm(request.POST or None, initial=stored)
    if request.method == "POST" and form.is_valid():
        try:
            found = actions.change(
                found, **form.cleaned_data, by=request.user, now=request.now, address=came_from(request)
            )
        except Refused as error:
            form.add_error("url", gettext(str(error)))
        else:
            messages.success(request, gettext("“%(name)s” is saved.") % {"name": found})
            return redirect("webhook", request.org.slug, found.public_id)
    return page(request, "webhooks", "webhooks/edit.html", form=form, endpoint=found)


@sensitive_variables("secret")
@org_page(Right.ADMIN)
@fresh_login
@require_http_methods(["GET", "HEAD", "POST"])
def webhook_rotate(request: OrgRequest, public_id: str) -> HttpResponse:
    found = _endpoint(request, public_id)
    if request.method != "POST":
        return page(request, "webhooks", "webhooks/rotate.html", endpoint=found)
    secret = actions.rotate(found, by=request.user, now=request.now, address=came_from(request))
    return _shown_once(request, found, secret, rotated=True)


@org_page(Right.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def webhook_remove(request: OrgRequest, public_id: str) -> HttpResponse:
    found = _endpoint(request, public_id)
    if request.method != "POST":
        return page(request, "webhooks", "webhooks/remove.html", endpoint=found)
    name = str(found)
    actions.delete(found, by=request.user, now=request.now, address=came_from(request))
    messages.success(request, gettext("“%(name)s” is removed: nothing is sent there any more.") % {"name": name})
    return redirect("webhooks", request.org.slug)


@org_page(Right.ADMIN)
@require_POST
def webhook_switch(request: OrgRequest, public_id: str) -> HttpResponse:
    """On or off, as the button says. Once it is on, its page offers what was missed."""
    found, on = _endpoint(request, public_id), request.POST.get("on") == "1"
    actions.switch(found, on, by=request.user, now=request.now, address=came_from(request))
    words = gettext("“%(name)s” is on.") if on else gettext("“%(name)s” is off: nothing is sent there.")
    messages.success(request, words % {"name": found})
    return redirect("webhook", request.org.slug, found.public_id)


@org_page(Right.ADMIN)
@require_POST
def webhook_test(request: OrgRequest, public_id: str) -> HttpResponse:
    found = _endpoint(request, public_id)
    try:
        made = actions.test(found, by=request.user, now=request.now, address=came_from(request))
    except Refused as error:
        messages.error(request, str(error))
        return redirect("webhook", request.org.slug, found.public_id)
    return redirect("webhook_delivery", request.org.slug, made.public_id)


@org_page(Right.ADMIN)
@require_POST
def webhook_replay(request: OrgRequest, public_id: str) -> HttpResponse:
    """Send a range of days anew, or what was missed while the endpoint was off."""
    found = _endpoint(request, public_id)
    form = RangeForm(request.POST)
    if "missed" in request.POST and found.switched_off_at is not None:
        begin, end = found.switched_off_at, request.now
    elif form.is_valid():
        begin, end = form.moments(request.now)
    else:
        return _endpoint_page(request, found, form)
    try:
        count = actions.replay_range(found, begin, end, by=request.user, now=request.now, address=came_from(request))
    except Refused as error:
        form.full_clean()
        form.add_error(None, str(error))
        return _endpoint_page(request, found, form)
    if count:
        words = ngettext("%(count)s message is on its way.", "%(count)s messages are on their way.", count)
        messages.success(request, words % {"count": count})
    else:
        messages.success(request, gettext("Nothing happened in this time that this endpoint is told."))
    return redirect("webhook", request.org.slug, found.public_id)


@org_page(Right.READ_ADMIN)
@require_safe
def webhook_delivery(request: OrgRequest, public_id: str) -> HttpResponse:
    """One message with each of its tries: what was sent, and what came back."""
    found = _delivery(request, public_id)
    facts = {
        "row": Row(found, found.attempts.order_by("-number").first()),
        "message_id": actions.message_id(found),
        "attempts": found.attempts.order_by("-number"),
        "most": tries.MOST,
    }
    return page(request, "webhooks", "webhooks/delivery.html", **facts)


@org_page(Right.ADMIN)
@require_POST
def webhook_again(request: OrgRequest, public_id: str) -> HttpResponse:
    try:
        again = actions.replay(
            _delivery(request, public_id), by=request.user, now=request.now, address=came_from(request)
        )
    except Refused as error:
        messages.error(request, str(error))
        return redirect("webhook_delivery", request.org.slug, public_id)
    messages.success(request, gettext("It is on its way once more."))
    return redirect("webhook_delivery", request.org.slug, again.public_id)


# ---- pages


@sensitive_variables("secret")
def _shown_once(request: OrgRequest, found: WebhookEndpoint, secret: str, *, rotated: bool = False) -> HttpResponse:
    """The only page that ever holds the secret: it answers the POST itself and is kept nowhere."""
    response = page(request, "webhooks", "webhooks/secret.html", endpoint=found, secret=secret, rotated=rotated)
    response["Cache-Control"] = "no-store"
    return response


def _endpoint_page(request: OrgRequest, found: WebhookEndpoint, form: RangeForm) -> HttpResponse:
    missed = found.switched_off_at if found.state == EndpointState.ON else None
    facts = {
        "endpoint": found,
        "types": actions.of_types(found),
        "missed": missed,
        "rotating": found.old_secret_until is not None and found.old_secret_until > request.now,
        "form": form,
        **_log(request, found),
    }
    return page(request, "webhooks", "webhooks/endpoint.html", **facts)


@dataclass(frozen=True, slots=True)
class Row:
    """A message and its last try, None before the first."""

    delivery: Delivery
    attempt: Attempt | None

    @property
    def again(self) -> bool:
        """Whether sending it again is of use: it is not on its first way."""
        return bool(self.delivery.tries) or self.delivery.state != DeliveryState.WAITING

    @property
    def type(self) -> str:
        change = self.delivery.change
        return str(change.type) if change else EventType.TEST.value

    @property
    def number(self) -> str:
        """Of the certificate that it is about."""
        change = self.delivery.change
        return change.certificate.number if change and change.certificate else ""

    @property
    def certificate_id(self) -> str:
        """Where its page is, as long as it is watched."""
        change = self.delivery.change
        watched = change and change.certificate and change.certificate.removed_at is None
        return change.certificate.public_id if change and change.certificate and watched else ""


def _log(request: OrgRequest, endpoint: WebhookEndpoint | None) -> dict[str, Any]:
    """The page of the log that the address names."""
    shown = request.GET.get("show", "all")
    shown = shown if shown in SHOWN else "all"
    found = _messages(request)
    if endpoint is not None:
        found = found.filter(endpoint=endpoint)
    if shown == "failed":
        found = found.filter(FAILED)
    elif shown == "waiting":
        found = found.filter(state=DeliveryState.WAITING)
    rows, newer, older = _page(found.order_by("-id"), request)
    last = _last_attempts(rows)
    return {
        "rows": [Row(row, last.get(row.pk)) for row in rows],
        "newer": urlencode({"show": shown, "after": newer}) if newer else "",
        "older": urlencode({"show": shown, "before": older}) if older else "",
        "shown": shown,
        "most": tries.MOST,
    }


def _messages(request: OrgRequest) -> "QuerySet[Delivery]":
    """All messages to endpoints of the organisation."""
    named = ("endpoint", "change__certificate")
    found: QuerySet[Delivery] = request.org.deliveries.exclude(endpoint=None).select_related(*named)
    return found


def _last_attempts(rows: Sequence[Delivery]) -> dict[int, Attempt]:
    """The last try of each message, without what was sent: that is on the message's own page."""
    attempts = Attempt.objects.filter(delivery__in=[row.pk for row in rows]).defer("request", "said")
    return {attempt.delivery_id: attempt for attempt in attempts.order_by("number")}


def _page(found: "QuerySet[Delivery]", request: OrgRequest) -> tuple[list[Delivery], str, str]:
    """The rows of the page that the address names, and the cursors of the newer and the older one."""
    after = _place(request.GET.get("after", ""))
    if after is not None:
        newer = list(reversed(found.filter(id__gt=after).order_by("id")[: PAGE + 1]))
        rows, more = newer[-PAGE:], len(newer) > PAGE
        return rows, _cursor(rows[0]) if more else "", _cursor(rows[-1]) if rows else ""
    before = _place(request.GET.get("before", ""))
    older = list((found if before is None else found.filter(id__lt=before))[: PAGE + 1])
    rows, more = older[:PAGE], len(older) > PAGE
    return rows, _cursor(rows[0]) if rows and before is not None else "", _cursor(rows[-1]) if more else ""


def _cursor(row: Delivery) -> str:
    """A place in the log. Encrypted: the number counts the messages of all organisations."""
    return secrets.encrypt(str(row.pk))


def _place(cursor: str) -> int | None:
    """None where there is no cursor, or none that we gave."""
    try:
        return int(secrets.decrypt(cursor)) if cursor else None
    except secrets.Unreadable:
        return None


def _last_days(request: OrgRequest) -> dict[str, Any]:
    today = timezone.localtime(request.now).date()
    return {"first": today, "last": today}


def _endpoint(request: OrgRequest, public_id: str) -> WebhookEndpoint:
    mine = request.org.webhook_endpoints.select_related("org")
    found: WebhookEndpoint = get_object_or_404(mine, public_id=public_id)
    return found


def _delivery(request: OrgRequest, public_id: str) -> Delivery:
    found: Delivery = get_object_or_404(_messages(request).select_related("endpoint__org"), public_id=public_id)
    return found


urls: list[URLPattern] = [
    path("admin/webhooks/", webhooks, name="webhooks"),
    path("admin/webhooks/new/", webhook_create, name="webhook_create"),
    path("admin/webhooks/messages/<str:public_id>/", webhook_delivery, name="webhook_delivery"),
    path("admin/webhooks/messages/<str:public_id>/again/", webhook_again, name="webhook_again"),
    path("admin/webhooks/<str:public_id>/", webhook, name="webhook"),
    path("admin/webhooks/<str:public_id>/edit/", webhook_edit, name="webhook_edit"),
    path("admin/webhooks/<str:public_id>/rotate/", webhook_rotate, name="webhook_rotate"),
    path("admin/webhooks/<str:public_id>/remove/", webhook_remove, name="webhook_remove"),
    path("admin/webhooks/<str:public_id>/switch/", webhook_switch, name="webhook_switch"),
    path("admin/webhooks/<str:public_id>/test/", webhook_test, name="webhook_test"),
    path("admin/webhooks/<str:public_id>/replay/", webhook_replay, name="webhook_replay"),
]
