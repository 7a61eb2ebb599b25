"""Later certificates that take the place of watched ones: found in the registers, suggested, accepted or dismissed.

What is suggested without a doubt and covers the old one silences its end at once (docs/decisions/0010-successors.md);
whether it is the successor a person says.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from certwatch.actions import audit, bindings, certificates, changes, notices, sources
from certwatch.models import (
    Certificate,
    ChangeType,
    Decision,
    Entry,
    EntryVersion,
    Kind,
    Notice,
    Organisation,
    SourceState,
    Successor,
    User,
)
from certwatch.rules import notices as told
from certwatch.rules import successors as rules
from certwatch.rules.errors import Refused
from certwatch.rules.holders import company
from certwatch.rules.notices import State
from certwatch.rules.status import Status
from certwatch.rules.successors import NEAR, PAST, Listed

logger = logging.getLogger(__name__)

OF_AN_END = (told.Kind.EXPIRING, told.Kind.EXPIRED, told.Kind.STILL_EXPIRED)
WORDS = (Status.VALID, Status.EXPIRED)
CHUNK = 500
MARGIN = timedelta(minutes=10)  # a run may commit so long after the moment that it notes


def look(now: datetime, since: datetime | None) -> None:
    """Find successors in the sources that changed `since` then (None: all), and in each once a day, since certificates
    come near their end. A source that cannot be looked through stops no other."""
    failed = []
    new_day = since is None or since.date() < now.date()
    for state in SourceState.objects.filter(source__in=sources.names()).select_related("last_good").order_by("source"):
        run = state.last_good
        if run is None:
            continue
        moved = since is None or (run.applied_at is not None and run.applied_at > since - MARGIN)
        if not new_day and not (moved and (run.new or run.changed)):
            continue
        try:
            find(state.source, now=now)
        except Exception:
            logger.exception("Successors in %s could not be found.", state.source)
            failed.append(state.source)
    if failed:
        raise RuntimeError(f"Successors could not be found in {', '.join(failed)}.")


def find(source: str, *, now: datetime) -> int:
    """Suggest successors of what is watched there and ends soon, or ended lately. How many are new."""
    ending = _ending(source, now.date())
    if not ending:
        return 0
    found = _found(source, {c.entry_id for c in ending if c.entry_id}, now.date())
    by_org: dict[int, list[Certificate]] = defaultdict(list)
    for certificate in ending:
        by_org[certificate.org_id].append(certificate)
    new = 0
    for org, theirs in sorted(by_org.items()):
        new += _suggest(org, theirs, found, now)
    return new


@transaction.atomic
def accept(suggestion: Successor, *, by: User, now: datetime, address: str | None = None) -> Certificate:
    """The certificate that is watched under the new number from now on, linked to the old one.

    Supplier, tags and responsible person are taken over. Raises `Refused` where that is not possible (any more).
    """
    row, org = _locked(suggestion)
    old = row.certificate
    if old.removed_at is not None:
        raise Refused(_("“%(number)s” is not watched any more.") % {"number": old.number})
    new = org.certificates.watched().filter(number_key=row.entry.number_key).first()
    if new is None:
        new = _watch(org, old, row.entry, by, now)
    else:
        _link(old, new)
    _decide(row, Decision.ACCEPTED, by, now)
    audit.note(
        org, "certificate.successor_accepted", about=old.number, about_id=old.public_id, by=by, now=now,
        address=address, successor=new.number,
    )  # fmt: skip
    if _has_begun(new, org.today(now)):
        notices.solve(Notice.across_orgs.filter(certificate=old), by="successor", now=now)
    elif row.in_time and not row.missing:
        notices.solve(_of_its_end(old), by=told.Kind.RENEWED, now=now)
    return new


@transaction.atomic
def dismiss(suggestion: Successor, *, by: User, now: datetime, address: str | None = None) -> None:
    """It does not take the place of the old one: it is never suggested again, and the old one's end is told."""
    row, org = _locked(suggestion)
    _decide(row, Decision.DISMISSED, by, now)
    _tell_again(row)
    audit.note(
        org, "certificate.successor_dismissed", about=row.certificate.number, about_id=row.certificate.public_id,
        by=by, now=now, address=address, successor=row.entry.number,
    )  # fmt: skip


