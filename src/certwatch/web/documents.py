"""Documents of a certificate: handed in, handed out as downloads only, removed."""

from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from certwatch.actions import documents
from certwatch.actions.documents import Upload
from certwatch.models import Certificate, Document, Proposal
from certwatch.rules.errors import Refused
from certwatch.rules.rights import Right
from certwatch.web.certificate import any_of, back, find
from certwatch.web.doors import OrgRequest, came_from, org_page


def upload_of(file: Any) -> Upload:
    """A file that came with a form. Raises `Refused` where there is none, or one too large, before it is read."""
    if not isinstance(file, UploadedFile):
        raise Refused(gettext("Choose a file first."))
    if file.size is None or file.size > documents.LARGEST:
        raise Refused(gettext("%(name)s is larger than 20 MB.") % {"name": file.name})
    return Upload(file.name or "", file.read())


@org_page(Right.CHANGE)
@require_POST
def add(request: OrgRequest, public_id: str) -> HttpResponse:
    certificate = find(request, public_id)
    try:
        upload = upload_of(request.FILES.get("document"))
        document = documents.add(certificate, upload, by=request.user, now=request.now, address=came_from(request))
    except Refused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, gettext("%(name)s is stored.") % {"name": document.name})
    return back(request, certificate)


@org_page(Right.READ)
@require_safe
def download(request: OrgRequest, public_id: str, document_id: str) -> HttpResponse:
    """The file, never shown inside the site: what somebody handed in may hold scripts."""
    return as_download(_find(any_of(request, public_id), document_id))


@org_page(Right.CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: OrgRequest, public_id: str, document_id: str) -> HttpResponse:
    certificate = find(request, public_id)
    document = _find(certificate, document_id)
    if request.method != "POST":
        facts = {"active": "certificates", "certificate": certificate, "document": document}
        return render(request, "certificate/document_remove.html", facts)
    documents.remove(document, by=request.user, now=request.now, address=came_from(request))
    messages.success(request, gettext("%(name)s is removed.") % {"name": document.name})
    return back(request, certificate)


def as_download(document: Document | Proposal) -> HttpResponse:
    """Its file as an attachment that can do nothing."""
    try:
        content = documents.content(document)
    except FileNotFoundError:
        raise Http404 from None
    return HttpResponse(
        content,
        content_type=document.content_type,
        headers={
            "Content-Disposition": content_disposition_header(True, document.name) or "attachment",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
            "Content-Encoding": "identity",  # packed already: to pack it once more would take time and gain nothing
        },
    )


def _find(certificate: Certificate, document_id: str) -> Document:
    document: Document = get_object_or_404(certificate.documents.all(), public_id=document_id)
    document.org, document.certificate = certificate.org, certificate
    return document


_BELOW = "certificates/<slug:public_id>/documents/"

urls: list[URLPattern] = [
    path(_BELOW, add, name="document_add"),
    path(f"{_BELOW}<slug:document_id>/", download, name="document"),
    path(f"{_BELOW}<slug:document_id>/remove/", remove, name="document_remove"),
]
