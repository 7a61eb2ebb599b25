"""What stands in mails about many: the parts of a digest, rows of a table, in the words of the language that is on."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from certwatch.actions import audience, dashboard, knowledge, standing, wording
from certwatch.actions.kinds import EXPIRED, EXPIRING, KEYS, KINDS, STATUS, Look
from certwatch.actions.standing import Gap, Stale, Standing
from certwatch.models import Certificate, Delivery, Notice, Organisation
from certwatch.rules.notices import Kind, Severity, State
from certwatch.rules.shown import NEED_ATTENTION
from certwatch.rules.status import Status

IN_A_TABLE = 100  # rows, then a link
IN_A_PART = 10  # rows of one part of a digest
SENTENCES = 10  # about sources; there are not more
NEAR_DAYS = 180  # a day further away is written with its year

ENDING = (Kind.EXPIRING, Kind.REVIEW_DUE, Kind.KEY_ENDING, Kind.TRIAL_ENDING)
OF_SOURCES = (Kind.SOURCE_STALE, Kind.SOURCE_RECOVERED)
OF_AN_END = (Kind.EXPIRED, Kind.STILL_EXPIRED, Kind.EXPIRING)
_PLACES = {kind.value: place for place, kind in enumerate(Kind)}


class Line(NamedTuple):
    """One row. `first`: what begins it in a text, the day or the word."""

    look: Look
    word: str
    title: str
    holder: str
    when: str
    first: str
    url: str
    note: str = ""
    is_number: bool = True


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a mail: rows below a title, and where all of them are; or sentences. `short`: the subject's words."""

    title: str
    short: str = ""
    lines: Sequence[Line] = ()
    count: int = 0
    more: str = ""  # the words of the link to all of them, "" where all are here
    url: str = ""
    sentences: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Several:
    """Many notices: in one table."""

    total: int
    by_kind: list[tuple[str, int]]  # the gravest first
    part: Part


@dataclass(frozen=True, slots=True)
class Parts:
    """A mail of parts."""

    subject: str
    title: str
    parts: list[Part]


def several(delivery: Delivery, now: datetime) -> Several:
    """All notices of `delivery`, the gravest first, 100 at most."""
    desk = _Desk(delivery.org, _today(delivery, now))
    rows = sorted(delivery.notices.values_list("kind", "pk"), key=lambda row: (_PLACES[row[0]], row[1]))
    counts = Counter(kind for kind, _pk in rows)
    lines = [desk.line(notice, by_word=True) for notice in _read(delivery, [pk for _kind, pk in rows[:IN_A_TABLE]])]
    more = _("All %(count)d alerts") % {"count": len(rows)} if len(rows) > IN_A_TABLE else ""
    by_kind = sorted(counts.items(), key=lambda pair: _PLACES[pair[0]])
    return Several(len(rows), by_kind, Part("", "", lines, len(rows), more, desk.address("alerts/")))


def digest(delivery: Delivery, now: datetime) -> Parts:
    """What a reader hears in the morning: on Mondays how all stands, on other days what came since the last one."""
    org, user = delivery.org, delivery.user
    assert org is not None and user is not None  # the caller asked
    day = date.fromisoformat(delivery.facts["day"])
    since = date.fromisoformat(delivery.facts["since"])
    rows = _Rows(delivery, _Desk(org, day), now)
    if day.weekday() == 0:
        listening = audience.of(org, now)
        stands = standing.on(listening, now).of(listening, user.pk)
        parts = [rows.unacknowledged(), *_as_it_stands(_Desk(org, day), stands), rows.new(stands, since)]
    else:
        parts = [rows.unacknowledged(), rows.worse(), rows.ending(), rows.good(), rows.sources()]
    left = _not_empty(parts)
    weekday = date_format(day, "l")
    short = {"weekday": weekday, "day": date_format(day, "MONTH_DAY_FORMAT")}
    whole = {"weekday": weekday, "day": wording.day(day)}
    said = ", ".join([part.short for part in left if part.short][:3]) or _("nothing to tell")
    when = _("%(weekday)s %(day)s") % short
    return Parts(f"{when}: {said}", _("Your certificates, %(weekday)s %(day)s") % whole, left)


def opened(delivery: Delivery, now: datetime) -> Parts:
    """What needs attention in an organisation that is open again."""
    org = delivery.org
    assert org is not None  # the caller asked
    today, known = org.today(now), dashboard.states()
    desk = _Desk(org, today)
    count = dashboard.counts(org, known, today=today, now=now).attention
    troubles = dashboard.attention(org, known, NEED_ATTENTION, most=IN_A_PART, today=today, now=now)
    text = ngettext("%(count)d certificate needs attention", "%(count)d certificates need attention", count)
    title = _("%(org)s is open again") % {"org": wording.one_line(org.name)}
    attention = Part(
        _("Need attention, %(count)d") % {"count": count},
        text % {"count": count},
        [desk.trouble(trouble) for trouble in troubles],
        count,
        _all(count),
        desk.address("certificates/"),
    )
    stands = standing.on(audience.of(org, now), now)
    parts = _not_empty([attention, _ending(desk, stands), _gaps(desk, stands.gaps)])
    return Parts(f"{title}: {attention.short}" if count else title, title, parts)


