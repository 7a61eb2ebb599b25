"""A notice in words: what it is, what was and is, and what to do next; for mails and chats, in the language that is on.

Days and times are those of the time zone that is on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from certwatch.actions.kinds import IN_TEXT, KINDS, STATUS, OfKind, Words
from certwatch.models import Certificate, EntryVersion, Notice
from certwatch.models import Kind as How
from certwatch.rules.notices import Kind
from certwatch.rules.status import Status
from certwatch.sources import SOURCES


class Row(NamedTuple):
    """One thing that is known, and what it is called."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Newer:
    """A certificate that takes this one's place, or may."""

    number: str
    begins: date | None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """A notice with all that is known of it. `versions`: what the register said before and says now."""

    notice: Notice
    today: date  # of the organisation
    before: EntryVersion | None = None
    version: EntryVersion | None = None
    newer: Newer | None = None
    read_at: datetime | None = None  # when its source was read
    watched: int = 0  # of a source: certificates that the organisation watches there

    @property
    def certificate(self) -> Certificate | None:
        return self.notice.certificate

    @property
    def register(self) -> str:
        """What people call the register; "" where it was entered by hand."""
        notice, certificate = self.notice, self.notice.certificate
        name = certificate.source if certificate else str(notice.facts.get("source") or notice.about)
        return SOURCES[name].title if name in SOURCES else ("" if certificate else notice.about)

    @property
    def by_hand(self) -> bool:
        return self.certificate is not None and self.certificate.kind == How.NIS


@dataclass(frozen=True, slots=True)
class Said:
    """A notice in words."""

    kind: OfKind
    title: str  # a certificate's number as printed, else what it is about
    holder: str  # and place
    lead: str
    rows: list[Row] = field(default_factory=list)
    is_number: bool = True
    name: str = ""  # of the holder alone

    @property
    def step(self) -> str:
        return str(self.kind.step)

    @property
    def subject(self) -> str:
        about = f"{self.title}, {self.name}" if self.name else self.title
        return f"{self.kind.word}: {about}"


def say(known: Known) -> Said:
    """`known` in words."""
    kind = KINDS[known.notice.kind]
    title = about(known.notice)
    rows = [*(_of_certificate(known) if known.certificate else _of_others(known)), Row(_("Next step"), str(kind.step))]
    certificate = known.certificate
    name = name_of_holder(certificate) if certificate else ""
    return Said(kind, title, holder_of(known), lead(known), rows, is_number=certificate is not None, name=name)


def lead(known: Known) -> str:
    """What happened, in a sentence or two."""
    return one_line(" ".join((_LEADS[known.notice.kind](known), _seen(known), lacks(known.notice))))


def about(notice: Notice) -> str:
    """What it is about: a certificate's number as printed, a source's title, or a name."""
    if notice.certificate is not None:
        return one_line(notice.certificate.number)
    source = SOURCES.get(notice.about)
    if notice.kind == Kind.TRIAL_ENDING and notice.org:
        return notice.org.name
    return source.title if source else one_line(notice.about)


def holder_of(known: Known) -> str:
    """Holder and place."""
    certificate = known.certificate
    if certificate is None:
        return ""
    place = known.version.place if known.version else ""
    return one_line(f"{name_of_holder(certificate)}, {place}" if place else name_of_holder(certificate))


def name_of_holder(certificate: Certificate) -> str:
    return one_line(certificate.entry.holder if certificate.entry else certificate.holder)


def one_line(text: str) -> str:
    """`text` of a register or a person without line breaks, so that it cannot pretend to be another line or header."""
    return " ".join(text.split())


def day(value: date | None) -> str:
    return date_format(value, "DATE_FORMAT") if value else "–"


def moment(value: datetime | None) -> str:
    return date_format(timezone.localtime(value), "DATETIME_FORMAT") if value else "–"


def days_until(known: Known) -> int:
    last_day = known.notice.day
    return (last_day - known.today).days if last_day else 0


