"""Every morning: digests, repeats of what nobody acknowledged, escalation; and what ends or begins with a day.

Looked at every minute. What is due is found by rows, so a pause delays and never doubles.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache, partial
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from django.db import transaction
from django.db.models import Case, CharField, Exists, F, OuterRef, Q, QuerySet, When

from certwatch.actions import audience, deliveries, standing, tellings
from certwatch.actions.audience import Audience
from certwatch.actions.standing import Standing
from certwatch.models import Channel, Delivery, Digest, Membership, Notice, Organisation, Purpose, Telling, User
from certwatch.rules import routing
from certwatch.rules.notices import Severity, State, is_working_day, working_days_after

log = structlog.get_logger()

EIGHT = time(8)
KEPT = timedelta(days=14)  # what waited longer for a digest is old news
TO_DEPUTIES, TO_LEADING = 3, 7  # working days after which a critical one that nobody acknowledged goes further
ENDS_LATER = timedelta(hours=26)  # no zone is further apart from UTC
PATIENCE = timedelta(hours=1)  # a morning waits no longer for what comes before it: that may go on failing

_waits: dict[tuple[int, date], datetime] = {}  # mornings of organisations that wait here, and since when
_failed: ContextVar[list[str]] = ContextVar("failed")  # what of this look failed


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a reader is to hear of in the morning."""

    new: list[Telling]  # whose digest is still to come
    unacknowledged: list[Telling]  # critical ones of which he heard before today

    @property
    def notices(self) -> list[Notice]:
        seen = {telling.notice_id: telling.notice for telling in (*self.unacknowledged, *self.new)}
        return list(seen.values())


def look(now: datetime) -> None:
    """Do all that is due now. What fails does not stop the rest; the duty itself fails at the end."""
    failed: list[str] = []
    _failed.set(failed)
    for part in (end_decisions, tell_of_opening, mornings, channels_mornings, escalate):
        try:
            part(now)
        except Exception:
            log.exception("A part of the morning's work failed.", part=part.__name__)
            failed.append(part.__name__)
    if failed:
        raise RuntimeError(f"The morning's work failed {len(failed)} times: {', '.join(sorted(set(failed))[:20])}.")


def working(now: datetime) -> Q:
    """Organisations that are open, or on a trial that lasts."""
    return Q(closed_at=None) & (Q(trial_ends=None) | Q(trial_ends__gt=now))


# ---- what ends with a day


def end_decisions(now: datetime) -> None:
    """Acknowledgements and snoozes with an end are open again the day after it. Who was told hears again, in the next
    digest; of critical ones in the daily repeat."""
    ended = Notice.across_orgs.filter(
        org__in=Organisation.objects.values("pk"),  # so that the index by organisation and state is used
        state__in=(State.ACKNOWLEDGED, State.SNOOZED),
        until__lt=(now + ENDS_LATER).date(),
    ).select_related("org")
    over = [notice.pk for notice in ended if notice.until and notice.org and notice.until < notice.org.today(now)]
    for chunk in tellings.chunks(over, tellings.ROWS):
        still = Notice.across_orgs.filter(pk__in=chunk, state__in=(State.ACKNOWLEDGED, State.SNOOZED))
        still = still.filter(until__lt=(now + ENDS_LATER).date())
        with transaction.atomic():
            again = list(still.select_for_update().values_list("pk", flat=True))
            Notice.across_orgs.filter(pk__in=again).update(state=State.OPEN, until=None, open_since=now, escalated=0)
            heard = Telling.objects.filter(notice__in=again).exclude(notice__severity=Severity.CRITICAL)
            heard.update(delivery=None)


def tell_of_opening(now: datetime) -> None:
    """Who was closed and is open again hears what needs attention now, in one mail."""
    for org in Organisation.objects.filter(working(now), rested=True):
        with _going_on(org), transaction.atomic():
            if not Organisation.objects.filter(pk=org.pk, rested=True).update(rested=False):
                continue
            listening = audience.of(org, now)
            for user in routing.leading(listening.members):
                if user in listening.confirmed:
                    told_for = f"opened:o{org.pk}:u{user}:{now.isoformat()}"
                    day = {"day": org.today(now).isoformat()}
                    _make(org, Purpose.OPENED, told_for, now, user=listening.users[user], facts=day)


# ---- mornings of people


