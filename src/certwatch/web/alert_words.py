"""Alerts in words: what happened, how grave it is, what became of it, who is told and why."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from certwatch.actions import kinds
from certwatch.models import Attempt, Change, ChangeType, Delivery, EntryVersion, Notice, Purpose, Telling
from certwatch.rules.notices import Kind, Severity, State
from certwatch.rules.status import Status
from certwatch.sources import SOURCES
from certwatch.templatetags.certwatch import day
from certwatch.web import said

Words = str | Promise


class Look(NamedTuple):
    """How a severity or a state is shown: never the word without its icon, nor the icon without its word."""

    css: str
    icon: str
    word: Words


SEVERITIES: dict[str, Look] = {
    Severity.CRITICAL: Look("st-suspended", "i-alert-triangle", gettext_lazy("Critical")),
    Severity.WARNING: Look("st-expiring", "i-bell", gettext_lazy("Warning")),
    Severity.INFORMATION: Look("st-never", "i-info-circle", gettext_lazy("Information")),
}
STATES: dict[str, Look] = {
    State.OPEN: Look("fw-normal", "i-mail", pgettext_lazy("alert", "Open")),
    State.ACKNOWLEDGED: Look("st-valid", "i-check", gettext_lazy("Acknowledged")),
    State.SNOOZED: Look("st-notyet", "i-clock", gettext_lazy("Snoozed")),
    State.SOLVED: Look("st-never", "i-check", gettext_lazy("Solved")),
    State.SKIPPED: Look("st-never", "i-arrow-right", pgettext_lazy("alert", "Skipped")),
    State.RESTING: Look("st-never", "i-moon", gettext_lazy("Not sent")),
}
MEANINGS: dict[str, Words] = {  # of a state, in a sentence
    State.SOLVED: gettext_lazy("Solved: its cause has ended, or it was good to know and is told."),
    State.SKIPPED: gettext_lazy("Skipped: a more urgent reminder was due on the same day and was told instead."),
    State.RESTING: gettext_lazy(
        "Not sent: the organisation was closed, or its trial over. It is not sent later either."
    ),
}

KINDS: dict[str, Words] = {kind: of.word for kind, of in kinds.KINDS.items()}  # as mails call them

_SENTENCES: dict[str, Words] = {
    Kind.SUSPENDED: gettext_lazy("The register says that it is suspended."),
    Kind.WITHDRAWN: gettext_lazy("The register says that it was withdrawn."),
    Kind.TERMINATED: gettext_lazy("The register says that it was terminated before its last day."),
    Kind.NOT_FOUND: gettext_lazy(
        "Two complete readings of the register, at least 12 hours apart, did not list it any more."
    ),
    Kind.SHORTENED: gettext_lazy("Its last day was moved earlier."),
    Kind.HOLDER_CHANGED: gettext_lazy("The register names another holder under this number."),
    Kind.DISAGREEMENT: gettext_lazy("It was entered by hand. A register now lists the number and says otherwise."),
    Kind.CHANNEL_FAILING: gettext_lazy("Messages to %(about)s could not be delivered. The last try was given up."),
    Kind.SUSPENSION_NOTED: gettext_lazy("The register lists a suspension that we had not seen, or other days of one."),
    Kind.EXPIRED: gettext_lazy("Its last day was %(day)s."),
    Kind.STILL_EXPIRED: gettext_lazy("Its last day was %(day)s, and no successor takes over. Told again every 7 days."),
    Kind.REVIEW_DUE: gettext_lazy("It was entered by hand, to be looked at again on %(day)s."),
    Kind.KEY_ENDING: gettext_lazy("The last day of the API key %(about)s is %(day)s."),
    Kind.TRIAL_ENDING: gettext_lazy("The trial of this organisation ends on %(day)s."),
    Kind.SOURCE_STALE: gettext_lazy(
        "The register of %(about)s could not be read for longer than twice its interval. Pages show the last known"
        " status; nothing is told as not found meanwhile."
    ),
    Kind.SOURCE_RECOVERED: gettext_lazy("The register of %(about)s was read again."),
    Kind.UNCLEAR: gettext_lazy("Nobody can say what its status is; its page says why."),
    Kind.LIFTED: gettext_lazy("The register lists it as in force again."),
    Kind.FOUND_AGAIN: gettext_lazy("The register lists it again."),
    Kind.FIRST_WORD: gettext_lazy("The register gave its status for the first time."),
    Kind.EXTENDED: gettext_lazy("Its last day was moved later."),
    Kind.SCOPE_CHANGED: gettext_lazy("The register lists another scope, or other raw materials."),
    Kind.RENEWED: gettext_lazy("A new period began, or a later certificate of the same holder was found."),
    Kind.PROPOSAL: gettext_lazy("The supplier uploaded a new certificate. Look at it, then accept or dismiss it."),
    Kind.BEGUN: gettext_lazy("Its first day has come."),
}

_SOLVED_BY: dict[str, Words] = {
    "removed": gettext_lazy("It is not watched any more."),
    "told": gettext_lazy("It was good to know, and is told."),
    "corrected": gettext_lazy("What was said then was corrected."),
    "successor": gettext_lazy("Its successor is in force."),
    "ended": gettext_lazy("The day itself has passed."),
    "revoked": gettext_lazy("The key was revoked."),
    "accepted": gettext_lazy("The certificate that was sent is accepted."),
    "dismissed": gettext_lazy("The certificate that was sent is dismissed."),
}


def about(notice: Notice) -> str:
    """What it is about, where that is no certificate."""
    source = SOURCES.get(notice.about)
    return source.title if source else notice.about


def sentence(notice: Notice) -> str:
    """What happened."""
    facts = {"about": about(notice), "day": day(notice.day)}
    if notice.kind == Kind.EXPIRING:
        text = ngettext(
            "Its last day is %(day)s. This is the reminder %(count)d day before.",
            "Its last day is %(day)s. This is the reminder %(count)d days before.",
            notice.stage or 0,
        )
        return text % {**facts, "count": notice.stage or 0}
    words = str(_SENTENCES.get(notice.kind, KINDS.get(notice.kind, notice.kind)))
    return words % facts if "%(" in words else words


def step(notice: Notice) -> Words:
    """What to do about it."""
    return kinds.KINDS[notice.kind].step if notice.kind in kinds.KINDS else ""


def missing(notice: Notice) -> str:
    """What a successor lacks that is known, "" where there is none or it lacks nothing."""
    lacks = notice.facts.get("missing")
    if not isinstance(lacks, list) or not lacks:
        return ""
    scopes = ", ".join(str(scope) for scope in lacks)
    return _("A later certificate of the same holder exists, but it does not cover: %(scopes)s.") % {"scopes": scopes}


def solved(notice: Notice) -> str:
    """What ended its cause, "" where we have no words for it."""
    if notice.solved_by in KINDS:
        return _("Then came: %(kind)s.") % {"kind": KINDS[notice.solved_by]}
    return str(_SOLVED_BY.get(notice.solved_by, ""))


def reopened(notice: Notice) -> str:
    """Why it is open again though somebody had decided, "" where nobody had."""
    was = notice.facts.get("reopened")
    if not isinstance(was, dict):
        return ""
    facts = {"kind": KINDS.get(str(was.get("by")), ""), "person": was.get("decided_by") or _("somebody")}
    if was.get("state") == State.SNOOZED:
        return _("%(person)s had snoozed it; it is open again since something worse came: %(kind)s.") % facts
    return _("%(person)s had acknowledged it; it is open again since something worse came: %(kind)s.") % facts


# What changed


class Difference(NamedTuple):
    """One thing that was so and is so now."""

    title: Words
    was: str
    now: str


def differences(change: Change | None) -> list[Difference]:
    """Status and days before and after."""
    if change is None:
        return []
    found = []
    if change.type == ChangeType.STATUS and change.was and change.was != change.word:
        found.append(Difference(_("Status"), _status(change.was), _status(change.word)))
    if change.type in (ChangeType.STATUS, ChangeType.DATA, ChangeType.RENEWED):
        for title, was, now in (
            (_("First day"), change.valid_from_was, change.valid_from),
            (_("Last day"), change.valid_until_was, change.valid_until),
        ):
            if was != now:
                found.append(Difference(title, day(was), day(now)))
    return found


def lines(change: Change | None, versions: Sequence[EntryVersion]) -> list[str]:
    """What else the register says now, as its history says it. `versions`: the change's and the one before."""
    if change is None or len(versions) < 2:
        return []
    names = [name for name in change.fields if name not in ("valid_from", "valid_until")]
    return said.differences(names, versions[0], versions[1])


