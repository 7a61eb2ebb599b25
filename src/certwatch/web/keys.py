"""Org Admin: API keys."""

import ipaddress
import re
from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from certwatch.actions import keys as actions
from certwatch.models import ApiKey
from certwatch.rules.errors import Refused
from certwatch.rules.rights import Right
from certwatch.web.doors import OrgRequest, came_from, fresh_login, org_page
from certwatch.web.fields import DayField, NameField
from certwatch.web.org_admin import page

ENDS_SOON_DAYS = 30
REVOKED_SHOWN = 50  # the newest; the audit log has all
MOST_NETWORKS = 50

SCOPE_WORDS = {
    "certificates:read": _("Read certificates, their history and changes"),
    "certificates:write": _("Add, change and remove certificates"),
    "webhooks:manage": _("Manage webhooks"),
    "audit:read": _("Read receipts"),
}


class _WithLastDay(forms.Form):
    last_day = DayField(
        label=_("Last day"),
        required=False,
        help_text=_("The key is good until the end of this day. Leave it empty for no end."),
    )

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._today = today
        self.fields["last_day"].initial = _in_a_year(today)

    def clean_last_day(self) -> date | None:
        day: date | None = self.cleaned_data["last_day"]
        if day and day < self._today:
            raise ValidationError(_("This day has passed."))
        if day and day.year >= actions.LAST_YEAR:
            raise ValidationError(_("This year is too far away."))
        return day


class KeyForm(_WithLastDay):
    name = NameField(label=_("Name"), max_length=100, help_text=_("Which system uses it."))
    scopes = forms.MultipleChoiceField(
        label=_("It may"),
        choices=list(SCOPE_WORDS.items()),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one; a key that may do nothing is of no use.")},
    )
    networks = forms.CharField(
        label=_("Networks"),
        required=False,
        max_length=4000,
        help_text=_("From where it may be used, e.g. 203.0.113.0/24; one a line. Leave it empty for everywhere."),
        widget=forms.Textarea({"rows": 2, "spellcheck": "false", "class": "cw-mono"}),
    )

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, today=today, **kwargs)
        self.fields["scopes"].initial = actions.DEFAULT_SCOPES

    def clean_networks(self) -> list[str]:
        texts = [text for text in re.split(r"[\s,;]+", self.cleaned_data["networks"]) if text]
        if len(texts) > MOST_NETWORKS:
            raise ValidationError(_("%(most)s networks at most.") % {"most": MOST_NETWORKS})
        return [_network(text) for text in texts]


class RotateForm(_WithLastDay):
    overlap_days = forms.IntegerField(
        label=_("Days in which both keys are good"),
        min_value=0,
        max_value=actions.LONGEST_OVERLAP,
        initial=7,
        help_text=_("0 to 30 days. With 0 the present key ends at once."),
    )
    field_order = ("overlap_days", "last_day")


@org_page(Right.READ_ADMIN)
@require_safe
def keys(request: OrgRequest) -> HttpResponse:
    all_keys = request.org.api_keys.select_related("created_by")
    present = list(all_keys.filter(revoked_at=None).order_by(F("ends_at").desc(nulls_first=True), "-id"))
    facts = {
        "good": [key for key in present if key.usable(request.now)],
        "ended": [key for key in present if not key.usable(request.now)],
        "revoked": all_keys.exclude(revoked_at=None).order_by("-revoked_at")[:REVOKED_SHOWN],
        "soon": request.today + timedelta(days=ENDS_SOON_DAYS),
        "scopes": SCOPE_WORDS,
    }
    return page(request, "keys", "keys/list.html", **facts)


@sensitive_variables("plaintext")
@org_page(Right.ADMIN)
@fresh_login
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: OrgRequest) -> HttpResponse:
    form = KeyForm(request.POST or None, today=request.today)
    if request.method == "POST" and form.is_valid():
        address = came_from(request)
        key, plaintext = actions.create(
            request.org, **form.cleaned_data, by=request.user, now=request.now, address=address
        )
        return _shown_once(request, key, plaintext)
    return page(request, "keys", "keys/create.html", form=form)


@sensitive_variables("plaintext")
@org_page(Right.ADMIN)
@fresh_login
@require_http_methods(["GET", "HEAD", "POST"])
def rotate(request: OrgRequest, public_id: str) -> HttpResponse:
    key = _key(request, public_id)
    form = RotateForm(request.POST or None, today=request.today)
    if request.method == "POST" and form.is_valid():
        address = came_from(request)
        try:
            successor, plaintext = actions.rotate(
                key, **form.cleaned_data, by=request.user, now=request.now, address=address
            )
        except Refused as error:
            form.add_error(None, str(error))
        else:
            former = request.org.api_keys.get(pk=key.pk)
            return _shown_once(request, successor, plaintext, former=former)
    return page(request, "keys", "keys/rotate.html", form=form, key=key)


@org_page(Right.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: OrgRequest, public_id: str) -> HttpResponse:
    """Without a log-in anew: who sees that a key has leaked must be quick."""
    key = _key(request, public_id)
    if request.method != "POST":
        return page(request, "keys", "keys/revoke.html", key=key)
    actions.revoke(key, by=request.user, now=request.now, address=came_from(request))
    messages.success(request, gettext("“%(name)s” is revoked: it is refused from now on.") % {"name": key.name})
    return redirect("keys", request.org.slug)


@sensitive_variables("plaintext")
def _shown_once(request: OrgRequest, key: ApiKey, plaintext: str, former: ApiKey | None = None) -> HttpResponse:
    """The only page that ever holds the key: it answers the POST itself and is kept nowhere."""
    response = page(request, "keys", "keys/created.html", key=key, plaintext=plaintext, former=former)
    response["Cache-Control"] = "no-store"
    return response


def _key(request: OrgRequest, public_id: str) -> ApiKey:
    """The key with this id, if it is not revoked."""
    mine = request.org.api_keys.select_related("org", "created_by").filter(revoked_at=None)
    found: ApiKey = get_object_or_404(mine, public_id=public_id)
    return found


def _in_a_year(today: date) -> date:
    return today + timedelta(days=365)


def _network(text: str) -> str:
    """`text` as a network; with bits beyond its length it may be a slip, so we say what was probably meant."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        try:
            meant = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise ValidationError(_("“%(text)s” is no network.") % {"text": text}) from None
        words = _("“%(text)s” is an address within a network. Write %(meant)s for all of it, or the address alone.")
        raise ValidationError(words % {"text": text, "meant": meant}) from None


urls: list[URLPattern] = [
    path("admin/keys/", keys, name="keys"),
    path("admin/keys/new/", create, name="key_create"),
    path("admin/keys/<str:public_id>/rotate/", rotate, name="key_rotate"),
    path("admin/keys/<str:public_id>/revoke/", revoke, name="key_revoke"),
]