# ---- the first sentence of each kind


def _becomes(word: Status) -> Callable[[Known], str]:
    def sentence(known: Known) -> str:
        facts = {"register": known.register, "word": IN_TEXT[word], "since": day(_since(known))}
        if known.by_hand or not known.register:
            return _("This certificate was entered as %(word)s.") % facts
        if _since(known):
            return _("The %(register)s register lists this certificate as %(word)s since %(since)s.") % facts
        return _("The %(register)s register lists this certificate as %(word)s.") % facts

    return sentence


def _since(known: Known) -> date | None:
    """The day that the register gives for its word, else the first day of a suspension that lasts."""
    version = known.version
    if version is None:
        return None
    if version.since is None and known.notice.kind == Kind.SUSPENDED:
        begun = [first for first, last in periods(version) if first and first <= known.today <= (last or known.today)]
        return max(begun, default=None)
    return version.since


def periods(version: EntryVersion) -> list[tuple[date | None, date | None]]:
    """Suspensions, first and last day."""
    return [(_as_day(first), _as_day(last)) for first, last in version.suspensions]


def _as_day(text: Any) -> date | None:
    return date.fromisoformat(text) if isinstance(text, str) and text else None


def _as_moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and "T" in text else None


def _ends(known: Known) -> str:
    left = days_until(known)
    facts = {"day": day(known.notice.day), "count": left}
    if left == 0:
        return _("Its last day is today, %(day)s.") % facts
    text = ngettext("Its last day is %(day)s, in %(count)d day.", "Its last day is %(day)s, in %(count)d days.", left)
    return text % facts


def _key_ends(known: Known) -> str:
    facts = {"about": known.notice.about, "day": day(known.notice.day)}
    return _("The API key “%(about)s” works until %(day)s, that day included.") % facts


def _stale(known: Known) -> str:
    since = _as_moment(known.notice.facts.get("since")) or known.read_at
    facts = {"register": known.register, "since": moment(since), "count": known.watched}
    first = _("The %(register)s register has not been read since %(since)s.") % facts
    if not known.watched:
        return first
    text = ngettext(
        "Your certificate there shows its last known status of that day.",
        "Your %(count)d certificates there show their last known status of that day.",
        known.watched,
    )
    return f"{first} {text % facts}"


def _failing(known: Known) -> str:
    facts = known.notice.facts
    error = one_line(str(facts.get("error") or ""))
    words = {"about": known.notice.about}
    if facts.get("over") == "webhook":
        first = _("Webhooks to %(about)s are not delivered.") % words
    else:
        first = _("A message to %(about)s could not be delivered and was given up.") % words
    return f"{first} {error}".strip()


def _held(known: Known) -> str:
    reasons = [one_line(str(reason)) for reason in known.notice.facts.get("reasons") or ()]
    first = _("A run of %(register)s is held: what it read is not believable, so nothing moved.")
    return " ".join([first % {"register": known.register}, *reasons])


def _source_fails(known: Known) -> str:
    first = _("The source %(register)s could not be read.") % {"register": known.register}
    return f"{first} {one_line(str(known.notice.facts.get('error') or ''))}".strip()


def _still(known: Known) -> str:
    return _("Its last day was %(day)s, and no successor takes over.") % {"day": day(known.notice.day)}


def _of(text: Words) -> Callable[[Known], str]:
    """A sentence that names the register, the day, what it is about."""

    def sentence(known: Known) -> str:
        facts = {"register": known.register, "day": day(known.notice.day), "about": known.notice.about}
        return str(text) % facts

    return sentence


