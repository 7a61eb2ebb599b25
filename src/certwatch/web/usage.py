"""Org Admin: use of the API."""

from datetime import datetime

from django.http import HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.http import require_safe

from certwatch.models import usage as counters
from certwatch.rules import usage as rules
from certwatch.rules.rights import Right
from certwatch.web.doors import OrgRequest, org_page
from certwatch.web.org_admin import page

LABEL_EVERY = {"24h": 18, "30d": 5}  # bars: three hours, five days


@org_page(Right.READ_ADMIN)
@require_safe
def usage(request: OrgRequest) -> HttpResponse:
    period = "30d" if request.GET.get("period") == "30d" else "24h"
    zone = timezone.get_current_timezone()
    since = rules.since(period, request.now, zone)
    counts = rules.spread(period, counters.by_ten_minutes(request.org, since), request.now, zone)
    keys = counters.by_key(request.org, since)
    facts = {
        "period": period,
        "since": since,
        "keys": keys,
        "chart": rules.chart(counts, request.org.rate_limit),
        "labels": _labels(period, counts),
        "counts": [count for count in counts if count.answered or count.limited],
        "busiest": max(counts, key=lambda count: count.busiest),
        "answered": sum(count.answered for count in counts),
        "limited": sum(count.limited for count in counts),
        "refused": sum(count.refused for count in counts),
        "most_limited": max(keys, key=lambda key: key["limited"], default=None),
    }
    return page(request, "usage", "usage/usage.html", **facts)


def _labels(period: str, counts: list[rules.Count]) -> list[tuple[str, str, bool]]:
    """Texts of the axis: where, what, and whether a small screen has room for it, too."""
    every = LABEL_EVERY[period]
    whole = (place for place, count in enumerate(counts) if period == "30d" or _is_whole(count.start))
    first = next(whole, 0)  # where the hour of a zone begins between two bars, none is whole
    places = range(first, len(counts), every)
    return [
        (rules.across(place, len(counts)), _label(period, counts[place].start), number % 2 == 0)
        for number, place in enumerate(places)
    ]


def _is_whole(moment: datetime) -> bool:
    """Whether a label of the axis may stand at this time: every three hours."""
    local = timezone.localtime(moment)
    return local.minute == 0 and local.hour % 3 == 0


def _label(period: str, moment: datetime) -> str:
    local = timezone.localtime(moment)
    return date_format(local, "TIME_FORMAT") if period == "24h" else date_format(local, "MONTH_DAY_FORMAT")


urls: list[URLPattern] = [path("admin/usage/", usage, name="usage")]
