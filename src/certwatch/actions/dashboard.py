"""How an organisation's certificates and their registers stand as a whole, for its dashboard: seven queries."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from django.db.models import Case, Count, DateField, Exists, F, OuterRef, Q, QuerySet, When
from django.db.models.functions import Coalesce

from certwatch.actions import sources
from certwatch.models import (
    Certificate,
    Change,
    ChangeType,
    EntryVersion,
    Kind,
    Organisation,
    OwnVersion,
    RunState,
    SourceState,
    Sync,
)
from certwatch.models.certificates import told_at
from certwatch.rules import charts
from certwatch.rules.shown import BY_SEVERITY, NEED_ATTENTION, Key, Shown, is_unconfirmed, shown
from certwatch.rules.status import Status
from certwatch.sources import SOURCES

IN_FORCE = (Key.VALID, Key.EXPIRING)
LAST_CHANGES = 400  # that are looked at, to gather what happened many times
SHOWN_CHANGES = 8
SEVERAL = 4  # changes alike on one day: so many are one row


@dataclass(frozen=True, slots=True)
class Group:
    """So many watched certificates that look the same from afar."""

    key: Key
    scheme: str
    by_hand: bool
    source: str
    count: int


@dataclass(frozen=True, slots=True)
class Counts:
    """All watched certificates, counted."""

    groups: tuple[Group, ...]
    stale: frozenset[str]  # sources whose last good reading is too old

    @property
    def total(self) -> int:
        return sum(group.count for group in self.groups)

    @property
    def attention(self) -> int:
        return sum(group.count for group in self.groups if group.key in NEED_ATTENTION)

    @property
    def in_force(self) -> int:
        return sum(group.count for group in self.groups if group.key in IN_FORCE)

    @property
    def in_force_last_known(self) -> int:
        """How many of those that are in force are so by a reading that is too old."""
        return sum(group.count for group in self.groups if group.key in IN_FORCE and group.source in self.stale)

    @property
    def waiting(self) -> int:
        """How many wait for their first check."""
        return sum(group.count for group in self.groups if group.key == Key.NEVER)

    @property
    def by_hand(self) -> int:
        return sum(group.count for group in self.groups if group.by_hand)

    @property
    def by_key(self) -> dict[Key, int]:
        """Worst first; what does not occur is left out."""
        counts = {key: sum(group.count for group in self.groups if group.key == key) for key in BY_SEVERITY}
        return {key: count for key, count in counts.items() if count}

    def watched_of(self, source: str) -> int:
        return sum(group.count for group in self.groups if group.source == source)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The certificates of one scheme."""

    scheme: str
    by_hand: bool
    total: int
    in_force: int
    attention: int
    last_known: bool  # some of them are of a source that is stale

    @property
    def share(self) -> float:
        return self.in_force / self.total

    @property
    def width(self) -> str:
        return f"{self.share * 100:.1f}%"


@dataclass(frozen=True, slots=True)
class Trouble:
    """A certificate that needs attention: what is known of it, and since when."""

    certificate: Certificate
    shown: Shown
    since: date | None  # the day that the register, or the date, gives
    gone_at: datetime | None  # no longer listed since that reading
    seen_at: datetime  # when we saw it first so, else when it was added
    source_word: str  # the register's own

    @property
    def holder(self) -> str:
        return self.certificate.entry.holder if self.certificate.entry else self.certificate.holder


@dataclass(frozen=True, slots=True)
class Health:
    """How a source stands that the organisation watches something in."""

    name: str
    title: str
    schemes: tuple[str, ...]  # those that are watched, the most first
    count: int
    read_began: datetime | None
    next_run: datetime | None  # None: as soon as a worker runs
    state: str  # the last try: never, good, failed, held; or running, or left_out: not monitored here
    stale: bool
    days: int  # since the last good reading, whole ones
    strip: tuple[charts.Block, ...]

    @property
    def tried_days(self) -> int:
        return sum(block.reached != charts.Reached.NONE for block in self.strip)

    @property
    def read_days(self) -> int:
        return sum(block.reached in (charts.Reached.GOOD, charts.Reached.LATE) for block in self.strip)


@dataclass(frozen=True, slots=True)
class Happened:
    """A change, or `count` of them alike on one day, of which this is the newest."""

    change: Change
    was: Key | None  # None: nobody knew
    key: Key
    count: int
    at_least: bool  # there may be more of them before what was looked at


def states() -> dict[str, SourceState]:
    """Where we stand with each source."""
    return {state.source: state for state in SourceState.objects.all()}


def stale(known: dict[str, SourceState], now: datetime) -> frozenset[str]:
    return frozenset(name for name, source in SOURCES.items() if sources.is_stale(source, known.get(name), now))


def read(known: dict[str, SourceState]) -> set[str]:
    """Names of the sources that were read at least once."""
    return {name for name, state in known.items() if state.read_began is not None}


