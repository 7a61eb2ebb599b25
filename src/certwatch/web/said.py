"""What the page of one certificate says in sentences: why its status is so, what its history tells, what disagrees."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from certwatch.actions.history import Checks, History, Step, What
from certwatch.models import Certificate, CheckOutcome, Entry, EntryVersion, OwnVersion, SourceState, Successor
from certwatch.rules.life import Life
from certwatch.rules.shown import Key, Shown, Why
from certwatch.rules.status import Status
from certwatch.templatetags.certwatch import STATUSES, day, moment

KEYS = {  # the style sheet's keys for what was so on a day of the past, when nobody asked how soon it would end
    Status.VALID: Key.VALID,
    Status.NOT_YET_VALID: Key.NOT_YET,
    Status.EXPIRED: Key.EXPIRED,
    Status.SUSPENDED: Key.SUSPENDED,
    Status.WITHDRAWN: Key.WITHDRAWN,
    Status.TERMINATED: Key.TERMINATED,
    Status.NOT_FOUND: Key.NOT_FOUND,
    Status.UNKNOWN: Key.UNCLEAR,
}
OUTCOMES: dict[str, str | Promise] = {
    CheckOutcome.FOUND: gettext_lazy("The register answered: what it says stands here."),
    CheckOutcome.NOT_FOUND: gettext_lazy(
        "The register’s search did not find this number. Only a reading of the whole register proves that it is"
        " not there, so nothing was changed."
    ),
    CheckOutcome.BUSY: gettext_lazy(
        "The register is being read at this moment. What it says will stand here when that is done; no other check"
        " is needed."
    ),
    CheckOutcome.FAILED: gettext_lazy("The register could not be read. Nothing was changed; ask again later."),
    CheckOutcome.HELD: gettext_lazy(
        "The register was read, but what it says is not believable and waits for the operator. Nothing was changed."
    ),
}


def word(key: Key) -> str:
    """The word of a status."""
    return str(STATUSES[key.value].word)


def ago(then: datetime, now: datetime) -> str:
    """How long ago, in words: “3 days ago”, “2 hours ago”."""
    minutes = max(0, int((now - then).total_seconds() // 60))
    if minutes < 60:
        if not minutes:
            return _("just now")
        return ngettext("%(count)d minute ago", "%(count)d minutes ago", minutes) % {"count": minutes}
    if minutes < 48 * 60:
        return ngettext("%(count)d hour ago", "%(count)d hours ago", minutes // 60) % {"count": minutes // 60}
    days = minutes // (24 * 60)
    return ngettext("%(count)d day ago", "%(count)d days ago", days) % {"count": days}


# Why the status is so


def reasons(
    certificate: Certificate, shown: Shown, history: History, state: SourceState | None, today: date, now: datetime
) -> list[str]:
    """The sentences below the stamp."""
    said = [*_why(certificate, shown, history, state, today), *_first_sight(certificate, shown, history)]
    if shown.last_known and state and state.read_began:
        facts = {"moment": moment(state.read_began), "age": ago(state.read_began, now)}
        said.append(_("As of %(moment)s, %(age)s. Not confirmed since: the register could not be read.") % facts)
    return said


def _why(
    certificate: Certificate, shown: Shown, history: History, state: SourceState | None, today: date
) -> Iterator[str]:
    first, last = certificate.valid_from, certificate.valid_until
    if shown.key in (Key.VALID, Key.EXPIRING):
        yield _in_force(last, today)
    elif shown.key == Key.EXPIRED:
        yield _ended(last, today)
    elif shown.key == Key.NOT_YET:
        yield _to_begin(first, today)
    elif shown.key in (Key.SUSPENDED, Key.WITHDRAWN, Key.TERMINATED):
        yield _out_of_force(certificate, shown.key, history.newest)
    elif shown.key == Key.NOT_FOUND:
        yield from _not_found(shown, history)
    elif shown.key == Key.NEVER:
        yield _("Its register was not read yet.")
        if state and state.next_run:
            yield _("The first reading is due at %(moment)s.") % {"moment": moment(state.next_run)}
    else:
        yield _unclear(shown.why, history.newest)


def _in_force(last: date | None, today: date) -> str:
    if last is None:
        return _("In force; a last day is not known.")
    left = (last - today).days
    if left == 0:
        return _("Today is its last day.")
    text = ngettext(
        "Ends in %(count)d day, on %(day)s.", "Ends in %(count)d days, on %(day)s.", left
    )  # its last day counts
    return text % {"count": left, "day": day(last)}


def _ended(last: date | None, today: date) -> str:
    if last is None or last >= today:
        return _("Expired, says its register.")
    gone = (today - last).days
    text = ngettext(
        "Its last day was %(day)s, %(count)d day ago.", "Its last day was %(day)s, %(count)d days ago.", gone
    )
    return text % {"count": gone, "day": day(last)}


def _to_begin(first: date | None, today: date) -> str:
    if first is None or first <= today:
        return _("It is not in force yet.")
    left = (first - today).days
    text = ngettext("Its first day is %(day)s, in %(count)d day.", "Its first day is %(day)s, in %(count)d days.", left)
    return text % {"count": left, "day": day(first)}


def _out_of_force(certificate: Certificate, key: Key, newest: EntryVersion | None) -> str:
    if certificate.kind == "nis":
        return _("%(status)s, as it was entered by hand.") % {"status": word(key)}
    since, until = _suspended(newest) if key == Key.SUSPENDED else (newest.since if newest else None, None)
    facts = {"status": word(key), "since": day(since), "until": day(until)}
    if since and until:
        return _("%(status)s from %(since)s to %(until)s, says its register.") % facts
    if since:
        return _("%(status)s since %(since)s, says its register.") % facts
    return _("%(status)s, says its register.") % facts


def _suspended(newest: EntryVersion | None) -> tuple[date | None, date | None]:
    """First and last day of the latest suspension that the register lists."""
    if newest is None:
        return None, None
    periods = suspensions(newest)
    latest = max(periods, key=lambda period: period[0] or date.min, default=(None, None))
    return latest[0] or newest.since, latest[1]


def suspensions(version: EntryVersion) -> list[tuple[date | None, date | None]]:
    """First and last day of each suspension that the register lists."""
    stored = [(first, last) for first, last in version.suspensions]
    return [(date.fromisoformat(f) if f else None, date.fromisoformat(u) if u else None) for f, u in stored]


def _not_found(shown: Shown, history: History) -> Iterator[str]:
    listed = history.newest is not None
    if shown.why == Why.UNCONFIRMED and history.first_missed:
        yield _(
            "The reading of %(moment)s did not list it. That counts as confirmed once a second complete reading,"
            " at least 12 hours later, does not list it either."
        ) % {"moment": moment(history.first_missed)}
    elif history.first_missed:
        yield _("Its register does not list this number, since the reading of %(moment)s.") % {
            "moment": moment(history.first_missed)
        }
    if listed:
        yield _("It was listed before. Ask the holder, and the register.")
    else:
        yield _(
            "Not published yet? New certificates appear up to three weeks after their first day. Compare the number"
            " with the document too; every further reading looks for it."
        )


def _unclear(why: Why | None, newest: EntryVersion | None) -> str:
    if why == Why.SEVERAL_HOLDERS:
        return _("Several holders: choose one below.")
    if why == Why.SECOND_PERSON:
        return _("Waits for a second person: what was entered does not count yet.")
    if why == Why.FOREIGN_WORD and newest and newest.source_word:
        return _("The register says “%(word)s”, a word we do not know.") % {"word": newest.source_word}
    if why == Why.FOREIGN_WORD:
        return _("The register lists it without a word that we know.")
    return _("It was entered without a status.")


def _first_sight(certificate: Certificate, shown: Shown, history: History) -> Iterator[str]:
    """When the present word was seen first, if that was a change."""
    said = next((step for step in history.steps if step.what == What.SAID), None)
    if said is None or said.was is None or said.was == said.word or said.word is None:
        return
    if KEYS[said.word] != shown.key or said.run is None:
        return
    facts = {"moment": moment(said.at), "run": said.run.pk, "was": word(KEYS[said.was])}
    yield _("The reading of %(moment)s saw it first; before, it was: %(was)s.") % facts


# The history


@dataclass(slots=True)
class Told:
    """A step as the page shows it. `key`: of the status whose icon stands beside it, "" for a small dot."""

    step: Step
    title: str
    key: str = ""
    lines: list[str] = field(default_factory=list)


def told(history: History) -> list[Told]:
    """The steps, newest first."""
    return [_told(step) for step in history.steps]


def _told(step: Step) -> Told:
    by = {"person": step.by or _("the command line")}
    match step.what:
        case What.SAID:
            return _register_said(step)
        case What.NOT_LISTED:
            title = _("The register does not list it")
            return Told(step, title, Key.NOT_FOUND, [_("It was read as a whole, without an entry under this number.")])
        case What.SEVERAL:
            return Told(step, _("Several holders under this number"), Key.UNCLEAR)
        case What.CHOSEN:
            return Told(step, _chosen(step))
        case What.ENTERED:
            return _entered(step)
        case What.BY_DATE:
            title = _("The first day came") if step.word == Status.VALID else _("The last day passed")
            return Told(step, _change(step) or title, KEYS[step.word or Status.UNKNOWN], [title + "."])
        case What.QUIET:
            return Told(step, _quiet(step))
        case What.REMOVED:
            return Told(step, _("Not watched any more"))
        case What.ADDED:
            return Told(step, _("Added by %(person)s") % by)


def _change(step: Step) -> str:
    if step.was is None or step.word is None or step.was == step.word:
        return ""
    return _("%(was)s to %(now)s") % {"was": word(KEYS[step.was]), "now": word(KEYS[step.word])}


def _chosen(step: Step) -> str:
    facts = {"holder": step.holder, "person": step.by or _("somebody")}
    if step.how == "person":
        return _("%(person)s chose the holder %(holder)s") % facts
    if step.how == "holder":
        return _("The supplier’s name decided for the holder %(holder)s") % facts
    return _("Matched by a similar number that was confirmed; holder %(holder)s") % facts


def _quiet(step: Step) -> str:
    good = ngettext("%(count)d check without a change", "%(count)d checks without a change", step.checks)
    bad = ngettext("%(count)d try that could not be used", "%(count)d tries that could not be used", step.failed)
    good, bad = good % {"count": step.checks}, bad % {"count": step.failed}
    return (
        _("%(good)s, %(bad)s") % {"good": good, "bad": bad}
        if step.checks and step.failed
        else good
        if step.checks
        else bad
    )


def _register_said(step: Step) -> Told:
    version, before = step.version, step.before
    assert version is not None and step.word is not None  # a step of this kind has both
    key = KEYS[step.word]
    lines = [*_own_words(version)]
    if before is None:
        return Told(step, _("Listed as: %(status)s") % {"status": word(key)}, key, [*lines, *_period(version)])
    lines += [line for name in step.changed for line in _difference(name, before, version)]
    title = _change(step) or (str(_TITLES[step.changed[0]]) if step.changed else _("Listed again, unchanged"))
    if _is_renewed(before, version) and not _change(step):
        title = _("Renewed")
    return Told(step, title, key, lines)


_TITLES = {
    "valid_until": gettext_lazy("Last day changed"),
    "valid_from": gettext_lazy("First day changed"),
    "holder": gettext_lazy("Holder changed"),
    "number": gettext_lazy("Number written in another way"),
    "scopes": gettext_lazy("Scope changed"),
    "materials": gettext_lazy("Raw materials changed"),
    "certifier": gettext_lazy("Certification body changed"),
    "place": gettext_lazy("Place changed"),
    "since": gettext_lazy("Day of the status changed"),
    "suspensions": gettext_lazy("Suspension changed"),
    "details": gettext_lazy("Other entries changed"),
}


def _own_words(version: EntryVersion) -> Iterator[str]:
    if version.word == Status.NOT_FOUND:
        yield _("The register lists it no more.")
    elif version.source_word and version.since:
        facts = {"word": version.source_word, "day": day(version.since)}
        yield _("The register’s entry reads “%(word)s”, effective %(day)s.") % facts
    elif version.source_word:
        yield _("The register’s entry reads “%(word)s”.") % {"word": version.source_word}


def _period(version: EntryVersion) -> Iterator[str]:
    if version.valid_from or version.valid_until:
        facts = {"first": day(version.valid_from), "last": day(version.valid_until)}
        yield _("Valid: %(first)s to %(last)s.") % facts


def _is_renewed(before: EntryVersion, version: EntryVersion) -> bool:
    if None in (before.valid_from, before.valid_until, version.valid_from, version.valid_until):
        return False
    return version.valid_from > before.valid_from and version.valid_until > before.valid_until  # type: ignore[operator]


def differences(names: Iterable[str], before: EntryVersion, version: EntryVersion) -> list[str]:
    """What of `names` a register's entry says otherwise than before."""
    return [line for name in names if name in _TITLES for line in _difference(name, before, version)]


