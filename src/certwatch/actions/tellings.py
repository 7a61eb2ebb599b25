"""Deciding who hears of new notices, once each, and gathering what goes to one reader in one message."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import NamedTuple, TypeVar

import structlog
from django.db import transaction
from django.db.models import Count

from certwatch.actions import audience, deliveries
from certwatch.actions.audience import Audience
from certwatch.actions.notices import STANDING, WORKING
from certwatch.models import Delivery, DeliveryState, Notice, Organisation, Purpose, Telling, When
from certwatch.models.staging import Bulk
from certwatch.rules import routing
from certwatch.rules.notices import REMOVED, Kind, Severity, State

log = structlog.get_logger()
T = TypeVar("T")

ONE_LOOK = 5_000  # notices; what is left comes with the next look, a second later
ONE_CHUNK = 2_000  # of one organisation, in one transaction and, where others wait, in one look
HOLD = timedelta(seconds=10)  # so long a message waits for the rest of its notices, should we die in between
FIRST_PAUSE = timedelta(seconds=5)  # before an organisation is tried again that could not be worked on,
PAUSE = timedelta(minutes=1)  # … and if that failed, too
TELLING = (
    "notice_id", "user_id", "channel_id", '"when"', "why", "rule_id", "rule_name", "reachable", "made_at",
    "delivery_id",
)  # fmt: skip
ROWS = 500  # of one statement; SQLite takes some thousand values

_broken: dict[int, datetime] = {}  # organisations of which this process knows, and until when it leaves them alone


class Recipient(NamedTuple):
    """A person or a channel, by its key."""

    user: int | None
    channel: int | None

    def __str__(self) -> str:
        return f"u{self.user}" if self.user is not None else f"ch{self.channel}"


@dataclass(slots=True)
class Fresh:
    """That somebody is to hear of a notice; once it is written down, a `Telling`."""

    notice: int
    told: routing.Told
    delivery: int | None = None


@dataclass(slots=True)
class Message:
    """What one recipient gets at once: `told_for` names organisation, occasion and recipient."""

    told_for: str
    to: Recipient
    fresh: list[Fresh] = field(default_factory=list)


def decide(now: datetime) -> None:
    """Decide who hears of the notices that nobody has been told of yet. Asked every second."""
    for pk, take, more in _turns(now):
        org = Organisation.objects.filter(pk=pk).first()
        if org is None:  # deleted meanwhile
            continue
        keys = list(org.notices.filter(told_at=None).order_by("pk").values_list("pk", flat=True)[:take])
        try:
            _decide_of(org, keys, now, more=more)
        except Exception:  # one organisation must not stop the others
            _broken[pk] = now + (PAUSE if pk in _broken else FIRST_PAUSE)
            log.exception("It could not be decided who hears of an organisation's notices.", org=org.slug)
        else:
            _broken.pop(pk, None)


def _turns(now: datetime) -> Iterator[tuple[int, int, bool]]:
    """Organisations with new notices, how many of them to take in this look, and whether there are more. Who has few
    does not wait for who has many."""
    left_alone = [org for org, until in _broken.items() if now < until]
    new = Notice.across_orgs.filter(told_at=None, org__isnull=False).exclude(org__in=left_alone).order_by()
    waiting = sorted(new.values_list("org_id").annotate(n=Count("pk")), key=lambda row: (row[1], row[0]))
    left = ONE_LOOK
    for place, (org, many) in enumerate(waiting):
        take = min(many, max(ONE_CHUNK, left // (len(waiting) - place)))
        yield org, take, take < many
        left -= take
        if left <= 0:
            return


def send(listening: Audience, purpose: Purpose, messages: Iterable[Message], *, now: datetime, due: datetime) -> None:
    """Make deliveries of `messages` and hang their tellings on them, in the caller's transaction.

    What waits untried under the same name takes them in; where it is on its way already, another one follows it.
    """
    left = {message.told_for: message for message in messages}
    for turn in count(1):
        names = {_name(told_for, turn): message for told_for, message in left.items()}
        found = _made(listening, purpose, names, now=now, due=due)
        for name, delivery in found.items():
            message = names[name]
            del left[message.told_for]
            for fresh in message.fresh:
                fresh.delivery = delivery
        pairs = ((delivery, fresh.notice) for name, delivery in found.items() for fresh in names[name].fresh)
        Bulk().insert(Delivery.notices.through._meta.db_table, ("delivery_id", "notice_id"), pairs)
        if not left:
            return


def write(fresh: Sequence[Fresh], now: datetime) -> None:
    """Write down who hears of what, in the caller's transaction."""
    bulk = Bulk()
    moment = bulk.moment(now)
    rows = (
        (f.notice, t.user, t.channel, t.when, t.why.value, t.rule, t.rule_name, t.reachable, moment, f.delivery)
        for f in fresh
        for t in (f.told,)
    )
    bulk.insert(Telling._meta.db_table, TELLING, rows)


