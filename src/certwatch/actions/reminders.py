"""What a new day brings: certificates that end soon, have ended or begin, reviews that are due, keys that end.

Each organisation is looked at once on each of its own days. A look that comes late tells once what it missed. Each
change and notice is unique by the last day that it is about.
"""

import gc
import json
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q

from certwatch.actions.notices import STANDING, WORKING, reopen_less_bad
from certwatch.models import ApiKey, ChangeCounter, ChangeType, Notice, Organisation, ReminderPlan, reminding
from certwatch.models.base import random_id
from certwatch.models.certificates import Change
from certwatch.models.reminding import Candidate
from certwatch.models.staging import Bulk, Row, as_day, as_moment
from certwatch.rules import notices, reminders
from certwatch.rules.notices import SEVERITY, Kind, Stages, State
from certwatch.rules.reminders import Plans
from certwatch.rules.status import Status

logger = logging.getLogger(__name__)

ORGS = 100  # of one transaction; more would keep other writers of an embedded database waiting
_WORDS = {kind: (kind.value, SEVERITY[kind].value) for kind in Kind}  # an enum's value is slow to ask for
_STATES = {state: state.value for state in State}
OF_AN_END = (Kind.EXPIRING, Kind.EXPIRED, Kind.STILL_EXPIRED)
REPEATS = (Kind.STILL_EXPIRED, Kind.REVIEW_DUE)
AT_ONCE = 500  # certificates of one statement


def look(now: datetime) -> None:
    """Look at the day of every organisation whose day is new. One that cannot be looked at stops no other."""
    failed = 0
    with _collector_resting():
        for today, due in _due(now):
            for start in range(0, len(due), ORGS):
                failed += _try(due[start : start + ORGS], today, now)
    if failed:
        raise RuntimeError(f"The day of {failed} organisations could not be looked at.")


