"""What the operator hears and customers never: held runs, sources that fail or are stale, duties that are late.

Each stands in the back office; where the operator has an address it is mailed, too, once.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from certwatch.actions import deliveries, notices
from certwatch.models import Duty, Notice, Purpose, RunState, SourceState, Sync
from certwatch.rules.notices import Kind, State
from certwatch.rules.schedule import LATE

WORKER = "worker"  # its own row among the duties: its heartbeat
DONE = "done"  # what solves a missed duty: it ended well since


def held(run: Sync, now: datetime) -> None:
    """Tell that `run` waits for a person. Inside the transaction that holds it."""
    facts = {"source": run.source, "run": run.pk, "reasons": run.reasons}
    _tell(Kind.RUN_HELD, f"run:{run.pk}:run_held", run.source, now, about_id=str(run.pk), facts=facts)


def failing(run: Sync, state: SourceState, now: datetime) -> None:
    """Tell that a source fails since its last good run: once, by the first one that failed. Inside the transaction
    that notes that `run` did."""
    failed = Sync.objects.filter(source=run.source, number="", state=RunState.FAILED, pk__gt=state.last_good_id or 0)
    first = failed.order_by("pk").values_list("pk", flat=True).first() or run.pk
    facts = {"source": run.source, "run": run.pk, "error": run.error}
    _tell(Kind.SOURCE_FAILING, f"failing:{run.source}:{first}", run.source, now, about_id=str(first), facts=facts)


def stale(source: str, since: datetime, now: datetime) -> None:
    """Tell that `source` was last read well at `since`, which is too long ago."""
    told_for = f"s{source}:{since.isoformat()}:op:{Kind.SOURCE_STALE}"
    _tell(Kind.SOURCE_STALE, told_for, source, now, facts={"source": source, "since": since.isoformat()})


def read_again(source: str, now: datetime) -> None:
    """Solve that `source` was stale."""
    told = Notice.across_orgs.filter(org=None, kind=Kind.SOURCE_STALE, about=source)
    notices.solve(told, by=Kind.SOURCE_RECOVERED, now=now)


def look(now: datetime, duties: Mapping[str, timedelta]) -> None:
    """Tell which of `duties` missed their slot, or go on failing for longer than their interval; and solve what has
    lost its cause."""
    _solve(now)
    for row in Duty.objects.filter(name__in=duties, next__lt=now - LATE).order_by("name"):
        _missed(row, now)
    told = Notice.across_orgs.filter(org=None, kind=Kind.DUTY_MISSED, state__in=notices.STANDING).values("about")
    for row in Duty.objects.filter(name__in=duties).exclude(error="").exclude(name__in=told).order_by("name"):
        if row.last is None or row.last < now - duties[row.name] - LATE:
            _fails(row, now)


def woken(now: datetime) -> None:
    """Tell if no worker ran for too long: in one notice, for then every duty missed its time. Asked as a worker starts.

    The duties are due at once, so that none is told for itself.
    """
    worker = Duty.objects.filter(name=WORKER, last__lt=now - LATE).first()
    if worker is not None:
        with transaction.atomic():
            _missed(worker, now)
            Duty.objects.filter(next__lt=now - LATE).exclude(name=WORKER).update(next=None)


def _missed(row: Duty, now: datetime) -> None:
    slot = row.next or row.last
    assert slot is not None  # the queries ask for it
    facts = {"duty": row.name, "since": slot.isoformat(), "error": row.error}
    _tell(Kind.DUTY_MISSED, f"missed:{row.name}:{slot.isoformat()}", row.name, now, facts=facts)


def _fails(row: Duty, now: datetime) -> None:
    last = row.last.isoformat() if row.last else None
    facts = {"duty": row.name, "since": last, "error": row.error}
    _tell(Kind.DUTY_MISSED, f"missed:{row.name}:good:{last}", row.name, now, facts=facts)


@transaction.atomic
def _tell(
    kind: Kind, told_for: str, about: str, now: datetime, *, about_id: str = "", facts: Mapping[str, Any]
) -> None:
    batch = f"n:{told_for}"
    told = notices.add(None, kind, told_for=told_for, batch=batch, now=now, about=about, about_id=about_id, facts=facts)
    if told is None:
        return
    Notice.across_orgs.filter(pk=told.pk).update(told_at=now)  # nobody decides who else hears of it
    if settings.OPERATOR_EMAIL:
        told_for = f"op:{told_for}"
        deliveries.make(None, Purpose.OPERATOR, told_for=told_for, host=deliveries.MAIL, now=now, notices=[told])


def _solve(now: datetime) -> None:
    standing = Notice.across_orgs.filter(org=None, state__in=notices.STANDING)
    for told in standing.filter(kind=Kind.RUN_HELD):
        run = Sync.objects.filter(pk=told.about_id).only("state").first()
        if run is None or run.state != RunState.HELD:
            _end(told, run.state if run else State.SOLVED, now)
    good = dict(SourceState.objects.values_list("source", "last_good"))
    for told in standing.filter(kind=Kind.SOURCE_FAILING):
        if (good.get(told.about) or 0) > int(told.about_id):
            _end(told, RunState.GOOD, now)
    done = dict(Duty.objects.values_list("name", "last"))
    for told in standing.filter(kind=Kind.DUTY_MISSED):
        last = done.get(told.about)
        if told.about not in done or (last is not None and last > told.made_at):
            _end(told, DONE, now)


def _end(told: Notice, by: str, now: datetime) -> None:
    notices.solve(Notice.across_orgs.filter(pk=told.pk), by=by, now=now)
