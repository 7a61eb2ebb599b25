"""What is told: kinds of notices, how grave they are, what a change or a day makes of them (alerts.md).

Words in code type there are the values here: rules, API, webhooks and exports use them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from certwatch.rules.status import Status, status_on


class Severity(StrEnum):
    """How grave a notice is, the gravest first. Operator's notices never reach customers."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFORMATION = "information"
    OPERATOR = "operator"


class Kind(StrEnum):
    """What happened, in the order in which the kinds of one change are named."""

    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"
    TERMINATED = "terminated"
    NOT_FOUND = "not_found"
    SHORTENED = "shortened"
    HOLDER_CHANGED = "holder_changed"
    DISAGREEMENT = "disagreement"
    CHANNEL_FAILING = "channel_failing"
    SUSPENSION_NOTED = "suspension_noted"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    STILL_EXPIRED = "still_expired"
    REVIEW_DUE = "review_due"
    KEY_ENDING = "key_ending"
    TRIAL_ENDING = "trial_ending"
    SOURCE_STALE = "source_stale"
    SOURCE_RECOVERED = "source_recovered"
    UNCLEAR = "unclear"
    LIFTED = "lifted"
    FOUND_AGAIN = "found_again"
    FIRST_WORD = "first_word"
    EXTENDED = "extended"
    SCOPE_CHANGED = "scope_changed"
    RENEWED = "renewed"
    PROPOSAL = "proposal"
    BEGUN = "begun"
    RUN_HELD = "run_held"
    SOURCE_FAILING = "source_failing"
    DUTY_MISSED = "duty_missed"


class State(StrEnum):
    """What became of a notice."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    SOLVED = "solved"  # its cause has ended, or it was information and is told
    SKIPPED = "skipped"  # a more urgent stage was told
    RESTING = "resting"  # the organisation was closed, or its trial over; never sent later


_CRITICAL = (
    Kind.SUSPENDED, Kind.WITHDRAWN, Kind.TERMINATED, Kind.NOT_FOUND, Kind.SHORTENED, Kind.HOLDER_CHANGED,
    Kind.DISAGREEMENT, Kind.CHANNEL_FAILING, Kind.SUSPENSION_NOTED,
)  # fmt: skip
_WARNING = (
    Kind.EXPIRING, Kind.EXPIRED, Kind.STILL_EXPIRED, Kind.REVIEW_DUE, Kind.KEY_ENDING, Kind.TRIAL_ENDING,
    Kind.SOURCE_STALE, Kind.UNCLEAR,
)  # fmt: skip
OPERATORS = (Kind.RUN_HELD, Kind.SOURCE_FAILING, Kind.DUTY_MISSED)
SEVERITY = {
    **dict.fromkeys(Kind, Severity.INFORMATION),
    **dict.fromkeys(_CRITICAL, Severity.CRITICAL),
    **dict.fromkeys(_WARNING, Severity.WARNING),
    **dict.fromkeys(OPERATORS, Severity.OPERATOR),
}
EVENTS_ONLY = frozenset({Kind.FIRST_WORD, Kind.BEGUN})  # webhooks and the feed; no alert
FROM_THE_WORST = (  # of what is said about a certificate: a worse one reopens what was acknowledged or snoozed
    Kind.WITHDRAWN, Kind.TERMINATED, Kind.SUSPENDED, Kind.EXPIRED, Kind.STILL_EXPIRED, Kind.NOT_FOUND,
    Kind.HOLDER_CHANGED, Kind.SHORTENED, Kind.SUSPENSION_NOTED, Kind.DISAGREEMENT, Kind.UNCLEAR, Kind.EXPIRING,
    Kind.REVIEW_DUE,
)  # fmt: skip

_BECOMES: dict[str, Kind] = {  # a word of another version of this program is of no kind
    Status.SUSPENDED: Kind.SUSPENDED,
    Status.WITHDRAWN: Kind.WITHDRAWN,
    Status.TERMINATED: Kind.TERMINATED,
    Status.NOT_FOUND: Kind.NOT_FOUND,
    Status.EXPIRED: Kind.EXPIRED,
    Status.UNKNOWN: Kind.UNCLEAR,
}
_GOOD = (Status.VALID, Status.NOT_YET_VALID)
_OUT_OF_FORCE = (Status.SUSPENDED, Status.WITHDRAWN, Status.TERMINATED)


@dataclass(frozen=True, slots=True)
class Moved:
    """What one change says, as it stands in the feed. `type` is its event, e.g. `certificate.status_changed`.

    `fields`: what else than word and dates changed: holder, scopes, materials, suspensions, disagreement.
    """

    type: str
    was: str
    word: str
    valid_from_was: date | None = None
    valid_from: date | None = None
    valid_until_was: date | None = None
    valid_until: date | None = None
    fields: Collection[str] = field(default_factory=tuple)


def kinds_of(change: Moved) -> tuple[Kind, ...]:
    """The kinds of a change that a register or a person made, the first one the alert's; none for other changes."""
    if change.type == "certificate.status_changed":
        return _of_another_word(change.was, change.word)
    if change.type == "certificate.renewed":
        return (Kind.RENEWED,)
    if change.type == "certificate.data_changed":
        return _of_other_data(change)
    return ()