def counts(org: Organisation, known: dict[str, SourceState], *, today: date, now: datetime) -> Counts:
    watched = org.certificates.watched().with_shown(today, expiring_days=org.expiring_days, read=read(known))
    fields = watched.values_list("shown", "scheme", "kind", "source")  # type: ignore[misc]  # `shown` is annotated
    rows = fields.order_by().annotate(Count("id"))
    groups = (Group(Key(key), scheme, kind == Kind.NIS, source, n) for key, scheme, kind, source, n in rows)
    return Counts(tuple(groups), stale(known, now))


def coverage(counted: Counts) -> list[Coverage]:
    """By scheme, the most certificates first; what is entered by hand apart."""
    names = {(group.scheme, group.by_hand) for group in counted.groups}
    rows = [_coverage(name, by_hand, counted) for name, by_hand in names]
    return sorted(rows, key=lambda row: (-row.total, row.scheme, row.by_hand))


def attention(
    org: Organisation, known: dict[str, SourceState], keys: Collection[Key], *, most: int, today: date, now: datetime
) -> list[Trouble]:
    """At most `most` certificates of which one of `keys` holds: worst first, then what happened last."""
    waiting = OwnVersion.objects.filter(certificate=OuterRef("pk"), known_from=None, known_until=None)
    not_well = org.certificates.watched().filter(~Q(word=Status.VALID) | Q(valid_until__lt=today))  # few: quick to sort
    named: QuerySet[Any] = not_well.with_shown(today, expiring_days=org.expiring_days, read=read(known))
    found = (
        named.filter(shown__in=[key.value for key in keys])
        .annotate(
            waits=Exists(waiting),
            seen_at=Coalesce(told_at(), "added_at"),
            ended=Case(When(shown=Key.EXPIRED.value, then=F("valid_until")), output_field=DateField()),
        )
        .select_related("entry", "supplier")
        .order_by("severity", F("ended").desc(nulls_last=True), "-seen_at", "id")[:most]
    )
    certificates: list[Any] = list(found)
    entries = [certificate.entry for certificate in certificates if certificate.entry]
    said = (
        EntryVersion.objects.newest().filter(entry__in=entries).only("entry_id", "since", "suspensions", "source_word")
    )
    versions = {version.entry_id: version for version in said}
    out_of_date = stale(known, now)
    return [
        _trouble(c, known.get(c.source), versions.get(c.entry_id or 0), c.source in out_of_date, org, today)
        for c in certificates
    ]


def ends(org: Organisation, *, today: date) -> charts.Ends:
    """How many of what is in force end when."""
    begun = Q(valid_from=None) | Q(valid_from__lte=today)
    days = org.certificates.watched().filter(begun, word=Status.VALID, valid_until__gte=today)
    return charts.ends(today, dict(days.values_list("valid_until").order_by().annotate(Count("id"))))


def health(known: dict[str, SourceState], counted: Counts, *, now: datetime, zone: tzinfo) -> list[Health]:
    """The sources that the organisation watches, with their last 14 days in `zone`."""
    watched = [name for name in SOURCES if counted.watched_of(name)]
    today = now.astimezone(zone).date()
    since = datetime.combine(today - timedelta(days=charts.STRIP_DAYS - 1), datetime.min.time(), zone)
    rows = Sync.objects.filter(source__in=watched, number="", began__gte=since).order_by("id")
    runs: dict[str, list[tuple[date, str]]] = {name: [] for name in watched}
    for name, began, state in rows.values_list("source", "began", "state"):
        runs[name].append((began.astimezone(zone).date(), state))
    return [_health(name, known.get(name), counted, runs[name], today, now) for name in watched]


def changes(org: Organisation) -> list[Happened]:
    """What happened last, the newest first."""
    last = list(org.changes.order_by("-number").only(*_TOLD)[:LAST_CHANGES])
    alike: dict[tuple[object, ...], list[Change]] = {}
    for change in last:
        alike.setdefault(_what(org, change), []).append(change)
    rows = [row for group in alike.values() for row in _happened(org, group, full=len(last) == LAST_CHANGES)]
    shown_rows = sorted(rows, key=lambda row: -row.change.number)[:SHOWN_CHANGES]
    with_names = (
        org.changes.select_related("certificate__supplier", "entry", "run")
        .only(
            *_TOLD, "fields", "certificate__number", "certificate__public_id", "certificate__holder",
            "certificate__removed_at", "certificate__supplier__name", "entry__holder", "run__source",
        )
        .in_bulk([row.change.pk for row in shown_rows])
    )  # fmt: skip
    return [replace(row, change=with_names[row.change.pk]) for row in shown_rows]


_TOLD = (
    "org", "number", "type", "run_id", "was", "word", "valid_from_was", "valid_from", "valid_until_was", "valid_until",
    "seen_at",
)  # fmt: skip


