"""Numbers that an organisation wants watched, one or fifty thousand: what each is, and what is done about it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import lru_cache
from itertools import islice
from typing import cast

from django.db import transaction

from certwatch import sources
from certwatch.actions import audit, bindings, certificates, similar, suppliers
from certwatch.actions.certificates import Said
from certwatch.actions.sources import names as monitored_names
from certwatch.models import Certificate, Entry, Organisation, SourceState, Supplier, User
from certwatch.rules import binding, imports, numbers, schemes
from certwatch.rules.errors import BadNumber, UnknownName
from certwatch.rules.imports import Known, Outcome, Verdict
from certwatch.rules.sheets import Row
from certwatch.rules.status import Status, status_on
from certwatch.sources.source import Source

LEAVE_OUT = ("", "")  # what somebody picks for a row that he does not want
CHUNK = 500  # rows a transaction: the database is never kept from others for long


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry that a number may mean."""

    number: str
    holder: str
    scheme: str
    status: Status
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a row. `outcome` and `id` are None where nothing was to be done (a dry run)."""

    row: int  # line in the file, headings included; of a command the place
    number: str | None  # as written, without outer white space; None for what can be none
    verdict: Verdict
    reason: str
    candidates: list[Candidate]
    outcome: Outcome | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A row with all that the pages show of it."""

    row: Row
    taken: Taken
    reasons: list[str]  # the sentences of `taken.reason`
    source: str  # that answers for it; "": nobody reads its scheme
    certificate: Certificate | None  # the one that is watched already, or was added


