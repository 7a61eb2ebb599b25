"""What suppliers upload, as the organisation sees it: asking for it, looking at it, accepting or dismissing it."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from certwatch.actions import upload_links
from certwatch.models import Certificate, Proposal, SupplierContact
from certwatch.rules.errors import Refused
from certwatch.rules.rights import Right
from certwatch.web.certificate import any_of, back, find
from certwatch.web.documents import as_download
from certwatch.web.doors import OrgRequest, came_from, org_page

BY_HAND = "link"  # instead of a contact


class AskForm(forms.Form):
    """To whom the link goes: one of the supplier's contacts who has an address, or the reader, who hands it on."""

    to = forms.ChoiceField(label=_("Whom to ask"), widget=forms.RadioSelect)
    language = forms.ChoiceField(
        label=_("Language of the page"),
        choices=settings.LANGUAGES,
        required=False,
        help_text=_("For a link that you hand on yourself; a contact has a language of his own."),
    )

    def __init__(self, request: OrgRequest, certificate: Certificate) -> None:
        found = certificate.supplier.contacts.exclude(email="").order_by("name", "pk") if certificate.supplier else ()
        self.contacts: dict[str, SupplierContact] = {contact.public_id: contact for contact in found}
        people = [(key, f"{c.name}, {c.email}" if c.name else c.email) for key, c in self.contacts.items()]
        initial = {"to": people[0][0] if people else BY_HAND, "language": request.org.language}
        super().__init__(request.POST if request.method == "POST" else None, initial=initial)
        by_hand = (BY_HAND, _("Nobody: show me the link, I hand it on myself"))
        self.fields["to"].choices = [*people, by_hand]  # type: ignore[attr-defined]

    @property
    def contact(self) -> SupplierContact | None:
        return self.contacts.get(self.cleaned_data["to"])


@sensitive_variables("link", "address")
@org_page(Right.CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: OrgRequest, public_id: str) -> HttpResponse:
    certificate = find(request, public_id)
    form = AskForm(request, certificate)
    facts: dict[str, Any] = {"active": "certificates", "certificate": certificate, "form": form}
    if not form.is_valid():
        return render(request, "certificate/ask.html", facts)
    contact, language = form.contact, form.cleaned_data["language"] or request.org.language
    try:
        link = upload_links.ask(
            certificate, contact=contact, language=language, by=request.user, now=request.now,
            address=came_from(request),
        )  # fmt: skip
    except Refused as error:
        form.add_error(None, str(error))
        return render(request, "certificate/ask.html", facts)
    if contact is not None:
        messages.success(request, gettext("A mail with a link goes to %(email)s.") % {"email": contact.email})
        return back(request, certificate)
    facts |= {"link": link, "address": upload_links.address_of(link)}
    response = render(request, "certificate/asked.html", facts)  # the only page that ever holds the address
    response["Cache-Control"] = "no-store"
    return response


@org_page(Right.CHANGE)
@require_POST
def revoke(request: OrgRequest, public_id: str, link_id: str) -> HttpResponse:
    certificate = find(request, public_id)
    link = get_object_or_404(certificate.upload_links.select_related("org", "certificate"), public_id=link_id)
    upload_links.revoke(link, by=request.user, now=request.now, address=came_from(request))
    messages.success(request, gettext("The link is revoked: nobody can upload over it any more."))
    return back(request, certificate)


@org_page(Right.READ)
@require_safe
def download(request: OrgRequest, public_id: str, proposal_id: str) -> HttpResponse:
    """The file as long as nobody has decided, never shown inside the site: a stranger uploaded it."""
    return as_download(_found(any_of(request, public_id), proposal_id))


@org_page(Right.CHANGE)
@require_POST
def accept(request: OrgRequest, public_id: str, proposal_id: str) -> HttpResponse:
    certificate = find(request, public_id)
    proposal = _found(certificate, proposal_id)
    try:
        document = upload_links.accept(proposal, by=request.user, now=request.now, address=came_from(request))
    except Refused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, gettext("%(name)s is one of the documents now.") % {"name": document.name})
    return back(request, certificate)


@org_page(Right.CHANGE)
@require_POST
def dismiss(request: OrgRequest, public_id: str, proposal_id: str) -> HttpResponse:
    certificate = find(request, public_id)
    proposal = _found(certificate, proposal_id)
    try:
        upload_links.dismiss(proposal, by=request.user, now=request.now, address=came_from(request))
    except Refused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, gettext("%(name)s is dismissed.") % {"name": proposal.name})
    return back(request, certificate)


def _found(certificate: Certificate, proposal_id: str) -> Proposal:
    proposal: Proposal = get_object_or_404(certificate.proposals.all(), public_id=proposal_id)
    if not proposal.path:
        raise Http404  # decided, and its file gone
    proposal.org, proposal.certificate = certificate.org, certificate
    return proposal


_BELOW = "certificates/<slug:public_id>/"

urls: list[URLPattern] = [
    path(f"{_BELOW}ask/", ask, name="supplier_ask"),
    path(f"{_BELOW}links/<slug:link_id>/revoke/", revoke, name="upload_link_revoke"),
    path(f"{_BELOW}proposals/<slug:proposal_id>/", download, name="proposal"),
    path(f"{_BELOW}proposals/<slug:proposal_id>/accept/", accept, name="proposal_accept"),
    path(f"{_BELOW}proposals/<slug:proposal_id>/dismiss/", dismiss, name="proposal_dismiss"),
]