def kinds_of_return(change: Moved) -> tuple[Kind, ...]:
    """The kinds where one that was missed comes back before that was confirmed. `change`: from what it was before it
    was missed to what it is now; as it was: none, and nobody hears of it."""
    words = _of_another_word(change.was, change.word)
    if {change.was, change.word} & {Status.UNKNOWN, Status.NOT_FOUND}:
        return words
    return words + _of_other_data(change)


def _of_another_word(was: str, word: str) -> tuple[Kind, ...]:
    kinds = []
    if word != was and (kind := _BECOMES.get(word)):
        kinds.append(kind)
    if word in _GOOD and was in _OUT_OF_FORCE:
        kinds.append(Kind.LIFTED)
    if word in _GOOD and was == Status.NOT_FOUND:
        kinds.append(Kind.FOUND_AGAIN)
    if was == Status.UNKNOWN and word != Status.UNKNOWN:
        kinds.append(Kind.FIRST_WORD)
    return tuple(kinds)


def _of_other_data(change: Moved) -> tuple[Kind, ...]:
    from_was, from_ = change.valid_from_was, change.valid_from
    until_was, until = change.valid_until_was, change.valid_until
    kinds = []
    if until is not None and (until_was is None or until < until_was) and until != until_was:
        kinds.append(Kind.SHORTENED)
    if "holder" in change.fields:
        kinds.append(Kind.HOLDER_CHANGED)
    if "disagreement" in change.fields:
        kinds.append(Kind.DISAGREEMENT)
    if "suspensions" in change.fields:
        kinds.append(Kind.SUSPENSION_NOTED)
    later = until_was is not None and (until is None or until > until_was)
    renewed = later and until is not None and from_was is not None and from_ is not None and from_ > from_was
    if later and not renewed:
        kinds.append(Kind.EXTENDED)
    if {"scopes", "materials"} & set(change.fields):
        kinds.append(Kind.SCOPE_CHANGED)
    if renewed:
        kinds.append(Kind.RENEWED)
    return tuple(kinds)


# ---- causes that end

_OF_A_WORD = (Kind.SUSPENDED, Kind.WITHDRAWN, Kind.TERMINATED, Kind.NOT_FOUND, Kind.UNCLEAR)
_OF_AN_END = (Kind.EXPIRING, Kind.EXPIRED, Kind.STILL_EXPIRED)
REMOVED = "removed"  # what solves the notices of a certificate that is watched no more


def ended_by(kind: Kind, day: date | None, change: Moved, kinds: Sequence[Kind]) -> str | None:
    """What of `change`, which is of `kinds`, ends the cause of a notice of `kind` about the same certificate, in one
    word: the new kind where there is one, else the register's word; None: the cause stands.

    `day`: the last day that the notice is about. What is said of a holder, a scope, a noted suspension or a
    disagreement does not end by what comes after: a person looks at it.
    """
    if change.type == "certificate.removed":
        return REMOVED
    if change.was != change.word and (kind in _OF_A_WORD or (kind == Kind.EXPIRED and change.was == Status.EXPIRED)):
        return kinds[0] if kinds else change.word
    if kind not in (*_OF_AN_END, Kind.SHORTENED):
        return None
    if change.type == "certificate.renewed":
        return Kind.RENEWED
    if change.word in (Status.UNKNOWN, Status.NOT_FOUND):
        return None  # it has no days then
    if _ends_later(day, change):
        return Kind.RENEWED if Kind.RENEWED in kinds else Kind.EXTENDED
    return _silences(kind, change)