Pick = tuple[str, str]  # a candidate's number and its holder, or LEAVE_OUT


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A row on its way."""

    row: Row
    number: str = ""
    key: str = ""
    source: str = ""
    entries: list[Entry] = field(default_factory=list)
    standing: list[Entry] = field(default_factory=list)  # those in question
    similar: list[Entry] = field(default_factory=list)  # under other numbers, which may be meant
    pick: Pick | None = None
    read: bool = False
    watched: Certificate | None = None
    verdict: Verdict = Verdict.UNREADABLE
    reasons: list[str] = field(default_factory=list)
    outcome: Outcome = Outcome.LEFT_OUT
    certificate: Certificate | None = None

    @property
    def is_entered(self) -> bool:
        """Whether it is to be entered by hand, since nobody reads its scheme."""
        return self.watched is None and not self.source

    @property
    def picked(self) -> Entry | None:
        """The one of several entries that a person chose."""
        for entry in (*self.standing, *self.similar):
            if (entry.number, entry.holder) == self.pick:
                return entry
        return None


def must_be_scheme(name: str) -> None:
    """Raises `UnknownName` if no scheme or source is called `name`."""
    if name and not schemes.named(name) and sources.of_scheme(name) is None:
        raise UnknownName(f"There is no scheme “{name}”; there are {', '.join(schemes.NAMES)}.")


def look(org: Organisation, rows: Iterable[Row], *, now: datetime) -> Iterator[Taken]:
    """What each row is; nothing is changed."""
    seen: set[str] = set()
    for chunk in _chunks(rows):
        for draft in _drafts(org, chunk, seen, now):
            yield replace(_taken(org, draft, now), outcome=None, id=None)


def judge(org: Organisation, rows: Sequence[Row], *, seen: set[str], now: datetime) -> list[Judged]:
    """What each of some hundred rows is, similar numbers included; nothing is changed.

    `seen`: the keys of the rows before, to which these are added.
    """
    return [_judged(org, draft, now) for draft in _drafts(org, rows, seen, now, offer=True)]


def apply(
    org: Organisation,
    rows: Sequence[Row],
    *,
    picks: Mapping[int, Pick],
    by_hand: bool,
    describe: bool,
    by: User | None,
    now: datetime,
) -> list[Judged]:
    """Have some hundred rows watched as a person has confirmed, inside the caller's transaction; it notes the deed.

    `picks`: line → what a person chose. `describe`: suppliers and tags are added to what is watched already.
    """
    certificates.alone(org)
    drafts = _drafts(org, rows, set(), now, offer=True, picks=picks)
    _apply(org, drafts, by_hand=by_hand, describe=describe, by=by, now=now)
    return [_judged(org, draft, now) for draft in drafts]


def take(
    org: Organisation, rows: Iterable[Row], *, by_hand: bool, about: str, by: User | None, now: datetime
) -> Iterator[Taken]:
    """Have each row watched, in transactions of some hundred rows, and say what became of it.

    `by_hand`: rows of schemes that nobody monitors are entered by hand, else they are left out. `about`: what the
    audit trail says of it, one note for all rows.
    """
    seen: set[str] = set()
    noted = False
    for chunk in _chunks(rows):
        with transaction.atomic():
            certificates.alone(org)
            drafts = _drafts(org, chunk, seen, now)
            _apply(org, drafts, by_hand=by_hand, describe=True, by=by, now=now)
            if not noted and any(d.outcome in (Outcome.ADDED, Outcome.UPDATED) for d in drafts):
                audit.note(org, "certificates.added", about=about, by=by, now=now)
                noted = True
        yield from [_taken(org, draft, now) for draft in drafts]


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rest = iter(rows)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def _drafts(
    org: Organisation,
    rows: Sequence[Row],
    seen: set[str],
    now: datetime,
    *,
    offer: bool = False,
    picks: Mapping[int, Pick] | None = None,
) -> list[_Draft]:
    """The rows with their verdicts. `offer`: similar numbers are looked for, too."""
    drafts = [_draft(row, seen) for row in rows]
    new = [draft for draft in drafts if draft.key and draft.verdict != Verdict.REPEATED]
    watched = {
        certificate.number_key: certificate
        for certificate in org.certificates.watched()
        .filter(number_key__in=[draft.key for draft in new])
        .select_related("supplier", "entry")
    }
    for draft in new:
        draft.watched = watched.get(draft.key)
    unwatched = [draft for draft in new if draft.watched is None]
    _find_sources(unwatched)
    _find_entries(unwatched)
    if offer:
        _find_similar(org, unwatched)
    for draft in unwatched:
        _follow_pick(draft, picks.get(draft.row.line) if picks else None)
    for draft in new:
        _judge(org, draft, now)
    return drafts


def _draft(row: Row, seen: set[str]) -> _Draft:
    draft = _Draft(row=row, reasons=list(row.remarks))
    try:
        draft.number = numbers.written(row.number)
    except BadNumber as error:
        draft.reasons.append(str(error))
        return draft
    draft.key = numbers.key(draft.number)
    if draft.key in seen:
        draft.verdict = Verdict.REPEATED
    seen.add(draft.key)
    return draft


def _find_sources(drafts: Sequence[_Draft]) -> None:
    """Which source answers: that of the number's own scheme, of the scheme named with it, or the one that lists it."""
    allowed = monitored_names()
    undecided = []
    for draft in drafts:
        told = sources.telling(draft.key) or _source_of_scheme(draft.row.scheme)
        if told is not None:
            draft.source = told.name if told.name in allowed else ""
        elif not schemes.named(draft.row.scheme):  # a scheme that nobody monitors is not another one's
            undecided.append(draft)
    listing: dict[str, set[str]] = defaultdict(set)
    keys = [draft.key for draft in undecided]
    for key, source in Entry.objects.filter(source__in=allowed, number_key__in=keys).values_list(
        "number_key", "source"
    ):
        listing[key].add(source)
    for draft in undecided:
        if len(found := listing.get(draft.key, set())) == 1:
            (draft.source,) = found
        elif found:
            draft.reasons.append(f"Several registers list this number ({', '.join(sorted(found))}): name the scheme.")


@lru_cache(maxsize=256)
def _source_of_scheme(name: str) -> Source | None:
    return sources.of_scheme(schemes.named(name) or name) if name else None


def _find_entries(drafts: Sequence[_Draft]) -> None:
    by_source: dict[str, list[_Draft]] = defaultdict(list)
    for draft in drafts:
        if draft.source:
            by_source[draft.source].append(draft)
    for source, group in sorted(by_source.items()):  # in one order, so that two imports never wait for each other
        read = _hold(source)
        found = bindings.candidates_of(source, [draft.key for draft in group])
        for draft in group:
            draft.read = read
            draft.entries = found.get(draft.key, [])
            draft.standing = _in_question(draft.entries)


def _find_similar(org: Organisation, drafts: Sequence[_Draft]) -> None:
    lost = {place: draft.number for place, draft in enumerate(drafts) if not _listed(draft)}
    found = similar.find(lost)
    keys = {entry.number_key for entries in found.values() for entry in entries}
    watched = (
        set(org.certificates.watched().filter(match_key__in=keys).values_list("match_key", flat=True))
        if keys
        else set()
    )
    for place, entries in found.items():
        drafts[place].similar = entries
        drafts[place].reasons += [
            f"You watch {number} already." for number in {e.number: None for e in entries if e.number_key in watched}
        ]