def mornings(now: datetime) -> None:
    """Digest or repeat for each member for whom it is 08:00 or later on a day that was not looked at."""
    undecided = _undecided(now)
    for org, members in groupby(_due(now), key=lambda member: member.org):
        if _has_to_wait(org, undecided, now):
            continue
        with _going_on(org):
            listening = audience.of(org, now)
            stands = cache(partial(standing.on, listening, now))  # asked for on Mondays only
            for member in members:
                with _going_on(org), transaction.atomic():
                    _morning(member, listening, stands, now)


def _undecided(now: datetime) -> set[int]:
    """Organisations with notices of which it is still to be decided who hears of them."""
    new = Notice.across_orgs.filter(told_at=None, state=State.OPEN, made_at__lt=now, org__isnull=False)
    return {org for org in new.order_by().values_list("org_id", flat=True).distinct() if org}


def _has_to_wait(org: Organisation, undecided: Collection[int], now: datetime) -> bool:
    """Whether the day of `org` is still to be looked at, or who hears of what it brought is to be decided: after a
    pause over 08:00 that would miss this morning's digest. A minute later it is asked again."""
    today = org.today(now)
    if org.looked_on == today and org.pk not in undecided:
        _waits.pop((org.pk, today), None)
        return False
    for old in [waiting for waiting, since in _waits.items() if since < now - ENDS_LATER]:
        del _waits[old]
    return now < _waits.setdefault((org.pk, today), now) + PATIENCE


def zone_of(user: User, org: Organisation) -> ZoneInfo:
    """The reader's time zone: his own, else the organisation's."""
    return ZoneInfo(user.time_zone or org.time_zone)


def _due(now: datetime) -> list[Membership]:
    zones = set(Organisation.objects.values_list("time_zone", flat=True).distinct())
    zones |= set(User.objects.exclude(time_zone="").values_list("time_zone", flat=True).distinct())
    due = Q(pk__in=[])
    for name in zones:
        local = now.astimezone(ZoneInfo(name))
        if local.time() >= EIGHT:
            due |= Q(Q(digested_on=None) | Q(digested_on__lt=local.date()), zone=name)
    own = Case(When(user__time_zone="", then=F("org__time_zone")), default=F("user__time_zone"))
    members = Membership.across_orgs.alias(zone=_text(own)).filter(due, user__is_active=True)
    open_ones = members.filter(org__in=Organisation.objects.filter(working(now)))
    return list(open_ones.select_related("user", "org").order_by("org_id", "pk"))


def _text(case: Case) -> Case:
    case.output_field = CharField()
    return case


def _morning(member: Membership, listening: Audience, stands: Callable[[], Standing], now: datetime) -> None:
    org, user = listening.org, member.user
    zone = zone_of(user, org)
    day = now.astimezone(zone).date()
    eight = datetime.combine(day, EIGHT, zone)
    before = member.digested_on
    unclaimed = org.memberships.filter(Q(digested_on=None) | Q(digested_on__lt=day), pk=member.pk)
    if not unclaimed.update(digested_on=day):
        return  # another worker is at it
    if user.pk not in listening.confirmed or member.created_at > eight:
        return  # cannot be mailed; or has joined since, and hears tomorrow
    wants = member.digest != Digest.OFF
    waiting = _waiting(org, Q(user=user), datetime.combine(day, time(0), zone), now)
    if wants and is_working_day(day):
        monday = day.weekday() == 0
        something = waiting.notices or (monday and any_of(stands().of(listening, user.pk)))
        if something or member.digest == Digest.ALWAYS:
            facts = {"day": day.isoformat(), "since": _last_working_day(before, day).isoformat()}
            told_for = f"digest:o{org.pk}:u{user.pk}:{day.isoformat()}"
            _carry(_make(org, Purpose.DIGEST, told_for, now, user=user, waiting=waiting, facts=facts), waiting)
            return
    again = _repeated(waiting, wants_digest=wants)
    if again.notices:
        told_for = f"repeat:o{org.pk}:u{user.pk}:{day.isoformat()}"
        facts = {"day": day.isoformat()}
        _carry(_make(org, Purpose.REPEAT, told_for, now, user=user, waiting=again, facts=facts), again)


def any_of(stands: Standing) -> bool:
    return bool(stands.expired or stands.ending or stands.gaps or stands.stale)


def _last_working_day(looked: date | None, day: date) -> date:
    """The day of the digest before that of `day`; after a pause an older one."""
    last = min(looked or day, day - timedelta(days=1))
    while not is_working_day(last):
        last -= timedelta(days=1)
    return last


