"""Reading the registers: a run is read, judged, and then applied whole or not at all.

No transaction is open while a register is asked. What is staged, compared, applied and told is one transaction,
so a process may die anywhere and the next run completes.
"""

import gc
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from django.conf import settings
from django.db import transaction

from certwatch.actions import audit, bindings, entries, evidence, locks, notices, operator_notices, sources
from certwatch.models import Entry, HeldReading, Notice, RunState, SourceState, Sync, User, fanout
from certwatch.models.staging import Bulk, Row
from certwatch.net.client import user_agent, without_user
from certwatch.rules import belief, findings, numbers, schedule
from certwatch.rules.errors import Refused, SourceError, SourceUnreachable
from certwatch.rules.findings import Finding, Reading
from certwatch.rules.notices import Kind, disagrees
from certwatch.rules.status import Status
from certwatch.sources.context import Context
from certwatch.sources.source import Source

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]

REGISTERS_CLOCK = ZoneInfo("Europe/Berlin")  # on whose calendar "the day of the run" is
SHOWN = 200  # problems that a run keeps in words, changes that a review shows


class AlreadyRunning(Refused):
    """The source is being read at the moment."""


def run(
    source: Source,
    *,
    clock: Clock,
    file: Path | None = None,
    slot: str = "",
    heard: Callable[[int], None] = lambda size: None,
) -> Sync:
    """Read `source` once, or the `file` that a person downloaded there, and apply what it says.

    `heard` is told the size of each answer as it comes, for a progress line.
    Returns the finished run: `good`, `held` or `failed`. Raises `AlreadyRunning`, and `Refused` where the source
    publishes no file.
    """
    if file is not None and source.read_file is None:
        raise Refused(f"{source.name} publishes no file; run `certwatch source sync {source.name}` without --from.")
    with _alone(source, clock):
        attempt = _begin(source, clock, file=file, slot=slot)
        read = _read(source, attempt, clock, lambda ctx: _crawl(source, ctx, file), heard)
        if read is not None:
            with _collector_resting():
                _conclude(source, attempt, read, clock)
        return attempt


def check(source: Source, number: str, *, clock: Clock) -> tuple[Sync, bool]:
    """Ask the register for this one number, where it can be asked; else read all of it.

    Returns the run and whether the number was found. What is found moves entry, watchers and `checked_at` as a
    run does; not found moves nothing, for only a whole reading proves absence.
    """
    key = numbers.key(number)
    if source.find is None:
        attempt = run(source, clock=clock)
        return attempt, Entry.objects.filter(source=source.name, number_key=key, gone_at=None).exists()
    find = source.find
    with _alone(source, clock):
        attempt = _begin(source, clock, number=number)
        read = _read(source, attempt, clock, lambda ctx: find(ctx, number))
        if read is None:
            return attempt, False
        readings = [r for r in findings.gather(read.findings, attempt_day(attempt)).values() if r.number_key == key]
        with transaction.atomic():
            bulk = Bulk()
            _locked_state(source)
            applied, _ = _apply(bulk, source, attempt, readings, clock(), whole=False)
            if readings:
                fanout.note_check(bulk, source.name, key, attempt.began)
            _finish(attempt, RunState.GOOD, clock(), applied)
        return attempt, bool(readings)


def release(number: int, *, by: User | None, clock: Clock) -> Sync:
    """Apply what the held run `number` read to the entries of now; it is done when this returns."""
    held = _held(number)
    source = sources.known(held.source)
    with _alone(source, clock):
        readings = _kept(held)
        with transaction.atomic():
            state = _locked_state(source)
            held.refresh_from_db()
            _must_be_held(held)
            _believe(Bulk(), source, held, state, readings, clock(), RunState.RELEASED)
            audit.note(None, "run.released", about=f"{source.name} {held.pk}", by=by, now=clock())
    return held


def discard(number: int, *, by: User | None, now: datetime, address: str | None = None) -> Sync:
    """Drop what the held run `number` read."""
    with transaction.atomic():
        held = _held(number, lock=True)
        held.state = RunState.DISCARDED
        held.save(update_fields=["state"])
        held.held_readings.all().delete()
        audit.note(None, "run.discarded", about=f"{held.source} {held.pk}", by=by, now=now, address=address)
    return held