def _follow_pick(draft: _Draft, pick: Pick | None) -> None:
    """Match a row by the similar number that a person picked for it."""
    draft.pick = pick
    entry = draft.picked
    if entry is not None and entry in draft.similar:
        draft.source, draft.read = entry.source, _hold(entry.source)
        draft.entries = bindings.candidates_of(entry.source, [entry.number_key])[entry.number_key]


def _listed(draft: _Draft) -> list[Entry]:
    return [entry for entry in draft.standing if entry.status != Status.NOT_FOUND]


def _hold(source: str) -> bool:
    """Whether `source` was ever read as a whole.

    Inside a transaction its state stays locked until that ends, so that a run cannot pass by a certificate
    which it does not see yet.
    """
    states = SourceState.objects.filter(source=source)
    if transaction.get_connection().in_atomic_block:
        SourceState.objects.get_or_create(source=source)
        states = states.select_for_update()
    return any(state.read_began is not None for state in states)


def _in_question(entries: Sequence[Entry]) -> list[Entry]:
    standing = {c.id for c in binding.in_question([bindings.as_candidate(entry) for entry in entries])}
    return [entry for entry in entries if entry.pk in standing]


def _judge(org: Organisation, draft: _Draft, now: datetime) -> None:
    if draft.watched is not None:
        draft.verdict = Verdict.ALREADY_WATCHED
        return
    if remark := schemes.remark(draft.number):
        draft.reasons.append(remark)
    contradiction = imports.contradiction(draft.row)
    listed = _listed(draft)
    draft.verdict = imports.verdict(
        Known(
            monitored=bool(draft.source),
            contradicts=bool(contradiction),
            entries=len(listed),
            similar=len(draft.similar),
            read=draft.read,
        )
    )
    if draft.is_entered:
        _judge_by_hand(draft)
        return
    if contradiction:
        draft.reasons.append(contradiction)
    if draft.standing and not listed:
        draft.reasons.append("Its register listed it once, but does so no longer.")
    _compare(org, draft, now)


def _judge_by_hand(draft: _Draft) -> None:
    if draft.row.status == Status.NOT_FOUND:
        draft.reasons.append("Only a register can say that it does not list a number.")
    if why := imports.why_not_by_hand(draft.row):
        draft.reasons.append(why)


def _compare(org: Organisation, draft: _Draft, now: datetime) -> None:
    """Bind the draft to its entry, and say where the row disagrees with it."""
    picked = draft.picked
    said, entry = bindings.answer_of(
        draft.entries,
        supplier=draft.row.supplier,
        how="person" if picked and len(draft.entries) > 1 else "",
        bound=picked.pk if picked else None,
        aliased=bool(picked and picked.number_key != draft.key),
        read=draft.read,
    )
    draft.certificate = Certificate(
        org=org,
        number=draft.number,
        number_key=draft.key,
        match_key=picked.number_key if picked else draft.key,
        source=draft.source,
        scheme=_scheme(draft),
        word=said.word,
        valid_from=said.valid_from,
        valid_until=said.valid_until,
        entry=entry,
        how=said.how,
        ambiguous=said.ambiguous,
        added_at=now,
    )
    if entry is None:
        return
    if said.how == "holder":
        draft.reasons.append(f"Several holders: the supplier's name tells that it is {entry.holder}.")
    status = status_on(org.today(now), said.word, said.valid_from, said.valid_until)
    draft.reasons += imports.differences(
        draft.row, holder=entry.holder, status=status, valid_from=said.valid_from, valid_until=said.valid_until
    )


def _scheme(draft: _Draft) -> str:
    """The scheme that the number tells, else the one that was named with it, else the one of its entry."""
    if told := schemes.scheme_of_key(draft.picked.number_key if draft.picked else draft.key):
        return told
    if draft.row.scheme:
        return schemes.named(draft.row.scheme) or sources.scheme_name(draft.row.scheme) or draft.row.scheme[:60]
    return draft.entries[0].scheme if draft.entries else ""


def _apply(
    org: Organisation, drafts: Sequence[_Draft], *, by_hand: bool, describe: bool, by: User | None, now: datetime
) -> None:
    wanted = [draft for draft in drafts if _is_wanted(draft, by_hand=by_hand, describe=describe)]
    given = _suppliers(org, wanted, now)
    today = org.today(now)
    watching: list[Certificate] = []
    entered: list[tuple[Certificate, Said]] = []
    for draft in wanted:
        if draft.is_entered:
            entered.append(_entered(org, draft, today, now))
        elif draft.certificate is not None:
            watching.append(draft.certificate)
    for draft in wanted:
        if draft.certificate is not None:
            _describe(draft, draft.certificate, given.get(id(draft)), by)
    if watching:
        certificates.watch_new(org, watching, now=now)
    if entered:
        certificates.enter_new(org, entered, by=by, now=now)
    _update_watched(org, [draft for draft in wanted if draft.watched is not None], given, now)


