"""The list of alerts: filtered, page by page, with who is told of each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Count, Q, QuerySet, SmallIntegerField, Value, When

from certwatch.actions import descriptions, listing
from certwatch.models import AuditEntry, Certificate, Delivery, Notice, Organisation, Telling, User
from certwatch.rules.inbox import ALL, SEVERITIES, Filter
from certwatch.rules.notices import Severity, State

PAGE = 50  # rows
SUPPLIERS = 20  # that the filter's menu names: the most used
TAGS = 50
FIRST = 5  # open ones that the dashboard shows
LAST = 6  # that the page of a certificate shows
DELIVERIES = 100  # of one alert, the newest
DECISIONS = 50

_RANK = Case(
    *(When(severity=severity, then=Value(place)) for place, severity in enumerate(SEVERITIES)),
    default=Value(len(SEVERITIES)),
    output_field=SmallIntegerField(),
)


@dataclass(frozen=True, slots=True)
class Counts:
    """All alerts of an organisation, counted by what became of them and how grave they are."""

    by: Counter[tuple[str, str]]

    def of(self, state: str, severities: Sequence[str] = ()) -> int:
        return sum(
            n
            for (s, severity), n in self.by.items()
            if state in (s, ALL) and (not severities or severity in severities)
        )

    @property
    def open(self) -> int:
        return self.of(State.OPEN)

    @property
    def critical(self) -> int:
        return self.of(State.OPEN, [Severity.CRITICAL])


@dataclass(frozen=True, slots=True)
class Menus:
    """What the filters offer: schemes, tags and suppliers of what is watched, the most used first."""

    schemes: list[str]
    tags: list[str]
    suppliers: list[str]


@dataclass(frozen=True, slots=True)
class Row:
    """An alert of the list, and who is told of it."""

    notice: Notice
    told: list[str]  # people and channels, by name
    unreached: int  # of the people: how many cannot be reached


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the list; `before` and `after` are the cursors of the pages beside it, "" where there is none."""

    rows: list[Row]
    before: str
    after: str


def names(certificate: Certificate | None) -> tuple[str, str]:
    """Holder and supplier of a certificate; the supplier only where it is called otherwise."""
    if certificate is None:
        return "", ""
    holder = certificate.entry.holder if certificate.entry else certificate.holder
    supplier = certificate.supplier.name if certificate.supplier else ""
    return holder, "" if supplier.casefold() == holder.casefold() else supplier


def counts(org: Organisation) -> Counts:
    """One query, over an index alone."""
    rows = org.notices.order_by().values_list("state", "severity").annotate(n=Count("pk"))
    return Counts(Counter({(state, severity): n for state, severity, n in rows}))


def menus(org: Organisation) -> Menus:
    """Two queries."""
    schemes, tags = Counter[str](), Counter[str]()
    groups = org.certificates.watched().order_by().values_list("scheme", "tags").annotate(n=Count("pk"))
    for scheme, tagged, count in groups:
        schemes[scheme] += count
        for tag in tagged:
            tags[tag] += count
    schemes.pop("", None)
    suppliers = descriptions.suppliers_by_use(org, SUPPLIERS)
    return Menus(_most_first(schemes), _most_first(tags)[:TAGS], suppliers)


def filtered(org: Organisation, wanted: Filter, *, me: User) -> "QuerySet[Notice]":
    """The alerts that `wanted` lets through, not sorted. `me`: whose are "mine"."""
    condition = Q() if wanted.state == ALL else Q(state=wanted.state)
    if wanted.severity:
        condition &= Q(severity__in=wanted.severity)
    if wanted.kind:
        condition &= Q(kind__in=wanted.kind)
    if wanted.mine:
        condition &= Q(assigned_to=me)
    if wanted.scheme or wanted.supplier or wanted.tag:
        fits = listing.described(org, scheme=wanted.scheme, supplier=wanted.supplier, tag=wanted.tag)
        condition &= Q(certificate__in=fits.values("pk"))
    if wanted.q:
        called = Q(about__icontains=wanted.q)
        condition &= Q(certificate__in=listing.described(org, q=wanted.q).values("pk")) | called
    return org.notices.filter(condition)


def matching(org: Organisation, wanted: Filter, counted: Counts, *, me: User) -> int:
    """How many alerts the filter lets through; one query where they are not counted already."""
    if not wanted.is_narrow:
        return counted.of(wanted.state, wanted.severity)
    return filtered(org, wanted, me=me).count()


