"""Org Admin: settings, export of everything, deletion."""

import re
from pathlib import Path
from zoneinfo import available_timezones

import structlog
from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.mail import get_connection
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from certwatch.actions import deletion, exports
from certwatch.actions import settings as actions
from certwatch.models import Export, Organisation
from certwatch.rules.errors import Refused
from certwatch.rules.rights import Right, may
from certwatch.web.doors import OrgRequest, came_from, fresh_login, org_page
from certwatch.web.fields import LongSelect, NameField
from certwatch.web.org_admin import page
from certwatch.web.streams import download, file_in_pieces

log = structlog.get_logger()

EXPORTS_SHOWN = 5
MOST_REMINDERS, EARLIEST_REMINDER = 10, 365


class SettingsForm(forms.Form):
    name = NameField(label=_("Name"), max_length=200)
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=lambda: [(zone, zone) for zone in sorted(available_timezones())],
        help_text=_("Days begin here: when a certificate expires, when a key ends."),
        widget=LongSelect,
    )
    language = forms.ChoiceField(
        label=_("Language"), choices=settings.LANGUAGES, help_text=_("Of mails to people who chose none.")
    )
    expiring_days = forms.IntegerField(
        label=_("“Expiring soon” begins"),
        min_value=1,
        max_value=365,
        help_text=_("Days before the end. It is a word of the pages; the API answers “valid”."),
    )
    reminder_days = forms.CharField(
        label=_("Default reminders"),
        max_length=100,
        required=False,
        help_text=_("Days before the end, e.g. 60, 30, 14, 7, 1. Empty: no reminders."),
    )
    four_eyes = forms.BooleanField(
        label=_("What is entered by hand counts once a second person has approved it"), required=False
    )

    def clean_reminder_days(self) -> list[int]:
        texts = [text for text in re.split(r"[\s,;]+", self.cleaned_data["reminder_days"]) if text]
        if not all(text.isascii() and text.isdigit() for text in texts):
            raise ValidationError(_("Whole numbers, separated by commas."))
        days = sorted({int(text) for text in texts}, reverse=True)
        if len(days) > MOST_REMINDERS:
            raise ValidationError(_("%(most)s reminders at most.") % {"most": MOST_REMINDERS})
        if days and not 0 <= days[-1] <= days[0] <= EARLIEST_REMINDER:
            raise ValidationError(_("From 0 to %(most)s days.") % {"most": EARLIEST_REMINDER})
        return days


class DeletionForm(forms.Form):
    name = forms.CharField(label=_("The organisation’s name"), widget=forms.TextInput({"autocomplete": "off"}))


@org_page(Right.READ_ADMIN)
@require_safe
def org_settings(request: OrgRequest) -> HttpResponse:
    return _settings(request, _form(request.org, disabled=Right.ADMIN not in request.rights))


@org_page(Right.ADMIN)
@require_POST
def save(request: OrgRequest) -> HttpResponse:
    form = SettingsForm(request.POST)
    if not form.is_valid():
        return _settings(request, form)
    if actions.change(request.org, **form.cleaned_data, by=request.user, now=request.now, address=came_from(request)):
        messages.success(request, gettext("The settings are saved."))
    else:
        messages.success(request, gettext("Nothing was different."))
    return redirect("org_settings", request.org.slug)


@org_page(Right.ADMIN, closed_too=True)
@fresh_login
@require_POST
def ask_for_export(request: OrgRequest) -> HttpResponse:
    try:
        exports.ask(request.org, by=request.user, now=request.now, address=came_from(request))
    except Refused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, gettext("The export is being made. You get a mail when it is ready."))
    return redirect("org_settings", request.org.slug)


@org_page(Right.ADMIN, closed_too=True)
@fresh_login
@require_safe
def fetch_export(request: OrgRequest, public_id: str) -> HttpResponseBase:
    export = exports.good(request.org, public_id, request.now)
    file = Path(settings.ENV.files) / export.path if export else None
    if export is None or export.ready_at is None or file is None or not file.exists():
        raise Http404
    name = f"{request.org.slug}-{request.org.today(export.ready_at).isoformat()}.zip"
    return download(file_in_pieces(file), name, "application/zip", export.size)


@org_page(Right.OWN, closed_too=True)
@fresh_login
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: OrgRequest) -> HttpResponse:
    form = DeletionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            deletion.ask(
                request.org, form.cleaned_data["name"], by=request.user, now=request.now, address=came_from(request)
            )
        except Refused as error:
            form.add_error("name", str(error))
        else:
            _tell_everybody(request)
            return redirect("org_settings", request.org.slug)
    return page(request, "org_settings", "org_settings/delete.html", form=form, days=deletion.DELAY.days)


@org_page(Right.OWN, closed_too=True)
@require_POST
def keep(request: OrgRequest) -> HttpResponse:
    """Take the deletion back. Without a log-in anew: it harms nobody."""
    if deletion.take_back(request.org, by=request.user, now=request.now, address=came_from(request)):
        messages.success(request, gettext("%(name)s will not be deleted.") % {"name": request.org.name})
    return redirect("org_settings", request.org.slug)


def _form(org: Organisation, *, disabled: bool) -> SettingsForm:
    stored = {name: getattr(org, name) for name in actions.FIELDS}
    form = SettingsForm(initial={**stored, "reminder_days": ", ".join(map(str, org.reminder_days))})
    for field in form.fields.values():
        field.disabled = disabled
    return form


def _settings(request: OrgRequest, form: SettingsForm) -> HttpResponse:
    made = request.org.exports.select_related("asked_by").order_by("-id")[:EXPORTS_SHOWN]
    facts = {
        "form": form,
        "exports": [(export, _state(export, request)) for export in made],
        "lasts": exports.LASTS,
        "may_export": may(request.role, Right.ADMIN),
        "may_delete": may(request.role, Right.OWN),
    }
    return page(request, "org_settings", "org_settings/settings.html", **facts)


def _tell_everybody(request: OrgRequest) -> None:
    """Mail to owners and admins; on every page it stands from now on, whether or not the mail server takes it."""
    request.org.refresh_from_db()
    try:
        letters = deletion.letters(request.org, by=request.user, base_url=settings.BASE_URL, now=request.now)
        get_connection().send_messages(letters)
    except OSError:  # what smtplib raises is one, too
        log.warning("That an organisation will be deleted could not be mailed.", org=request.org.pk, exc_info=True)
        messages.warning(request, gettext("The mails to the owners and admins could not be sent. Tell them yourself."))


def _state(export: Export, request: OrgRequest) -> str:
    if export.error:
        return "failed"
    if export.ready_at is None:
        return "making"
    return "ready" if export.path and export.ready_at + exports.LASTS > request.now else "over"


urls: list[URLPattern] = [
    path("admin/settings/", org_settings, name="org_settings"),
    path("admin/settings/save/", save, name="org_settings_save"),
    path("admin/settings/export/", ask_for_export, name="export_ask"),
    path("admin/settings/export/<str:public_id>/", fetch_export, name="export"),
    path("admin/settings/delete/", delete, name="org_delete"),
    path("admin/settings/keep/", keep, name="org_keep"),
]
