"""The list of certificates: filtered, sorted, page by page, and as a table to take away."""

import base64
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Cast, Coalesce, Lower, Replace

from certwatch.actions import dashboard
from certwatch.models import Certificate, Kind, Organisation, OwnVersion, SourceState, Supplier
from certwatch.models.certificates import told_at
from certwatch.rules import numbers
from certwatch.rules.listing import STATUSES, Filter
from certwatch.rules.shown import BY_SEVERITY, NEED_ATTENTION, Key, Shown, is_unconfirmed, shown
from certwatch.rules.status import Status, status_on

PAGE = 50  # rows
SUPPLIERS = 20  # that the filter's menu names: the most used
TAGS = 50
ATTENTION = tuple(
    word for word, keys in STATUSES.items() if keys[0] in NEED_ATTENTION
)  # "unknown" with it: also what was never checked
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

    @property
    def holder(self) -> str:
        return _holder(self.certificate)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the list; `before` and `after` are the cursors of the pages beside it, "" where there is none."""

    rows: list[Row]
    before: str
    after: str


def filtered(
    org: Organisation, wanted: Filter, *, today: date, known: Mapping[str, SourceState] | None = None
) -> QuerySet[Any]:
    """The watched certificates that `wanted` lets through, annotated and not sorted. `known`: where we stand with each
    source, for who has asked already."""
    return _annotated(org, today, dashboard.states() if known is None else known).filter(_conditions(wanted, today))


def page(
    org: Organisation,
    wanted: Filter,
    *,
    after: str,
    before: str,
    known: Mapping[str, SourceState],
    today: date,
    now: datetime,
) -> Page:
    """A page after or before a cursor; the first one without either, or with a cursor that makes no sense."""
    order = _ORDERS[wanted.by]
    at = _place(after or before, order)
    backwards = bool(before and not after and at)
    downwards = wanted.downwards != backwards
    found = filtered(org, wanted, today=today, known=known)
    if at:
        found = found.filter(_beyond(order, at, downwards=downwards))
    by = [f"-{name}" if downwards else name for name in order]
    # sorted as ids: with all that a row tells, 5,000 of them take SQLite twice as long
    chosen = found.order_by(*by).values("pk")[: PAGE + 1]
    rows = list(_told(_annotated(org, today, known)).filter(pk__in=chosen).order_by(*by))
    more, rows = len(rows) > PAGE, rows[:PAGE]
    if backwards:
        rows.reverse()
    has_before, has_after = (more, True) if backwards else (bool(at), more)
    return Page(
        _rows(org, rows, known, today, now),
        _cursor(rows[0], order) if rows and has_before else "",
        _cursor(rows[-1], order) if rows and has_after else "",
    )


def of_supplier(org: Organisation, supplier: Supplier, *, today: date, now: datetime) -> list[Row]:
    """All certificates of one supplier, worst first; at most 1,000."""
    known = dashboard.states()
    found = _told(filtered(org, Filter(), today=today, known=known).filter(supplier=supplier))
    return _rows(org, found.order_by(*_ORDERS["status"])[:1_000], known, today, now)


def described(
    org: Organisation, *, q: str = "", scheme: Sequence[str] = (), supplier: Sequence[str] = (), tag: Sequence[str] = ()
) -> QuerySet[Any]:
    """All certificates, watched or not, that fit: a list of something else is filtered by its certificates."""
    wanted = Filter(q=q, scheme=tuple(scheme), supplier=tuple(supplier), tag=tuple(tag))
    found: QuerySet[Any] = org.certificates.annotate(tags_text=Cast("tags", TextField()), number_plain=_PLAIN)
    return found.filter(_by_description(wanted))


@dataclass(frozen=True, slots=True)
class Menus:
    """What the filters offer, with how many of all watched certificates fit, and how many the filter lets through."""

    statuses: dict[str, int]  # word of the address → certificates
    schemes: dict[str, int]  # the most first, as are the next two
    suppliers: dict[str, int]
    tags: dict[str, int]
    by_hand: int
    total: int
    matching: int

    @property
    def attention(self) -> int:
        return sum(self.statuses[word] for word in ATTENTION)


def menus(org: Organisation, wanted: Filter, *, known: Mapping[str, SourceState], today: date) -> Menus:
    """Two queries; the first goes through all certificates once."""
    fits = Count("id", filter=_conditions(wanted, today)) if not wanted.is_open else Count("id")
    groups = _annotated(org, today, known).order_by().values_list("shown", "scheme", "kind", "tags")
    keys, schemes, tags, kinds = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    matching = 0
    for key, scheme, kind, tagged, count, fitting in groups.annotate(n=Count("id"), fits=fits):
        keys[key] += count
        kinds[kind] += count
        matching += fitting
        if scheme:
            schemes[scheme] += count
        for tag in tagged:
            tags[tag] += count
    named = org.certificates.watched().exclude(supplier=None).order_by().values_list("supplier__name")
    suppliers = named.annotate(n=Count("id")).order_by("-n", "supplier__name")[:SUPPLIERS]
    return Menus(
        statuses={word: sum(keys[key.value] for key in of) for word, of in STATUSES.items()},
        schemes=_most_first(schemes),
        suppliers=dict(suppliers),
        tags=dict(list(_most_first(tags).items())[:TAGS]),
        by_hand=kinds[Kind.NIS],
        total=keys.total(),
        matching=matching,
    )


def counts(org: Organisation, filters: Sequence[Filter], *, known: Mapping[str, SourceState], today: date) -> list[int]:
    """How many certificates each of the filters lets through: one query."""
    if not filters:
        return []
    wanted = {f"fits_{place}": Count("id", filter=_conditions(f, today)) for place, f in enumerate(filters)}
    counted = _annotated(org, today, known).aggregate(**wanted)
    return [counted[name] for name in wanted]


COLUMNS = (
    "number", "status", "shown", "holder", "supplier", "supplier_number", "scheme", "valid_from", "valid_until",
    "last_checked", "kind", "tags", "responsible", "notes",
)  # fmt: skip


def table(org: Organisation, wanted: Filter, *, today: date) -> Iterator[Sequence[Any]]:
    """Exactly what is filtered, in its order, as a table: headings, then dates and times as ISO texts."""
    yield COLUMNS
    known = dashboard.states()
    order = _ORDERS[wanted.by]
    found = filtered(org, wanted, today=today, known=known).select_related("entry", "supplier", "responsible")
    for certificate in found.order_by(*(f"-{n}" if wanted.downwards else n for n in order)).iterator(chunk_size=1000):
        checked = _checked(certificate, known.get(certificate.source))
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


def _annotated(org: Organisation, today: date, known: Mapping[str, SourceState]) -> QuerySet[Any]:
    """All watched certificates, with what they are filtered and sorted by: never null, so that pages have an order."""
    read = [name for name, state in known.items() if state.read_began is not None]
    watched = org.certificates.watched().with_shown(today, expiring_days=org.expiring_days, read=read)
    text = TextField()
    holder = Case(
        When(kind=Kind.NIS, then=F("holder")),
        default=Coalesce("entry__holder", Value(""), output_field=text),
        output_field=text,
    )
    found: QuerySet[Any] = watched.annotate(
        ends=Coalesce("valid_until", Value(NO_END)),
        holder_shown=Lower(holder),
        supplier_shown=Lower(Coalesce("supplier__name", Value(""), output_field=CharField())),
        tags_text=Cast("tags", text),
        number_plain=_PLAIN,
    )
    return found


def _told(found: QuerySet[Any]) -> QuerySet[Any]:
    """With what a row of the list tells."""
    told: QuerySet[Any] = found.annotate(waits=Exists(_WAITING), seen_at=told_at())
    return told.select_related("entry", "supplier")


def _most_first(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items(), key=lambda pair: (-pair[1], pair[0])))


def _rows(
    org: Organisation, certificates: Iterable[Any], known: Mapping[str, SourceState], today: date, now: datetime
) -> list[Row]:
    out_of_date = dashboard.stale(dict(known), now)
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
    return Row(certificate, said, _checked(certificate, state))


def _checked(certificate: Certificate, state: SourceState | None) -> datetime | None:
    """When its register was last read, or asked for it alone; None: never, or it is entered by hand."""
    if certificate.kind == Kind.NIS:
        return None
    times = (state.read_began if state else None, certificate.checked_at)
    return max((moment for moment in times if moment is not None), default=None)


_PLAIN = Replace(Replace("number_key", Value("-"), Value("")), Value(" "), Value(""))
_WAITING = OwnVersion.objects.filter(certificate=OuterRef("pk"), known_from=None, known_until=None)


def _conditions(wanted: Filter, today: date) -> Q:
    condition = _by_description(wanted)
    if wanted.status:
        condition &= Q(shown__in=[key.value for word in wanted.status for key in STATUSES[word]])
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


def _by_description(wanted: Filter) -> Q:
    """What no date changes."""
    condition = Q()
    if wanted.q:
        condition &= _text(wanted.q)
    if wanted.scheme:
        condition &= Q(scheme__in=wanted.scheme)
    if wanted.supplier:
        condition &= _any(Q(supplier__name_key__contains=numbers.name_key(name)) for name in wanted.supplier)
    if wanted.tag:
        condition &= _any(_tagged(tag) for tag in wanted.tag)
    return condition


def _text(text: str) -> Q:
    """Each word stands in number, holder or supplier, compared as numbers and names are: letter case, dashes, spaces
    and punctuation aside."""
    condition = Q()
    for word in text.split():
        number, name = _plain(numbers.key(word)), numbers.name_key(word)
        if number:
            condition &= Q(number_plain__contains=number) | (_named(name, word) if name else Q())
    return condition


def _named(name: str, word: str) -> Q:
    by_hand = Q(kind=Kind.NIS, holder__iregex=re.escape(word))  # SQLite's own comparison knows no Ö
    return Q(entry__holder_key__contains=name) | Q(supplier__name_key__contains=name) | by_hand


def _plain(number_key: str) -> str:
    return number_key.replace("-", "").replace(" ", "")


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
    except (ValueError, TypeError, RecursionError):
        return None


def _typed(name: str, value: Any) -> Any:
    """A value of a cursor as the database takes it; whatever was made up raises."""
    if name == "severity":
        return range(len(BY_SEVERITY)).index(value)
    if name == "ends":
        return date.fromisoformat(value)
    if name == "added_at":
        return datetime.fromisoformat(value).astimezone(UTC)
    if "\0" in value:
        raise ValueError(name)
    value.encode()
    return value
