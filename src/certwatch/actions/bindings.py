"""Binding watched certificates to the registers' entries."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from certwatch.models import Binding, Certificate, Entry, SourceState, User
from certwatch.rules.binding import Answer, Candidate, answer

CHUNK = 500  # numbers a query; SQLite takes 32,766 parameters, PostgreSQL 65,535


def candidates_of(source: str, keys: Iterable[str]) -> dict[str, list[Entry]]:
    """All entries, gone ones too, under the normalised numbers `keys`."""
    found: dict[str, list[Entry]] = defaultdict(list)
    wanted = sorted(set(keys))
    for start in range(0, len(wanted), CHUNK):
        for entry in Entry.objects.filter(source=source, number_key__in=wanted[start : start + CHUNK]).order_by("id"):
            found[entry.number_key].append(entry)
    return found


def as_candidate(entry: Entry) -> Candidate[int]:
    """What the rule of binding looks at."""
    return Candidate(entry.pk, entry.holder_key, entry.status, entry.valid_from, entry.valid_until, entry.gone_at)


def answer_of(
    candidates: Sequence[Entry], *, supplier: str, how: str, bound: int | None, aliased: bool, read: bool
) -> tuple[Answer[int], Entry | None]:
    """The rule's answer for a certificate that is bound to `bound` as `how` says, and the entry that gives it.

    `aliased`: it matches by a number that a person confirmed. `read`: the register was once read as a whole.
    """
    chosen = bound if how == "person" else None
    said = answer([as_candidate(e) for e in candidates], supplier=supplier, chosen=chosen, read=read)
    if aliased and said.how == "number":
        said = replace(said, how="alias")
    return said, next((e for e in candidates if e.pk == said.entry), None)


def settle(certificates: Sequence[Certificate], *, now: datetime) -> list[Certificate]:
    """Give each automatic certificate (saved before) its answer from the entries of now; returns those that changed.

    Reads at most one query per 500 numbers. Inside the caller's transaction: its source's state stays locked until
    that ends, so that a run cannot pass by a certificate which it does not see yet.
    """
    changed: list[Certificate] = []
    by_source: dict[str, list[Certificate]] = defaultdict(list)
    for certificate in certificates:
        by_source[certificate.source].append(certificate)
    for source, group in sorted(by_source.items()):
        read = _hold(source)
        entries = candidates_of(source, (c.match_key for c in group))
        changed += [c for c in group if _take_answer(c, entries.get(c.match_key, []), read=read)]
    Certificate.across_orgs.bulk_update(changed, _ANSWER, batch_size=CHUNK)
    _rebind(changed, now)
    return changed


def choose(certificate: Certificate, entry: Entry | None, *, by: User | None, now: datetime) -> None:
    """Let the entry that a person picked answer for a certificate; None: its rule decides again.

    Inside the caller's transaction.
    """
    read = _hold(certificate.source)
    certificate.entry, certificate.how = entry, "person" if entry else ""
    entries = candidates_of(certificate.source, [certificate.match_key])
    _take_answer(certificate, entries.get(certificate.match_key, []), read=read)
    certificate.save(update_fields=_ANSWER)
    _rebind([certificate], now, by=by)


def _hold(source: str) -> bool:
    """Whether `source` was ever read as a whole. Its state stays locked until the transaction ends."""
    SourceState.objects.get_or_create(source=source)
    return SourceState.objects.select_for_update().get(source=source).read_began is not None


_ANSWER = ["word", "valid_from", "valid_until", "entry", "how", "ambiguous"]


def _take_answer(certificate: Certificate, entries: Sequence[Entry], *, read: bool) -> bool:
    said, entry = answer_of(
        entries,
        supplier=certificate.supplier.name if certificate.supplier else "",
        how=certificate.how,
        bound=certificate.entry_id,
        aliased=certificate.match_key != certificate.number_key,
        read=read,
    )
    before = [getattr(certificate, name) for name in _ANSWER]
    certificate.word, certificate.valid_from, certificate.valid_until = said.word, said.valid_from, said.valid_until
    certificate.entry, certificate.how, certificate.ambiguous = entry, said.how, said.ambiguous
    return before != [getattr(certificate, name) for name in _ANSWER]


def _rebind(certificates: Sequence[Certificate], now: datetime, *, by: User | None = None) -> None:
    """End the bindings that hold no more, and write down those that do. `by`: who chose, where a person did."""
    bindings = Binding.objects.filter(certificate__in=certificates, known_until=None)
    standing = {b.certificate_id: b for b in bindings}
    moved = [c for c in certificates if not _stands(standing.get(c.pk), c)]
    ended = [standing[c.pk].pk for c in moved if c.pk in standing]
    Binding.objects.filter(pk__in=ended).update(known_until=now)
    Binding.objects.bulk_create(
        [
            Binding(certificate=c, entry_id=c.entry_id, how=c.how, by=by if c.how == "person" else None, known_from=now)
            for c in moved
            if c.entry_id
        ]
    )


def _stands(binding: Binding | None, certificate: Certificate) -> bool:
    return binding is not None and (binding.entry_id, binding.how) == (certificate.entry_id, certificate.how)