def _coverage(scheme: str, by_hand: bool, counted: Counts) -> Coverage:
    groups = [group for group in counted.groups if (group.scheme, group.by_hand) == (scheme, by_hand)]
    return Coverage(
        scheme=scheme,
        by_hand=by_hand,
        total=sum(group.count for group in groups),
        in_force=sum(group.count for group in groups if group.key in IN_FORCE),
        attention=sum(group.count for group in groups if group.key in NEED_ATTENTION),
        last_known=any(group.source in counted.stale for group in groups),
    )


def _trouble(
    certificate: Any,
    state: SourceState | None,
    version: EntryVersion | None,
    is_stale: bool,
    org: Organisation,
    today: date,
) -> Trouble:
    """`certificate` as `attention` annotates it."""
    entry, seen_at = certificate.entry, certificate.seen_at
    read_began = state.read_began if state else None
    gone_at = entry.gone_at if entry else None
    by_hand = certificate.kind == Kind.NIS
    said = shown(
        Status(certificate.word),
        certificate.valid_from,
        certificate.valid_until,
        today=today,
        expiring_days=org.expiring_days,
        by_hand=by_hand,
        checked=read_began is not None or certificate.checked_at is not None,
        ambiguous=certificate.ambiguous,
        waiting=certificate.waits,
        unconfirmed=not by_hand and is_unconfirmed(gone_at or seen_at, read_began),
        stale=is_stale,
    )
    since = _since(certificate, said.key, version, today)
    return Trouble(certificate, said, since, gone_at, seen_at, version.source_word if version else "")


def _since(certificate: Certificate, key: Key, version: EntryVersion | None, today: date) -> date | None:
    """The day that the register gives for its word, or the last day of what has expired."""
    if key == Key.EXPIRED:
        return certificate.valid_until
    if version is None:
        return None
    if version.since is None and key == Key.SUSPENDED:
        begun = [first for first, last in _days(version.suspensions) if first and first <= today <= (last or today)]
        return max(begun, default=None)
    return version.since


def _days(suspensions: Iterable[Sequence[str | None]]) -> list[tuple[date | None, date | None]]:
    return [(_day(first), _day(last)) for first, last in suspensions]


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _health(
    name: str,
    state: SourceState | None,
    counted: Counts,
    runs: Sequence[tuple[date, str]],
    today: date,
    now: datetime,
) -> Health:
    schemes: dict[str, int] = {}
    for group in counted.groups:
        if group.source == name:
            schemes[group.scheme] = schemes.get(group.scheme, 0) + group.count
    read_began = state.read_began if state else None
    return Health(
        name=name,
        title=SOURCES[name].title,
        schemes=tuple(sorted(schemes, key=lambda scheme: -schemes[scheme])),
        count=counted.watched_of(name),
        read_began=read_began,
        next_run=state.next_run if state else None,
        state=_state(name, runs, read_began),
        stale=name in counted.stale,
        days=(now - read_began).days if read_began else 0,
        strip=charts.strip(today, [run for run in runs if run[1] != RunState.RUNNING]),
    )


def _state(name: str, runs: Sequence[tuple[date, str]], read_began: datetime | None) -> str:
    """`runs` of the last 14 days; a source without one is as it was before."""
    if name not in sources.names():
        return "left_out"
    ended = [state for _, state in runs if state not in (RunState.RUNNING, RunState.DISCARDED)]
    if not ended:
        running = any(state == RunState.RUNNING for _, state in runs)
        return "good" if read_began else "running" if running else "never"
    return "good" if ended[-1] in (RunState.RELEASED, RunState.SUPERSEDED) else ended[-1]


def _what(org: Organisation, change: Change) -> tuple[object, ...]:
    """What makes two changes alike; a change of dates or of what the register says stands for itself."""
    alone = change.number if change.type in (ChangeType.DATA, ChangeType.RENEWED) else None
    was, key = _keys(org, change)
    return org.today(change.seen_at), change.type, change.run_id, was, key, alone


def _happened(org: Organisation, group: Sequence[Change], *, full: bool) -> list[Happened]:
    was, key = _keys(org, group[0])
    if len(group) < SEVERAL:
        return [Happened(change, was, key, 1, at_least=False) for change in group]
    return [Happened(group[0], was, key, len(group), at_least=full)]


def _keys(org: Organisation, change: Change) -> tuple[Key | None, Key]:
    """What the certificate was and became, on the day when that was seen."""
    day = org.today(change.seen_at)

    def key(word: str, valid_from: date | None, valid_until: date | None) -> Key:
        return shown(Status(word), valid_from, valid_until, today=day, expiring_days=org.expiring_days).key

    was = None if change.was == Status.UNKNOWN else key(change.was, change.valid_from_was, change.valid_until_was)
    return was, key(change.word, change.valid_from, change.valid_until)
