"""The dashboard of an organisation: what needs attention, what ends, how the registers stand, what changed."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from certwatch.actions import dashboard as standing
from certwatch.actions import inbox
from certwatch.models import SourceState
from certwatch.rules import charts
from certwatch.rules.rights import Right
from certwatch.rules.shown import NEED_ATTENTION, Key
from certwatch.sources import SOURCES
from certwatch.templatetags.certwatch import STATUSES
from certwatch.web.alerts import look
from certwatch.web.doors import OrgRequest, org_page

States = dict[str, SourceState]

ROWS = 20  # of what needs attention; as much as stands beside alerts, sources and schemes
SCHEMES = 8  # rows; who has more sees the largest
STATUS_QUERY = {  # of the list, where it is not the key itself
    Key.NOT_FOUND: "not_found",
    Key.UNCLEAR: "unknown",
    Key.NOT_YET: "not_yet_valid",
    Key.NEVER: "unknown",
}


REACHED = {
    charts.Reached.GOOD: _("Read"),
    charts.Reached.LATE: _("Read after a failed try"),
    charts.Reached.HELD: _("Held for review"),
    charts.Reached.FAILED: _("Not reached"),
    charts.Reached.NONE: "–",
}
FIELDS = {  # of a register's entry, as a change names them
    "number": _("number"),
    "holder": _("holder"),
    "spelling": _("holder"),
    "suspensions": _("suspensions"),
    "scopes": _("scope"),
    "materials": _("materials"),
    "since": _("day of the status"),
    "place": _("place"),
    "certifier": _("certification body"),
    "details": _("details"),
}


@org_page(Right.READ)
@require_safe
def dashboard(request: OrgRequest) -> HttpResponse:
    known = standing.states()
    counted = standing.counts(request.org, known, today=request.today, now=request.now)
    if not counted.total:
        return render(request, "dashboard/empty.html", {"active": "dashboard", "trial_days": _trial_days(request)})
    context = _attention(request, known, counted) | _sources(request, known, counted) | _schemes(counted)
    context["ends"], context["year"] = standing.ends(request.org, today=request.today), charts.YEAR
    context["alerts"] = [look(notice, request.now) for notice in inbox.first_open(request.org)]
    context["changes"] = [_change(row) for row in standing.changes(request.org)]
    context |= {"counted": counted, "now": request.now, "reader_today": timezone.localtime(request.now).date()}
    return render(request, "dashboard/page.html", context | {"active": "dashboard", "trial_days": _trial_days(request)})


def _attention(request: OrgRequest, known: States, counted: standing.Counts) -> dict[str, Any]:
    """What needs attention: all of it, or one status of it that the address names."""
    statuses = _statuses(counted)
    tabs = [row for row in statuses if row["key"] in NEED_ATTENTION]
    chosen = next((row for row in tabs if row["query"] == request.GET.get("attention")), None)
    keys = [chosen["key"]] if chosen else NEED_ATTENTION
    troubles = standing.attention(request.org, known, keys, most=ROWS, today=request.today, now=request.now)
    return {
        "statuses": statuses,
        "tabs": tabs,
        "chosen": chosen,
        "troubles": troubles,
        "attention_query": "&".join(f"status={row['query']}" for row in tabs),
    }


def _statuses(counted: standing.Counts) -> list[dict[str, Any]]:
    """A row for each status that occurs, worst first, and its part of the bar."""
    by_key = counted.by_key
    placed = charts.parts(list(by_key.values()))
    return [
        {
            "key": key,
            "icon": STATUSES[key].icon,
            "word": STATUSES[key].word,
            "query": STATUS_QUERY.get(key, key.value),
            "count": count,
            "share": count / counted.total,
            "x": x,
            "width": width,
        }
        for (key, count), (x, width) in zip(by_key.items(), placed, strict=True)
    ]


def _sources(request: OrgRequest, known: States, counted: standing.Counts) -> dict[str, Any]:
    rows = standing.health(known, counted, now=request.now, zone=timezone.get_current_timezone())
    days = zip(*(source.strip for source in rows), strict=True)
    readings = [{"day": blocks[0].day, "reached": [REACHED[block.reached] for block in blocks]} for blocks in days]
    oldest = min((source.read_began for source in rows if source.read_began), default=None)
    return {"sources": rows, "readings": readings[::-1], "oldest": oldest, "by_hand": counted.by_hand}


def _schemes(counted: standing.Counts) -> dict[str, Any]:
    rows = standing.coverage(counted)
    return {"schemes": rows[:SCHEMES], "more_schemes": len(rows[SCHEMES:])}


def _change(row: standing.Happened) -> dict[str, Any]:
    run, change = row.change.run, row.change
    return {
        "change": change,
        "was": row.was,
        "key": row.key,
        "count": row.count,
        "at_least": row.at_least,
        "source": SOURCES[run.source].title if run and run.source in SOURCES else "",
        "fields": [str(FIELDS.get(name, name)) for name in change.fields],
    }


def _trial_days(request: OrgRequest) -> int | None:
    """Days of the trial that are left, the present one included; None where there is no trial, or it is over."""
    if request.org.state(request.now) != "trial" or request.org.trial_ends is None:
        return None
    return (request.org.today(request.org.trial_ends) - request.today).days + 1


urls: list[URLPattern] = [path("", dashboard, name="dashboard")]