def _status(word: str) -> str:
    return said.word(said.KEYS[Status(word)]) if word in set(Status) else word


# Who is told, and how it went

_WHY: dict[str, Words] = {
    "default": gettext_lazy("No rule fits: owners and admins hear of it"),
    "deputy": gettext_lazy("Deputy: nobody had acknowledged it for 3 working days"),
    "escalated": gettext_lazy("Nobody had acknowledged it for 7 working days"),
    "nobody": gettext_lazy("Owner: nobody else could be reached"),
}
PURPOSES: dict[str, Words] = {
    Purpose.ALERTS: gettext_lazy("At once"),
    Purpose.DIGEST: gettext_lazy("Digest"),
    Purpose.REPEAT: gettext_lazy("Daily repeat"),
    Purpose.OPENED: gettext_lazy("When the organisation was open again"),
    Purpose.WEBHOOK: gettext_lazy("Webhook"),
    Purpose.SUPPLIER: gettext_lazy("Reminder to the supplier"),
}


def why(telling: Telling) -> str:
    """Why somebody is told."""
    if telling.why == "rule":
        return _("Rule “%(name)s”") % {"name": telling.rule_name}
    return str(_WHY.get(telling.why, telling.why))


def receiver(delivery: Delivery) -> str:
    """Who gets a message: a person, a channel, a webhook's host, a supplier's contact."""
    if delivery.endpoint:
        return delivery.endpoint.name or delivery.host
    if delivery.contact:
        return delivery.contact.name or delivery.contact.email
    return str(delivery.user or delivery.channel or delivery.host)


def over(delivery: Delivery) -> str:
    """What a message goes over."""
    if delivery.endpoint_id:
        return _("Webhook")
    return delivery.channel.scheme.capitalize() if delivery.channel else _("E-mail")


def outcome(attempt: Attempt) -> str:
    """How a try went."""
    facts: dict[str, Any] = {"status": attempt.status, "ms": attempt.took_ms, "said": attempt.said[:300]}
    if attempt.ok and attempt.status:
        return _("Delivered: the receiver answered %(status)s") % facts
    if attempt.ok:
        return _("Delivered: the server took it")
    if attempt.status:
        return _("The receiver answered %(status)s. %(said)s") % facts
    return _("Not delivered. %(said)s") % facts
