"""One certificate: what it is and why, its history, and what a person may do about it."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from certwatch.actions import certificates, checks, descriptions
from certwatch.actions.descriptions import Description
from certwatch.models import Certificate, Kind
from certwatch.rules.cells import tags_of
from certwatch.rules.errors import Refused
from certwatch.rules.rights import Right
from certwatch.web import certificate_facts
from certwatch.web.days import TypedDayField
from certwatch.web.doors import OrgRequest, came_from, org_page

MOST_SUPPLIERS = 20  # offered while somebody types a name


def find(request: OrgRequest, public_id: str) -> Certificate:
    """The certificate with this id that the organisation watches; 404 if there is none."""
    certificate = any_of(request, public_id)
    if certificate.removed_at is not None:
        raise Http404
    return certificate


def any_of(request: OrgRequest, public_id: str) -> Certificate:
    """The same, also if it is watched no more: its history can still be read."""
    rows = request.org.certificates.select_related("supplier", "responsible", "entry", "added_by")
    certificate: Certificate = get_object_or_404(rows, public_id=public_id)
    certificate.org = request.org
    return certificate


@org_page(Right.READ)
@require_safe
def certificate(request: OrgRequest, public_id: str) -> HttpResponse:
    facts = certificate_facts.of(request, any_of(request, public_id))
    return render(request, "certificate/certificate.html", facts)


def back(request: OrgRequest, certificate: Certificate) -> HttpResponse:
    """To the certificate's page."""
    return redirect("certificate", request.org.slug, certificate.public_id)


class DescriptionForm(forms.Form):
    """What the organisation itself says of a certificate."""

    supplier = forms.CharField(
        label=_("Supplier"),
        max_length=300,
        required=False,
        help_text=_("Who sells to you, in your words. The holder is what stands on the certificate."),
        widget=forms.TextInput({"list": "suppliers", "autocomplete": "off"}),
    )
    responsible = forms.ChoiceField(label=_("Responsible"), required=False)
    tags = forms.CharField(
        label=_("Tags"),
        max_length=4000,
        required=False,
        help_text=_("With commas between them."),
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    notes = forms.CharField(
        label=_("Notes"), max_length=descriptions.LONGEST_NOTES, required=False, widget=forms.Textarea({"rows": 5})
    )
    review_on = TypedDayField(
        label=_("Next review"), required=False, help_text=_("When somebody should look again, e.g. 31.12.2026.")
    )

    def __init__(self, request: OrgRequest, certificate: Certificate, data: Any = None) -> None:
        initial = {
            "supplier": certificate.supplier.name if certificate.supplier else "",
            "responsible": certificate.responsible.email if certificate.responsible else "",
            "tags": ", ".join(certificate.tags),
            "notes": certificate.notes,
            "review_on": certificate.review_on,
        }
        super().__init__(data, initial=initial)
        self.people = {user.email: user for user in descriptions.people(request.org, request.now)}
        if certificate.responsible:
            self.people.setdefault(certificate.responsible.email, certificate.responsible)
        people = [(email, str(user)) for email, user in self.people.items()]
        self.fields["responsible"].choices = [("", _("Nobody")), *people]  # type: ignore[attr-defined]
        if certificate.kind != Kind.NIS:
            del self.fields["review_on"]

    @property
    def said(self) -> Description:
        data = self.cleaned_data
        return Description(
            supplier=" ".join(data["supplier"].split()),
            responsible=self.people.get(data["responsible"]),
            tags=tags_of(data["tags"]),
            notes=data["notes"].replace("\r\n", "\n").strip(),
            review_on=data.get("review_on"),
        )


@org_page(Right.CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def describe(request: OrgRequest, public_id: str) -> HttpResponse:
    certificate = find(request, public_id)
    form = DescriptionForm(request, certificate, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            descriptions.describe(certificate, form.said, by=request.user, now=request.now, address=came_from(request))
        except Refused as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, gettext("Saved."))
            return back(request, certificate)
    facts = {"active": "certificates", "certificate": certificate, "form": form, "suppliers": most_used(request)}
    return render(request, "certificate/describe.html", facts)


def most_used(request: OrgRequest) -> list[str]:
    """Names of suppliers to offer while somebody types: the most used."""
    return descriptions.suppliers_by_use(request.org, MOST_SUPPLIERS)


@org_page(Right.CHANGE)
@require_POST
def choose(request: OrgRequest, public_id: str) -> HttpResponse:
    """The holder that is meant; without one a choice is taken back."""
    certificate = find(request, public_id)
    holder = request.POST.get("holder")
    try:
        certificates.choose(certificate, holder, by=request.user, now=request.now, address=came_from(request))
    except Refused as error:
        messages.error(request, str(error))
    else:
        done = gettext("The holder is chosen.") if holder is not None else gettext("The choice is taken back.")
        messages.success(request, done)
    return back(request, certificate)


@org_page(Right.CHANGE)
@require_POST
def check(request: OrgRequest, public_id: str) -> HttpResponse:
    """Have the register asked for this number. The worker does it; the page looks again until it has."""
    certificate = find(request, public_id)
    try:
        checks.ask(certificate, by=request.user, now=request.now, address=came_from(request))
    except Refused as error:
        messages.error(request, str(error))
    return back(request, certificate)


@org_page(Right.CHANGE)
@require_POST
def approve(request: OrgRequest, public_id: str) -> HttpResponse:
    """Let count what somebody else entered; `entered_at` says what exactly was looked at."""
    certificate = find(request, public_id)
    try:
        entered_at = datetime.fromisoformat(request.POST.get("entered_at", ""))
    except ValueError:
        raise Http404 from None  # no page of ours asks for that
    try:
        certificates.approve(certificate, entered_at, by=request.user, now=request.now, address=came_from(request))
    except Refused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, gettext("Approved."))
    return back(request, certificate)


@org_page(Right.CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: OrgRequest, public_id: str) -> HttpResponse:
    certificate = find(request, public_id)
    if request.method != "POST":
        return render(request, "certificate/remove.html", {"active": "certificates", "certificate": certificate})
    certificates.stop_watching(request.org, [certificate], by=request.user, now=request.now, address=came_from(request))
    messages.success(request, gettext("%(number)s is not watched any more.") % {"number": certificate.number})
    return redirect("certificates", request.org.slug)


def _below(name: str) -> str:
    return f"certificates/<slug:public_id>/{name}"


urls: list[URLPattern] = [
    path(_below(""), certificate, name="certificate"),
    path(_below("describe/"), describe, name="certificate_describe"),
    path(_below("choose/"), choose, name="certificate_choose"),
    path(_below("check/"), check, name="certificate_check"),
    path(_below("approve/"), approve, name="certificate_approve"),
    path(_below("remove/"), remove, name="certificate_remove"),
]
