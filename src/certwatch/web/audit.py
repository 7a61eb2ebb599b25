"""Org Admin: the audit log."""

import json
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from certwatch.actions import secrets, tables
from certwatch.models import AuditEntry, User
from certwatch.rules.rights import Right
from certwatch.web import deeds
from certwatch.web.doors import OrgRequest, org_page
from certwatch.web.fields import DayField
from certwatch.web.org_admin import page
from certwatch.web.streams import download

PAGE = 50  # rows
AT_ONCE = 500
NOBODY = "-"  # the command line and duties


class Filter(forms.Form):
    """What the address says; what makes no sense is passed over."""

    q = forms.CharField(required=False, max_length=200)
    by = forms.ChoiceField(required=False)
    action = forms.ChoiceField(required=False)
    first = DayField(label=_("From"), required=False)
    last = DayField(label=_("Until"), required=False)

    def __init__(self, *args: Any, people: list[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        everybody = [("", _("Everybody")), *((user.email, str(user)) for user in people), (NOBODY, _("Command line"))]
        self.fields["by"].choices = everybody  # type: ignore[attr-defined]
        self.fields["action"].choices = [("", _("Everything")), *deeds.choices()]  # type: ignore[attr-defined]


@org_page(Right.READ_ADMIN)
@require_safe
def audit(request: OrgRequest) -> HttpResponse:
    form = _filter(request)
    entries = _found(request, form)
    rows, newer, older = _page(entries, request)
    facts = {
        "form": form,
        "rows": [(entry, deeds.in_words(entry.action), _who(entry), _details(entry)) for entry in rows],
        "count": entries.count(),
        "newer": newer,
        "older": older,
        "query": _query(form),
        "is_filtered": any(form.cleaned_data.values()),
    }
    return page(request, "audit", "audit/log.html", **facts)


@org_page(Right.READ_ADMIN)
@require_safe
def export(request: OrgRequest) -> HttpResponseBase:
    """What is filtered, all of it, the newest first."""
    table = _table(_found(request, _filter(request)), ZoneInfo(timezone.get_current_timezone_name()))
    name = f"audit-log-{request.org.slug}-{request.today.isoformat()}.csv"
    return download(tables.csv(table), name, "text/csv; charset=utf-8")


def _filter(request: OrgRequest) -> Filter:
    members = request.org.memberships.select_related("user").order_by("user__name", "user__email")
    form = Filter(request.GET, people=[member.user for member in members])
    form.full_clean()
    return form


def _found(request: OrgRequest, form: Filter) -> "QuerySet[AuditEntry]":
    wanted, found = form.cleaned_data, request.org.audit_entries.select_related("by")
    if text := wanted.get("q"):
        texts = ("about", "about_id", "by_label", "by__name", "source_address")
        found = found.filter(Q(*((f"{field}__icontains", text) for field in texts), _connector=Q.OR))
    if action := wanted.get("action"):
        found = found.filter(action=action) if "." in action else found.filter(action__startswith=f"{action}.")
    if by := wanted.get("by"):
        found = found.filter(by=None) if by == NOBODY else found.filter(by__email=by)
    zone = timezone.get_current_timezone()
    if first := wanted.get("first"):
        found = found.filter(at__gte=datetime.combine(first, time.min, zone))
    if last := wanted.get("last"):
        found = found.filter(at__lt=datetime.combine(last + timedelta(days=1), time.min, zone))
    return found.order_by("-id")


def _page(entries: "QuerySet[AuditEntry]", request: OrgRequest) -> tuple[list[AuditEntry], str, str]:
    """The rows of the page that the address names, and the cursors of the newer and the older one."""
    after = _place(request.GET.get("after", ""))
    if after is not None:
        found = list(reversed(entries.filter(id__gt=after).order_by("id")[: PAGE + 1]))
        rows, more = found[-PAGE:], len(found) > PAGE
        return rows, _cursor(rows[0]) if more else "", _cursor(rows[-1]) if rows else ""
    before = _place(request.GET.get("before", ""))
    found = list((entries if before is None else entries.filter(id__lt=before))[: PAGE + 1])
    rows, more = found[:PAGE], len(found) > PAGE
    return rows, _cursor(rows[0]) if rows and before is not None else "", _cursor(rows[-1]) if more else ""


def _cursor(entry: AuditEntry) -> str:
    """A place in the log. Encrypted: the number counts the deeds of all organisations."""
    return secrets.encrypt(str(entry.pk))


def _place(cursor: str) -> int | None:
    """None where there is no cursor, or none that we gave."""
    try:
        return int(secrets.decrypt(cursor)) if cursor else None
    except secrets.Unreadable:
        return None


def _query(form: Filter) -> str:
    """The filter as the address has it."""
    return urlencode({name: form[name].value() for name, value in form.cleaned_data.items() if value})


def _who(entry: AuditEntry) -> str:
    if entry.by is not None:
        return str(entry.by)
    return str(deeds.ACTORS.get(entry.by_label, entry.by_label))


def _details(entry: AuditEntry) -> str:
    """What else was noted, in the words of the export."""
    known = {name: value for name, value in entry.details.items() if value not in (None, "", [], {})}
    return "; ".join(f"{name}: {_text(value)}" for name, value in known.items())


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_move(item)}" for name, item in value.items())
    if isinstance(value, list) and all(isinstance(item, str | int) for item in value):
        return ", ".join(map(str, value)) or "–"
    if isinstance(value, str):
        return value or "–"
    return json.dumps(value, ensure_ascii=False)


def _move(value: Any) -> str:
    """What a field was and is, where both were noted."""
    if isinstance(value, list) and len(value) == 2:
        return f"{_text(value[0])} → {_text(value[1])}"
    return _text(value)


def _table(entries: "QuerySet[AuditEntry]", zone: ZoneInfo) -> Iterator[list[str]]:
    """The words are looked up at once: the rows follow when the page's language is no longer set."""
    words = {action: str(deed) for action, deed in deeds.DEEDS.items()}
    headings = [gettext("When"), gettext("Who"), gettext("E-mail"), gettext("What"), gettext("Action"),
                gettext("Object"), gettext("Id"), gettext("From"), gettext("Details")]  # fmt: skip
    return _lines(entries, zone, words, headings)


def _lines(
    entries: "QuerySet[AuditEntry]", zone: ZoneInfo, words: dict[str, str], headings: list[str]
) -> Iterator[list[str]]:
    yield headings
    last = None
    while rows := list((entries if last is None else entries.filter(id__lt=last))[:AT_ONCE]):
        for entry in rows:
            yield [
                entry.at.astimezone(zone).isoformat(timespec="seconds"), str(entry.by or ""), entry.by_label,
                words.get(entry.action, entry.action), entry.action, entry.about, entry.about_id,
                entry.source_address or "", _details(entry),
            ]  # fmt: skip
        last = rows[-1].pk


urls: list[URLPattern] = [
    path("admin/audit/", audit, name="audit"),
    path("admin/audit/export.csv", export, name="audit_csv"),
]
