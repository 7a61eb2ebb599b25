"""How the sources stand, for commands, pages and the API: shapes of operations.md, Sources and runs."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Max

from certwatch.models import Entry, RunState, SourceState, Sync
from certwatch.net.client import without_user
from certwatch.rules.errors import UnknownName
from certwatch.sources import SOURCES
from certwatch.sources.source import Source

LAST_RUNS = 50


def names() -> tuple[str, ...]:
    """The sources that this installation monitors (CERTWATCH_SOURCES; all where it is empty)."""
    return tuple(name for name in SOURCES if not settings.ENV.sources or name in settings.ENV.sources)


def known(name: str) -> Source:
    """The source `name`, monitored or not."""
    if name not in SOURCES:
        raise UnknownName(f"There is no source {name}; there are {', '.join(SOURCES)}.")
    return SOURCES[name]


def monitored(name: str) -> Source:
    """The source `name`, if this installation monitors it."""
    source = known(name)
    if name not in names():
        raise UnknownName(f"The source {name} is not monitored here: CERTWATCH_SOURCES leaves it out.")
    return source


def overview(now: datetime) -> list[dict[str, Any]]:
    """One row for each monitored source."""
    states = {s.source: s for s in SourceState.objects.select_related("last_good")}
    counted = Entry.objects.filter(gone_at=None).values_list("source").annotate(Count("id"))
    entries = dict(counted)
    whole = Sync.objects.filter(number="")
    tries = whole.exclude(state__in=[RunState.RUNNING, RunState.DISCARDED]).values_list("source").annotate(Max("id"))
    last_tries = {run.source: run for run in Sync.objects.filter(pk__in=[pk for _, pk in tries])}
    held = dict(whole.filter(state=RunState.HELD).values_list("source").annotate(Max("id")))
    return [
        _row(SOURCES[name], states.get(name), last_tries.get(name), entries.get(name, 0), held.get(name), now)
        for name in names()
    ]


def is_stale(source: Source, state: SourceState | None, now: datetime) -> bool:
    """Whether the last good run is older than twice the interval. One that was never read is not stale."""
    return state is not None and state.read_began is not None and now - state.read_began > 2 * source.every


def _row(
    source: Source, state: SourceState | None, last_try: Sync | None, entries: int, held: int | None, now: datetime
) -> dict[str, Any]:
    return {
        "name": source.name,
        "schemes": list(source.schemes),
        "covers": source.covers.value,
        "address": without_user(settings.ENV.source_urls.get(source.name, source.url)),
        "health": _health(last_try),
        "stale": is_stale(source, state, now),
        "last_good": state.read_began if state else None,
        "last_try": last_try.began if last_try else None,
        "next_run": state.next_run if state else None,
        "entries": entries,
        "held_run": held,
        "error": last_try.error or None if last_try else None,
    }


def _health(last_try: Sync | None) -> str:
    """`never`, or the state of the last try. A released run counts as good, and so does what it superseded."""
    if last_try is None:
        return "never"
    return "good" if last_try.state in (RunState.RELEASED, RunState.SUPERSEDED) else last_try.state


def result(run: Sync) -> dict[str, Any]:
    """What one run did. Counts are entries; of a held run they say what it would do."""
    return {
        "run": run.pk,
        "source": run.source,
        "state": run.state,
        "new": run.new,
        "changed": run.changed,
        "unchanged": run.unchanged,
        "gone": run.gone,
        "problems": run.problem_count,
        "seconds": round((run.ended - run.began).total_seconds(), 3) if run.ended else None,
        "reasons": run.reasons,
        "error": run.error or None,
    }


def runs(source: Source) -> list[dict[str, Any]]:
    """The last 50 runs of `source`, newest first."""
    return [
        {
            "run": run.pk,
            "state": run.state,
            "began": run.began,
            "ended": run.ended,
            "reasons": run.reasons,
            "error": run.error or None,
        }
        for run in Sync.objects.filter(source=source.name, number="").order_by("-id")[:LAST_RUNS]
    ]


def review(source: Source) -> dict[str, Any] | None:
    """The newest held run of `source` and what it would change, or None."""
    held = Sync.objects.filter(source=source.name, state=RunState.HELD).order_by("-id").first()
    if held is None:
        return None
    return {
        "run": held.pk,
        "source": held.source,
        "read_at": held.began,
        "reasons": held.reasons,
        "new": held.new,
        "changed": held.changed,
        "unchanged": held.unchanged,
        "gone": held.gone,
        "changes": held.review,
    }