_LEADS: Mapping[str, Callable[[Known], str]] = {
    Kind.SUSPENDED: _becomes(Status.SUSPENDED),
    Kind.WITHDRAWN: _becomes(Status.WITHDRAWN),
    Kind.TERMINATED: _becomes(Status.TERMINATED),
    Kind.NOT_FOUND: _of(
        gettext_lazy(
            "Two complete readings of the %(register)s register, at least 12 hours apart, did not list this number."
        )
    ),
    Kind.SHORTENED: _of(gettext_lazy("The last day of this certificate was moved earlier.")),
    Kind.HOLDER_CHANGED: _of(gettext_lazy("The %(register)s register names another holder under this number.")),
    Kind.DISAGREEMENT: _of(
        gettext_lazy("This certificate was entered by hand. A register now lists the number and says otherwise.")
    ),
    Kind.CHANNEL_FAILING: _failing,
    Kind.SUSPENSION_NOTED: _of(
        gettext_lazy("The %(register)s register lists a suspension that we had not seen, or other days of one.")
    ),
    Kind.EXPIRING: _ends,
    Kind.EXPIRED: _of(gettext_lazy("Its last day was %(day)s.")),
    Kind.STILL_EXPIRED: _still,
    Kind.REVIEW_DUE: _of(gettext_lazy("It was entered by hand, to be looked at again on %(day)s.")),
    Kind.KEY_ENDING: _key_ends,
    Kind.TRIAL_ENDING: _of(gettext_lazy("Your trial ends on %(day)s.")),
    Kind.SOURCE_STALE: _stale,
    Kind.SOURCE_RECOVERED: _of(gettext_lazy("The %(register)s register was read again.")),
    Kind.UNCLEAR: _of(gettext_lazy("Nobody can say any more what its status is.")),
    Kind.LIFTED: _becomes(Status.VALID),
    Kind.FOUND_AGAIN: _of(gettext_lazy("The %(register)s register lists this certificate again.")),
    Kind.FIRST_WORD: _of(gettext_lazy("The %(register)s register gave its status for the first time.")),
    Kind.EXTENDED: _of(gettext_lazy("The last day of this certificate was moved later.")),
    Kind.SCOPE_CHANGED: _of(gettext_lazy("The %(register)s register lists another scope, or other raw materials.")),
    Kind.RENEWED: _of(gettext_lazy("A new period has been registered, or a later certificate of the same holder.")),
    Kind.PROPOSAL: _of(gettext_lazy("The supplier has sent a new certificate.")),
    Kind.BEGUN: _of(gettext_lazy("Its first day has come.")),
    Kind.RUN_HELD: _held,
    Kind.SOURCE_FAILING: _source_fails,
    Kind.DUTY_MISSED: _of(gettext_lazy("The duty %(about)s has missed its time.")),
}


def _seen(known: Known) -> str:
    """Which check of ours saw it first."""
    change = known.notice.change
    if change is None or change.run_id is None or known.notice.kind == Kind.NOT_FOUND:
        return ""
    return _("Our check of %(moment)s saw it first.") % {"moment": moment(change.seen_at)}


def lacks(notice: Notice) -> str:
    """What a later certificate lacks that does not silence this; "" where there is none."""
    facts = notice.facts
    missing = [str(scope) for scope in facts.get("missing") or ()]
    if not facts.get("successor") and not missing:
        return ""
    words = {"number": one_line(str(facts.get("successor") or "")), "scopes": one_line(", ".join(missing))}
    if missing:
        return _("A later certificate exists, %(number)s, but it lacks: %(scopes)s.") % words
    if facts.get("in_time") is False:
        return _("A later certificate exists, %(number)s, but there are days between them.") % words
    return ""


# ---- what is known beside it


def _of_certificate(known: Known) -> list[Row]:
    certificate = known.certificate
    assert certificate is not None  # the caller asked
    rows = [Row(_("Scheme"), certificate.scheme), *_difference(known), Row(_("Valid until"), _last_day(known))]
    rows += [Row(_("Supplier"), _supplier(certificate)), Row(_("Source"), _source(known))]
    if known.newer:
        rows.append(Row(_("Newer one"), _newer(known.newer)))
    return [Row(label, one_line(text)) for label, text in rows if text]


