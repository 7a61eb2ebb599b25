"""The list of certificates: filtered, sorted, page by page, and as a table to take away."""

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, TextField, Value, When
from django.db.models.functions import Cast, Coalesce, Lower

from certwatch.actions import dashboard
from certwatch.models import Certificate, ChangeType, Kind, Organisation, OwnVersion, SourceState
from certwatch.rules import numbers
from certwatch.rules.listing import STATUSES, Filter
from certwatch.rules.shown import Key, Shown, is_unconfirmed, shown
from certwatch.rules.status import Status, status_on

PAGE = 100  # rows
SUPPLIERS = 20  # that the filter's menu names: the most used
TAGS = 50
NO_END = date(9999, 12, 31)  # where a certificate without a last day is sorted

# What each sort looks at, always ending with what makes it unique.
_ORDERS = {
    "status": ("severity", "ends", "public_id"),
    "number": ("number_key", "public_id"),
    "holder": ("holder_shown", "public_id"),
    "supplier": ("supplier_shown", "public_id"),
    "scheme": ("scheme", "ends", "public_id"),
    "valid_until": ("ends", "public_id"),
    "added": ("added_at", "public_id"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One certificate of the list."""

    certificate: Any  # Certificate, as `filtered` annotates it
    shown: Shown
    checked: datetime | None  # None: never, or entered by hand

    @property
    def by_hand(self) -> bool:
        return bool(self.certificate.kind == Kind.NIS)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the list; `before` and `after` are the cursors of the pages beside it, "" where there is none."""

    rows: list[Row]
    before: str
    after: str


def filtered(org: Organisation, wanted: Filter, *, today: date) -> QuerySet[Any]:
    """The watched certificates that `wanted` lets through, annotated and not sorted."""
    read = SourceState.objects.exclude(read_began=None).values_list("source", flat=True)
    found: QuerySet[Any] = org.certificates.watched().with_shown(
        today, expiring_days=org.expiring_days, read=list(read)
    )
    found = found.annotate(
        ends=Coalesce("valid_until", Value(NO_END)),
        holder_shown=Lower(Case(When(kind=Kind.NIS, then=F("holder")), default=Coalesce("entry__holder", Value("")))),
        supplier_shown=Lower(Coalesce("supplier__name", Value(""), output_field=CharField())),
        tags_text=Cast("tags", TextField()),
    )
    return found.filter(_conditions(wanted, today))


def page(org: Organisation, wanted: Filter, *, after: str, before: str, today: date, now: datetime) -> Page:
    """A page after or before a cursor; the first one without either, or with a cursor that makes no sense."""
    told = org.changes.filter(certificate=OuterRef("pk"), type=ChangeType.STATUS).order_by("-number")
    found = filtered(org, wanted, today=today)
    found = found.annotate(waits=Exists(_WAITING), seen_at=Subquery(told.values("seen_at")[:1]))
    found = found.select_related("entry", "supplier")
    order = _ORDERS[wanted.by]
    at = _place(after or before, order)
    backwards = bool(before and not after and at)
    downwards = wanted.downwards != backwards
    if at:
        found = found.filter(_beyond(order, at, downwards=downwards))
    rows = list(found.order_by(*(f"-{name}" if downwards else name for name in order))[: PAGE + 1])
    more, rows = len(rows) > PAGE, rows[:PAGE]
    if backwards:
        rows.reverse()
    has_before, has_after = (more, True) if backwards else (bool(at), more)
    return Page(
        _rows(org, rows, today, now),
        _cursor(rows[0], order) if rows and has_before else "",
        _cursor(rows[-1], order) if rows and has_after else "",
    )


@dataclass(frozen=True, slots=True)
class Menus:
    """What the filters offer, with how many of all watched certificates fit."""

    statuses: dict[str, int]  # word of the address → certificates
    schemes: dict[str, int]
    suppliers: dict[str, int]
    tags: dict[str, int]
    by_hand: int
    total: int


def menus(org: Organisation, *, today: date) -> Menus:
    everything = filtered(org, Filter(), today=today).order_by()
    keys = dict(everything.values_list("shown").annotate(Count("id")))
    rows = everything.values_list("scheme", "kind").annotate(n=Count("id"))
    schemes: dict[str, int] = {}
    by_hand = 0
    for scheme, kind, count in rows:
        if scheme:
            schemes[scheme] = schemes.get(scheme, 0) + count
        by_hand += count if kind == Kind.NIS else 0
    named = org.certificates.watched().exclude(supplier=None).order_by().values_list("supplier__name")
    suppliers = named.annotate(n=Count("id")).order_by("-n", "supplier__name")[:SUPPLIERS]
    tags: dict[str, int] = {}
    for tagged in org.certificates.watched().exclude(tags=[]).values_list("tags", flat=True):
        for tag in tagged:
            tags[tag] = tags.get(tag, 0) + 1
    return Menus(
        statuses={word: sum(keys.get(key.value, 0) for key in wanted) for word, wanted in STATUSES.items()},
        schemes=dict(sorted(schemes.items(), key=lambda pair: (-pair[1], pair[0]))),
        suppliers=dict(suppliers),
        tags=dict(sorted(tags.items(), key=lambda pair: (-pair[1], pair[0]))[:TAGS]),
        by_hand=by_hand,
        total=sum(keys.values()),
    )


COLUMNS = (
    "number", "status", "shown", "holder", "supplier", "supplier_number", "scheme", "valid_from", "valid_until",
    "last_checked", "kind", "tags", "responsible", "notes",
)  # fmt: skip


def table(org: Organisation, wanted: Filter, *, today: date) -> Iterator[Sequence[Any]]:
    """Exactly what is filtered, in its order, as a table: headings, then dates and times as ISO texts."""
    yield COLUMNS
    read = {name: state.read_began for name, state in dashboard.states().items()}
    order = _ORDERS[wanted.by]
    found = filtered(org, wanted, today=today).select_related("entry", "supplier", "responsible")
    for certificate in found.order_by(*(f"-{n}" if wanted.downwards else n for n in order)).iterator(chunk_size=1000):
        by_hand = certificate.kind == Kind.NIS
        checked = None if by_hand else _later(read.get(certificate.source), certificate.checked_at)
        yield (
            certificate.number,
            status_on(today, Status(certificate.word), certificate.valid_from, certificate.valid_until).value,
            certificate.shown,
            _holder(certificate),
            certificate.supplier.name if certificate.supplier else "",
            certificate.supplier.number if certificate.supplier else "",
            certificate.scheme,
            certificate.valid_from or "",
            certificate.valid_until or "",
            msgspec.to_builtins(checked.replace(microsecond=0)) if checked else "",
            certificate.kind,
            ", ".join(certificate.tags),
            certificate.responsible.email if certificate.responsible else "",
            certificate.notes,
        )


def _holder(certificate: Certificate) -> str:
    if certificate.kind == Kind.NIS:
        return certificate.holder
    return certificate.entry.holder if certificate.entry else ""


def _rows(org: Organisation, certificates: Iterable[Any], today: date, now: datetime) -> list[Row]:
    known = dashboard.states()
    out_of_date = dashboard.stale(known, now)
    return [_row(org, c, known.get(c.source), c.source in out_of_date, today) for c in certificates]


def _row(org: Organisation, certificate: Any, state: SourceState | None, stale: bool, today: date) -> Row:
    by_hand = certificate.kind == Kind.NIS
    read_began = state.read_began if state else None
    gone_at = certificate.entry.gone_at if certificate.entry else None
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
        unconfirmed=not by_hand and is_unconfirmed(gone_at or certificate.seen_at or certificate.added_at, read_began),
        stale=stale,
    )
    return Row(certificate, said, None if by_hand else _later(read_began, certificate.checked_at))


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)


