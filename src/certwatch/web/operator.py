"""The operator's back office, `/operator/`: organisations, people, sources and runs, messages, jobs, audit trail."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from certwatch.actions import sources
from certwatch.models import (
    AuditEntry,
    ContactMessage,
    Duty,
    Export,
    Import,
    ImportState,
    Organisation,
    RunState,
    Sync,
    User,
)
from certwatch.rules.schedule import LATE, WORKER_SEEN
from certwatch.web import operator_tables as tables
from certwatch.web.office import MOST_LINES, BackOffice

AT_WORK = 50  # imports and exports that the page of jobs shows


class OperatorsSite(BackOffice):
    """The pages that are of no single table, and the menu."""

    @property
    def pages(self) -> Mapping[str, Callable[[HttpRequest], HttpResponse]]:
        return {"jobs": self.jobs, "sources": self.sources}

    def each_context(self, request: Any) -> dict[str, Any]:
        return {**super().each_context(request), "menu": list(_menu(request.path))}

    def index(self, request: Any, extra_context: Mapping[str, Any] | None = None) -> TemplateResponse:
        concerns = list(_concerns(timezone.now()))
        title = gettext("All is well")
        if concerns:
            title = ngettext("%(count)s thing needs attention", "%(count)s things need attention", len(concerns))
        return self._page(request, "index", title % {"count": len(concerns)}, concerns=concerns)

    def jobs(self, request: HttpRequest) -> TemplateResponse:
        return self._page(request, "jobs", gettext("Jobs"), **_jobs(timezone.now()))

    def sources(self, request: HttpRequest) -> TemplateResponse:
        rows = [{**row, "word": tables.RUN_STATES[row["health"]]} for row in sources.overview(timezone.now())]
        return self._page(request, "sources", gettext("Sources"), sources=rows)

    def _page(self, request: HttpRequest, name: str, title: str, **facts: Any) -> TemplateResponse:
        words = {**self.each_context(request), "title": title, **facts}
        return TemplateResponse(request, f"operator/{name}.html", words)


def _concerns(now: datetime) -> Iterator[tuple[str, str]]:
    """What the operator should look at: a sentence, and where."""
    here = reverse("operator:sources")
    for row in sources.overview(now):
        if row["held_run"]:
            run = reverse("operator:certwatch_sync_change", args=[row["held_run"]])
            yield gettext("%(source)s: a run is held and waits for your decision.") % {"source": row["name"]}, run
        elif row["health"] == RunState.FAILED:
            yield gettext("%(source)s: the last run failed.") % {"source": row["name"]}, here
        if row["stale"]:
            yield gettext("%(source)s: not read for more than two days.") % {"source": row["name"]}, here
    jobs = reverse("operator:jobs")
    worker, duties = _duties(now)
    if worker is None or not worker["seen"]:
        yield gettext("No worker is running: nothing is read, mailed or imported."), jobs
    for duty in duties:
        if duty["late"] or duty["error"]:
            text = gettext("The duty %(name)s is late.") if duty["late"] else gettext("The duty %(name)s failed.")
            yield text % {"name": duty["name"]}, jobs
    if count := ContactMessage.objects.filter(answered_at=None)[:MOST_LINES].count():
        text = ngettext("%(count)s message waits for an answer.", "%(count)s messages wait for an answer.", count)
        yield text % {"count": count}, reverse("operator:certwatch_contactmessage_changelist") + "?answered=no"


def _duties(now: datetime) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """The worker's heart, and the regular duties."""
    worker, duties = None, []
    for row in Duty.objects.order_by("name"):
        if row.name == "worker":
            seen = row.last is not None and now - row.last < WORKER_SEEN
            worker = {"last": row.last, "seen": seen, "waiting": row.waiting}
        else:
            late = row.next is not None and now - row.next > LATE
            duties.append({"name": row.name, "last": row.last, "next": row.next, "late": late, "error": row.error})
    return worker, duties


def _jobs(now: datetime) -> dict[str, Any]:
    worker, duties = _duties(now)
    imports = Import.across_orgs.filter(state__in=(ImportState.LOOKING, ImportState.TAKING)).select_related("org")
    exports = Export.across_orgs.filter(ready_at=None, error="").select_related("org")
    return {
        "worker": worker,
        "duties": duties,
        "imports": imports.defer("look", "columns", "counts").order_by("id")[:AT_WORK],
        "exports": exports.order_by("id")[:AT_WORK],
        "mails": ContactMessage.objects.filter(mailed_at=None)[:MOST_LINES].count(),
        "releases": Sync.objects.filter(state=RunState.HELD).exclude(release_asked_at=None).only("source"),
    }


def _menu(here: str) -> Iterator[tuple[str, str, bool]]:
    """Address, word, and whether the reader is there."""
    for name, word in (
        ("index", gettext("Overview")),
        ("certwatch_organisation_changelist", gettext("Organisations")),
        ("certwatch_user_changelist", gettext("People")),
        ("sources", gettext("Sources")),
        ("certwatch_sync_changelist", gettext("Runs")),
        ("certwatch_contactmessage_changelist", gettext("Messages")),
        ("jobs", gettext("Jobs")),
        ("certwatch_auditentry_changelist", gettext("Audit log")),
    ):
        address = reverse(f"operator:{name}")
        yield address, word, here == address or (name != "index" and here.startswith(address))


site = OperatorsSite(name="operator")
site.register(Organisation, tables.Organisations)
site.register(User, tables.People)
site.register(Sync, tables.Runs)
site.register(ContactMessage, tables.Messages)
site.register(AuditEntry, tables.AuditLog)