def _difference(known: Known) -> list[Row]:
    """What was and is."""
    change, kind = known.notice.change, known.notice.kind
    before, version = known.before, known.version
    if kind == Kind.HOLDER_CHANGED and before and version:
        return [Row(_("Was, is"), _now(before.holder, version.holder))]
    if kind == Kind.SUSPENSION_NOTED and version:
        return [Row(_("Suspended"), "; ".join(_period(first, last) for first, last in periods(version)))]
    if kind == Kind.SCOPE_CHANGED and before and version:
        return [
            Row(title, _now(", ".join(was) or "–", ", ".join(now) or "–"))
            for title, was, now in (
                (_("Scope"), before.scopes, version.scopes),
                (_("Raw materials"), before.materials, version.materials),
            )
            if was != now
        ]
    if kind == Kind.DISAGREEMENT and version:
        entered = f"{STATUS[change.was or 'unknown']}, {day(change.valid_until_was)}" if change else ""
        register = f"{STATUS[version.word]}, {day(version.valid_until)}"
        return [Row(_("Entered"), entered), Row(_("Register"), register)]
    if change is None:
        return []
    if kind in (Kind.SHORTENED, Kind.EXTENDED, Kind.RENEWED) and change.valid_until != change.valid_until_was:
        return [Row(_("Was, is"), _now(day(change.valid_until_was), day(change.valid_until)))]
    if change.was and change.word and change.was != change.word:
        return [Row(_("Was, is"), _now(str(STATUS[change.was]), str(IN_TEXT[change.word])))]
    return []


def _now(was: str, now: str) -> str:
    return _("%(was)s, now %(now)s") % {"was": was, "now": now}


def _period(first: date | None, last: date | None) -> str:
    facts = {"first": day(first), "last": day(last)}
    return _("%(first)s to %(last)s") % facts if last else _("from %(first)s") % facts


def _last_day(known: Known) -> str:
    certificate = known.certificate
    if certificate is None or certificate.valid_until is None:
        return ""
    facts = {"day": day(certificate.valid_until)}
    if known.notice.kind == Kind.SUSPENDED:
        return _("%(day)s, if the suspension is lifted") % facts
    return facts["day"]


def _supplier(certificate: Certificate) -> str:
    supplier = certificate.supplier
    named = ", ".join(part for part in (supplier.name, supplier.number) if part) if supplier else ""
    tags = _("Tags: %(tags)s") % {"tags": ", ".join(certificate.tags)} if certificate.tags else ""
    return ". ".join(part for part in (named, tags) if part)


def _source(known: Known) -> str:
    if known.by_hand or not known.register:
        return _("Entered by hand")
    change = known.notice.change
    read_at = change.seen_at if change is not None and change.run_id is not None else known.read_at
    if read_at is None:
        return known.register
    return _("%(register)s, read on %(moment)s") % {"register": known.register, "moment": moment(read_at)}


def _newer(newer: Newer) -> str:
    facts = {"number": newer.number, "day": day(newer.begins), "scopes": ", ".join(newer.missing)}
    text = _("%(number)s, valid from %(day)s.") % facts if newer.begins else f"{newer.number}."
    if newer.missing:
        text += " " + _("It lacks: %(scopes)s.") % facts
    return text + " " + _("It does not cover earlier deliveries.")


def _of_others(known: Known) -> list[Row]:
    notice = known.notice
    rows = []
    if notice.day:
        rows.append(Row(_("Last day"), day(notice.day)))
    if since := _as_moment(notice.facts.get("since")):
        rows.append(Row(_("Since"), moment(since)))
    if notice.kind in (Kind.SOURCE_STALE, Kind.SOURCE_RECOVERED) and known.read_at:
        rows.append(Row(_("Last read"), moment(known.read_at)))
    if known.watched:
        rows.append(Row(_("You watch"), str(known.watched)))
    return rows
