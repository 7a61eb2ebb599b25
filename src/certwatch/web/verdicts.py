"""How rows of an import are shown: words and icons of verdicts and outcomes (operations.md, Import files)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from certwatch.models import Certificate, Import, ImportRow, Organisation
from certwatch.models.imports import LEAVE_OUT
from certwatch.rules.imports import Outcome, Verdict
from certwatch.rules.shown import Key, shown
from certwatch.rules.status import Status
from certwatch.web.sentences import spoken


class Word(NamedTuple):
    """Icon, colour of the style sheet, and word; never the icon alone."""

    icon: str
    colour: str
    word: str | Promise


VERDICTS: Mapping[str, Word] = {  # what asks for a look first
    Verdict.SUGGESTION: Word("i-search", "expiring", _("Similar number")),
    Verdict.AMBIGUOUS: Word("i-users", "expiring", _("Several holders")),
    Verdict.CONTRADICTION: Word("i-alert-triangle", "expiring", _("Scheme and number disagree")),
    Verdict.UNREADABLE: Word("i-alert-triangle", "suspended", _("No number")),
    Verdict.NOT_FOUND: Word("i-info-circle", "notfound", _("Not in any register")),
    Verdict.NOT_READ_YET: Word("i-clock", "never", _("Not checked yet")),
    Verdict.BY_HAND: Word("i-pencil", "never", _("Enter by hand")),
    Verdict.FOUND: Word("i-check", "valid", _("Found")),
    Verdict.ALREADY_WATCHED: Word("i-eye", "never", _("Already watched")),
    Verdict.REPEATED: Word("i-copy", "never", _("Twice in this file")),
}
TO_LOOK_AT = (
    Verdict.SUGGESTION, Verdict.AMBIGUOUS, Verdict.CONTRADICTION, Verdict.UNREADABLE, Verdict.NOT_FOUND,
    Verdict.BY_HAND,
)  # fmt: skip
OUTCOMES: Mapping[str, Word] = {
    Outcome.ADDED: Word("i-check", "valid", _("Added")),
    Outcome.UPDATED: Word("i-tag", "valid", _("Supplier or tags added")),
    Outcome.UNCHANGED: Word("i-eye", "never", _("Unchanged")),
    Outcome.LEFT_OUT: Word("i-x", "never", _("Left out")),
    Outcome.FAILED: Word("i-alert-triangle", "suspended", _("Not added")),
}


class Choice(NamedTuple):
    """What a person may pick for a row."""

    value: str
    label: str
    picked: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry that a row may mean."""

    number: str
    holder: str
    status: Key
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the file, ready to be shown."""

    line: int
    number: str
    supplier: str
    verdict: Word
    outcome: Word | None
    sentences: Sequence[str]
    candidates: Sequence[Candidate]
    choices: Sequence[Choice]  # where there are several
    may_be_left_out: bool
    left_out: bool
    by_hand: bool
    certificate: Certificate | None


def line(row: ImportRow, upload: Import, today: date) -> Line:
    """The row as the pages show it."""
    several = row.verdict in (Verdict.SUGGESTION, Verdict.AMBIGUOUS)
    told = [spoken(sentence) for sentence in row.reason.splitlines()]
    candidates = [_candidate(said, upload.org, today) for said in row.candidates]
    if row.outcome and row.picked.isdecimal():
        candidates = candidates[int(row.picked) :][:1]  # what counts now
    return Line(
        line=row.line,
        number=row.number or row.said.get("number", ""),
        supplier=row.said.get("supplier", ""),
        verdict=VERDICTS[row.verdict],
        outcome=OUTCOMES.get(row.outcome),
        sentences=[*told, *_what_happens(row, upload)],
        candidates=candidates if several or row.verdict == Verdict.FOUND else [],
        choices=_choices(row, candidates, upload) if several else [],
        may_be_left_out=not several and row.verdict not in (Verdict.UNREADABLE, Verdict.REPEATED),
        left_out=row.picked == LEAVE_OUT,
        by_hand=row.verdict == Verdict.BY_HAND,
        certificate=row.certificate,
    )


def _candidate(said: Mapping[str, Any], org: Organisation, today: date) -> Candidate:
    last = date.fromisoformat(said["valid_until"]) if said["valid_until"] else None
    key = shown(Status(said["status"]), None, last, today=today, expiring_days=org.expiring_days).key
    return Candidate(said["number"], said["holder"], key, last)


def _choices(row: ImportRow, candidates: Sequence[Candidate], upload: Import) -> list[Choice]:
    undecided = _as_written(row, upload)
    if row.verdict == Verdict.AMBIGUOUS:
        labels = [candidate.holder for candidate in candidates]
    else:
        labels = [f"{candidate.number} ({candidate.holder})" for candidate in candidates]
    offered = [("", undecided), *((str(place), label) for place, label in enumerate(labels))]
    return [Choice(value, label, row.picked == value) for value, label in (*offered, (LEAVE_OUT, gettext("Leave out")))]


def _as_written(row: ImportRow, upload: Import) -> str:
    """What the row is without a choice."""
    if row.verdict == Verdict.AMBIGUOUS:
        return gettext("Choose later")
    if row.source:
        return gettext("Watch it as written")
    return gettext("Enter it by hand as written") if upload.by_hand else gettext("No choice: left out")


def _what_happens(row: ImportRow, upload: Import) -> list[str]:
    """What confirming would do, where the verdict does not tell; nothing once it is done."""
    if row.outcome:
        return []
    described = upload.describe and upload.name
    told = {
        Verdict.SUGGESTION: gettext("Never matched by itself: compare, then choose."),
        Verdict.AMBIGUOUS: gettext("Without a choice it is “Unclear” until someone chooses."),
        Verdict.NOT_FOUND: gettext("Watched all the same: it may not be published yet."),
        Verdict.NOT_READ_YET: gettext("Its register has not been read yet. Watched from its first reading on."),
        Verdict.BY_HAND: gettext("No register is read for its scheme."),
        Verdict.ALREADY_WATCHED: gettext("Supplier and tags are added where they are missing.") if described else "",
        Verdict.UNREADABLE: gettext("Left out."),
        Verdict.REPEATED: gettext("Nothing happens."),
    }
    return [sentence] if (sentence := told.get(Verdict(row.verdict))) else []
