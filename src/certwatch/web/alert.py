"""One alert: what happened, who is told and how it went, and what a person decides about it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from certwatch.actions import alerts as actions
from certwatch.actions import descriptions, inbox
from certwatch.actions.notices import STANDING
from certwatch.models import AuditEntry, EntryVersion, Notice, Telling, When
from certwatch.rules.errors import Refused
from certwatch.rules.notices import Kind, State
from certwatch.rules.rights import Right
from certwatch.sources import SOURCES
from certwatch.templatetags.certwatch import day
from certwatch.web import alert_words as words
from certwatch.web import deeds
from certwatch.web.alerts import AcknowledgeForm, look
from certwatch.web.doors import OrgRequest, came_from, org_page
from certwatch.web.fields import DayField


class SnoozeForm(forms.Form):
    """A snooze has a reason and an end."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=actions.LONGEST_COMMENT, widget=forms.Textarea({"rows": 2})
    )
    until = DayField(label=gettext_lazy("Until the end of"), help_text=gettext_lazy("Then it is open again."))


class AssignForm(forms.Form):
    """A member, or nobody."""

    to = forms.ChoiceField(label=gettext_lazy("Who sees to it"), required=False)

    def __init__(self, request: OrgRequest, notice: Notice, data: Any = None) -> None:
        super().__init__(data, initial={"to": notice.assigned_to.email if notice.assigned_to else ""})
        self.people = {user.email: user for user in descriptions.people(request.org, request.now)}
        if notice.assigned_to:
            self.people.setdefault(notice.assigned_to.email, notice.assigned_to)
        people = [(email, str(user)) for email, user in self.people.items()]
        self.fields["to"].choices = [("", _("Nobody")), *people]  # type: ignore[attr-defined]


def find(request: OrgRequest, public_id: str) -> Notice:
    """The organisation's alert with this id; 404 if there is none."""
    rows = request.org.notices.select_related(
        "certificate__supplier", "certificate__entry", "certificate__responsible", "change__run", "change__entry",
        "assigned_to", "decided_by",
    )  # fmt: skip
    notice: Notice = get_object_or_404(rows, public_id=public_id)
    return notice


@org_page(Right.READ)
@require_http_methods(["GET", "HEAD"])
def alert(request: OrgRequest, public_id: str) -> HttpResponse:
    return _page(request, find(request, public_id))


@org_page(Right.CHANGE)
@require_POST
def acknowledge(request: OrgRequest, public_id: str) -> HttpResponse:
    notice, form = find(request, public_id), AcknowledgeForm(request.POST, prefix="ack")
    return _decide(request, notice, "acknowledge", form, actions.acknowledge, _("Acknowledged."))


@org_page(Right.CHANGE)
@require_POST
def snooze(request: OrgRequest, public_id: str) -> HttpResponse:
    notice, form = find(request, public_id), SnoozeForm(request.POST, prefix="snooze")
    return _decide(request, notice, "snooze", form, actions.snooze, _("Snoozed."))


@org_page(Right.CHANGE)
@require_POST
def assign(request: OrgRequest, public_id: str) -> HttpResponse:
    notice = find(request, public_id)
    form = AssignForm(request, notice, request.POST)

    def give(*about: Any, to: str, **by: Any) -> int:
        return actions.assign(*about, to=form.people.get(to), **by)

    return _decide(request, notice, "assign", form, give, _("Assigned."))


@org_page(Right.CHANGE)
@require_POST
def reopen(request: OrgRequest, public_id: str) -> HttpResponse:
    return _decide(request, find(request, public_id), "", forms.Form({}), actions.reopen, _("It is open again."))


def _decide(request: OrgRequest, notice: Notice, name: str, form: forms.Form, deed: Any, done: str) -> HttpResponse:
    """Do it and go back to the page, or show the page with what is wrong."""
    if not form.is_valid():
        return _page(request, notice, **{name: form})
    chosen = request.org.notices.filter(pk=notice.pk)
    try:
        deed(request.org, chosen, by=request.user, now=request.now, address=came_from(request), **form.cleaned_data)
    except Refused as error:
        if not name or not chosen.filter(state__in=STANDING).exists():  # there is no form any more to say it in
            messages.error(request, str(error))
            return redirect("alert", request.org.slug, notice.public_id)
        form.add_error(None, str(error))
        return _page(request, notice, **{name: form})
    messages.success(request, done)
    return redirect("alert", request.org.slug, notice.public_id)


