"""What is shown of a certificate's history: what changed, when we saw it, from which run; every check counted."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

from django.db.models import Q

from certwatch.models import Binding, Certificate, ChangeType, EntryVersion, Kind, OwnVersion, RunState, Sync, User
from certwatch.rules import numbers
from certwatch.rules.status import Status, status_on


class What(StrEnum):
    """Kinds of steps."""

    ADDED = "added"
    SAID = "said"  # its register says something for the first time
    NOT_LISTED = "not_listed"  # it was read, and lists no entry that could answer
    SEVERAL = "several"  # it lists several holders
    CHOSEN = "chosen"  # an entry was bound: by a person, by the supplier's name, by a confirmed number
    ENTERED = "entered"  # by hand
    BY_DATE = "by_date"  # nobody said anything: its first day came, or its last one passed
    QUIET = "quiet"  # checks without a change
    REMOVED = "removed"


@dataclass(slots=True, kw_only=True)
class Step:
    """One point of the history. Which of the facts there are depends on `what`."""

    what: What
    at: datetime
    until: datetime | None = None  # of quiet checks: the last; of what was entered: when it counted no more
    word: Status | None = None  # the status on the organisation's day of `at`
    was: Status | None = None
    changed: Sequence[str] = ()  # what else than the word is new: "valid_until", "holder", "scopes", …
    version: EntryVersion | None = None  # with its run
    before: EntryVersion | None = None
    own: OwnVersion | None = None
    run: Sync | None = None
    by: User | None = None
    how: str = ""
    holder: str = ""
    checks: int = 0
    failed: int = 0  # tries that gave nothing that could be believed


@dataclass(slots=True)
class Checks:
    """The believed readings while it was watched, and the checks of this one number."""

    moments: list[tuple[datetime, Status]] = field(default_factory=list)  # when each began, and what it found
    failed: list[datetime] = field(default_factory=list)
    last_run: int | None = None  # the number of the last of `moments`

    @property
    def counted(self) -> list[tuple[Status, int]]:
        """How many found which status, the most frequent first."""
        return Counter(status for _, status in self.moments).most_common()


@dataclass(slots=True)
class History:
    """`steps`: the newest first. `newest`: what its entry says now. `first_missed`: when the reading began that first
    did not list it, where none does."""

    steps: list[Step]
    checks: Checks
    newest: EntryVersion | None = None
    own: list[OwnVersion] = field(default_factory=list)  # the newest first, those that wait, too
    first_missed: datetime | None = None


def of(certificate: Certificate, now: datetime) -> History:
    """The whole history. Takes four queries at most, however long it is."""
    if certificate.kind == Kind.NIS:
        own = list(certificate.own_versions.select_related("entered_by", "approved_by", "evidence").order_by("-id"))
        steps = [*_entered(certificate, own), *_end(certificate), *_by_date(certificate, _counting(own), now)]
        return History(_newest_first(steps), Checks(), own=own)
    bindings = list(certificate.bindings.select_related("by", "entry").order_by("known_from", "id"))
    versions = _versions(bindings)
    newest = versions[certificate.entry_id][-1] if certificate.entry_id in versions else None
    unbound = list(_unbound(certificate))
    steps = [*_said(certificate, bindings, versions), *_chosen(bindings, unbound), *unbound, *_ends(certificate)]
    checks = _checks(certificate, steps)
    return History(
        steps=_newest_first([*steps, *_quiet(certificate, steps, checks), *_by_date(certificate, newest, now)]),
        checks=checks,
        newest=newest,
        first_missed=_first_missed(certificate, unbound),
    )


def _newest_first(steps: list[Step]) -> list[Step]:
    order = list(What)
    return sorted(steps, key=lambda step: (step.at, order.index(step.what)), reverse=True)


def _ends(certificate: Certificate) -> Iterator[Step]:
    yield Step(what=What.ADDED, at=certificate.added_at, by=certificate.added_by)
    yield from _end(certificate)


def _end(certificate: Certificate) -> Iterator[Step]:
    if certificate.removed_at:
        yield Step(what=What.REMOVED, at=certificate.removed_at)


def _by_date(certificate: Certificate, said: EntryVersion | OwnVersion | None, now: datetime) -> Iterator[Step]:
    """What the calendar did to what is said now, if it was said before."""
    if said is None or said.word != Status.VALID:
        return
    known = said.known_from or now
    for day, was, word in (
        (said.valid_from, Status.NOT_YET_VALID, Status.VALID),
        (_after(said.valid_until), Status.VALID, Status.EXPIRED),
    ):
        at = _midnight(certificate, day) if day else None
        if at is not None and known < at <= now:
            yield Step(what=What.BY_DATE, at=at, was=was, word=word)


def _after(day: date | None) -> date | None:
    return day + timedelta(days=1) if day and day < date.max else None


def _midnight(certificate: Certificate, day: date) -> datetime:
    """When `day` began, on the organisation's clocks."""
    return datetime.combine(day, time(), ZoneInfo(certificate.org.time_zone))


