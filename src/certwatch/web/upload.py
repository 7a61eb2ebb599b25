"""The page where a supplier uploads a new certificate. Its link is the right; it says no status."""

from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from certwatch.actions import upload_links
from certwatch.actions.documents import Upload
from certwatch.models import UploadLink
from certwatch.rules.cells import printable
from certwatch.rules.errors import Refused
from certwatch.web.doors import came_from


class UploadForm(forms.Form):
    use_required_attribute = True

    file = forms.FileField(
        label=_("The new certificate"),
        help_text=_("A PDF, PNG or JPEG of up to 10 MB."),
        widget=forms.FileInput({"accept": ".pdf,.png,.jpg,.jpeg,application/pdf,image/png,image/jpeg"}),
        error_messages={"required": _("Choose a file first."), "empty": _("This file is empty.")},
    )
    note = forms.CharField(
        label=_("Note (optional)"),
        max_length=upload_links.LONGEST_NOTE,
        required=False,
        widget=forms.Textarea({"rows": 3}),
    )

    def clean_file(self) -> "UploadedFile[Any]":
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if file.size is None or file.size > upload_links.LARGEST:
            raise ValidationError(_("%(name)s is larger than 10 MB.") % {"name": file.name})
        return file

    def clean_note(self) -> str:
        return printable(self.cleaned_data["note"].replace("\r\n", "\n"))


@sensitive_variables("token")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest, token: str) -> HttpResponse:
    link, now = upload_links.named(token), timezone.now()
    if link is None:
        raise Http404
    chosen = settings.LANGUAGE_COOKIE_NAME in request.COOKIES  # by the visitor, on this page perhaps
    language = translation.get_language() if chosen else link.language
    with translation.override(language), timezone.override(ZoneInfo(link.org.time_zone)):
        if not upload_links.is_open(link, now):
            return render(request, "upload/over.html", status=410)
        if request.method != "POST":
            return _page(request, link, UploadForm())
        form = UploadForm(request.POST, request.FILES)
        return _take(request, link, form) if form.is_valid() else _page(request, link, form)


def _take(request: HttpRequest, link: UploadLink, form: UploadForm) -> HttpResponse:
    said, now = form.cleaned_data, timezone.now()
    file = Upload(said["file"].name or "", said["file"].read())
    try:
        upload_links.upload(link, file, said["note"], now=now, address=came_from(request))
    except upload_links.Over:
        return render(request, "upload/over.html", status=410)
    except upload_links.TooMany as error:
        form.add_error(None, str(error))
        return _page(request, link, form, status=429)
    except upload_links.Full:
        return _page(request, link, form, status=409)
    except Refused as error:
        form.add_error("file", str(error))
        return _page(request, link, form)
    return redirect(f"{request.path}?received=1")


def _page(request: HttpRequest, link: UploadLink, form: UploadForm, status: int = 200) -> HttpResponse:
    certificate = link.certificate
    facts: dict[str, Any] = {
        "form": form,
        "link": link,
        "from": link.org.name,
        "number": certificate.number,
        "holder": certificate.entry.holder if certificate.entry else certificate.holder,
        "received": "received" in request.GET,
        "left": max(upload_links.MOST_FILES - link.proposals.count(), 0),
    }
    return render(request, "upload/upload.html", facts, status=status)


urls: list[URLPattern] = [path("upload/<str:token>/", upload, name="upload")]