# ---- finding


@dataclass(frozen=True, slots=True)
class _Found:
    """What takes the place of an entry, and how far."""

    entry: Entry
    missing: tuple[str, ...]
    in_time: bool

    @property
    def covers(self) -> bool:
        return self.in_time and not self.missing


def _ending(source: str, today: date) -> list[Certificate]:
    watched = Certificate.across_orgs.watched().filter(
        source=source, kind=Kind.AUTOMATIC, ambiguous=False, word__in=WORDS, entry__word__in=WORDS
    )
    near = watched.filter(entry__valid_until__gte=today - PAST, entry__valid_until__lte=today + NEAR)
    return list(near.select_related("entry").order_by("org_id", "pk"))


def _found(source: str, wanted: set[int], today: date) -> dict[int, _Found]:
    """By entry of `wanted` what takes its place. All of a company's certificates are looked at, watched or not: only
    so two of them that end are not taken for one."""
    companies = {
        (company(holder), scheme)
        for some in _pieces(sorted(wanted))
        for holder, scheme in Entry.objects.filter(pk__in=some).values_list("holder", "scheme")
    }
    groups: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    earliest = today - PAST - NEAR - PAST  # another old one that the same new one could follow
    standing = Entry.objects.filter(source=source, word__in=WORDS, valid_until__gte=earliest)
    fields = (
        "id",
        "number",
        "number_key",
        "holder",
        "scheme",
        "word",
        "valid_from",
        "valid_until",
        "gone_at",
        "version",
    )
    for entry in standing.only(*fields).order_by("id").iterator(chunk_size=2_000):
        key = (company(entry.holder), entry.scheme)
        if key in companies:
            groups[key].append(entry)
    by_id = {entry.pk: entry for group in groups.values() if len(group) > 1 for entry in group}
    versions = _versions(sorted(by_id))
    found = {}
    for group in groups.values():
        pairs = rules.successors(_listed(entry, versions.get(entry.pk)) for entry in group) if len(group) > 1 else {}
        for old, new in pairs.items():
            if old in wanted:
                found[old] = _covered(by_id[old], by_id[new], versions)
    return found


def _versions(entries: Sequence[int]) -> dict[int, EntryVersion]:
    newest = EntryVersion.objects.newest().only("entry_id", "place", "scopes")
    return {v.entry_id: v for some in _pieces(entries) for v in newest.filter(entry__in=some)}


def _listed(entry: Entry, version: EntryVersion | None) -> Listed:
    return Listed(
        entry.pk, entry.number_key, entry.status, entry.valid_from, entry.valid_until,
        version.place if version else "", entry.gone_at is not None,
    )  # fmt: skip


def _covered(old: Entry, new: Entry, versions: Mapping[int, EntryVersion]) -> _Found:
    scopes, its_scopes = (versions[e.pk].scopes if e.pk in versions else [] for e in (old, new))
    covered = told.covered_by(old.valid_until, scopes, begins=new.valid_from, its_scopes=its_scopes)
    return _Found(new, covered.missing, covered.in_time)


def _pieces(keys: Sequence[int]) -> Iterable[Sequence[int]]:
    return (keys[start : start + CHUNK] for start in range(0, len(keys), CHUNK))


# ---- suggesting