def _difference(name: str, before: EntryVersion, version: EntryVersion) -> Iterator[str]:
    was, now = getattr(before, name), getattr(version, name)
    if name in ("scopes", "materials"):
        yield from (_("“%(what)s” was added.") % {"what": item} for item in now if item not in was)
        yield from (_("“%(what)s” was taken out.") % {"what": item} for item in was if item not in now)
    elif name == "suspensions":
        yield from _periods(version)
    elif name == "details":
        yield from _details(was, now)
    elif name != "since":
        label = _TITLES[name]
        facts = {"title": label, "was": _text(was), "now": _text(now)}
        yield _("%(title)s: %(was)s before, %(now)s now.") % facts


def _periods(version: EntryVersion) -> Iterator[str]:
    if not version.suspensions:
        yield _("The register lists no suspension any more.")
    for first, last in suspensions(version):
        facts = {"first": day(first), "last": day(last)}
        if last is None:
            yield _("Suspended from %(first)s, without an end.") % facts
        else:
            yield _("Suspended from %(first)s to %(last)s.") % facts


def _details(was: dict[str, str], now: dict[str, str]) -> Iterator[str]:
    for label in dict.fromkeys([*was, *now]):
        if was.get(label) != now.get(label):
            facts = {"title": label, "was": _text(was.get(label)), "now": _text(now.get(label))}
            yield _("%(title)s: %(was)s before, %(now)s now.") % facts