def _waiting(org: Organisation, to: Q, midnight: datetime, now: datetime) -> Waiting:
    its = Telling.objects.filter(to, notice__org=org).select_related("notice").order_by("pk")
    over = Q(notice__severity=Severity.CRITICAL, notice__solved_at__lte=F("notice__told_at"))  # before it was told
    over |= Q(notice__severity=Severity.INFORMATION)
    news = Q(notice__state=State.OPEN) | Q(over, notice__state=State.SOLVED)
    critical = its.filter(notice__severity=Severity.CRITICAL, notice__state=State.OPEN, made_at__lt=midnight)
    return Waiting(list(its.filter(news, _kept(now), delivery=None)), list(critical))


def _kept(now: datetime) -> Q:
    """What is recent enough for a digest: made since, or open again since."""
    return Q(made_at__gte=now - KEPT) | Q(notice__state=State.OPEN, notice__open_since__gte=now - KEPT)


def _repeated(waiting: Waiting, *, wants_digest: bool) -> Waiting:
    """What goes in a mail of its own: critical ones that he has heard of. What waits for a digest waits on, unless he
    gets none."""
    return Waiting([], [t for t in waiting.unacknowledged if t.delivery_id is not None or not wants_digest])


def _make(
    org: Organisation,
    purpose: Purpose,
    told_for: str,
    now: datetime,
    *,
    user: User | None = None,
    channel: Channel | None = None,
    waiting: Waiting | None = None,
    facts: dict[str, Any],
) -> Delivery | None:
    return deliveries.make(
        org,
        purpose,
        told_for=told_for,
        host=channel.goes_to if channel else deliveries.MAIL,
        user=user,
        channel=channel,
        notices=waiting.notices if waiting else (),
        facts=facts,
        now=now,
    )


def _carry(delivery: Delivery | None, waiting: Waiting) -> None:
    """Note which message was the first that carries what it tells."""
    first = [telling.pk for telling in (*waiting.new, *waiting.unacknowledged) if telling.delivery_id is None]
    for chunk in tellings.chunks(first, tellings.ROWS):
        Telling.objects.filter(pk__in=chunk, delivery=None).update(delivery=delivery)


# ---- mornings of channels


def channels_mornings(now: datetime) -> None:
    """The same for channels, at 08:00 of the organisation."""
    due = {_channels_name(channel, now): channel for channel in _channels_with_something(now)}
    made = set(Delivery.across_orgs.filter(told_for__in=list(due)).values_list("told_for", flat=True))
    undecided = _undecided(now)
    for told_for, channel in due.items():
        if told_for not in made and not _has_to_wait(channel.org, undecided, now):
            with _going_on(channel.org), transaction.atomic():
                _channels_morning(channel, told_for, now)


def _channels_with_something(now: datetime) -> Iterator[Channel]:
    news = Q(_kept(now), delivery=None)
    critical = Q(notice__severity=Severity.CRITICAL, notice__state=State.OPEN)
    listed = Channel.across_orgs.filter(on=True, org__in=Organisation.objects.filter(working(now)))
    told = Telling.objects.filter(news | critical, channel__in=listed).values("channel")
    for channel in listed.filter(pk__in=told).select_related("org"):
        if now.astimezone(ZoneInfo(channel.org.time_zone)).time() >= EIGHT:
            yield channel


def _channels_name(channel: Channel, now: datetime) -> str:
    return f"digest:o{channel.org_id}:ch{channel.pk}:{channel.org.today(now).isoformat()}"


def _channels_morning(channel: Channel, told_for: str, now: datetime) -> None:
    org = channel.org
    zone = ZoneInfo(org.time_zone)
    day = org.today(now)
    eight = datetime.combine(day, EIGHT, zone)
    waiting = _waiting(org, Q(channel=channel), datetime.combine(day, time(0), zone), now)
    new = [telling for telling in waiting.new if telling.made_at < eight]  # what came since waits for the next
    facts = {"day": day.isoformat()}
    if is_working_day(day) and new:
        both = Waiting(new, waiting.unacknowledged)
        _carry(_make(org, Purpose.DIGEST, told_for, now, channel=channel, waiting=both, facts=facts), both)
        return
    again = _repeated(waiting, wants_digest=True)
    if again.notices:
        _make(org, Purpose.REPEAT, told_for, now, channel=channel, waiting=again, facts=facts)


