"""Fields that several forms have."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from certwatch.rules import names
from certwatch.rules.errors import Refused


class NameField(forms.CharField):
    """A name that people give (`rules.names`)."""

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        if not text:
            return ""
        try:
            return names.clean(text, "", self.max_length or len(text))
        except Refused as error:
            raise ValidationError(_("It holds characters that cannot be seen. Type it anew.")) from error


class DayField(forms.DateField):
    """A day. Browsers show it in the reader's way and send it as 2026-12-31."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"), **options)


class LongSelect(forms.Select):
    """A choice of hundreds, without groups: Django's own makes a template of each, a quarter of a second for zones."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen = "" if value is None else str(value)
        options = format_html_join(
            "",
            '<option value="{}"{}>{}</option>',
            ((key, mark_safe(" selected") if key == chosen else "", label) for key, label in self.choices),
        )
        shape = flatatt({**self.build_attrs(self.attrs, attrs), "name": name})
        return format_html("<select{}>{}</select>", shape, options)