def attempt_day(attempt: Sync) -> date:
    """The day of the run."""
    return attempt.began.astimezone(REGISTERS_CLOCK).date()


@dataclass(slots=True)
class _Read:
    findings: list[Finding]
    validators: dict[str, Any]


class _HeldBack(Exception):
    """Rolls the transaction back and carries what it would have done."""

    def __init__(self, reasons: list[str], applied: entries.Applied, watched: set[str]) -> None:
        super().__init__()
        self.reasons, self.applied, self.watched = reasons, applied, watched


@contextmanager
def _alone(source: Source, clock: Clock) -> Iterator[None]:
    with locks.only_one(source.name) as ours:
        running = Sync.objects.filter(source=source.name, state=RunState.RUNNING)
        if not ours:
            began = running.order_by("-id").values_list("began", flat=True).first() or clock()
            raise AlreadyRunning(f"{source.name}: already running since {began.astimezone(REGISTERS_CLOCK):%H:%M}.")
        running.update(  # the lock is ours, so whoever began these is dead
            state=RunState.FAILED, ended=clock(), error="The program ended in the middle of this run."
        )
        yield


@contextmanager
def _collector_resting() -> Iterator[None]:
    """The garbage collector would walk 120,000 findings again and again, a fifth of the time; they are in no cycle."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _begin(source: Source, clock: Clock, *, number: str = "", file: Path | None = None, slot: str = "") -> Sync:
    SourceState.objects.get_or_create(source=source.name)
    base = settings.ENV.source_urls.get(source.name, source.url)
    return Sync.objects.create(
        source=source.name,
        number=number,
        address=file.name if file else without_user(base),
        own_address=file is None and base == source.url,
        began=clock(),
        duties_slot=slot,
    )


def _crawl(source: Source, ctx: Context, file: Path | None) -> Iterator[Finding]:
    return source.read_file(ctx, file) if file and source.read_file else source.crawl(ctx)


def _read(
    source: Source,
    attempt: Sync,
    clock: Clock,
    ask: Callable[[Context], Iterator[Finding]],
    heard: Callable[[int], None] = lambda size: None,
) -> _Read | None:
    """What the register said, or None if the run failed. Either way its evidence is written before it is judged."""
    state = SourceState.objects.get(source=source.name)

    def keep(payload: bytes) -> str:
        heard(len(payload))
        return evidence.keep(payload)

    with Context(
        source,
        base=settings.ENV.source_urls.get(source.name, source.url),
        day=attempt_day(attempt),
        now=clock,
        user_agent=user_agent(settings.ENV.base_url, settings.ENV.operator_email),
        keep=keep,
        payload=evidence.payload,
        validators=state.validators if not attempt.number else {},
    ) as ctx:
        try:
            found = _usable(ctx, ask(ctx))
        except SourceError as error:
            _note_evidence(attempt, ctx)
            _fail(source, attempt, error, clock())
            return None
        except Exception:
            _note_evidence(attempt, ctx)
            _fail(source, attempt, SourceError("An error of ours stopped this run; see the log."), clock())
            raise
        _note_evidence(attempt, ctx)
        return _Read(found, dict(ctx.validators))


def _usable(ctx: Context, said: Iterator[Finding]) -> list[Finding]:
    found = []
    for finding in said:
        if len(finding.number) > numbers.LONGEST:
            ctx.unreadable(f"A number of {len(finding.number)} characters: {finding.number[:80]}…")
            continue
        found.append(finding)
    return found


def _note_evidence(attempt: Sync, ctx: Context) -> None:
    attempt.asked = ctx.asked
    attempt.totals = ctx.totals
    attempt.problems = ctx.problems[:SHOWN]
    attempt.problem_count = ctx.problem_count
    attempt.save(update_fields=["asked", "totals", "problems", "problem_count"])


def _fail(source: Source, attempt: Sync, error: SourceError, now: datetime) -> None:
    with transaction.atomic():
        attempt.error = str(error)
        _finish(attempt, RunState.FAILED, now)
        if not attempt.number:
            state = _locked_state(source)
            state.tries += 1
            not_before = error.not_before if isinstance(error, SourceUnreachable) else None
            state.next_run = schedule.next_try(source.name, RunState.FAILED, state.tries, now, not_before)
            state.save(update_fields=["tries", "next_run"])
            operator_notices.failing(attempt, state, now)


def _conclude(source: Source, attempt: Sync, read: _Read, clock: Clock) -> None:
    """Believe or hold a complete reading."""
    day = attempt_day(attempt)
    gathered = findings.gather(read.findings, day)
    attempt.tally = findings.tally(gathered)
    valid = sum(1 for f in read.findings if f.word == Status.VALID)
    readings = list(gathered.values())
    del gathered  # its names are 40 MB with 120,000 entries
    now = clock()
    try:
        with transaction.atomic():
            state = _locked_state(source)
            bulk = Bulk()
            applied, moved = _apply(bulk, source, attempt, readings, now, whole=True)
            known, worse = fanout.belief_counts(bulk, source.name, day) if moved else (0, 0)
            reasons = belief.judge(
                attempt.tally,
                state.last_good.tally if state.last_good else None,
                valid=valid,
                watched=belief.Watched(known, worse),
                expect=source.expect,
                first_at_own_address=attempt.own_address and not _was_believed_at_own_address(source),
                day=day,
            )
            if reasons:
                raise _HeldBack(reasons, applied, fanout.watched_keys(bulk, source.name))
            _settle(bulk, source, attempt, state, applied, now, RunState.GOOD)
            state.validators = read.validators
            state.save(update_fields=["validators"])
    except _HeldBack as held:
        _hold(source, attempt, readings, held, now)


def _was_believed_at_own_address(source: Source) -> bool:
    believed = Sync.objects.filter(source=source.name, number="", own_address=True, applied_at__isnull=False)
    return believed.exists()


def _believe(
    bulk: Bulk,
    source: Source,
    attempt: Sync,
    state: SourceState,
    readings: Sequence[Reading],
    now: datetime,
    word: RunState,
) -> None:
    applied, _ = _apply(bulk, source, attempt, readings, now, whole=True)
    _settle(bulk, source, attempt, state, applied, now, word)


def _apply(
    bulk: Bulk, source: Source, attempt: Sync, readings: Sequence[Reading], now: datetime, *, whole: bool
) -> tuple[entries.Applied, bool]:
    """Bring `readings` into the entries and work out which certificates they move (the table `moved`)."""
    before = SourceState.objects.values_list("read_began", flat=True).get(source=source.name)
    times = entries.Times(attempt.began, before, now, attempt_day(attempt))
    applied = entries.apply(bulk, source.name, attempt.pk, readings, times, whole=whole)
    first = whole and before is None
    fanout.resolve(
        bulk,
        source.name,
        applied.keys,
        applied.fields,
        first_reading=first,
        rule=_rule(bulk, source.name, read=whole or before is not None),
    )
    if not whole:
        _tell(bulk, source, attempt, now)
    return applied, bool(applied.keys) or first


def _rule(bulk: Bulk, source: str, *, read: bool) -> Callable[[Sequence[fanout.Watcher]], list[Row]]:
    """Answers those certificates that a join cannot: several holders, none, or a person's choice."""

    def answers(watchers: Sequence[fanout.Watcher]) -> list[Row]:
        known = bindings.candidates_of(source, (w.match_key for w in watchers))
        return [_answer(w, known.get(w.match_key, [])) for w in watchers]

    def _answer(watcher: fanout.Watcher, candidates: Sequence[Entry]) -> Row:
        said, entry = bindings.answer_of(
            candidates,
            supplier=watcher.supplier,
            how=watcher.how,
            bound=watcher.entry,
            aliased=bool(watcher.aliased),
            read=read,
        )
        return (
            watcher.certificate, said.entry, entry.version if entry else None, said.word.value,
            bulk.day(said.valid_from), bulk.day(said.valid_until), said.how, said.ambiguous,
        )  # fmt: skip

    return answers


