"""Days before the last day of one certificate on which it is told that it ends."""

import re
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from certwatch.actions import reminder_plans
from certwatch.models import ReminderPlan
from certwatch.rules.errors import Refused
from certwatch.rules.rights import Right
from certwatch.web.certificate import back, find
from certwatch.web.doors import OrgRequest, came_from, org_page

WAYS = (
    ("usual", _("As usual: by its tag, its scheme, or as the organisation says")),
    ("own", _("On days of its own")),
    ("never", _("Never")),
)


class RemindersForm(forms.Form):
    """As usual, on days of its own, or never."""

    way = forms.ChoiceField(label=_("Remind"), choices=WAYS, widget=forms.RadioSelect)
    days = forms.CharField(
        label=_("Days before the last day"), required=False, max_length=100, help_text=_("E.g. 90, 60, 30, 7.")
    )

    def __init__(self, plan: ReminderPlan | None, data: Any = None) -> None:
        way = "usual" if plan is None else "own" if plan.days else "never"
        super().__init__(data, initial={"way": way, "days": ", ".join(map(str, plan.days)) if plan else ""})

    def clean_days(self) -> list[int]:
        texts = [text for text in re.split(r"[\s,;]+", self.cleaned_data["days"]) if text]
        if not all(text.isascii() and text.isdigit() and len(text) < 5 for text in texts):
            raise ValidationError(_("Whole numbers, separated by commas."))
        return [int(text) for text in texts]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("way") == "own" and cleaned.get("days") == []:
            self.add_error("days", _("Name at least one day."))
        return cleaned

    @property
    def wanted(self) -> list[int] | None:
        """Days of its own; [] for never, None for as usual."""
        return {"usual": None, "never": []}.get(self.cleaned_data["way"], self.cleaned_data["days"])


@org_page(Right.CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def reminders(request: OrgRequest, public_id: str) -> HttpResponse:
    certificate = find(request, public_id)
    form = RemindersForm(certificate.reminder_plans.first(), request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            reminder_plans.of_certificate(
                certificate, form.wanted, by=request.user, now=request.now, address=came_from(request)
            )
        except Refused as error:
            form.add_error("days", str(error))
        else:
            messages.success(request, gettext("Saved."))
            return back(request, certificate)
    return render(
        request, "certificate/reminders.html", {"active": "certificates", "certificate": certificate, "form": form}
    )


urls: list[URLPattern] = [path("certificates/<slug:public_id>/reminders/", reminders, name="certificate_reminders")]
