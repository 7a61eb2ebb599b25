"""Certificates that no register answers for (NIS): entered by hand, and corrected."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from certwatch import sources
from certwatch.actions import certificates, descriptions, imports
from certwatch.actions.descriptions import Description
from certwatch.actions.sources import names as monitored
from certwatch.models import Certificate, Kind, OwnVersion
from certwatch.rules import numbers, schemes
from certwatch.rules.errors import BadNumber, Refused
from certwatch.rules.rights import Right
from certwatch.rules.sheets import Row
from certwatch.rules.status import Status
from certwatch.sources.source import Source
from certwatch.web.certificate import back, find, most_used
from certwatch.web.days import TypedDayField
from certwatch.web.documents import upload_of
from certwatch.web.doors import OrgRequest, came_from, org_page

STATUSES = (
    (Status.VALID, _("Valid")),
    (Status.NOT_YET_VALID, _("Not yet valid")),
    (Status.EXPIRED, _("Expired")),
    (Status.SUSPENDED, _("Suspended")),
    (Status.WITHDRAWN, _("Withdrawn")),
    (Status.TERMINATED, _("Terminated")),
    (Status.UNKNOWN, _("Unknown")),
)


class EnteredForm(forms.Form):
    """What a person says of a certificate."""

    status = forms.ChoiceField(label=_("Status"), choices=STATUSES)
    valid_from = TypedDayField(label=_("First day"), required=False, help_text=_("Like 31.12.2026 or 31 Dec 2026."))
    valid_until = TypedDayField(label=_("Last day"), required=False, help_text=_("The last day on which it is valid."))
    holder = forms.CharField(
        label=_("Holder"), max_length=400, required=False, help_text=_("As it stands on the certificate.")
    )
    scheme = forms.CharField(
        label=_("Scheme"),
        max_length=60,
        required=False,
        help_text=_("For instance KZR INiG, FSC, SURE."),
        widget=forms.TextInput({"list": "schemes", "autocomplete": "off"}),
    )
    evidence = forms.FileField(
        label=_("Evidence"),
        required=False,
        help_text=_("The certificate or a letter that shows it: a PDF, PNG or JPEG of up to 20 MB."),
        widget=forms.FileInput({"accept": ".pdf,.png,.jpg,.jpeg"}),
    )
    review_on = TypedDayField(
        label=_("Next review"), required=False, help_text=_("When somebody should look again: no register tells you.")
    )

    def clean_scheme(self) -> str:
        written = " ".join(str(self.cleaned_data["scheme"]).split())
        return schemes.named(written) or written

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        first, last = data.get("valid_from"), data.get("valid_until")
        if first and last and first > last:
            self.add_error("valid_until", _("It lies before the first day."))
        return data


class NewForm(EnteredForm):
    """The same for one that is not watched yet."""

    number = forms.CharField(
        label=_("Certificate number"),
        max_length=400,
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
    )
    supplier = forms.CharField(
        label=_("Supplier"),
        max_length=300,
        required=False,
        help_text=_("Who sells to you, in your words."),
        widget=forms.TextInput({"list": "suppliers", "autocomplete": "off"}),
    )

    def clean_number(self) -> str:
        try:
            return numbers.written(str(self.cleaned_data["number"]))
        except BadNumber as error:
            raise ValidationError(_("This can be no certificate number: it is empty, or too long.")) from error


@org_page(Right.CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def enter(request: OrgRequest) -> HttpResponse:
    """A new one. A number whose register is read had better be watched: that is offered first."""
    initial = {"number": request.GET.get("number", ""), "scheme": request.GET.get("scheme", "")}
    form = NewForm(request.POST or None, request.FILES or None, initial=initial)
    source = None
    if request.method == "POST" and form.is_valid():
        number, known = form.cleaned_data["number"], _known(request, form.cleaned_data["number"])
        if known is not None:
            return _goes_on(request, known)
        source = _answering(number, form.cleaned_data["scheme"])
        if source is not None and "watch" in request.POST:
            return _watch(request, form)
        if (source is None or "anyway" in request.POST) and (version := _save(request, number, form)):
            _describe(request, version.certificate, form.cleaned_data["supplier"])
            return back(request, version.certificate)
    return _page(request, form, source=source)


@org_page(Right.CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def correct(request: OrgRequest, public_id: str) -> HttpResponse:
    """What is now to be said; what was said before stays in the history."""
    certificate = find(request, public_id)
    if certificate.kind != Kind.NIS:
        raise Http404
    form = EnteredForm(request.POST or None, request.FILES or None, initial=_as_it_stands(certificate))
    if request.method == "POST" and form.is_valid() and _save(request, certificate.number, form):
        return back(request, certificate)
    return _page(request, form, certificate=certificate)


def _page(request: OrgRequest, form: EnteredForm, **more: Any) -> HttpResponse:
    facts = {
        "active": "certificates" if "certificate" in more else "add",
        "form": form,
        "schemes": schemes.NAMES,
        "suppliers": most_used(request),
        **more,
    }
    return render(request, "entering/enter.html", facts)


def _known(request: OrgRequest, number: str) -> Certificate | None:
    found: Certificate | None = request.org.certificates.watched().filter(number_key=numbers.key(number)).first()
    return found


def _goes_on(request: OrgRequest, known: Certificate) -> HttpResponse:
    """It is there already: to its correction, or to its page where a register answers."""
    messages.warning(request, gettext("%(number)s is watched already.") % {"number": known.number})
    if known.kind == Kind.NIS:
        return redirect("correct", request.org.slug, known.public_id)
    return redirect("certificate", request.org.slug, known.public_id)


def _answering(number: str, scheme: str) -> Source | None:
    """The source that is read here and answers for the number or the scheme."""
    source = sources.telling(numbers.key(number)) or (sources.of_scheme(scheme) if scheme else None)
    return source if source is not None and source.name in monitored() else None


def _watch(request: OrgRequest, form: NewForm) -> HttpResponse:
    """Have it watched automatically in place of what was typed."""
    data = form.cleaned_data
    row = Row(line=1, number=data["number"], scheme=data["scheme"], supplier=" ".join(data["supplier"].split()))
    list(imports.take(request.org, [row], by_hand=False, about=data["number"], by=request.user, now=request.now))
    known = _known(request, data["number"])
    assert known is not None  # a source answers for it, so it was taken
    messages.success(request, gettext("%(number)s is watched automatically.") % {"number": known.number})
    return redirect("certificate", request.org.slug, known.public_id)


def _save(request: OrgRequest, number: str, form: EnteredForm) -> OwnVersion | None:
    """What was entered, or None with the reason in the form."""
    data = form.cleaned_data
    try:
        version = certificates.enter(
            request.org,
            number,
            status=Status(data["status"]),
            valid_from=data["valid_from"],
            valid_until=data["valid_until"],
            evidence=upload_of(data["evidence"]) if data["evidence"] else None,
            holder=data["holder"].strip(),
            scheme=data["scheme"],
            review_on=data["review_on"],
            by=request.user,
            now=request.now,
            address=came_from(request),
        )
    except Refused as error:
        form.add_error(None, str(error))
        return None
    version.certificate.org = request.org
    messages.success(request, _told(version))
    return version


def _told(version: OwnVersion) -> str:
    if version.known_from is None:
        return gettext("It is stored, and waits for a second person.")
    if version.approved_at is None:
        return gettext("It is a change for the worse and counts at once; a second person still approves it.")
    return gettext("It is stored and counts.")


def _describe(request: OrgRequest, certificate: Certificate, supplier: str) -> None:
    """The supplier of a new one; a name that can be none is told, and what was entered stays."""
    name = " ".join(supplier.split())
    if not name:
        return
    said = Description(supplier=name, review_on=certificate.review_on)
    try:
        descriptions.describe(certificate, said, by=request.user, now=request.now, address=came_from(request))
    except Refused as error:
        messages.error(request, str(error))


def _as_it_stands(certificate: Certificate) -> dict[str, Any]:
    """What was entered last, also if it still waits."""
    newest = certificate.own_versions.filter(known_until=None).order_by("-id").first()
    said = newest or certificate
    return {
        "status": said.word,
        "valid_from": said.valid_from,
        "valid_until": said.valid_until,
        "holder": said.holder,
        "scheme": certificate.scheme,
        "review_on": certificate.review_on,
    }


urls: list[URLPattern] = [
    path("enter/", enter, name="enter"),
    path("certificates/<slug:public_id>/correct/", correct, name="correct"),
]