@transaction.atomic
def _suggest(pk: int, theirs: Sequence[Certificate], found: Mapping[int, _Found], now: datetime) -> int:
    """Write down what is new for one organisation, and take back what is in doubt by now. How many are new."""
    org = Organisation.objects.select_for_update(no_key=True).get(pk=pk)
    rows: dict[int, list[Successor]] = defaultdict(list)
    for some in _pieces([c.pk for c in theirs]):
        for row in org.successors.filter(certificate__in=some).select_related("entry", "certificate"):
            rows[row.certificate_id].append(row)
    replaced = {
        old
        for some in _pieces([c.pk for c in theirs])
        for old in org.certificates.watched().filter(predecessor__in=some).values_list("predecessor", flat=True)
    }
    others = _watched_as_another(org, [found[c.entry_id].entry for c in theirs if c.entry_id and c.entry_id in found])
    new = 0
    for certificate in theirs:
        match = found.get(certificate.entry_id or 0)
        if match and match.entry.number_key in others and _is_another(certificate, others[match.entry.number_key]):
            match = None
        for row in rows[certificate.pk]:
            if row.decision == Decision.WAITING and (match is None or row.entry_id != match.entry.pk):
                _take_back(row, now)
        if match is None or certificate.pk in replaced:
            continue
        known = next((row for row in rows[certificate.pk] if row.entry_id == match.entry.pk), None)
        if known is not None:
            _update(known, match, now)
        else:
            _add(org, certificate, match, now)
            new += 1
    return new


def _watched_as_another(org: Organisation, entries: Sequence[Entry]) -> dict[str, Certificate]:
    keys = sorted({entry.number_key for entry in entries})
    return {
        certificate.match_key: certificate
        for start in range(0, len(keys), CHUNK)
        for certificate in org.certificates.watched().filter(match_key__in=keys[start : start + CHUNK])
    }


def _is_another(old: Certificate, other: Certificate) -> bool:
    """Whether the organisation knows the two as two: the other replaces a third, or both are good for long."""
    if other.predecessor_id is not None:
        return True
    return old.valid_until is None or rules.is_unrelated(old.valid_until, other.valid_from)


def _add(org: Organisation, certificate: Certificate, match: _Found, now: datetime) -> None:
    entry = match.entry
    org.successors.create(
        certificate=certificate, entry=entry, missing=list(match.missing), in_time=match.in_time, suggested_at=now
    )
    facts: dict[str, Any] = {
        "successor": entry.number, "missing": list(match.missing), "in_time": match.in_time,
        "valid_from": _text(entry.valid_from), "valid_until": _text(entry.valid_until),
    }  # fmt: skip
    told_by = f"day:successor:{entry.pk}"
    change = certificate.changes.filter(told_by=told_by, type=ChangeType.RENEWED).first()
    if change is None:  # else it was told, and taken back in between
        change = org.changes.create(
            number=changes.take_numbers(org, 1), certificate=certificate, type=ChangeType.RENEWED, told_by=told_by,
            entry=certificate.entry, version=certificate.entry.version if certificate.entry else None,
            was=certificate.word, word=certificate.word, valid_from_was=certificate.valid_from,
            valid_from=certificate.valid_from, valid_until_was=certificate.valid_until,
            valid_until=certificate.valid_until, facts={"kind": told.Kind.RENEWED.value, **facts}, seen_at=now,
            created_at=now,
        )  # fmt: skip
    notices.add(
        org, told.Kind.RENEWED, told_for=f"c{certificate.pk}:{told_by}:{told.Kind.RENEWED}",
        batch=f"successors:{certificate.source}:{now:%Y-%m-%dT%H:%M}", now=now, certificate=certificate,
        change=change, facts=facts,
    )  # fmt: skip
    if match.covers:
        notices.solve(_of_its_end(certificate), by=told.Kind.RENEWED, now=now)


def _update(row: Successor, match: _Found, now: datetime) -> None:
    if row.decision == Decision.DISMISSED or (row.missing, row.in_time) == (list(match.missing), match.in_time):
        return
    covered = row.in_time and not row.missing
    row.missing, row.in_time = list(match.missing), match.in_time
    row.save(update_fields=["missing", "in_time"])
    if match.covers:
        notices.solve(_of_its_end(row.certificate), by=told.Kind.RENEWED, now=now)
    elif covered:
        _tell_again(row)