# What a register says


_HEAVY = ("row", *(f"run__{name}" for name in ("asked", "totals", "tally", "problems", "reasons", "review")))


def _versions(bindings: Sequence[Binding]) -> dict[int, list[EntryVersion]]:
    """All versions of the bound entries, oldest first, by entry."""
    found: dict[int, list[EntryVersion]] = {}
    entries = {binding.entry_id for binding in bindings}
    if entries:
        versions = EntryVersion.objects.filter(entry__in=entries).select_related("run").defer(*_HEAVY)
        for version in versions.order_by("version"):
            found.setdefault(version.entry_id, []).append(version)
    return found


def _said(
    certificate: Certificate, bindings: Sequence[Binding], versions: dict[int, list[EntryVersion]]
) -> Iterator[Step]:
    """What the entries said while they answered; of the first one also what it had said before."""
    before: EntryVersion | None = None
    for place, bound in enumerate(bindings):
        for version in versions.get(bound.entry_id, []):
            ended = version.known_until is not None and version.known_until <= bound.known_from
            if (place and ended) or (bound.known_until is not None and version.known_from >= bound.known_until):
                continue
            at = version.first_seen if not place else max(version.first_seen, bound.known_from)
            if before is None or before.pk != version.pk:  # bound anew, it says the same
                yield _saying(certificate, version, before, at)
            before = version


def _saying(certificate: Certificate, version: EntryVersion, before: EntryVersion | None, at: datetime) -> Step:
    return Step(
        what=What.SAID,
        at=at,
        word=_status(certificate, version, at),
        was=_status(certificate, before, at) if before else None,
        changed=_changed(before, version) if before else (),
        version=version,
        before=before,
        run=version.run,
        holder=version.holder,
    )


_COMPARED = ("valid_from", "valid_until", "holder", "number", "scopes", "materials", "certifier", "place", "since",
             "suspensions", "details")  # fmt: skip


def _changed(before: EntryVersion, version: EntryVersion) -> list[str]:
    """What is new beside the word; nothing where an entry went, or came back whole."""
    if Status.NOT_FOUND in (before.word, version.word):
        return []
    return [name for name in _COMPARED if getattr(before, name) != getattr(version, name)]


def _status(certificate: Certificate, said: EntryVersion | OwnVersion, at: datetime) -> Status:
    return status_on(certificate.org.today(at), Status(said.word), said.valid_from, said.valid_until)


def _chosen(bindings: Sequence[Binding], unbound: Sequence[Step]) -> Iterator[Step]:
    """Bindings that were not simply by the number, and choices that were taken back, unless that changed the word:
    then it is told already."""
    told = {step.at for step in unbound}
    for bound in bindings:
        if bound.how != "number":
            yield Step(what=What.CHOSEN, at=bound.known_from, by=bound.by, how=bound.how, holder=bound.entry.holder)
    for bound, following in pairwise(bindings):
        until = bound.known_until
        if bound.how == "person" and until and until < following.known_from and until not in told:
            yield Step(what=What.SEVERAL, at=until)


def _unbound(certificate: Certificate) -> Iterator[Step]:
    """Changes to an answer that no entry gave: it lists none, or several."""
    told = certificate.changes.filter(entry=None, type__in=(ChangeType.ADDED, ChangeType.STATUS))
    for change in told.select_related("run").defer(*_HEAVY[1:]).order_by("number"):
        if change.word == Status.NOT_FOUND:
            at = change.seen_at
            yield Step(what=What.NOT_LISTED, at=at, word=Status.NOT_FOUND, was=Status(change.was), run=change.run)
        elif change.type == ChangeType.STATUS:
            yield Step(what=What.SEVERAL, at=change.seen_at, word=Status(change.word), run=change.run)
        elif (certificate.ambiguous or certificate.how == "person") and (seen := _seen_as_ambiguous(certificate)):
            yield Step(what=What.SEVERAL, at=seen, word=Status(change.word))