def _text(value: Any) -> str:
    if isinstance(value, date):
        return day(value)
    return f"“{value}”" if value else "–"


def _entered(step: Step) -> Told:
    own = step.own
    assert own is not None and step.word is not None  # a step of this kind has both
    key = KEYS[step.word]
    title = _change(step) or _("Entered as: %(status)s") % {"status": word(key)}
    facts = {"person": own.entered_by or _("the command line"), "first": day(own.valid_from)}
    lines = [_("By %(person)s.") % facts]
    if own.valid_from or own.valid_until:
        lines.append(_("Valid: %(first)s to %(last)s.") % {**facts, "last": day(own.valid_until)})
    return Told(step, title, key, [*lines, *_approval(own)])


def _approval(own: OwnVersion) -> Iterator[str]:
    if own.approved_at and own.approved_by:
        facts = {"person": own.approved_by, "moment": moment(own.approved_at)}
        yield _("Approved by %(person)s, %(moment)s.") % facts
    elif own.known_from is None and own.known_until:
        yield _("Replaced before a second person approved it.")
    elif own.known_from is None:
        yield _("Waits for a second person; it does not count yet.")
    elif own.approved_at is None:
        yield _("It counted at once, since it is a change for the worse; nobody has approved it.")


# Checks


def marks(checks: Checks, picture: Life | None) -> str:
    """How many checks there were and what they found, and what the marks below the picture stand for."""
    if not checks.moments:
        return ""
    counted = [f"{count} {word(KEYS[status])}" for status, count in checks.counted]
    facts = {"counted": ", ".join(counted), "count": len(checks.moments)}
    if picture is None or not picture.marks:
        text = ngettext(
            "%(count)d check since it is watched: %(counted)s.",
            "%(count)d checks since it is watched: %(counted)s.",
            len(checks.moments),
        )
    elif picture.by_month:
        text = ngettext(
            "Each mark is a month. %(count)d check since it is watched: %(counted)s.",
            "Each mark is a month. %(count)d checks since it is watched: %(counted)s.",
            len(checks.moments),
        )
    else:
        text = ngettext(
            "Each mark is a week. %(count)d check since it is watched: %(counted)s.",
            "Each mark is a week. %(count)d checks since it is watched: %(counted)s.",
            len(checks.moments),
        )
    return text % facts


