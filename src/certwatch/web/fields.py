"""Fields that several forms have."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
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