# ---- what nobody acknowledged goes further


def escalate(now: datetime) -> None:
    """After 3 working days also to the deputies, after 7 to owners and admins, from 08:00 of the organisation on. They
    count from the reopening, where there was one. What a rule tells nobody, on purpose, goes nowhere."""
    long_ago = now - timedelta(days=TO_DEPUTIES - 1)
    standing_still = Notice.across_orgs.filter(
        org__in=Organisation.objects.filter(working(now)).values("pk"),
        state=State.OPEN,
        severity=Severity.CRITICAL,
        escalated__lt=2,
        told_at__lt=long_ago,
    ).exclude(open_since__gte=long_ago)
    standing_still = standing_still.filter(Q(nobody=True) | Exists(Telling.objects.filter(notice=OuterRef("pk"))))
    found = sorted(standing_still.values_list("org_id", "pk"), key=lambda row: (row[0] or 0, row[1]))
    orgs = Organisation.objects.in_bulk({pk for pk, _ in found})
    for pk, rows in groupby(found, key=lambda row: row[0]):
        org = orgs[pk or 0]
        if now.astimezone(ZoneInfo(org.time_zone)).time() >= EIGHT:
            with _going_on(org), transaction.atomic():
                _escalate_of(org, [notice for _, notice in rows], now)


def _escalate_of(org: Organisation, keys: list[int], now: datetime) -> None:
    today = org.today(now)
    due = {pk: level for pk, level in _levels(org, keys, now) if level}
    if not due:
        return
    listening = audience.of(org, now)
    made: list[tellings.Fresh] = []
    messages: dict[str, tellings.Message] = {}
    reachable = {member.user: member.reachable for member in listening.members}
    for notice in _locked(org, list(due)):
        level = due[notice.pk]
        heard = [t.user_id for t in notice.tellings.all() if t.user_id is not None]
        for user, why in _next(listening, heard, notice.escalated, level):
            told = routing.Told(user, None, routing.AT_ONCE, why, reachable=reachable[user])
            fresh = tellings.Fresh(notice.pk, told)
            made.append(fresh)
            if user in listening.confirmed:
                to = tellings.Recipient(user, None)
                told_for = f"repeat:o{org.pk}:{to}:{today.isoformat()}:further"
                messages.setdefault(told_for, tellings.Message(told_for, to)).fresh.append(fresh)
        org.notices.filter(pk=notice.pk).update(escalated=level)
    tellings.send(listening, Purpose.REPEAT, messages.values(), now=now, due=now)
    tellings.write(made, now)


def _levels(org: Organisation, keys: list[int], now: datetime) -> Iterator[tuple[int, int]]:
    """How far each of `keys` is to go now; 0: no further than it is."""
    today = org.today(now)
    for chunk in tellings.chunks(keys, tellings.ROWS):
        rows = org.notices.filter(pk__in=chunk).values_list("pk", "open_since", "told_at", "escalated")
        for pk, open_since, told_at, escalated in rows:
            since = org.today(open_since or told_at or now)
            passed = [days for days in (TO_DEPUTIES, TO_LEADING) if working_days_after(since, days) <= today]
            yield pk, len(passed) if len(passed) > escalated else 0


def _next(listening: Audience, heard: Collection[int], was: int, level: int) -> list[tuple[int, routing.Why]]:
    """Who hears of it now and did not before."""
    found = [(user, routing.Why.ESCALATED) for user in routing.leading(listening.members)] if level > 1 else []
    if was < 1:  # a deputy is told as a deputy, also after a pause
        found += [(user, routing.Why.DEPUTY) for user in routing.deputies_of(heard, listening.members)]
    return [(user, why) for user, why in dict(found).items() if user not in heard]


def _locked(org: Organisation, keys: list[int]) -> Iterable[Notice]:
    still: QuerySet[Notice] = org.notices.filter(state=State.OPEN).order_by("pk").prefetch_related("tellings")
    for chunk in tellings.chunks(keys, tellings.ROWS):
        yield from still.filter(pk__in=chunk).select_for_update(skip_locked=True)


@contextmanager
def _going_on(org: Organisation) -> Iterator[None]:
    """One organisation or reader that cannot be worked on does not stop the others."""
    try:
        yield
    except Exception:
        log.exception("The morning's work failed for one organisation.", org=org.slug)
        _failed.get([]).append(org.slug)