@contextmanager
def _collector_resting() -> Iterator[None]:
    """The garbage collector would walk what is to be told again and again, a tenth of the time; it is in no cycle."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _due(now: datetime) -> Iterator[tuple[date, list[int]]]:
    """Days that begin somewhere, and the organisations that have not been looked at on them, by zone."""
    for zone in Organisation.objects.order_by("time_zone").values_list("time_zone", flat=True).distinct():
        today = now.astimezone(ZoneInfo(zone)).date()
        new = Organisation.objects.filter(time_zone=zone).exclude(looked_on=today)
        if due := list(new.order_by("pk").values_list("pk", flat=True)):
            yield today, due


def _try(orgs: Sequence[int], today: date, now: datetime) -> int:
    """Look at `orgs` together, or one by one if that fails; how many could not be looked at."""
    try:
        with transaction.atomic():
            _look_at(orgs, today, now)
    except Exception:
        if len(orgs) > 1:
            return sum(_try([org], today, now) for org in orgs)
        logger.exception("The day of organisation %s could not be looked at.", orgs[0])
        return 1
    return 0


def _look_at(pks: Sequence[int], today: date, now: datetime) -> None:
    new = Organisation.objects.filter(pk__in=pks).exclude(looked_on=today).order_by("pk")
    orgs = {org.pk: org for org in new.select_for_update(no_key=True, skip_locked=True)}  # another worker has the rest
    day = _Day(Bulk(), orgs, today, now)
    yesterday = today - timedelta(days=1)
    reminding.begin(
        day.bulk,
        (
            (
                org.pk,
                day.bulk.day(today + timedelta(days=day.plans[org.pk].earliest)),
                day.bulk.day(min(org.looked_on or yesterday, yesterday)),
                day.bulk.day(day.remembered(org)),
            )
            for org in orgs.values()
        ),
        today,
    )
    keys = _keys_that_end(orgs, today)
    day.take_counters({*reminding.concerned(day.bulk), *(key.org_id for key in keys)})
    after = 0
    while found := reminding.page(day.bulk, after):
        for candidate in found:
            day.look_at(candidate)
        day.write()
        after = found[-1].certificate
    for key in keys:
        day.look_at_key(key)
    day.write()
    reminding.end(day.bulk, today, now)
    _end_keys(orgs, today, now)
    day.put_counters_back()
    Organisation.objects.filter(pk__in=orgs).update(looked_on=today)
    Organisation.objects.filter(pk__in=day.rested, rested=False).update(rested=True)


@dataclass(slots=True)
class _Day:
    """One day of some organisations in one time zone: what is to be told of it, until it is written."""

    bulk: Bulk
    orgs: Mapping[int, Organisation]
    today: date
    now: datetime
    plans: dict[int, Plans] = field(init=False)
    zone: ZoneInfo = field(init=False)
    batch: str = field(init=False)
    moment: Any = field(init=False)
    numbers: dict[int, int] = field(default_factory=dict)  # the last one that is given out, by organisation
    first_numbers: dict[int, int] = field(default_factory=dict)
    some_decided: bool = field(init=False)  # something worse opens that again
    resting: set[int] = field(init=False)
    rested: set[int] = field(default_factory=set)  # of those that rest who would have been told something
    told: list["_Told"] = field(default_factory=list)
    stages: dict[tuple[object, ...], Stages | None] = field(default_factory=dict)
    replaced: dict[Kind, list[int]] = field(default_factory=lambda: defaultdict(list))
    inherited: dict[tuple[Kind, int | None], Notice] = field(default_factory=dict)  # by repeat and certificate

    def __post_init__(self) -> None:
        self.plans = _plans(self.orgs)
        self.zone = ZoneInfo(next(iter(self.orgs.values())).time_zone) if self.orgs else ZoneInfo("UTC")
        self.batch = f"day:{self.today.isoformat()}"
        self.moment = self.bulk.moment(self.now)
        decided = Notice.across_orgs.filter(org__in=self.orgs, state__in=(State.ACKNOWLEDGED, State.SNOOZED))
        self.some_decided = decided.exists()
        self.resting = {pk for pk, org in self.orgs.items() if org.state(self.now) not in WORKING}

    def remembered(self, org: Organisation) -> date:
        return reminders.remembered(org.looked_on, self.today)

    # ---- one certificate

    def look_at(self, c: Candidate) -> None:
        until, begins, review = as_day(c.valid_until), as_day(c.valid_from), as_day(c.review_on)
        if until is not None and until < self.today and c.word in (Status.VALID, Status.EXPIRED):
            self._ended(c, until)
        elif until is not None and until >= self.today and c.word in (Status.VALID, Status.SUSPENDED):
            self._ends(c, until)
        if begins is not None and c.word == Status.VALID and not c.begun_told:
            self._begins(c, begins)
        if review is not None and review <= self.today:
            self._is_to_be_reviewed(c, review)

    def _ends(self, c: Candidate, last_day: date) -> None:
        if c.covered or c.in_force:
            return
        reached = self._stages(c, last_day)
        if reached is None:
            return
        if c.told_stage is not None and c.told_stage <= reached.told:
            return
        told_for = f"c{c.certificate}:{last_day}:{Kind.EXPIRING}:"
        for stage in reached.skipped:
            if c.told_stage is None or stage < c.told_stage:
                skipped = _Told(c, Kind.EXPIRING, f"{told_for}{stage}", last_day, stage, state=State.SKIPPED)
                self.told.append(skipped)
        told = _Told(c, Kind.EXPIRING, f"{told_for}{reached.told}", last_day, reached.told, _lacks(c))
        told.change = (ChangeType.EXPIRING, f"day:expiring:{last_day}:{reached.told}", c.word, c.word)
        told.said = {"stage": reached.told}
        if c.told_stage is not None:
            told.after = c
            self.replaced[Kind.EXPIRING].append(c.certificate)
        self.told.append(told)

    def _stages(self, c: Candidate, last_day: date) -> Stages | None:
        plans = self.plans[c.org]
        tags = json.loads(c.tags) if isinstance(c.tags, str) and plans.by_tag else ()
        days = plans.days(c.certificate, tags, c.scheme)
        known = (*days, last_day)
        if known not in self.stages:  # some hundred for many thousand certificates
            self.stages[known] = notices.stages_reached(days, last_day, self.today)
        return self.stages[known]

    def _ended(self, c: Candidate, last_day: date) -> None:
        since = last_day + timedelta(days=1)
        if c.ended_kind is not None:
            self._is_still_expired(c, last_day, since)
            return
        added = self._day_of(c.added_at)
        if not reminders.is_news(last_day, added, self.remembered(self.orgs[c.org])):
            return
        told = _Told(c, Kind.EXPIRED, f"c{c.certificate}:{since}:{Kind.EXPIRED}", last_day)
        told.said = {"since": since.isoformat()}
        told.notice = not (c.covered or c.taken_over)
        if c.expired_told is None:
            told.change = (ChangeType.STATUS, f"day:expired:{since}", Status.VALID, Status.EXPIRED)
        elif not told.notice or not c.expired_told.startswith("day:"):
            return  # what a register or a person told has its notice by that change
        if told.notice:
            self.replaced[Kind.EXPIRED].append(c.certificate)
        self.told.append(told)

    def _is_still_expired(self, c: Candidate, last_day: date, since: date) -> None:
        week = notices.repeats_due(since, self.today)
        if week <= (c.ended_week or 0) or c.covered or c.taken_over:
            return
        if not reminders.is_a_week_ago(self._day_of(c.ended_at), self.today):
            return
        told_for = f"c{c.certificate}:{since}:{Kind.STILL_EXPIRED}:{week}"
        self.told.append(_Told(c, Kind.STILL_EXPIRED, told_for, last_day, week, _lacks(c)))
        self.replaced[Kind.STILL_EXPIRED].append(c.certificate)

    def _begins(self, c: Candidate, first_day: date) -> None:
        """An event without a notice, and only of what was watched before: who adds it later never saw it early."""
        looked_on = self.orgs[c.org].looked_on or self.today - timedelta(days=1)
        if not min(looked_on, self.today - timedelta(days=1)) < first_day <= self.today:
            return
        if self._day_of(c.added_at) >= first_day:
            return
        told = _Told(c, Kind.BEGUN, "", first_day, notice=False)
        told.change = (ChangeType.STATUS, f"day:begun:{first_day}", Status.NOT_YET_VALID, Status.VALID)
        told.said = {"since": first_day.isoformat()}
        self.told.append(told)

    def _is_to_be_reviewed(self, c: Candidate, review: date) -> None:
        if c.in_force:
            return
        week = notices.repeats_due(review, self.today)
        if c.review_week is not None:
            if week <= c.review_week or not reminders.is_a_week_ago(self._day_of(c.review_at), self.today):
                return
            self.replaced[Kind.REVIEW_DUE].append(c.certificate)
        told_for = f"c{c.certificate}:{review}:{Kind.REVIEW_DUE}:{week}"
        self.told.append(_Told(c, Kind.REVIEW_DUE, told_for, review, week))

    def _day_of(self, moment: object) -> date:
        return as_moment(moment).astimezone(self.zone).date()

    # ---- one key

    def look_at_key(self, key: ApiKey) -> None:
        assert key.last_day is not None  # the query asks for it
        reached = notices.stages_reached(reminders.KEY_DAYS, key.last_day, self.today)
        standing = Notice.across_orgs.filter(
            org=key.org_id, kind=Kind.KEY_ENDING, about_id=key.public_id, day=key.last_day
        )
        told_before = standing.order_by("stage").values_list("stage", flat=True).first()
        if reached is None or (told_before is not None and told_before <= reached.told):
            return
        standing.filter(state__in=STANDING).update(state=State.SKIPPED, solved_at=self.now, solved_by=Kind.KEY_ENDING)
        for stage in (*reached.skipped, reached.told):
            if told_before is not None and stage >= told_before:
                continue
            told_for = f"k{key.pk}:{key.last_day}:{Kind.KEY_ENDING}:{stage}"
            told = _Told(key, Kind.KEY_ENDING, told_for, key.last_day, stage)
            if stage == reached.told:
                told.change = (ChangeType.KEY_EXPIRING, f"key:{key.public_id}:{key.last_day}:{stage}", "", "")
                told.said = {
                    "id": key.public_id, "name": key.name, "last_day": key.last_day.isoformat(), "stage": stage,
                }  # fmt: skip
            else:
                told.state = State.SKIPPED
            self.told.append(told)

    # ---- writing

    def take_counters(self, orgs: set[int]) -> None:
        """Lock the counters of those who may be told something, in order of organisation, as a run does."""
        ChangeCounter.objects.bulk_create((ChangeCounter(org_id=pk) for pk in sorted(orgs)), ignore_conflicts=True)
        counters = ChangeCounter.objects.select_for_update().filter(org__in=orgs).order_by("org")
        self.numbers = dict(counters.values_list("org_id", "last"))
        self.first_numbers = dict(self.numbers)

    def put_counters_back(self) -> None:
        moved = [pk for pk, last in self.numbers.items() if last != self.first_numbers[pk]]
        counters = [ChangeCounter(org_id=pk, last=self.numbers[pk]) for pk in moved]
        ChangeCounter.objects.bulk_update(counters, ["last"])

    def write(self) -> None:
        """Write what is to be told so far, after what it takes the place of."""
        for kind, ended, state in (
            (Kind.EXPIRING, (Kind.EXPIRING,), State.SKIPPED),
            (Kind.EXPIRED, (Kind.EXPIRING,), State.SOLVED),
            (Kind.STILL_EXPIRED, OF_AN_END, State.SOLVED),
            (Kind.REVIEW_DUE, (Kind.REVIEW_DUE,), State.SOLVED),
        ):
            if self.replaced[kind]:
                self._inherit(kind, ended)
                reminding.replace(self.bulk, self.replaced[kind], ended, state=state, by=kind, now=self.now)
        changed = [told for told in self.told if told.change]
        for told, pk in zip(changed, self.bulk.take_ids(Change, len(changed)), strict=True):
            told.change_id = pk
        noticed = (told for told in self.told if told.notice)
        reminding.write(self.bulk, map(self._change, changed), map(self._notice, noticed))
        if self.some_decided:
            happened = {
                told.about.certificate: [told.kind]
                for told in self.told
                if told.notice and told.state == State.OPEN and isinstance(told.about, Candidate)
            }
            reopen_less_bad(happened, now=self.now)
        self.told, self.replaced, self.inherited = [], defaultdict(list), {}

    def _inherit(self, kind: Kind, ended: tuple[Kind, ...]) -> None:
        """Note who sees to what a weekly repeat takes the place of, and until when it is snoozed."""
        if kind not in REPEATS:
            return
        before = Notice.across_orgs.filter(Q(state=State.SNOOZED) | Q(assigned_to__isnull=False), kind__in=ended)
        certificates = self.replaced[kind]
        for start in range(0, len(certificates), AT_ONCE):
            some = before.filter(state__in=STANDING, certificate__in=certificates[start : start + AT_ONCE])
            self.inherited |= {(kind, notice.certificate_id): notice for notice in some}

    def _change(self, told: "_Told") -> Row:
        assert told.change is not None
        event, told_by, was, word = told.change
        org = told.org
        self.numbers[org] += 1
        facts = json.dumps({"kind": told.kind, **(told.said or {})})
        if isinstance(told.about, ApiKey):
            about: Row = (None, event.value, told_by, None, None, was, word, None, None, None, None)
        else:
            c = told.about
            about = (
                c.certificate, event.value, told_by, c.entry, c.version, str(was), str(word), c.valid_from,
                c.valid_from, c.valid_until, c.valid_until,
            )  # fmt: skip
        return (told.change_id, org, self.numbers[org], *about, "[]", facts, self.moment, self.moment)

    def _notice(self, told: "_Told") -> Row:
        state, told_at = told.state, None
        if told.org in self.resting and state == State.OPEN:
            self.rested.add(told.org)
            state = State.RESTING
        decided: Row = (None, None, None, "", None)
        if (before := told.after) is not None:
            decided = (before.assigned_to, None, None, "", None)
            until = as_day(before.until)
            if before.told_state == State.SNOOZED and state == State.OPEN and until and until >= self.today:
                state = State.SNOOZED
                decided = (before.assigned_to, before.decided_at, before.decided_by, before.comment, before.until)
        elif (former := self.inherited.get((told.kind, told.certificate))) is not None:
            decided = (former.assigned_to_id, None, None, "", None)
            if state == State.OPEN and former.state == State.SNOOZED and former.until and former.until >= self.today:
                state = State.SNOOZED
                when, until = self.bulk.moment(former.decided_at), self.bulk.day(former.until)
                decided = (former.assigned_to_id, when, former.decided_by_id, former.comment, until)
        if state in (State.RESTING, State.SKIPPED):
            told_at = self.moment  # nobody hears of it, now or later
        certificate, about, about_id = None, "", ""
        if isinstance(told.about, ApiKey):
            about, about_id = told.about.name, told.about.public_id
        else:
            certificate = told.about.certificate
        facts = json.dumps(told.facts) if told.facts else "{}"
        return (
            told.org, random_id(), *_WORDS[told.kind], told.told_for, self.batch, certificate, told.change_id, about,
            about_id, self.bulk.day(told.day), told.stage, facts, _STATES[state], self.moment, told_at, False, 0,
            *decided, None, "",
        )  # fmt: skip


@dataclass(slots=True)
class _Told:
    """One thing to tell, a change, a notice or both."""

    about: Candidate | ApiKey
    kind: Kind
    told_for: str
    day: date
    stage: int | None = None
    facts: Mapping[str, Any] | None = None
    notice: bool = True
    state: State = State.OPEN
    change: tuple[ChangeType, str, str, str] | None = None  # type, told by, the status before and after
    said: Mapping[str, Any] | None = None  # the change's facts
    change_id: int | None = None
    after: Candidate | None = None  # a less urgent stage of it was told before

    @property
    def org(self) -> int:
        return self.about.org_id if isinstance(self.about, ApiKey) else self.about.org

    @property
    def certificate(self) -> int | None:
        return None if isinstance(self.about, ApiKey) else self.about.certificate


def _lacks(c: Candidate) -> dict[str, Any]:
    """What a successor that covers less is told with; nothing where there is none."""
    if c.successor is None:
        return {}
    missing = json.loads(c.missing) if isinstance(c.missing, str) else c.missing
    return {"missing": missing, "in_time": bool(c.in_time), "successor": c.successor}


def _plans(orgs: Mapping[int, Organisation]) -> dict[int, Plans]:
    by_org: dict[int, list[ReminderPlan]] = defaultdict(list)
    for plan in ReminderPlan.across_orgs.filter(org__in=orgs):
        by_org[plan.org_id].append(plan)
    return {
        pk: Plans(
            own=org.reminder_days,
            by_certificate={plan.certificate_id: plan.days for plan in by_org[pk] if plan.certificate_id},
            by_tag={plan.tag: plan.days for plan in by_org[pk] if plan.tag},
            by_scheme={plan.scheme: plan.days for plan in by_org[pk] if plan.scheme},
        )
        for pk, org in orgs.items()
    }


def _keys_that_end(orgs: Mapping[int, Organisation], today: date) -> list[ApiKey]:
    soon = today + timedelta(days=max(reminders.KEY_DAYS))
    ending = ApiKey.across_orgs.filter(org__in=orgs, revoked_at=None, last_day__gte=today, last_day__lte=soon)
    return list(ending.order_by("pk"))


def _end_keys(orgs: Mapping[int, Organisation], today: date, now: datetime) -> None:
    """Solve what was said of keys that have ended or were revoked."""
    standing = Notice.across_orgs.filter(org__in=orgs, kind=Kind.KEY_ENDING, state__in=STANDING)
    standing.filter(day__lt=today).update(state=State.SOLVED, solved_at=now, solved_by="ended")
    named = dict(standing.values_list("about_id", "pk"))
    revoked = ApiKey.across_orgs.filter(public_id__in=named).exclude(revoked_at=None)
    gone = standing.filter(about_id__in=list(revoked.values_list("public_id", flat=True)))
    gone.update(state=State.SOLVED, solved_at=now, solved_by="revoked")