_WAITING = OwnVersion.objects.filter(certificate=OuterRef("pk"), known_from=None, known_until=None)


def _conditions(wanted: Filter, today: date) -> Q:
    condition = Q()
    if wanted.q:
        condition &= _text(wanted.q)
    if wanted.status:
        condition &= Q(shown__in=[key.value for word in wanted.status for key in STATUSES[word]])
    if wanted.scheme:
        condition &= Q(scheme__in=wanted.scheme)
    if wanted.supplier:
        condition &= _any(Q(supplier__name_key__contains=numbers.name_key(name)) for name in wanted.supplier)
    if wanted.tag:
        condition &= _any(_tagged(tag) for tag in wanted.tag)
    if wanted.kind:
        condition &= Q(kind=wanted.kind)
    if wanted.expires_within is not None:
        last = today + timedelta(days=wanted.expires_within)
        condition &= Q(shown__in=[Key.VALID.value, Key.EXPIRING.value], valid_until__gte=today, valid_until__lte=last)
    if wanted.ends_from:
        condition &= Q(valid_until__gte=wanted.ends_from)
    if wanted.ends_to:
        condition &= Q(valid_until__lte=wanted.ends_to)
    return condition


def _text(text: str) -> Q:
    """Number, holder or supplier, compared as numbers and names are: whatever the letter case, dashes and spaces."""
    condition = Q(number_key__contains=numbers.key(text))
    name = numbers.name_key(text)
    if name:
        condition |= Q(entry__holder_key__contains=name) | Q(supplier__name_key__contains=name)
        condition |= Q(kind=Kind.NIS, holder__icontains=text)
    return condition


def _tagged(tag: str) -> Q:
    """JSON as text: SQLite cannot look into it. Some writers escape what is not ASCII, some do not."""
    return Q(tags_text__contains=json.dumps(tag)) | Q(tags_text__contains=json.dumps(tag, ensure_ascii=False))


def _any(conditions: Iterable[Q]) -> Q:
    result = Q()
    for condition in conditions:
        result |= condition
    return result


def _beyond(order: Sequence[str], at: Sequence[Any], *, downwards: bool) -> Q:
    """What comes after the row `at` in this order: the first field beyond, or equal and the next beyond, …"""
    beyond, equal = Q(), Q()
    for name, value in zip(order, at, strict=True):
        beyond |= equal & Q(**{f"{name}__{'lt' if downwards else 'gt'}": value})
        equal &= Q(**{name: value})
    return beyond


def _cursor(certificate: Any, order: Sequence[str]) -> str:
    place = [getattr(certificate, name) for name in order]
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def _place(cursor: str, order: Sequence[str]) -> list[Any] | None:
    """What a cursor says, or None: it is of another sort, or made up."""
    if not cursor:
        return None
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(place, list) or len(place) != len(order):
            return None
        return [_typed(name, value) for name, value in zip(order, place, strict=True)]
    except (ValueError, TypeError):
        return None


def _typed(name: str, value: Any) -> Any:
    if name == "ends":
        return date.fromisoformat(value)
    if name == "added_at":
        return datetime.fromisoformat(value)
    if not isinstance(value, int if name == "severity" else str):
        raise TypeError(name)
    return value