def _settle(
    bulk: Bulk,
    source: Source,
    attempt: Sync,
    state: SourceState,
    applied: entries.Applied,
    now: datetime,
    word: RunState,
) -> None:
    """Move the certificates, note that `attempt` is the last word, and supersede what was held."""
    _tell(bulk, source, attempt, now)
    attempt.applied_at = now
    _finish(attempt, word, now, applied, keep_end=word == RunState.RELEASED)
    older = Sync.objects.filter(source=source.name, state=RunState.HELD).exclude(pk=attempt.pk)
    HeldReading.objects.filter(run__source=source.name).delete()
    older.update(state=RunState.SUPERSEDED)
    state.last_good = attempt
    state.read_began = max(attempt.began, state.read_began) if state.read_began else attempt.began
    state.tries = 0
    state.next_run = schedule.next_slot(source.name, now)
    state.save(update_fields=["last_good", "read_began", "tries", "next_run"])


def _tell(bulk: Bulk, source: Source, attempt: Sync, now: datetime) -> None:
    """Move the certificates and tell it, and where the register says otherwise than a person did."""
    disagreeing, agreeing = [], []
    for one in fanout.entered_by_hand(bulk):
        today = now.astimezone(ZoneInfo(one.time_zone)).date()
        if disagrees(
            today, Status(one.word), one.valid_from, one.valid_until,
            said=Status(one.said), said_from=one.said_from, said_until=one.said_until,
        ):  # fmt: skip
            said = {"source": source.name, "word": one.said, "valid_from": one.said_from, "valid_until": one.said_until}
            facts = msgspec.json.encode(said).decode()
            disagreeing.append(fanout.Disagreement(one.certificate, one.entry, one.version, facts))
        else:
            agreeing.append(one.certificate)
    fanout.write(
        bulk, run=attempt.pk, seen_at=attempt.began, now=now, today=attempt_day(attempt), disagreeing=disagreeing
    )
    for start in range(0, len(agreeing), bindings.CHUNK):
        of = Notice.across_orgs.filter(certificate__in=agreeing[start : start + bindings.CHUNK])
        notices.solve(of.filter(kind=Kind.DISAGREEMENT), by="agrees", now=now)