def _take_back(row: Successor, now: datetime) -> None:
    """What is in doubt by now is suggested no more."""
    _tell_again(row)
    about = row.certificate.notices.filter(kind=told.Kind.RENEWED, change__told_by=f"day:successor:{row.entry_id}")
    notices.solve(about, by="corrected", now=now)
    row.delete()


def _tell_again(row: Successor) -> None:
    """Let the notices stand again that this suggestion had solved."""
    if row.in_time and not row.missing:
        solved = row.certificate.notices.filter(
            kind__in=OF_AN_END, day=row.certificate.valid_until, state=State.SOLVED, solved_by=told.Kind.RENEWED,
            solved_at__gte=row.suggested_at,
        )  # fmt: skip
        solved.update(state=State.OPEN, solved_at=None, solved_by="")


def _of_its_end(certificate: Certificate) -> Any:
    return Notice.across_orgs.filter(certificate=certificate, kind__in=OF_AN_END)


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None


# ---- deciding


def _locked(suggestion: Successor) -> tuple[Successor, Organisation]:
    org = Organisation.objects.get(pk=suggestion.org_id)
    certificates.alone(org)
    row = org.successors.select_related("certificate", "certificate__supplier", "entry").get(pk=suggestion.pk)
    if row.decision != Decision.WAITING:
        raise Refused(_("This was decided already."))
    row.certificate.org = org
    return row, org


def _decide(row: Successor, decision: Decision, by: User, now: datetime) -> None:
    row.decision, row.decided_by, row.decided_at = decision, by, now
    row.save(update_fields=["decision", "decided_by", "decided_at"])


def _watch(org: Organisation, old: Certificate, entry: Entry, by: User, now: datetime) -> Certificate:
    if entry.gone_at is not None:
        raise Refused(_("The register does not list “%(number)s” any more.") % {"number": entry.number})
    SourceState.objects.get_or_create(source=entry.source)
    SourceState.objects.select_for_update().get(source=entry.source)  # a run must not pass by it
    new = Certificate(
        org=org, number=entry.number[:200], number_key=entry.number_key, match_key=entry.number_key,
        source=entry.source, scheme=entry.scheme or old.scheme, supplier=old.supplier, responsible=old.responsible,
        tags=list(old.tags), predecessor=old, added_at=now, added_by=by,
    )  # fmt: skip
    found = bindings.candidates_of(entry.source, [entry.number_key])[entry.number_key]
    supplier = old.supplier.name if old.supplier else ""
    said, answering = bindings.answer_of(found, supplier=supplier, how="", bound=None, aliased=False, read=True)
    if answering is None or answering.pk != entry.pk:  # several holders, and the person says which
        said, answering = bindings.answer_of(
            found, supplier=supplier, how="person", bound=entry.pk, aliased=False, read=True
        )
    new.word, new.valid_from, new.valid_until = said.word, said.valid_from, said.valid_until
    new.entry, new.how, new.ambiguous = answering, said.how, said.ambiguous
    certificates.watch_new(org, [new], now=now)
    return new


def _link(old: Certificate, new: Certificate) -> None:
    """Let one that is watched already take the old one's place; what it lacks it gets from that."""
    if new.predecessor_id not in (None, old.pk) or new.pk == old.pk or old.predecessor_id == new.pk:
        raise Refused(_("“%(number)s” takes the place of another certificate.") % {"number": new.number})
    new.predecessor = old
    new.supplier = new.supplier or old.supplier
    new.responsible = new.responsible or old.responsible
    new.tags = [*new.tags, *(tag for tag in old.tags if tag not in new.tags)]
    new.save(update_fields=["predecessor", "supplier", "responsible", "tags"])


def _has_begun(new: Certificate, today: date) -> bool:
    return new.word in WORDS and (new.valid_from is None or new.valid_from <= today)