# What disagrees


def contradictions(certificate: Certificate, *, differs: bool, holder: str, listed: Sequence[Entry]) -> list[str]:
    """Supplier against holder, and what was entered by hand against registers that know the number."""
    said = []
    if differs and certificate.supplier:
        facts = {"supplier": certificate.supplier.name, "holder": holder}
        said.append(_("The holder is %(holder)s, your supplier is %(supplier)s. Is it the same company?") % facts)
    for entry in listed:
        facts = {"source": entry.scheme or entry.source, "holder": entry.holder, "last": day(entry.valid_until)}
        facts["status"] = word(KEYS[Status(entry.word)])
        said.append(_("%(source)s lists this number: %(status)s, last day %(last)s, holder %(holder)s.") % facts)
    return said


def lacks(suggestion: Successor) -> str:
    """What a later certificate does not replace, or that it replaces all."""
    found = []
    if not suggestion.in_time:
        found.append(_("It begins later than the day after the last day of this one."))
    if suggestion.missing:
        found.append(_("It does not cover: %(scopes)s.") % {"scopes": ", ".join(map(str, suggestion.missing))})
    return " ".join(found) or _("It covers the same scope, without a gap.")


def today_label(today: date) -> str:
    """“Today, 24 Nov”."""
    # Translators: a day without its year, as Django's date filter writes it; German "j. M"
    return _("Today, %(day)s") % {"day": date_format(today, _("j M"))}


def short_month(value: date) -> str:
    return date_format(value, "M Y" if value.month == 1 else "M")


def local_today(now: datetime) -> date:
    """The reader's calendar day."""
    return timezone.localdate(now)
