"""Contact Us: a form whose message is kept and mailed to the operator by the worker."""

import unicodedata

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from certwatch.actions import contacts
from certwatch.rules.clients import neighbourhood
from certwatch.web.doors import came_from


class ContactForm(forms.Form):
    """`website` is a trap: people do not see it, programs that fill in everything do."""

    use_required_attribute = True

    name = forms.CharField(label=_("Your name"), max_length=150, widget=forms.TextInput({"autocomplete": "name"}))
    email = forms.EmailField(
        label=_("E-mail"),
        max_length=254,
        help_text=_("The answer goes there."),
        widget=forms.EmailInput({"autocomplete": "email"}),
    )
    organisation = forms.CharField(
        label=_("Organisation (optional)"),
        max_length=200,
        required=False,
        widget=forms.TextInput({"autocomplete": "organization"}),
    )
    text = forms.CharField(label=_("Message"), max_length=5_000, widget=forms.Textarea({"rows": 8}))
    website = forms.CharField(
        label=_("Leave this field empty"),
        required=False,
        widget=forms.TextInput({"autocomplete": "off", "tabindex": "-1"}),
    )

    def clean_name(self) -> str:
        return self._one_line("name")

    def clean_organisation(self) -> str:
        return self._one_line("organisation")

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        try:
            contacts.ascii_address(email)
        except UnicodeError as error:
            raise ValidationError(_("Mail cannot be sent to this address.")) from error
        return email

    def clean_text(self) -> str:
        text = self.cleaned_data["text"].replace("\r\n", "\n").replace("\r", "\n")
        return "".join(char for char in text if char in "\n\t" or unicodedata.category(char) != "Cc")

    def _one_line(self, field: str) -> str:
        """It comes to stand in a mail's head."""
        words = "".join(c if unicodedata.category(c) != "Cc" else " " for c in self.cleaned_data[field]).split()
        if not words and self.fields[field].required:
            raise ValidationError(self.fields[field].error_messages["required"])
        return " ".join(words)


@require_http_methods(["GET", "HEAD", "POST"])
def contact(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _page(request, ContactForm(initial=_known(request)))
    form = ContactForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    facts = form.cleaned_data
    if facts.pop("website"):
        return _page(request, _without_trap(form))
    try:
        contacts.keep(
            **facts,
            language=translation.get_language() or "en",
            came_from=neighbourhood(came_from(request) or ""),
            now=timezone.now(),
        )
    except contacts.TooMany:
        return _page(request, form, too_many=True, status=429)
    return redirect("contact_sent")


@require_safe
def sent(request: HttpRequest) -> HttpResponse:
    return render(request, "contact/sent.html")


def _page(request: HttpRequest, form: ContactForm, *, too_many: bool = False, status: int = 200) -> HttpResponse:
    facts = {"form": form, "too_many": too_many, "operator_email": settings.OPERATOR_EMAIL}
    return render(request, "contact/contact.html", facts, status=status)


def _known(request: HttpRequest) -> dict[str, str]:
    """What we know of who is logged in."""
    return {"name": request.user.name, "email": request.user.email} if request.user.is_authenticated else {}


def _without_trap(form: ContactForm) -> ContactForm:
    """`form` once more, to be sent again by a person whose browser filled in the field that he does not see."""
    again = ContactForm({**form.data.dict(), "website": ""})  # type: ignore[attr-defined]
    again.add_error(None, _("This looked like a message from a program, so it was not sent. Please send it again."))
    return again


urls: list[URLPattern] = [
    path("contact", contact, name="contact"),
    path("contact/sent/", sent, name="contact_sent"),
]
