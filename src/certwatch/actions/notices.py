"""Notices: made of changes, solved when their cause ends, open again when something worse happens.

What makes a notice unique is its `told_for`: the certificate, what said so and the kind, or for what comes by the
calendar the day; so a change that is looked at twice is told once. Cursor, notices and webhooks move together.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet

from certwatch.actions.deliveries import host_of
from certwatch.models import (
    Absence,
    Certificate,
    Change,
    ChangeCounter,
    ChangeType,
    EndpointState,
    Notice,
    Organisation,
    SourceState,
    Sync,
    WebhookEndpoint,
)
from certwatch.models import notices as rows
from certwatch.models.base import as_json
from certwatch.models.staging import Bulk
from certwatch.rules.notices import (
    EVENTS_ONLY,
    SEVERITY,
    Kind,
    Moved,
    State,
    ended_by,
    kinds_of,
    kinds_of_return,
    worse_than,
)
from certwatch.rules.shown import CONFIRMED_AFTER
from certwatch.rules.status import Status

logger = logging.getLogger(__name__)

STANDING = (State.OPEN, State.ACKNOWLEDGED, State.SNOOZED)
WORKING = ("trial", "open")  # states of an organisation whose people are told
AT_ONCE = 5_000  # changes of an organisation in one transaction: others wait no longer than a fraction of a second
TOGETHER = 20_000  # changes of several organisations in one
A_LOOK = 20_000  # then other errands have their turn
FIRST_PAUSE = timedelta(seconds=5)  # before an organisation is tried again that could not be worked on,
PAUSE = timedelta(minutes=1)  # … and if that failed, too

_broken: dict[int, datetime] = {}  # organisations of which this process knows, and until when it leaves them alone


def make(now: datetime) -> None:
    """Make notices and webhook deliveries of the changes of all organisations since the last look, then of absences
    that a second reading has confirmed. An organisation that cannot be worked on does not stop the others."""
    done, stuck = 0, set[int]()
    while done < A_LOOK:
        waiting = {org: many for org, many in _waiting(now) if org not in stuck}
        if not waiting:
            break
        for group in _groups(waiting):
            moved = _each_if_not_all(group, lambda orgs: _of_changes(orgs, now), now)
            done += moved
            if not moved:  # somebody else works on them, or they are broken
                stuck.update(group)
            if done >= A_LOOK:
                break
    _look_for_absences(now)


def add(
    org: Organisation | None,
    kind: Kind,
    *,
    told_for: str,
    batch: str,
    now: datetime,
    certificate: Certificate | None = None,
    change: Change | None = None,
    about: str = "",
    about_id: str = "",
    day: date | None = None,
    stage: int | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Notice | None:
    """The new notice; None if it was told before. `org` None: the operator's.

    What is said of the same certificate and less bad is open again.
    """
    rests = org is not None and org.state(now) not in WORKING
    notice, new = Notice.across_orgs.get_or_create(
        told_for=told_for,
        defaults={
            "org": org,
            "kind": kind,
            "severity": SEVERITY[kind],
            "batch": batch[:60],
            "certificate": certificate,
            "change": change,
            "about": about[:200],
            "about_id": about_id,
            "day": day,
            "stage": stage,
            "facts": dict(facts or {}),
            "state": State.RESTING if rests else State.OPEN,
            "made_at": now,
            "told_at": now if rests else None,  # nobody hears of it, now or later
        },
    )
    if not new:
        return None
    if org is not None and rests and not org.rested:
        org.rested = True
        org.save(update_fields=["rested"])
    if certificate is not None:
        reopen_less_bad({certificate.pk: [kind]}, now=now)
    return notice


def solve(notices: "QuerySet[Notice]", *, by: str, now: datetime) -> int:
    """Let those of `notices` that stand be solved; `by`: the kind or word that ended their cause. How many it were."""
    standing = notices.filter(state__in=STANDING)
    return standing.update(state=State.SOLVED, solved_at=now, solved_by=by[:40])


def reopen_less_bad(happened: Mapping[int, Collection[Kind]], *, now: datetime) -> int:
    """Open again what was acknowledged or snoozed about certificates (by primary key) to which something worse
    `happened`. How many it were."""
    decided = Notice.across_orgs.filter(state__in=(State.ACKNOWLEDGED, State.SNOOZED))
    worse: dict[int, Kind] = {}
    for some in _pieces(list(happened)):
        for pk, certificate, kind in decided.filter(certificate__in=some).values_list("pk", "certificate", "kind"):
            found = [new for new in happened[certificate or 0] if worse_than(new, Kind(kind))]
            if found:
                worse[pk] = found[0]
    return _open_again(worse, now)


def _open_again(worse: Mapping[int, Kind], now: datetime) -> int:
    """Open notices, by primary key, because of a worse kind. What had been decided stands in `facts["reopened"]`."""
    for some in _pieces(list(worse)):
        notices = list(Notice.across_orgs.filter(pk__in=some).select_related("decided_by"))
        for notice in notices:
            decision = {
                "by": worse[notice.pk],
                "at": now,
                "state": notice.state,
                "decided_at": notice.decided_at,
                "decided_by": notice.decided_by.email if notice.decided_by else "",
                "comment": notice.comment,
                "until": notice.until,
            }
            notice.facts = {**notice.facts, "reopened": as_json(decision)}
            notice.state, notice.decided_at, notice.decided_by = State.OPEN, None, None
            notice.comment, notice.until = "", None
            notice.open_since, notice.escalated = now, 0
        fields = ["facts", "state", "decided_at", "decided_by", "comment", "until", "open_since", "escalated"]
        Notice.across_orgs.bulk_update(notices, fields)
    return len(worse)


# ---- in groups


def _waiting(now: datetime) -> list[tuple[int, int]]:
    """Organisations with changes that nobody has looked at, and how many of them. Who has few does not wait for who
    has many."""
    behind = ChangeCounter.objects.filter(noticed__lt=F("last"))
    rows = behind.values_list("org_id", "noticed", "last")
    waiting = [(org, last - noticed) for org, noticed, last in rows if _broken.get(org, now) <= now]
    return sorted(waiting, key=lambda row: (row[1], row[0]))


def _groups(waiting: Mapping[int, int]) -> Iterator[list[int]]:
    group, size = list[int](), 0
    for org, many in waiting.items():
        if group and (size + min(many, AT_ONCE) > TOGETHER or len(group) == _PIECE):
            yield group
            group, size = [], 0
        group.append(org)
        size += min(many, AT_ONCE)
    if group:
        yield group


def _each_if_not_all(orgs: Sequence[int], work: Callable[[Sequence[int]], int], now: datetime) -> int:
    """`work` on all of `orgs` in one transaction; if it fails on each in its own, so that only the broken one waits."""
    try:
        with transaction.atomic():
            done = work(orgs)
    except Exception:
        if len(orgs) == 1:
            logger.exception("Organisation %s: no notices could be made.", orgs[0])
            _broken[orgs[0]] = now + (PAUSE if orgs[0] in _broken else FIRST_PAUSE)
            return 0
    else:
        for org in orgs:
            _broken.pop(org, None)
        return done
    return sum(_each_if_not_all([org], work, now) for org in orgs)


# ---- of changes


def _of_changes(orgs: Sequence[int], now: datetime) -> int:
    """Notices, absences and webhooks of the next changes of `orgs`. How many changes it were."""
    bulk = Bulk()
    known = Organisation.objects.in_bulk(orgs)
    turns = _turns(bulk, known, now)
    if not turns:
        return 0
    rows.fill(bulk, turns)
    back = rows.returns(bulk)
    late = [r.absence for r in back if _was_confirmed(r)]
    if late:  # nobody looked for so long that it was confirmed before it came back: both are told
        _tell_absences(bulk, Absence.objects.filter(pk__in=late), now)
        rows.fill(bulk, turns)
        back = [r for r in back if r.absence not in late]
    if back:
        _never_mind(bulk, back)
    rows.drop_absences(bulk)
    kinds = {said: _kinds_said(said) for said in rows.sayings(bulk)}
    waits = [said for said, of in kinds.items() if Kind.NOT_FOUND in of]
    if waits:
        rows.wait(bulk, waits)
    _settle(bulk, {said: of for said, of in kinds.items() if said not in waits}, known, now)
    return rows.go_on(bulk)


def _turns(bulk: Bulk, known: Mapping[int, Organisation], now: datetime) -> list[rows.Turn]:
    turns = []
    for org, noticed, last in rows.lock(bulk, list(known)):
        upto = last
        if last - noticed > AT_ONCE:
            upto = rows.end_of_deed(bulk, org, noticed + AT_ONCE) or last
        if upto > noticed:
            turns.append(rows.Turn(org, noticed, upto, known[org].state(now) not in WORKING))
    return turns


def _was_confirmed(back: rows.Return) -> bool:
    """Whether a believed reading of the whole, late enough, missed it, too."""
    readings = Sync.objects.filter(source=back.source, number="", applied_at__isnull=False)
    return readings.filter(began__gte=back.missed + CONFIRMED_AFTER, began__lt=back.back).exists()


def _never_mind(bulk: Bulk, back: Sequence[rows.Return]) -> None:
    """Absences that ended before they were confirmed: told is only what became another in between, if anything."""
    otherwise = []
    for one in back:
        said = rows.said_of_return(one.moved)
        otherwise.append((one.change, said, not kinds_of_return(one.moved)))
    rows.say_otherwise(bulk, otherwise)
    for some in _pieces([one.absence for one in back]):
        Absence.objects.filter(pk__in=some).delete()


def _kinds_said(said: str) -> tuple[Kind, ...]:
    move = rows.moved(said)
    return kinds_of_return(move) if move.type == rows.RETURNED else kinds_of(move)


def _settle(bulk: Bulk, kinds: Mapping[str, Sequence[Kind]], orgs: Mapping[int, Organisation], now: datetime) -> None:
    """Solve and open again what stands, tell what is new, and call those who want webhooks."""
    _solve_what_ended(rows.standing(bulk), kinds, now)
    told = {said: [kind for kind in of if kind not in EVENTS_ONLY] for said, of in kinds.items()}
    if any(told.values()):
        rows.tell(bulk, told, {pk: org.today(now) for pk, org in orgs.items()}, now)
    endpoints = list(WebhookEndpoint.across_orgs.filter(org__in=orgs, state=EndpointState.ON))
    if endpoints:
        rows.call(bulk, endpoints, {endpoint.pk: host_of(endpoint.url) for endpoint in endpoints}, now)


def _solve_what_ended(standing: Sequence[rows.Standing], kinds: Mapping[str, Sequence[Kind]], now: datetime) -> None:
    moves = {said: rows.moved(said) for said in {one.said for one in standing if one.said}}
    solved: dict[int, str] = {}
    worse: dict[int, Kind] = {}
    for one in standing:
        move = Moved(one.type, "", "") if one.type == ChangeType.REMOVED else moves[one.said]
        of = kinds.get(one.said, ())
        if end := ended_by(one.kind, one.day, move, of) or _agreed(one, move):
            solved[one.notice] = end
        elif one.state != State.OPEN and (found := [kind for kind in of if worse_than(kind, one.kind)]):
            worse[one.notice] = found[0]
    for by in sorted(set(solved.values())):
        for some in _pieces([pk for pk, end in solved.items() if end == by]):
            solve(Notice.across_orgs.filter(pk__in=some), by=by, now=now)
    _open_again({pk: kind for pk, kind in worse.items() if pk not in solved}, now)


def _agreed(one: rows.Standing, move: Moved) -> str | None:
    """Whether a person has written down what the register says, where they disagreed."""
    if one.kind != Kind.DISAGREEMENT or "disagreement" in move.fields:
        return None
    said = {"word": move.word, "valid_until": as_json(move.valid_until)}
    return "corrected" if said.items() <= one.facts.items() else None


# ---- of absences


def _look_for_absences(now: datetime) -> None:
    if not Absence.objects.exists():
        return
    orgs = list(_confirmed().order_by("change__org").values_list("change__org", flat=True).distinct())
    for group in _pieces([org for org in orgs if _broken.get(org, now) <= now]):
        _each_if_not_all(group, lambda some: _of_absences(some, now), now)


def _of_absences(orgs: Sequence[int], now: datetime) -> int:
    bulk = Bulk()
    ours = [org for org, noticed, last in rows.lock(bulk, orgs) if noticed == last]
    return _tell_absences(bulk, _confirmed().filter(change__org__in=ours), now)


def _confirmed() -> "QuerySet[Absence]":
    """Absences that a believed reading of the whole has confirmed, and after which nothing else has happened."""
    confirmed = Q(pk__in=[])
    for source, read_began in SourceState.objects.values_list("source", "read_began"):
        if read_began is not None:
            confirmed |= Q(certificate__source=source, change__seen_at__lte=read_began - CONFIRMED_AFTER)
    all_seen = Q(change__org__change_counter__noticed=F("change__org__change_counter__last"))
    return Absence.objects.filter(confirmed, all_seen, certificate__removed_at=None, certificate__word=Status.NOT_FOUND)


def _tell_absences(bulk: Bulk, absences: "QuerySet[Absence]", now: datetime) -> int:
    """Notices and webhooks of what is really gone. How many it were."""
    found = list(absences.order_by("change").values_list("change", "change__org", "certificate__source"))
    if not found:
        return 0
    orgs = Organisation.objects.in_bulk({org for _, org, _ in found})
    resting = {pk for pk, org in orgs.items() if org.state(now) not in WORKING}
    runs = dict(SourceState.objects.values_list("source", "last_good"))
    rows.fill_absent(
        bulk, [rows.Absent(change, org, org in resting, f"gone:{runs.get(source)}") for change, org, source in found]
    )
    Organisation.objects.filter(pk__in=resting, rested=False).update(rested=True)
    _settle(bulk, {rows.ABSENT: (Kind.NOT_FOUND,)}, orgs, now)
    return len(found)


_PIECE = 500  # values of one statement


def _pieces(of: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(of), _PIECE):
        yield of[start : start + _PIECE]