def _ends_later(day: date | None, change: Moved) -> bool:
    until_was, until = change.valid_until_was, change.valid_until
    if until is None:
        return until_was is not None
    return (until_was is not None and until > until_was) or (day is not None and until > day)


def _silences(kind: Kind, change: Moved) -> str | None:
    """What makes the end that `expiring` spoke of another one, or no matter."""
    if kind != Kind.EXPIRING:
        return None
    if change.was != change.word and change.word in (Status.WITHDRAWN, Status.TERMINATED, Status.EXPIRED):
        return change.word
    until_was, until = change.valid_until_was, change.valid_until
    earlier = until is not None and until_was is not None and until < until_was
    return Kind.SHORTENED if earlier else None


# ---- a register and what was entered by hand


def disagrees(
    today: date, own: Status, own_from: date | None, own_until: date | None, *, said: Status, said_from: date | None,
    said_until: date | None,
) -> bool:  # fmt: skip
    """Whether a register says otherwise than a person did: another status on `today`, or another last day.

    Who has not said anything yet, or a register that does not know, contradicts nobody.
    """
    if own == Status.UNKNOWN or said in (Status.UNKNOWN, Status.NOT_FOUND):
        return False
    return own_until != said_until or status_on(today, own, own_from, own_until) != status_on(
        today, said, said_from, said_until
    )


# ---- by the day


@dataclass(frozen=True, slots=True)
class Stages:
    """Of the days before an end those that are reached: the most urgent is told, the others are skipped."""

    told: int
    skipped: tuple[int, ...]


def stages_reached(days: Sequence[int], last_day: date, today: date) -> Stages | None:
    """Which of `days` before `last_day` are reached on `today`; None before the first and after the last day."""
    left = (last_day - today).days
    if left < 0:
        return None
    reached = sorted(stage for stage in set(days) if stage >= left)
    return Stages(reached[0], tuple(reached[1:])) if reached else None


def repeats_due(since: date, today: date, *, every: int = 7) -> int:
    """The newest repeat that is due, 1 a week after `since`; 0 before. A pause leaves out what lies between."""
    return max((today - since).days // every, 0)


# ---- working days


def is_working_day(day: date) -> bool:
    """Monday to Friday. Holidays differ by country and are none of ours."""
    return day.weekday() < 5


def working_days_after(day: date, count: int) -> date:
    """The day on which `count` working days have passed since `day`."""
    while count:
        day += timedelta(days=1)
        count -= is_working_day(day)
    return day


# ---- states that a person sets


def worse_than(kind: Kind, other: Kind) -> bool:
    """Whether `kind` reopens a notice of kind `other` about the same certificate."""
    return (
        kind in FROM_THE_WORST and other in FROM_THE_WORST and FROM_THE_WORST.index(kind) < FROM_THE_WORST.index(other)
    )


def may_snooze(kind: Kind, until: date, last_day: date | None, today: date) -> bool:
    """Snoozing ends on a later day, never after the certificate's last, and a withdrawal cannot be snoozed."""
    if kind == Kind.WITHDRAWN or until <= today:
        return False
    return last_day is None or last_day < today or until <= last_day


# ---- successors


@dataclass(frozen=True, slots=True)
class Covered:
    """Whether a later certificate of the same holder and scheme takes over, and what it lacks."""

    in_time: bool  # it begins at the latest the day after the old last day
    missing: tuple[str, ...]  # scopes of the old one that it does not have

    @property
    def fully(self) -> bool:
        return self.in_time and not self.missing


def covered_by(
    last_day: date | None, scopes: Collection[str], *, begins: date | None, its_scopes: Collection[str]
) -> Covered:
    """How far a successor that begins on `begins` with `its_scopes` replaces one that ends on `last_day`."""
    in_time = begins is None or last_day is None or begins <= last_day + timedelta(days=1)
    has = {scope.casefold().strip() for scope in its_scopes}
    return Covered(in_time, tuple(scope for scope in scopes if scope.casefold().strip() not in has))
