"""Paste numbers, or hand in a file: each row gets its verdict before anything is saved."""

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from certwatch.actions import uploads
from certwatch.rules import pasted
from certwatch.rules.errors import Refused
from certwatch.rules.rights import Right
from certwatch.web.doors import OrgRequest, org_page
from certwatch.web.sentences import spoken


class PasteForm(forms.Form):
    text = forms.CharField(
        label=_("One number or many, from a mail, a PDF or a spreadsheet. Text around a number is ignored."),
        max_length=pasted.LONGEST_TEXT,
        widget=forms.Textarea({"rows": 9, "class": "cw-mono flex-grow-1", "spellcheck": "false"}),
        error_messages={"required": _("Paste at least one certificate number.")},
    )

    def clean_text(self) -> pasted.Pasted:
        found = pasted.read(self.cleaned_data["text"])
        if not found.numbers:
            raise forms.ValidationError(_("No certificate number was found in this text."))
        if len(found.numbers) > pasted.MOST:
            raise forms.ValidationError(_("These are more than 5,000 numbers. Upload them as a file."))
        return found


class UploadForm(forms.Form):
    file = forms.FileField(
        label=_("Choose a file, or drop it here"),
        allow_empty_file=True,  # our own words say what is wrong with it
        widget=forms.FileInput({"accept": ".csv,.tsv,.txt,.xlsx,.xls,.ods"}),
        error_messages={"required": _("Choose a file first.")},
    )


@org_page(Right.CHANGE)
def add(request: OrgRequest) -> HttpResponse:
    paste, upload = PasteForm(), UploadForm()
    if request.method == "POST" and request.POST.get("do") == "upload":
        upload = UploadForm(request.POST, request.FILES)
        if upload.is_valid() and (answer := _received(request, upload)):
            return answer
    elif request.method == "POST":
        paste = PasteForm(request.POST)
        if paste.is_valid():
            return _pasted(request, paste.cleaned_data["text"])
    return render(request, "adding/add.html", {"active": "add", "paste": paste, "upload": upload})


def _pasted(request: OrgRequest, found: pasted.Pasted) -> HttpResponse:
    made = uploads.paste(request.org, found.numbers, by=request.user, now=request.now)
    return redirect("import", request.org.slug, made.public_id)


def _received(request: OrgRequest, form: UploadForm) -> HttpResponse | None:
    """The way to the file's columns; None where it cannot be read, which the form says then."""
    file = form.cleaned_data["file"]
    try:
        made = uploads.receive(
            request.org, file.chunks(), name=file.name or gettext("File"), by=request.user, now=request.now
        )
    except Refused as refused:
        form.add_error("file", spoken(refused))
        return None
    return redirect("import", request.org.slug, made.public_id)


urls = [path("add/", add, name="add")]