def _is_wanted(draft: _Draft, *, by_hand: bool, describe: bool) -> bool:
    """Whether anything is to be done with it."""
    if draft.verdict in (Verdict.UNREADABLE, Verdict.REPEATED) or draft.pick == LEAVE_OUT:
        return False
    if draft.watched is not None and not describe:
        draft.outcome, draft.certificate = Outcome.UNCHANGED, draft.watched
        return False
    if draft.is_entered and by_hand and imports.why_not_by_hand(draft.row):
        draft.outcome = Outcome.FAILED
        return False
    return by_hand or not draft.is_entered


def _suppliers(org: Organisation, drafts: Sequence[_Draft], now: datetime) -> dict[int, Supplier]:
    """The supplier of each draft that names one, by the draft's identity."""
    named = {id(d): (d.row.supplier, d.row.supplier_number) for d in drafts if d.row.supplier or d.row.supplier_number}
    if not named:
        return {}
    found, problems = suppliers.of(org, named, now=now)
    for draft in drafts:
        if id(draft) in problems:
            draft.reasons.append(problems[id(draft)])
    return found


def _entered(org: Organisation, draft: _Draft, today: date, now: datetime) -> tuple[Certificate, Said]:
    row = draft.row
    certificate = certificates.by_hand(org, draft.number, added_at=now)
    certificate.scheme = schemes.named(row.scheme) or row.scheme[:60]
    certificate.holder = row.holder
    draft.certificate = certificate
    word = imports.word_by_hand(row.status, row.valid_from, today)
    return certificate, Said(word, row.valid_from, row.valid_until, row.holder)


def _describe(draft: _Draft, certificate: Certificate, supplier: Supplier | None, by: User | None) -> None:
    certificate.supplier = supplier
    certificate.tags = list(draft.row.tags)
    certificate.notes = draft.row.notes
    certificate.added_by = by
    draft.outcome = Outcome.ADDED


def _update_watched(org: Organisation, drafts: Sequence[_Draft], given: dict[int, Supplier], now: datetime) -> None:
    """Add suppliers and tags to certificates that are watched already; a supplier that stands there stays."""
    supplied, tagged = [], []
    for draft in drafts:
        certificate = draft.certificate = cast(Certificate, draft.watched)
        certificate.org = org
        draft.outcome = Outcome.UNCHANGED
        supplier = given.get(id(draft))
        if supplier and certificate.supplier is None:
            certificate.supplier = supplier
            supplied.append(certificate)
            draft.outcome = Outcome.UPDATED
        elif supplier and certificate.supplier_id != supplier.pk:
            draft.reasons.append(f"Its supplier stays {certificate.supplier}.")
        present = {tag.casefold() for tag in certificate.tags}
        if more := [tag for tag in draft.row.tags if tag.casefold() not in present]:
            certificate.tags = [*certificate.tags, *more]
            tagged.append(certificate)
            draft.outcome = Outcome.UPDATED
    org.certificates.bulk_update(supplied, ["supplier"])
    org.certificates.bulk_update(tagged, ["tags"])
    certificates.settle_again(org, supplied, now=now)


def _taken(org: Organisation, draft: _Draft, now: datetime) -> Taken:
    today = org.today(now)
    return Taken(
        row=draft.row.line,
        number=draft.number or None,
        verdict=draft.verdict,
        reason=" ".join(draft.reasons),
        candidates=[candidate(entry, today) for entry in (*draft.standing, *draft.similar)],
        outcome=draft.outcome,
        id=draft.certificate.public_id if draft.certificate and draft.outcome != Outcome.LEFT_OUT else None,
    )


def _judged(org: Organisation, draft: _Draft, now: datetime) -> Judged:
    certificate = draft.watched or (draft.certificate if draft.outcome == Outcome.ADDED else None)
    return Judged(draft.row, _taken(org, draft, now), draft.reasons, draft.source, certificate)


def candidate(entry: Entry, today: date) -> Candidate:
    """`entry` as what a number may mean."""
    status = status_on(today, entry.status, entry.valid_from, entry.valid_until)
    return Candidate(entry.number, entry.holder, entry.scheme, status, entry.valid_until)