def _page(request: OrgRequest, notice: Notice, **forms_sent: forms.Form) -> HttpResponse:
    told = inbox.tellings_of(notice)
    change, certificate = notice.change, notice.certificate
    holder, supplier = inbox.names(certificate)
    stands = notice.state in STANDING
    facts = {
        "active": "alerts",
        **look(notice, request.now),
        "certificate": certificate,
        "holder": holder,
        "supplier": supplier,
        "change": change,
        "source": SOURCES.get(change.run.source) if change and change.run else None,
        "sentence": words.sentence(notice),
        "step": words.step(notice),
        "missing": words.missing(notice),
        "reopened": words.reopened(notice) if notice.state == State.OPEN else "",
        "differences": words.differences(change),
        "lines": words.lines(change, _versions(notice)),
        "meaning": words.MEANINGS.get(notice.state, ""),
        "solved": words.solved(notice) if notice.state == State.SOLVED else "",
        "stands": stands,
        "people": [_telling(telling) for telling in told],
        "deliveries": [_delivery(delivery) for delivery in inbox.deliveries_of(request.org, notice)],
        "decisions": [_decision(entry) for entry in inbox.decisions_of(request.org, notice)],
        "reader_today": timezone.localtime(request.now).date(),
        "sent": next(iter(forms_sent), ""),
        "can_snooze": notice.kind != Kind.WITHDRAWN,
    }
    if stands and Right.CHANGE in request.rights:
        facts |= {
            "acknowledge": AcknowledgeForm(prefix="ack"),
            "snooze": SnoozeForm(prefix="snooze"),
            "assign": forms_sent.get("assign") or AssignForm(request, notice),
            **forms_sent,
        }
    return render(request, "alerts/alert.html", facts)


def _versions(notice: Notice) -> list[EntryVersion]:
    """What the register's entry said before the change, and with it."""
    change = notice.change
    if change is None or change.entry is None or not change.version or change.version < 2:
        return []
    two = change.entry.versions.filter(version__in=(change.version - 1, change.version))
    return list(two.defer("row", "records").order_by("version"))


def _telling(telling: Telling) -> dict[str, Any]:
    return {
        "who": str(telling.user or telling.channel),
        "is_channel": telling.channel_id is not None,
        "why": words.why(telling),
        "soon": When(telling.when).label,
        "waits": telling.delivery is None and telling.reachable,
        "reachable": telling.reachable,
    }


def _delivery(delivery: Any) -> dict[str, Any]:
    tries = sorted(delivery.attempts.all(), key=lambda attempt: -attempt.number)
    return {
        "delivery": delivery,
        "to": words.receiver(delivery),
        "over": words.over(delivery),
        "purpose": words.PURPOSES.get(delivery.purpose, ""),
        "tries": [(attempt, words.outcome(attempt)) for attempt in tries],
    }


def _decision(entry: AuditEntry) -> dict[str, Any]:
    until = parse_date(str(entry.details.get("until", ""))) if entry.details.get("until") else None
    return {
        "at": entry.at,
        "who": str(entry.by or entry.by_label),
        "what": deeds.in_words(entry.action),
        "to": entry.details.get("to", ""),
        "comment": entry.details.get("comment", ""),
        "until": day(until) if until else "",
    }


def _below(name: str) -> str:
    return f"alerts/<slug:public_id>/{name}"


urls: list[URLPattern] = [
    path(_below(""), alert, name="alert"),
    path(_below("acknowledge/"), acknowledge, name="alert_acknowledge"),
    path(_below("snooze/"), snooze, name="alert_snooze"),
    path(_below("assign/"), assign, name="alert_assign"),
    path(_below("reopen/"), reopen, name="alert_reopen"),
]
