"""Days as people type them."""

from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from certwatch.rules import cells


class TypedDayField(forms.CharField):
    """A day in any of the ways of an import file: 31.12.2026, 31 Dec 2026, 2026-12-31, …; None where it is empty."""

    def __init__(self, **options: Any) -> None:
        attrs = {"inputmode": "text", "autocomplete": "off"}
        super().__init__(max_length=40, widget=forms.TextInput(attrs), **options)

    def prepare_value(self, value: Any) -> Any:
        return value.isoformat() if isinstance(value, date) else value

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return cells.day_of(text)
        except (ValueError, OverflowError) as error:
            raise ValidationError(_("“%(text)s” is no date. Write it like 31.12.2026.") % {"text": text}) from error