def chunks(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for first in range(0, len(rows), size):
        yield rows[first : first + size]


def _decide_of(org: Organisation, keys: Sequence[int], now: datetime, *, more: bool) -> None:
    """`more`: the next look finds further ones of this organisation."""
    if org.state(now) not in WORKING:
        _let_rest(org, keys, now)
        return
    if not keys:  # another worker was faster
        return
    listening = audience.of(org, now)
    for chunk in chunks(keys, ONE_CHUNK):
        with transaction.atomic():
            hold = more or chunk[-1] != keys[-1]
            _tell(listening, chunk, now=now, due=now + HOLD if hold else now)
            if not hold:
                held = org.deliveries.filter(purpose=Purpose.ALERTS, state=DeliveryState.WAITING, tries=0)
                held.filter(due_at__gt=now, due_at__lte=now + HOLD).update(due_at=now)


def _let_rest(org: Organisation, keys: Sequence[int], now: datetime) -> None:
    """It was closed, or its trial ended, before anybody was told."""
    with transaction.atomic():
        for chunk in chunks(keys, ROWS):
            untold = org.notices.filter(pk__in=chunk, told_at=None)
            untold.filter(state__in=STANDING).update(state=State.RESTING)
            untold.update(told_at=now)
        Organisation.objects.filter(pk=org.pk).update(rested=True)


def _tell(listening: Audience, keys: Sequence[int], *, now: datetime, due: datetime) -> None:
    found = _locked(listening.org, keys)
    everything: list[Fresh] = []
    messages: dict[str, Message] = {}
    nobody, informed = [], []
    known: dict[routing.Facts, routing.Recipients] = {}  # most notices of a run are alike
    batches = {(new.certificate, new.kind): new.batch for new in found}
    for new in found:
        batch = new.batch
        if new.state not in STANDING:  # its cause ended before anybody was told, or another stage was
            if not _happened_all_the_same(new):
                continue
            batch = batches.get((new.certificate, new.solved_by), batch)  # with what ended it
        facts = _facts(listening, new)
        if (decided := known.get(facts)) is None:
            decided = known[facts] = listening.recipients(facts)
        for told in decided.told:
            fresh = Fresh(new.pk, told)
            everything.append(fresh)
            snoozed = new.state == State.SNOOZED  # waits for the digest after that
            if told.when == When.AT_ONCE and not snoozed and _gets_messages(listening, told):
                to = Recipient(told.user, told.channel)
                told_for = f"o{listening.org.pk}:once:{batch}:{to}"
                messages.setdefault(told_for, Message(told_for, to)).fresh.append(fresh)
        if decided.nobody:
            nobody.append(new.pk)
        if facts.severity == Severity.INFORMATION:
            informed.append(new.pk)
    send(listening, Purpose.ALERTS, messages.values(), now=now, due=due)
    write(everything, now)
    _note(listening.org, [new.pk for new in found], nobody, informed, now)


class _New(NamedTuple):
    """A notice that nobody was told of, and what rules ask of it."""

    pk: int
    kind: str
    severity: str
    state: str
    solved_by: str
    change: int | None
    batch: str
    about: str
    about_id: str
    certificate: int | None
    scheme: str
    tags: list[str]
    supplier: int | None
    responsible: int | None
    of_supplier: int | None


_NEW = (
    "pk", "kind", "severity", "state", "solved_by", "change_id", "batch", "about", "about_id", "certificate_id",
    "certificate__scheme", "certificate__tags", "certificate__supplier_id", "certificate__responsible_id",
    "certificate__supplier__responsible_id",
)  # fmt: skip


def _locked(org: Organisation, keys: Sequence[int]) -> list[_New]:
    """Those of `keys` that nobody was told of, locked until the transaction ends; without those that another worker
    is at."""
    found: list[_New] = []
    for chunk in chunks(keys, ROWS):
        free = org.notices.filter(pk__in=chunk, told_at=None).order_by("pk").select_for_update(skip_locked=True)
        ours = org.notices.filter(pk__in=list(free.values_list("pk", flat=True))).order_by("pk")
        found += [_New(*row) for row in ours.values_list(*_NEW)]
    return found


def _happened_all_the_same(new: _New) -> bool:
    """Whether it is to be told although it is over: a suspension that was lifted before anybody looked was one."""
    was_critical = new.severity == Severity.CRITICAL and new.change is not None
    return was_critical and new.state == State.SOLVED and new.solved_by != REMOVED


def _facts(listening: Audience, new: _New) -> routing.Facts:
    kind, severity = Kind(new.kind), Severity(new.severity)
    if new.certificate is None:
        failing = listening.channel(new.about_id) if kind == Kind.CHANNEL_FAILING else None
        return routing.Facts(kind, severity, audience.schemes_of(kind, new.about), failing_channel=failing)
    responsible = new.responsible or new.of_supplier
    return routing.Facts(kind, severity, (new.scheme,), tuple(new.tags), new.supplier, responsible)


def _gets_messages(listening: Audience, told: routing.Told) -> bool:
    """To an address that was given up mails go all the same: only a success shows that it works again."""
    return told.channel is not None or told.user in listening.confirmed


def _name(told_for: str, turn: int) -> str:
    return told_for if turn == 1 else f"{told_for}:{turn}"


def _made(
    listening: Audience, purpose: Purpose, names: dict[str, Message], *, now: datetime, due: datetime
) -> dict[str, int]:
    """The key of each delivery of `names` that nobody has tried yet, made where there was none. They stay locked until
    the transaction ends, so that nothing is sent before all of it hangs on it."""
    found: dict[str, int] = {}
    ours = listening.org.deliveries
    for some in chunks(list(names), ROWS):
        wanted = [_delivery(listening, purpose, name, names[name].to, now=now, due=due) for name in some]
        ours.bulk_create(wanted, ignore_conflicts=True)
        untried = ours.filter(told_for__in=some, state=DeliveryState.WAITING, tries=0, leased_until=None)
        found.update(untried.select_for_update().values_list("told_for", "pk"))
    return found


def _delivery(
    listening: Audience, purpose: Purpose, told_for: str, to: Recipient, *, now: datetime, due: datetime
) -> Delivery:
    host = deliveries.MAIL if to.channel is None else listening.channels[to.channel].goes_to
    return Delivery(
        org=listening.org,
        purpose=purpose,
        told_for=told_for,
        user_id=to.user,
        channel_id=to.channel,
        host=host,
        due_at=due,
        made_at=now,
    )


def _note(
    org: Organisation, decided: Sequence[int], nobody: Sequence[int], informed: Sequence[int], now: datetime
) -> None:
    for chunk in chunks(decided, ROWS):
        org.notices.filter(pk__in=chunk).update(told_at=now)
    for chunk in chunks(nobody, ROWS):
        org.notices.filter(pk__in=chunk).update(nobody=True)
    for chunk in chunks(informed, ROWS):
        org.notices.filter(pk__in=chunk).update(state=State.SOLVED, solved_at=now, solved_by="told")
