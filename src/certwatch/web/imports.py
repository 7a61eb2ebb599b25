"""Spreadsheets on their way into the list: columns, preview, progress, result."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from certwatch.actions import tables, uploads
from certwatch.models import Import, ImportRow, ImportState
from certwatch.models.imports import LEAVE_OUT
from certwatch.rules.errors import Refused
from certwatch.rules.rights import Right
from certwatch.web.doors import OrgRequest, came_from, org_page
from certwatch.web.sentences import spoken
from certwatch.web.verdicts import OUTCOMES, TO_LOOK_AT, VERDICTS, line

PAGE = 50  # rows
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

FIELDS = {
    "number": _("Certificate number"),
    "scheme": _("Scheme"),
    "supplier": _("Supplier"),
    "supplier_number": _("Supplier number"),
    "holder": _("Holder"),
    "valid_from": _("Valid from"),
    "valid_until": _("Valid until"),
    "status": _("Status"),
    "tags": _("Tags"),
    "notes": _("Notes"),
}
STATES = {
    ImportState.UPLOADED: _("Columns to confirm"),
    ImportState.LOOKING: _("Looking up"),
    ImportState.PREVIEW: _("Preview"),
    ImportState.TAKING: _("Being added"),
    ImportState.DONE: _("Done"),
    ImportState.CANCELLED: _("Cancelled"),
    ImportState.FAILED: _("Failed"),
}


@org_page(Right.READ)
@require_safe
def all_of_them(request: OrgRequest) -> HttpResponse:
    found = request.org.imports.select_related("created_by").order_by("-id").defer("look", "columns")
    before = request.GET.get("before", "")
    if before.isdecimal():
        found = found.filter(pk__lt=int(before[:18]))
    page = list(found[: PAGE + 1])
    rows = [(upload, STATES[ImportState(upload.state)], upload.counts.get("added", 0)) for upload in page[:PAGE]]
    more = page[PAGE - 1].pk if len(page) > PAGE else None
    return render(request, "imports/list.html", {"active": "add", "rows": rows, "more": more})


def one(request: HttpRequest, slug: str, public_id: str) -> HttpResponseBase:
    """An import in whatever step it is; a POST takes the next one."""
    return (_act if request.method == "POST" else _show)(request, slug, public_id)


@org_page(Right.READ)
@require_safe
def _show(request: OrgRequest, public_id: str) -> HttpResponse:
    upload = _found(request, public_id)
    if upload.state == ImportState.UPLOADED:
        return _columns(request, upload)
    if upload.state in (ImportState.LOOKING, ImportState.TAKING):
        return render(request, "imports/progress.html", _context(upload))
    return _rows(request, upload)


@org_page(Right.CHANGE)
@require_POST
def _act(request: OrgRequest, public_id: str) -> HttpResponse:
    upload = _found(request, public_id)
    deed = DEEDS.get(request.POST.get("do", ""))
    if deed is None:
        raise BadRequest
    try:
        answer = deed(request, upload)
    except Refused as refused:
        messages.error(request, spoken(refused))
        answer = None
    return answer or redirect("import", request.org.slug, public_id)


def _found(request: OrgRequest, public_id: str) -> Import:
    upload: Import = get_object_or_404(request.org.imports.select_related("created_by"), public_id=public_id)
    upload.org = request.org
    return upload


def _context(upload: Import) -> dict[str, Any]:
    return {
        "active": "add",
        "upload": upload,
        "pasted": not upload.name,
        "looking": upload.state == ImportState.LOOKING,
        "error": spoken(upload.error),
    }


def _columns(request: OrgRequest, upload: Import) -> HttpResponse:
    fields = {place: field for field, place in upload.columns.items()}
    columns = [
        (place, column, fields.get(place, ""))
        for place, column in enumerate(upload.look["columns"])
        if column["heading"] or column["filled"]
    ]
    return render(request, "imports/columns.html", {**_context(upload), "columns": columns, "fields": FIELDS.items()})


def _rows(request: OrgRequest, upload: Import) -> HttpResponse:
    """The rows with their verdicts, and what became of them."""
    counts = upload.counts
    all_of_it = sum(counts.get(verdict, 0) for verdict in VERDICTS)
    to_look_at = sum(counts.get(verdict, 0) for verdict in TO_LOOK_AT)
    preview = upload.state == ImportState.PREVIEW
    show = request.GET.get("show", "look" if preview and to_look_at and upload.name else "all")
    page, older, newer = _page(_filtered(upload, show), request.GET)
    context = {
        **_context(upload),
        "lines": [line(row, upload, request.today) for row in page],
        "older": older,
        "newer": newer,
        "show": show,
        "total": all_of_it,
        "to_look_at": to_look_at,
        "verdicts": [(key, word, counts[key]) for key, word in VERDICTS.items() if counts.get(key)],
        "outcomes": [(key, word, counts[key]) for key, word in OUTCOMES.items() if counts.get(key)],
        "added": counts.get("added", 0),
        "watched": counts.get("already_watched", 0),
        "by_hand": counts.get("by_hand", 0),
        "not_read_yet": counts.get("not_read_yet", 0),
    }
    if preview:
        context["ready"] = uploads.ready(upload)
        return render(request, "imports/preview.html", context)
    return render(request, "imports/result.html", context)


def _filtered(upload: Import, show: str) -> "QuerySet[ImportRow]":
    rows = upload.rows.select_related("certificate")
    if show == "look":
        return rows.filter(verdict__in=TO_LOOK_AT)
    if show in VERDICTS:
        return rows.filter(verdict=show)
    if show in OUTCOMES:
        return rows.filter(outcome=show)
    return rows


def _page(rows: "QuerySet[ImportRow]", query: QueryDict) -> tuple[list[ImportRow], int | None, int | None]:
    """A page of rows in the file's order, and the lines before and after which the neighbouring pages lie."""
    after, before = query.get("after", ""), query.get("before", "")
    if before.isdecimal():
        page = list(rows.filter(line__lt=int(before[:9])).order_by("-line")[: PAGE + 1])
        more, page = len(page) > PAGE, page[:PAGE][::-1]
        return page, page[0].line if more else None, page[-1].line if page else None
    start = int(after[:9]) if after.isdecimal() else 0
    page = list(rows.filter(line__gt=start).order_by("line")[: PAGE + 1])
    more, page = len(page) > PAGE, page[:PAGE]
    return page, page[0].line if start and page else None, page[-1].line if more else None