def page(org: Organisation, wanted: Filter, *, me: User, after: str, before: str) -> Page:
    """A page after or before an alert; the first one without either, or where there is none of that id."""
    found: QuerySet[Any] = filtered(org, wanted, me=me).annotate(rank=_RANK)
    at = org.notices.annotate(rank=_RANK).filter(public_id=after or before).first() if after or before else None
    backwards = bool(before and not after and at)
    by_severity = wanted.sort == "severity"
    if at is not None:
        beyond = Q(pk__gt=at.pk) if backwards else Q(pk__lt=at.pk)
        if by_severity:
            beyond = Q(rank=at.rank) & beyond | (Q(rank__lt=at.rank) if backwards else Q(rank__gt=at.rank))
        found = found.filter(beyond)
    order = ["pk" if backwards else "-pk"]
    if by_severity:
        order.insert(0, "-rank" if backwards else "rank")
    chosen = found.order_by(*order).values("pk")[: PAGE + 1]
    rows = list(_told(org.notices.annotate(rank=_RANK).filter(pk__in=chosen)).order_by(*order))
    more, rows = len(rows) > PAGE, rows[:PAGE]
    if backwards:
        rows.reverse()
    has_before, has_after = (more, True) if backwards else (at is not None, more)
    return Page(
        with_told(rows),
        rows[0].public_id if rows and has_before else "",
        rows[-1].public_id if rows and has_after else "",
    )


def with_told(notices: Sequence[Notice]) -> list[Row]:
    """Each with who is told of it. One query."""
    told: dict[int, list[str]] = {notice.pk: [] for notice in notices}
    unreached = Counter[int]()
    tellings = Telling.objects.filter(notice__in=list(told)).select_related("user", "channel").order_by("pk")
    for telling in tellings:
        told[telling.notice_id].append(str(telling.user or telling.channel))
        unreached[telling.notice_id] += not telling.reachable
    return [Row(notice, told[notice.pk], unreached[notice.pk]) for notice in notices]


def first_open(org: Organisation) -> list[Notice]:
    """The open alerts that the dashboard shows: the gravest first, then the newest."""
    found = org.notices.filter(state=State.OPEN, severity__in=SEVERITIES)
    chosen = found.order_by(_RANK, "-pk").values("pk")[:FIRST]
    return list(_told(org.notices.filter(pk__in=chosen)).order_by(_RANK, "-pk"))


def of_certificate(certificate: Certificate) -> list[Notice]:
    """Its alerts: those that are open first, the gravest of them before the others, then the newest; so many as its
    page shows."""
    closed = Case(When(state=State.OPEN, then=Value(0)), default=Value(1), output_field=SmallIntegerField())
    grave = Case(When(state=State.OPEN, then=_RANK), default=Value(0), output_field=SmallIntegerField())
    return list(certificate.notices.order_by(closed, grave, "-pk")[:LAST])


# ---- one alert


def tellings_of(notice: Notice) -> list[Telling]:
    """Who hears of it, in the order in which that was decided."""
    return list(notice.tellings.select_related("user", "channel", "rule", "delivery").order_by("pk"))


def deliveries_of(org: Organisation, notice: Notice) -> list[Delivery]:
    """The messages that carry it, with their tries, the newest first; webhooks of its change among them."""
    carried = Q(pk__in=Delivery.notices.through.objects.filter(notice=notice).values("delivery"))
    found = org.deliveries.filter(carried | Q(change=notice.change_id) if notice.change_id else carried)
    with_receivers = found.select_related("user", "channel", "endpoint", "contact").prefetch_related("attempts")
    return list(with_receivers.order_by("-pk")[:DELIVERIES])


def decisions_of(org: Organisation, notice: Notice) -> list[AuditEntry]:
    """What people decided about it, the newest first."""
    noted = org.audit_entries.filter(about_id=notice.public_id, action__startswith="alert.")
    return list(noted.select_related("by").order_by("-pk")[:DECISIONS])


def _told(found: "QuerySet[Any]") -> "QuerySet[Any]":
    """With what a row of a list tells."""
    return found.select_related("certificate__entry", "certificate__supplier", "assigned_to", "decided_by")


def _most_first(counter: Counter[str]) -> list[str]:
    return sorted(counter, key=lambda name: (-counter[name], name))
