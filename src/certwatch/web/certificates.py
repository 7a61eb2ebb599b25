"""The list of certificates: filter, sort, saved views, export."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy
from django.views.decorators.http import require_safe

from certwatch.actions import dashboard, listing, tables, views
from certwatch.models import SourceState
from certwatch.rules import bars
from certwatch.rules import listing as addresses
from certwatch.rules.listing import STATUSES, Filter
from certwatch.rules.rights import Right
from certwatch.rules.shown import Key
from certwatch.templatetags.certwatch import STATUSES as WORDS
from certwatch.templatetags.certwatch import day
from certwatch.web.doors import OrgRequest, org_page
from certwatch.web.streams import PIECE, download

COUNTS = frozenset({Key.VALID, Key.EXPIRING, Key.NOT_YET, Key.EXPIRED})  # whose bar is not striped

WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
WITHIN = (30, 60, 90)  # days that the filter offers

# Columns of the table that can be sorted: sort, heading, class.
COLUMNS: tuple[tuple[str, str | Promise, str], ...] = (
    ("status", gettext_lazy("Status"), ""),
    ("number", gettext_lazy("Certificate"), ""),
    ("holder", gettext_lazy("Holder"), "cw-p2"),
    ("supplier", gettext_lazy("Supplier"), "cw-p2"),
    ("scheme", pgettext_lazy("column", "Scheme"), ""),
    ("valid_until", gettext_lazy("Valid until"), ""),
)


@dataclass(frozen=True, slots=True)
class Link:
    """A link that changes what the list shows."""

    label: str
    url: str
    id: str = ""
    current: bool = False
    direction: str = ""  # of a heading: "ascending", "descending", or "" where it is not sorted by
    css: str = ""
    count: int | None = None


@org_page(Right.READ)
@require_safe
def certificates(request: OrgRequest) -> HttpResponse:
    if request.GET.get("view"):
        return _saved_view(request, request.GET["view"])
    wanted, known = wanted_by(request), dashboard.states()
    menus = listing.menus(request.org, wanted, known=known, today=request.today)
    if not menus.total:
        return render(request, "certificates/empty.html", {"active": "certificates"})
    page = listing.page(
        request.org,
        wanted,
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
        known=known,
        today=request.today,
        now=request.now,
    )
    chips = _chips(wanted)
    context = {
        "active": "certificates",
        "wanted": wanted,
        "query": urlencode(wanted.pairs()),
        "menus": menus,
        "statuses": [(word, keys, menus.statuses[word]) for word, keys in STATUSES.items()],
        "within": sorted({*WITHIN, *([wanted.expires_within] if wanted.expires_within is not None else [])}),
        "chosen_schemes": len(wanted.scheme) + bool(wanted.kind),
        "chosen_ends": sum(limit is not None for limit in (wanted.expires_within, wanted.ends_from, wanted.ends_to)),
        "chips": chips,
        "without": _without(request, chips, known) if not page.rows else None,
        "tabs": _tabs(request, wanted, menus),
        "headings": _headings(wanted),
        "rows": [(row, _bar(request, row)) for row in page.rows],
        "axis_from": request.today - bars.SPAN,
        "axis_to": request.today + bars.SPAN,
        "reader_today": timezone.localtime(request.now).date(),
        "count": menus.matching,
        "before": _query(wanted, before=page.before) if page.before else "",
        "after": _query(wanted, after=page.after) if page.after else "",
    }
    response = render(request, "certificates/list.html", context)
    if "HX-Request" in request.headers:  # the form sends its empty fields, too
        response["HX-Push-Url"] = f"{_list(request)}{_query(wanted) if wanted.pairs() else ''}"
    return response


def wanted_by(request: OrgRequest) -> Filter:
    """The filter in the address, or in the form that carries it on."""
    return addresses.read({name: request.GET.getlist(name) for name in request.GET})


@org_page(Right.READ)
@require_safe
def export_csv(request: OrgRequest) -> HttpResponseBase:
    rows = listing.table(request.org, wanted_by(request), today=request.today)
    return download(tables.csv(rows), _name(request, "csv"), "text/csv; charset=utf-8")


@org_page(Right.READ)
@require_safe
def export_xlsx(request: OrgRequest) -> HttpResponseBase:
    rows = listing.table(request.org, wanted_by(request), today=request.today)
    return download(_workbook(rows), _name(request, "xlsx"), WORKBOOK)


def _saved_view(request: OrgRequest, public_id: str) -> HttpResponse:
    view = get_object_or_404(views.visible(request.org, request.user), public_id=public_id)
    return HttpResponseRedirect(f"{_list(request)}?{view.query}")


def _list(request: OrgRequest) -> str:
    return reverse("certificates", args=[request.org.slug])


def _query(wanted: Filter, **more: str) -> str:
    return f"?{urlencode([*wanted.pairs(), *more.items()])}"


def _bar(request: OrgRequest, row: listing.Row) -> list[bars.Part]:
    certificate = row.certificate
    return bars.validity(request.today, certificate.valid_from, certificate.valid_until, counts=row.shown.key in COUNTS)


def _headings(wanted: Filter) -> list[Link]:
    headings = []
    for sort, label, css in COLUMNS:
        is_current = wanted.by == sort
        turned = f"-{sort}" if is_current and not wanted.downwards else sort
        direction = ("descending" if wanted.downwards else "ascending") if is_current else ""
        url = _query(replace(wanted, sort=turned))
        headings.append(Link(str(label), url, f"sort-{sort}", is_current, direction, css))
    return headings


@dataclass(frozen=True, slots=True)
class Chip(Link):
    """One condition of the filter; its link leads to the list without it, which is `rest`."""

    rest: Filter = field(default_factory=Filter)


def _chips(wanted: Filter) -> list[Chip]:
    conditions = [(name, value) for name, value in wanted.pairs() if name not in ("q", "sort")]
    rests = [(_chip(name, value), wanted.without(name, value)) for name, value in conditions]
    return [Chip(label, _query(rest), rest=rest) for label, rest in rests]


def _without(request: OrgRequest, chips: Sequence[Chip], known: Mapping[str, SourceState]) -> Chip | None:
    """Where nothing fits: the condition without which the most would, if any helps alone."""
    counts = listing.counts(request.org, [chip.rest for chip in chips], known=known, today=request.today)
    most = max(counts, default=0)
    return replace(chips[counts.index(most)], count=most) if most else None


def _chip(name: str, value: str) -> str:
    if name == "status":
        return ", ".join(str(WORDS[key].word) for key in STATUSES[value])
    if name == "kind":
        return _("Entered by hand") if value == "nis" else _("Checked automatically")
    if name == "expires_within":
        days = int(value)
        return ngettext("Ends within %(days)s day", "Ends within %(days)s days", days) % {"days": days}
    if name == "ends_from":
        return _("Ends from %(day)s") % {"day": day(date.fromisoformat(value))}
    if name == "ends_to":
        return _("Ends until %(day)s") % {"day": day(date.fromisoformat(value))}
    named = {"supplier": _("Supplier: %(name)s"), "tag": _("Tag: %(name)s")}
    return named.get(name, "%(name)s") % {"name": value}


def _tabs(request: OrgRequest, wanted: Filter, menus: listing.Menus) -> list[Link]:
    """Everything, what needs attention, what ends soon, what is entered by hand, and the saved views."""
    built_in: Sequence[tuple[str, Filter, int]] = (
        (_("All"), Filter(), menus.total),
        (_("Needs attention"), Filter(status=listing.ATTENTION), menus.attention),
        (_("Expiring soon"), Filter(status=("expiring",)), menus.statuses["expiring"]),
        (_("Entered by hand"), Filter(kind="nis"), menus.by_hand),
    )
    here = urlencode(replace(wanted, sort="status").pairs())
    tabs = [Link(label, _query(f), current=here == urlencode(f.pairs()), count=count) for label, f, count in built_in]
    query = urlencode(wanted.pairs())
    saved = views.visible(request.org, request.user)
    tabs += [Link(view.name, f"?view={view.public_id}", current=query == view.query) for view in saved]
    if not any(tab.current for tab in tabs):
        tabs.append(Link(_("Unsaved view"), _query(wanted), current=True))
    return tabs


def _workbook(rows: tables.Table) -> Iterator[bytes]:
    with tables.xlsx(rows) as file:
        while piece := file.read(PIECE):
            yield piece


def _name(request: OrgRequest, ending: str) -> str:
    return f"certificates-{request.org.slug}-{request.today.isoformat()}.{ending}"


urls: list[URLPattern] = [
    path("certificates/", certificates, name="certificates"),
    path("certificates/export.csv", export_csv, name="certificates_csv"),
    path("certificates/export.xlsx", export_xlsx, name="certificates_xlsx"),
]
