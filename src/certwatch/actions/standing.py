"""How an organisation's certificates stand on a day, for those who are mailed about it: expired, ending, gaps, stale
registers. Each reader gets what he would be told of by the rules."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db.models import Count, Q

from certwatch.actions import dashboard
from certwatch.actions.audience import Audience
from certwatch.models import Certificate, Decision
from certwatch.models import Kind as How
from certwatch.rules import routing
from certwatch.rules.notices import SEVERITY, Kind
from certwatch.rules.status import Status
from certwatch.sources import SOURCES

ONE_DAY = timedelta(days=1)


class Gap(NamedTuple):
    """Days on which neither a certificate nor the newer one of its holder is valid."""

    certificate: Certificate
    first: date
    last: date

    @property
    def begins(self) -> date:
        return self.last + ONE_DAY


class Stale(NamedTuple):
    """A source whose last good reading is too old."""

    name: str
    since: datetime
    many: int  # certificates that the organisation watches there

    @property
    def title(self) -> str:
        return SOURCES[self.name].title


class _Newer(NamedTuple):
    """What takes, or may take, a certificate's place."""

    begins: date | None
    ends: date | None
    enough: bool  # its scope holds all of the old one's


@dataclass(slots=True)
class Standing:
    """All of one organisation; `of` is one reader's part."""

    expired: list[Certificate] = field(default_factory=list)  # what ended last first
    ending: list[Certificate] = field(default_factory=list)  # what ends first first
    gaps: list[Gap] = field(default_factory=list)
    stale: list[Stale] = field(default_factory=list)

    def of(self, listening: Audience, user: int) -> "Standing":
        """What `user` would be told of."""
        hears = _Hears(listening, user)
        return Standing(
            [c for c in self.expired if hears.of(Kind.EXPIRED, c)],
            [c for c in self.ending if hears.of(Kind.EXPIRING, c)],
            [gap for gap in self.gaps if hears.of(Kind.EXPIRING, gap.certificate)],
            [stale for stale in self.stale if hears.of_source(stale.name)],
        )


def on(listening: Audience, now: datetime) -> Standing:
    """How everything stands, on the organisation's calendar: five queries."""
    org, today = listening.org, listening.org.today(now)
    soon = today + timedelta(days=org.expiring_days)
    over = Q(word=Status.VALID, valid_until__lte=soon) | Q(word=Status.EXPIRED)
    found = org.certificates.watched().filter(over).select_related("entry", "supplier").defer("notes", "entry__sketch")
    certificates = list(found.order_by("valid_until", "pk"))
    newer = _newer(listening)
    answer = Standing(stale=_stale(listening, now))
    for certificate in certificates:
        _sort_in(answer, certificate, newer.get(certificate.pk, []), today)
    answer.expired.reverse()
    return answer


def _sort_in(answer: Standing, certificate: Certificate, newer: Iterable[_Newer], today: date) -> None:
    last_day = certificate.valid_until
    enough = [one for one in newer if one.enough and (one.ends is None or one.ends >= today)]
    if last_day is None:  # the register says expired, and no day
        if not enough:
            answer.expired.append(certificate)
        return
    next_day = last_day + ONE_DAY
    begins = min((one.begins or next_day for one in enough), default=None)
    if begins is not None and begins > next_day and begins > today:
        answer.gaps.append(Gap(certificate, next_day, begins - ONE_DAY))
    if last_day < today or certificate.word == Status.EXPIRED:
        if begins is None or begins > today:
            answer.expired.append(certificate)
    elif begins is None or begins > next_day:
        answer.ending.append(certificate)


def _newer(listening: Audience) -> dict[int, list[_Newer]]:
    """By certificate: bound successors that are watched, and suggestions that nobody has dismissed."""
    found: dict[int, list[_Newer]] = {}
    bound = listening.org.certificates.watched().filter(predecessor__isnull=False, word=Status.VALID)
    for old, begins, ends in bound.values_list("predecessor_id", "valid_from", "valid_until"):
        found.setdefault(old or 0, []).append(_Newer(begins, ends, enough=True))
    suggested = listening.org.successors.exclude(decision=Decision.DISMISSED).filter(
        entry__word=Status.VALID, entry__gone_at=None
    )
    fields = ("certificate_id", "entry__valid_from", "entry__valid_until", "missing")
    for old, begins, ends, missing in suggested.values_list(*fields):
        found.setdefault(old, []).append(_Newer(begins, ends, enough=not missing))
    return found


def _stale(listening: Audience, now: datetime) -> list[Stale]:
    known = dashboard.states()
    names = dashboard.stale(known, now)
    if not names:
        return []
    watched = listening.org.certificates.watched().filter(kind=How.AUTOMATIC, source__in=names)
    counted = dict(watched.values_list("source").order_by().annotate(Count("id")))
    began = {name: known[name].read_began for name in names}
    return [Stale(name, since, counted[name]) for name, since in sorted(began.items()) if since and name in counted]


class _Hears:
    """Whether one reader would be told, by rules or without; asked once for each that are alike."""

    def __init__(self, listening: Audience, user: int) -> None:
        self._listening = listening
        self._user = user
        self._known: dict[tuple[object, ...], bool] = {}

    def of(self, kind: Kind, certificate: Certificate) -> bool:
        supplier = certificate.supplier
        responsible = certificate.responsible_id or (supplier.responsible_id if supplier else None)
        tags = tuple(certificate.tags)
        alike = (kind, certificate.scheme, tags, certificate.supplier_id, responsible)
        if alike not in self._known:
            facts = routing.Facts(
                kind, SEVERITY[kind], (certificate.scheme,), tags, certificate.supplier_id, responsible
            )
            self._known[alike] = self._is_told(facts)
        return self._known[alike]

    def of_source(self, name: str) -> bool:
        return self._is_told(routing.Facts(Kind.SOURCE_STALE, SEVERITY[Kind.SOURCE_STALE], SOURCES[name].schemes))

    def _is_told(self, facts: routing.Facts) -> bool:
        found = routing.recipients(facts, self._listening.rules, self._listening.members, self._listening.channels)
        return any(one.user == self._user for one in found.told)
