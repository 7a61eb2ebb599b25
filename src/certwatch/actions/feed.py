"""Calendar subscriptions: a random address per person, and the last days and reviews that stand behind it.

Of the token only the SHA-256 is kept. What is told depends on nothing but what is known about the certificates, so two
looks at the same facts give the same calendar.
"""

import hashlib
import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from django.db.models import Count, F, Max, Q, QuerySet

from certwatch.actions import dashboard, notices
from certwatch.models import CalendarFeed, Certificate, Change, Kind, Membership, Organisation, User
from certwatch.models.certificates import CertificateQuerySet
from certwatch.rules.shown import Key
from certwatch.rules.status import Status

ENDED = (Status.WITHDRAWN, Status.TERMINATED)  # their last day is past, whatever the register still prints


class What(StrEnum):
    """What a day is. The words end the events' UIDs and must stay."""

    EXPIRY = "expiry"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Event:
    """One day of a certificate."""

    what: What
    day: date
    sequence: int  # grows with each move of the day
    changed_at: datetime  # when something about the certificate changed last
    certificate: str  # its public id
    number: str
    holder: str
    supplier: str
    scheme: str
    key: Key
    last_known: bool  # its source is stale: the status is not of today


@dataclass(frozen=True, slots=True)
class Part:
    """The events of one organisation, by day."""

    org: Organisation
    events: list[Event]


def make(user: User, *, everything: bool, now: datetime) -> str:
    """A new subscription, in place of a former one, whose address ends. Its token: show it once, keep it nowhere."""
    token = secrets.token_urlsafe(32)
    facts = {"token_digest": _digest(token), "everything": everything, "made_at": now}
    CalendarFeed.objects.update_or_create(user=user, defaults=facts)
    return token


def choose(user: User, *, everything: bool) -> None:
    """Let an existing subscription show what one is responsible for, or everything; its address stays."""
    CalendarFeed.objects.filter(user=user).update(everything=everything)


def remove(user: User) -> None:
    """End the subscription: its address is answered 404 from now on."""
    CalendarFeed.objects.filter(user=user).delete()


def of(user: User) -> CalendarFeed | None:
    """The person's subscription."""
    return CalendarFeed.objects.filter(user=user).first()


def named(token: str) -> CalendarFeed | None:
    """The subscription with this token, if its person may still come in."""
    found = CalendarFeed.objects.filter(token_digest=_digest(token), user__is_active=True)
    return found.select_related("user").first()


def parts(feed: CalendarFeed, now: datetime) -> list[Part]:
    """What the subscription shows, by organisation: those where the person is a member and that are open."""
    known = dashboard.states()
    read, stale = dashboard.read(known), dashboard.stale(known, now)
    members = Membership.objects_of(feed.user).select_related("org").order_by("org__name", "org__pk")
    orgs = [m.org for m in members if not m.has_ended(now) and m.org.state(now) in notices.WORKING]
    mine = None if feed.everything else feed.user
    found = []
    for org in orgs:
        today = org.today(now)
        rows = _watched(org, mine, today).with_shown(today, expiring_days=org.expiring_days, read=read)
        found.append(Part(org, sorted(_events(org, rows, stale), key=lambda e: (e.day, e.certificate, e.what))))
    return found


def _watched(org: Organisation, mine: User | None, today: date) -> CertificateQuerySet:
    """What is told about. A certificate whose successor is in force is told about no more."""
    found: CertificateQuerySet = org.certificates.watched()
    if mine is not None:
        found = found.filter(Q(responsible=mine) | Q(responsible=None, supplier__responsible=mine))
    successors = org.certificates.watched().filter(predecessor__isnull=False, word=Status.VALID)
    in_force = successors.filter(Q(valid_from=None) | Q(valid_from__lte=today))
    with_a_day = _EXPIRES | _REVIEWED
    return found.filter(with_a_day).exclude(pk__in=in_force.values("predecessor"))


_EXPIRES = Q(valid_until__isnull=False) & ~Q(word__in=ENDED)
_REVIEWED = Q(kind=Kind.NIS, review_on__isnull=False)


def _events(org: Organisation, rows: CertificateQuerySet, stale: Collection[str]) -> Iterator[Event]:
    told = _told(org, rows)
    for c in rows.values(*_FIELDS):
        moves, changed_at = told.get(c["pk"], (0, c["added_at"]))
        if c["valid_until"] and c["word"] not in ENDED:
            yield _event(c, What.EXPIRY, c["valid_until"], moves, changed_at, stale)
        if c["kind"] == Kind.NIS and c["review_on"]:
            yield _event(c, What.REVIEW, c["review_on"], c["review_moves"], changed_at, stale)


_FIELDS = (
    "pk", "public_id", "number", "holder", "entry__holder", "supplier__name", "scheme", "kind", "source", "word",
    "valid_until", "review_on", "review_moves", "added_at", "shown",
)  # fmt: skip


def _event(
    c: dict[str, Any], what: What, day: date, sequence: int, changed_at: datetime, stale: Collection[str]
) -> Event:
    return Event(
        what=what,
        day=day,
        sequence=sequence,
        changed_at=changed_at,
        certificate=c["public_id"],
        number=c["number"],
        holder=c["entry__holder"] or c["holder"],
        supplier=c["supplier__name"] or "",
        scheme=c["scheme"],
        key=Key(c["shown"]),
        last_known=c["source"] in stale,
    )


def _told(org: Organisation, rows: "QuerySet[Certificate]") -> dict[int, tuple[int, datetime]]:
    """By certificate how often its last day was moved, and when something about it changed last.

    One reading that moves the day may be told by two changes; that is one move.
    """
    one_of_both = Q(valid_until__isnull=False, valid_until_was__isnull=False) & ~Q(valid_until=F("valid_until_was"))
    only_one = Q(valid_until__isnull=True) ^ Q(valid_until_was__isnull=True)
    moves = Count("told_by", distinct=True, filter=one_of_both | only_one)
    found = Change.across_orgs.filter(org=org, certificate__in=rows.order_by().values("pk"))
    grouped = found.order_by().values_list("certificate").annotate(moves=moves, changed_at=Max("created_at"))
    return {pk: (count, at) for pk, count, at in grouped}


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