def _hold(source: Source, attempt: Sync, readings: Sequence[Reading], held: _HeldBack, now: datetime) -> None:
    with transaction.atomic():
        attempt.reasons = held.reasons
        attempt.review = _review(held.applied, held.watched)
        _finish(attempt, RunState.HELD, now, held.applied)
        HeldReading.objects.bulk_create(
            (HeldReading(run=attempt, findings=msgspec.to_builtins([r.first, *r.others])) for r in readings),
            batch_size=bindings.CHUNK,
        )
        state = _locked_state(source)
        state.tries = 0
        state.next_run = schedule.next_try(source.name, RunState.HELD, 0, now)
        state.save(update_fields=["tries", "next_run"])
        operator_notices.held(attempt, now)


def _review(applied: entries.Applied, watched: set[str]) -> list[dict[str, Any]]:
    """At most 200 changes, watched ones first, then what changes or goes, then what is new."""
    ordered = sorted(applied.moved(), key=lambda m: (m.number_key not in watched, m.was is None))
    return [
        {
            "number": m.number,
            "holder": m.holder,
            "was": m.was,
            "is": m.is_,
            "valid_until_was": msgspec.to_builtins(m.valid_until_was),
            "valid_until": msgspec.to_builtins(m.valid_until),
        }
        for m in ordered[:SHOWN]
    ]


def _finish(
    attempt: Sync, state: RunState, now: datetime, applied: entries.Applied | None = None, *, keep_end: bool = False
) -> None:
    attempt.state = state
    attempt.ended = attempt.ended if keep_end else now
    if applied is not None:
        attempt.new, attempt.changed = applied.new, applied.changed
        attempt.unchanged, attempt.gone = applied.unchanged, applied.gone
    attempt.save()


def _kept(held: Sync) -> list[Reading]:
    said: list[Finding] = []
    for kept in held.held_readings.order_by("id").values_list("findings", flat=True).iterator(chunk_size=1000):
        said += msgspec.convert(kept, list[Finding])
    return list(findings.gather(said, attempt_day(held)).values())


def _held(number: int, *, lock: bool = False) -> Sync:
    rows = Sync.objects.select_for_update() if lock else Sync.objects.all()
    held = rows.filter(pk=number).first()
    if held is None:
        raise Refused(f"There is no run {number}; `certwatch source runs NAME` lists them.")
    _must_be_held(held)
    return held


def _must_be_held(held: Sync) -> None:
    if held.state != RunState.HELD:
        raise Refused(f"Run {held.pk} of {held.source} is not held, it is {held.state}.")


def _locked_state(source: Source) -> SourceState:
    return SourceState.objects.select_for_update(of=("self",)).select_related("last_good").get(source=source.name)