def _seen_as_ambiguous(certificate: Certificate) -> datetime | None:
    """When a reading first told that its number names several holders: at once, or the first since it is watched."""
    readings = Sync.objects.filter(source=certificate.source, number="", applied_at__isnull=False)
    if readings.filter(applied_at__lte=certificate.added_at).exists():
        return certificate.added_at
    return readings.order_by("began").values_list("began", flat=True).first()


def _first_missed(certificate: Certificate, unbound: Sequence[Step]) -> datetime | None:
    if certificate.word != Status.NOT_FOUND:
        return None
    if certificate.entry is not None:
        return certificate.entry.gone_at
    missed = [step.at for step in unbound if step.what == What.NOT_LISTED]
    return missed[-1] if missed else certificate.added_at


# What was entered by hand


def _counting(own: Sequence[OwnVersion]) -> OwnVersion | None:
    return next((version for version in own if version.known_from and not version.known_until), None)


def _entered(certificate: Certificate, own: Sequence[OwnVersion]) -> Iterator[Step]:
    counted: OwnVersion | None = None
    for version in reversed(own):
        at = version.entered_at
        yield Step(
            what=What.ENTERED,
            at=at,
            until=version.known_until,
            word=_status(certificate, version, at),
            was=_status(certificate, counted, at) if counted else None,
            own=version,
            by=version.entered_by,
        )
        if version.known_from is not None:
            counted = version


# Checks


def _runs(certificate: Certificate) -> Iterator[tuple[int, datetime, bool | None]]:
    """Number and begin of each run since it is watched, and whether it was believed; None: it tells nothing."""
    asked = Q(number="") | Q(number__iexact=certificate.number)
    if certificate.entry is not None:
        asked |= Q(number__iexact=certificate.entry.number)
    runs = Sync.objects.filter(asked, source=certificate.source, began__gte=certificate.added_at)
    if certificate.removed_at:
        runs = runs.filter(began__lt=certificate.removed_at)
    fields = ("id", "began", "number", "state", "applied_at", "new", "changed", "unchanged")
    for run, began, number, state, applied_at, *found in runs.order_by("began", "id").values_list(*fields):
        if number and state == RunState.GOOD:
            yield run, began, True if any(found) and numbers.key(number) == certificate.match_key else None
        else:
            yield run, began, None if state == RunState.RUNNING else applied_at is not None


def _checks(certificate: Certificate, steps: Sequence[Step]) -> Checks:
    checks = Checks()
    telling = sorted((step for step in steps if step.word is not None), key=lambda step: step.at)
    place = -1
    for run, began, believed in _runs(certificate):
        if not believed:
            checks.failed += [began] if believed is False else []
            continue
        while place + 1 < len(telling) and telling[place + 1].at <= began:
            place += 1
        checks.moments.append((began, _found(certificate, telling[place], began) if place >= 0 else Status.UNKNOWN))
        checks.last_run = run
    return checks


def _found(certificate: Certificate, step: Step, at: datetime) -> Status:
    """What a check at `at` found, given the last step before: a valid one may have expired since."""
    return _status(certificate, step.version, at) if step.version else step.word or Status.UNKNOWN


def _quiet(certificate: Certificate, steps: Sequence[Step], checks: Checks) -> Iterator[Step]:
    """Between two steps: the checks that found nothing new, and the tries that failed."""
    found, failed = [at for at, _ in checks.moments], checks.failed
    begin, seams = certificate.added_at, sorted({step.at for step in steps if step.at > certificate.added_at})
    for end in [*seams, None]:
        good, bad = _within(found, begin, end), _within(failed, begin, end)
        if good or bad:
            span = sorted([*good, *bad])
            yield Step(what=What.QUIET, at=span[-1], until=span[0], checks=len(good), failed=len(bad))
        begin = end or begin


def _within(moments: Sequence[datetime], begin: datetime, end: datetime | None) -> Sequence[datetime]:
    """Those after `begin` and before `end`."""
    return moments[bisect_right(moments, begin) : bisect_left(moments, end) if end else None]
