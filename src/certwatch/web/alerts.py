"""The list of alerts: filter, sort, acknowledge many at once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from certwatch.actions import alerts as actions
from certwatch.actions import inbox
from certwatch.actions.notices import STANDING
from certwatch.models import Notice
from certwatch.rules import inbox as addresses
from certwatch.rules.errors import Refused
from certwatch.rules.inbox import ALL, KINDS, SEVERITIES, Filter
from certwatch.rules.notices import State
from certwatch.rules.rights import Right
from certwatch.web import alert_words as words
from certwatch.web import said
from certwatch.web.certificates import Link
from certwatch.web.doors import OrgRequest, came_from, org_page
from certwatch.web.fields import DayField

FEW = 12  # that the question names
MOST_CHOSEN = 1_000  # rows of one form


class AcknowledgeForm(forms.Form):
    """Who acknowledges says why, and for how long; neither is asked for."""

    comment = forms.CharField(
        label=gettext_lazy("Comment"),
        required=False,
        max_length=actions.LONGEST_COMMENT,
        help_text=gettext_lazy("For example what was agreed with the supplier."),
        widget=forms.Textarea({"rows": 2}),
    )
    until = DayField(
        label=gettext_lazy("Until the end of"),
        required=False,
        help_text=gettext_lazy("Then it is open again. Leave it empty for good."),
    )


@org_page(Right.READ)
@require_safe
def alerts(request: OrgRequest) -> HttpResponse:
    wanted = addresses.read(_lists(request.GET))
    counted, menus = inbox.counts(request.org), inbox.menus(request.org)
    page = inbox.page(
        request.org, wanted, me=request.user, after=request.GET.get("after", ""), before=request.GET.get("before", "")
    )
    context = {
        "active": "alerts",
        "wanted": wanted,
        "query": urlencode(wanted.pairs()),
        "counted": counted,
        "total": counted.of(ALL),
        "menus": menus,
        "severities": [(name, words.SEVERITIES[name], counted.of(wanted.state, [name])) for name in SEVERITIES],
        "kinds": [(kind.value, words.KINDS[kind]) for kind in KINDS],
        "tabs": _tabs(wanted, counted),
        "chips": _chips(wanted),
        "orders": [("newest", _("Newest first")), ("severity", _("Gravest first"))],
        "rows": [_row(row, request.now) for row in page.rows],
        "count": inbox.matching(request.org, wanted, counted, me=request.user),
        "before": _query(wanted, before=page.before) if page.before else "",
        "after": _query(wanted, after=page.after) if page.after else "",
    }
    response = render(request, "alerts/list.html", context)
    if "HX-Request" in request.headers:  # the form sends its empty fields, too
        response["HX-Push-Url"] = f"{_list(request)}{_query(wanted) if wanted.pairs() else ''}"
    return response


@org_page(Right.CHANGE)
@require_POST
def acknowledge_many(request: OrgRequest) -> HttpResponse:
    """First a question, then, once it is `confirmed`, the deed."""
    query = urlencode(_wanted_in(request).pairs())
    back = f"{_list(request)}{f'?{query}' if query else ''}"
    chosen = _chosen(request)
    count = chosen.count()
    if not count:
        messages.error(request, _("Select at least one alert that is not solved first."))
        return redirect(back)
    form = AcknowledgeForm(request.POST if "confirmed" in request.POST else None)
    if form.is_bound and form.is_valid():
        try:
            done = actions.acknowledge(
                request.org, chosen, by=request.user, now=request.now, address=came_from(request), **form.cleaned_data
            )
        except Refused as error:
            form.add_error(None, str(error))
        else:
            text = ngettext("%(count)s alert is acknowledged.", "%(count)s alerts are acknowledged.", done)
            messages.success(request, text % {"count": done})
            return redirect(back)
    few = inbox.with_told(list(chosen.select_related("certificate__entry", "certificate__supplier")[:FEW]))
    context = {
        "active": "alerts",
        "form": form,
        "count": count,
        "rows": [_row(row, request.now) for row in few],
        "ids": request.POST.getlist("id")[:MOST_CHOSEN],
        "all": "all" in request.POST,
        "query": query,
        "back": back,
    }
    return render(request, "alerts/acknowledge_many.html", context)


def look(notice: Notice, now: datetime) -> dict[str, Any]:
    """An alert in words, as lists show it."""
    return {
        "age": said.ago(notice.made_at, now),
        "notice": notice,
        "severity": words.SEVERITIES[notice.severity],
        "kind": words.KINDS.get(notice.kind, notice.kind),
        "state": words.STATES[notice.state],
        "names": " · ".join(name for name in inbox.names(notice.certificate) if name),
        "about": words.about(notice),
    }


def _row(row: inbox.Row, now: datetime) -> dict[str, Any]:
    return {**look(row.notice, now), "told": _told(row), "unreached": row.unreached}


def _told(row: inbox.Row) -> str:
    """Who is told, in few words; "" while nobody has decided that, or where nobody was."""
    names, more = row.told[:2], len(row.told) - 2
    if more <= 0:
        return ", ".join(names)
    text = ngettext("%(names)s and %(more)d more", "%(names)s and %(more)d more", more)
    return text % {"names": ", ".join(names), "more": more}


def _list(request: OrgRequest) -> str:
    return reverse("alerts", args=[request.org.slug])


def _lists(values: QueryDict) -> Mapping[str, Sequence[str]]:
    return {name: values.getlist(name) for name in values}


def _query(wanted: Filter, **more: str) -> str:
    return f"?{urlencode([*wanted.pairs(), *more.items()])}"


def _wanted_in(request: OrgRequest) -> Filter:
    """The list's filter, carried on by the form; read anew, so that nothing else comes along."""
    return addresses.read(_lists(QueryDict(request.POST.get("query", ""))))


def _chosen(request: OrgRequest) -> "QuerySet[Notice]":
    """Of the rows that were chosen, or of all in the view, those that stand."""
    if "all" in request.POST:
        found = inbox.filtered(request.org, _wanted_in(request), me=request.user)
    else:
        found = request.org.notices.filter(public_id__in=request.POST.getlist("id")[:MOST_CHOSEN])
    return found.filter(state__in=STANDING).order_by("-pk")


def _tabs(wanted: Filter, counted: inbox.Counts) -> list[Link]:
    """What became of them, as far as there are such; always the open ones and all."""
    tabs = []
    for state in (*State, ALL):
        count = counted.of(state)
        if count or state in (State.OPEN, ALL, wanted.state):
            label = _("All") if state == ALL else str(words.STATES[state].word)
            url = _query(replace(wanted, state=str(state)))
            tabs.append(Link(label, url, current=wanted.state == state, count=count))
    return tabs


def _chips(wanted: Filter) -> list[Link]:
    conditions = [(name, value) for name, value in wanted.pairs() if name not in ("q", "state", "sort")]
    return [Link(_chip(name, value), _query(wanted.without(name, value))) for name, value in conditions]


def _chip(name: str, value: str) -> str:
    if name == "severity":
        return str(words.SEVERITIES[value].word)
    if name == "kind":
        return str(words.KINDS[value])
    if name == "mine":
        return _("Assigned to me")
    named = {"supplier": _("Supplier: %(name)s"), "tag": _("Tag: %(name)s")}
    return named.get(name, "%(name)s") % {"name": value}


urls: list[URLPattern] = [
    path("alerts/", alerts, name="alerts"),
    path("alerts/acknowledge/", acknowledge_many, name="acknowledge_many"),
]