def _choose_sheet(request: OrgRequest, upload: Import) -> None:
    uploads.choose_sheet(upload, request.POST.get("sheet", ""))


def _set_columns(request: OrgRequest, upload: Import) -> None:
    columns: dict[str, int] = {}
    for place in range(len(upload.look.get("columns", ()))):
        field = request.POST.get(f"column-{place}", "")
        if field not in FIELDS:
            continue
        if field in columns:
            raise Refused(gettext("Two columns go to “%(field)s”. Choose one of them.") % {"field": FIELDS[field]})
        columns[field] = place
    uploads.set_columns(upload, columns)


def _save(request: OrgRequest, upload: Import) -> HttpResponse:
    _keep_choices(request, upload)
    return redirect(f"{request.path}?{request.GET.urlencode()}" if request.GET else request.path)


def _confirm(request: OrgRequest, upload: Import) -> None:
    _keep_choices(request, upload)
    confirmed = uploads.confirm(upload, by=request.user, now=request.now, address=came_from(request))
    if confirmed and upload.total <= uploads.AT_ONCE:
        uploads.work(upload, clock=timezone.now)


def _keep_choices(request: OrgRequest, upload: Import) -> None:
    said = request.POST
    lines = [int(number) for number in said.get("lines", "").split() if number.isdecimal()][:PAGE]
    picks = {number: LEAVE_OUT if f"leave-{number}" in said else said.get(f"pick-{number}", "") for number in lines}
    uploads.choose(upload, picks=picks, by_hand="by_hand" in said, describe="describe" in said)


def _back(request: OrgRequest, upload: Import) -> None:
    uploads.back_to_columns(upload)


def _again(request: OrgRequest, upload: Import) -> None:
    uploads.go_on(upload)


def _cancel(request: OrgRequest, upload: Import) -> HttpResponse | None:
    uploads.cancel(upload, now=request.now)
    if upload.confirmed_at:
        return None
    messages.info(request, gettext("Cancelled. Nothing was added."))
    return redirect("add", request.org.slug)


DEEDS: Mapping[str, Callable[[OrgRequest, Import], HttpResponse | None]] = {
    "sheet": _choose_sheet,
    "columns": _set_columns,
    "back": _back,
    "save": _save,
    "confirm": _confirm,
    "again": _again,
    "cancel": _cancel,
}


@org_page(Right.READ)
@require_safe
def result(request: OrgRequest, public_id: str, kind: str) -> HttpResponse:
    """The file's own columns with verdict, reason and outcome."""
    upload = _found(request, public_id)
    table = uploads.result(upload, spoken)
    stem, verdicts = upload.name.rpartition(".")[0] or upload.name or gettext("numbers"), gettext("verdicts")
    name = f"{stem}-{verdicts}.{kind}"
    if kind == "xlsx":
        with tables.xlsx(table) as file:
            response = HttpResponse(file.read(), content_type=XLSX)
    else:
        response = HttpResponse(b"".join(tables.csv(table)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or "attachment"
    return response


urls = [
    path("imports/", all_of_them, name="imports"),
    path("imports/<str:public_id>/", one, name="import"),
    path("imports/<str:public_id>/result.csv", result, {"kind": "csv"}, name="import_csv"),
    path("imports/<str:public_id>/result.xlsx", result, {"kind": "xlsx"}, name="import_xlsx"),
]