def _not_empty(parts: Sequence[Part]) -> list[Part]:
    return [part for part in parts if part.lines or part.sentences]


def _today(delivery: Delivery, now: datetime) -> date:
    return delivery.org.today(now) if delivery.org else now.date()


@dataclass(frozen=True, slots=True)
class _Desk:
    """Where lines are written: for which organisation, on which day."""

    org: Organisation | None
    today: date

    def line(self, notice: Notice, *, by_word: bool = False) -> Line:
        kind, certificate = KINDS[notice.kind], notice.certificate
        when = self.short(notice.day or timezone.localtime(notice.made_at).date())
        return Line(
            look=kind.look,
            word=str(kind.word),
            title=wording.about(notice),
            holder=wording.name_of_holder(certificate) if certificate else str(kind.word),
            when=when,
            first=str(kind.word) if by_word else when,
            url=self.address(f"alerts/{notice.public_id}/"),
            note=wording.lacks(notice),
            is_number=certificate is not None,
        )

    def of(self, certificate: Certificate, look: Look, word: str | Promise) -> Line:
        when = self.short(certificate.valid_until) if certificate.valid_until else ""
        return Line(
            look=look,
            word=str(word),
            title=wording.one_line(certificate.number),
            holder=wording.name_of_holder(certificate),
            when=when,
            first=when,
            url=self.address(f"certificates/{certificate.public_id}/"),
        )

    def trouble(self, trouble: dashboard.Trouble) -> Line:
        word, look = KEYS[trouble.shown.key]
        when = self.short(trouble.since) if trouble.since else ""
        return self.of(trouble.certificate, look, word)._replace(when=when, first=str(word))

    def gap(self, gap: Gap) -> Line:
        when = self.short(gap.first)
        if gap.first != gap.last:
            when = _("%(first)s to %(last)s") % {"first": when, "last": self.short(gap.last)}
        note = _("The newer certificate begins on %(day)s.") % {"day": self.short(gap.begins)}
        line = self.of(gap.certificate, EXPIRING, KINDS[Kind.EXPIRING].word)
        return line._replace(when=when, first=when, note=note)

    def stale(self, stale: Stale) -> str:
        facts = {"register": stale.title, "day": self.short(timezone.localtime(stale.since).date())}
        text = ngettext(
            "%(register)s has not been read since %(day)s. Its certificate shows its last known status of that day.",
            "%(register)s has not been read since %(day)s. Its %(count)d certificates show their last known status of"
            " that day.",
            stale.many,
        )
        return text % {**facts, "count": stale.many}

    def short(self, day: date) -> str:
        """30 Nov; with its year where that is not near."""
        return date_format(day, "MONTH_DAY_FORMAT" if abs((day - self.today).days) < NEAR_DAYS else "DATE_FORMAT")

    def address(self, path: str) -> str:
        return f"{settings.BASE_URL}/o/{self.org.slug}/{path}" if self.org else f"{settings.BASE_URL}/operator/"


class _Rows:
    """The notices of a digest, sorted into its parts."""

    def __init__(self, delivery: Delivery, desk: _Desk, now: datetime) -> None:
        self._delivery, self._desk, self._now = delivery, desk, now
        fields = ("pk", "kind", "severity", "day", "certificate_id", "about", "state")
        rows = sorted(delivery.notices.values_list(*fields), key=lambda row: (_PLACES[row[1]], row[0]))
        self._all = [(pk, kind, _as_it_counts(severity, state)) for pk, kind, severity, *_rest, state in rows]
        self._days: dict[int, date] = {row[0]: row[3] or date.max for row in rows}
        self._about: dict[int, tuple[int | None, str]] = {row[0]: row[4:6] for row in rows}

    def unacknowledged(self) -> Part:
        found = self._which(Severity.CRITICAL, lambda _kind: True)
        facts = {"count": len(found)}
        titles = _("Not acknowledged, %(count)d") % facts, _("%(count)d not acknowledged") % facts
        return self._part(titles, found, "alerts/?severity=critical", by_word=True)

    def worse(self) -> Part:
        found = self._which(Severity.WARNING, lambda kind: kind not in (*ENDING, *OF_SOURCES))
        facts = {"count": len(found)}
        titles = _("Changed for the worse, %(count)d") % facts, _("%(count)d changed for the worse") % facts
        return self._part(titles, found, "alerts/", by_word=True)

    def ending(self) -> Part:
        found = sorted(self._which(Severity.WARNING, lambda kind: kind in ENDING), key=self._days.__getitem__)
        text = ngettext("%(count)d ends soon", "%(count)d end soon", len(found))
        facts = {"count": len(found)}
        return self._part((_("Ending, %(count)d") % facts, text % facts), found, "alerts/")

    def good(self) -> Part:
        found = self._which(Severity.INFORMATION, lambda kind: kind not in OF_SOURCES)
        facts = {"count": len(found)}
        titles = _("Good news, %(count)d") % facts, _("%(count)d good to know") % facts
        return self._part(titles, found, "alerts/?state=all", by_word=True)

    def sources(self) -> Part:
        keys = [pk for pk, kind, _severity in self._all if kind in OF_SOURCES]
        notices = _read(self._delivery, keys[:SENTENCES])
        said = [wording.lead(knowledge.of(notice, self._now)) for notice in notices]
        return Part(_("Sources"), _("sources"), count=len(keys), sentences=said)

    def new(self, stands: Standing, since: date) -> Part:
        """What came since the last digest and stands in no other part."""
        certificates = {c.pk for c in (*stands.expired, *stands.ending, *(gap.certificate for gap in stands.gaps))}
        sources = {stale.name for stale in stands.stale}

        def is_above(pk: int, kind: str) -> bool:
            certificate, about = self._about[pk]
            return (kind in OF_AN_END and certificate in certificates) or (
                kind == Kind.SOURCE_STALE and about in sources
            )

        found = [pk for pk, kind, its in self._all if its != Severity.CRITICAL and not is_above(pk, kind)]
        titles = _("New since %(day)s") % {"day": date_format(since, "l")}, _("%(count)d new") % {"count": len(found)}
        return self._part(titles, found, "alerts/?state=all", by_word=True)

    def _which(self, severity: Severity, belongs: Callable[[str], bool]) -> list[int]:
        return [pk for pk, kind, its in self._all if its == severity and belongs(kind)]

    def _part(self, titles: tuple[str, str], keys: Sequence[int], path: str, *, by_word: bool = False) -> Part:
        lines = [self._desk.line(notice, by_word=by_word) for notice in _read(self._delivery, keys[:IN_A_PART])]
        return Part(*titles, lines, len(keys), _all(len(keys)), self._desk.address(path))


def _as_it_counts(severity: str, state: str) -> str:
    """A critical one that is over needs nobody to acknowledge it; that it was is told all the same."""
    return Severity.WARNING if severity == Severity.CRITICAL and state == State.SOLVED else severity


def _read(delivery: Delivery, keys: Sequence[int]) -> list[Notice]:
    """The notices with these keys, in their order."""
    if not keys:
        return []
    found = delivery.notices.select_related("certificate__entry", "org", "change").in_bulk(list(keys))
    return [found[pk] for pk in keys if pk in found]


# ---- Mondays: as it stands


def _as_it_stands(desk: _Desk, stands: Standing) -> list[Part]:
    count = len(stands.expired)
    expired = Part(
        _("Expired, %(count)d") % {"count": count},
        _("%(count)d expired") % {"count": count},
        [desk.of(certificate, EXPIRED, STATUS[Status.EXPIRED]) for certificate in stands.expired[:IN_A_PART]],
        count,
        _all(count, _("All %(count)d that have expired")),
        desk.address("certificates/?status=expired"),
    )
    sources = Part(
        _("Sources"), _("sources"), count=len(stands.stale), sentences=[desk.stale(stale) for stale in stands.stale]
    )
    return [expired, _ending(desk, stands), _gaps(desk, stands.gaps), sources]


def _ending(desk: _Desk, stands: Standing) -> Part:
    assert desk.org is not None  # digests have one
    count, days = len(stands.ending), desk.org.expiring_days
    facts = {"count": count, "days": days}
    text = ngettext("%(count)d ends within %(days)d days", "%(count)d end within %(days)d days", count)
    word = KINDS[Kind.EXPIRING].word
    return Part(
        _("Ending next, %(count)d within %(days)d days") % facts,
        text % facts,
        [desk.of(certificate, EXPIRING, word) for certificate in stands.ending[:IN_A_PART]],
        count,
        _all(count, _("All %(count)d that end within %(days)d days"), days),
        desk.address(f"certificates/?expires_within={days}"),
    )


def _gaps(desk: _Desk, gaps: Sequence[Gap]) -> Part:
    facts = {"count": len(gaps)}
    text = ngettext("%(count)d gap", "%(count)d gaps", len(gaps)) % facts
    lines = [desk.gap(gap) for gap in gaps[:IN_A_PART]]
    return Part(_("Gaps, %(count)d") % facts, text, lines, len(gaps), _all(len(gaps)), desk.address("certificates/"))


def _all(count: int, words: str = "", days: int = 0) -> str:
    """The words of the link to all of them, where not all are here."""
    if count <= IN_A_PART:
        return ""
    return (words or _("All %(count)d")) % {"count": count, "days": days}
