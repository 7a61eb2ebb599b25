"""Binding watched certificates to the registers' entries."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from certwatch.models import Binding, Certificate, Entry, SourceState
from certwatch.rules.binding import Candidate, answer

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


def settle(certificates: Sequence[Certificate], *, now: datetime) -> list[Certificate]:
    """Give each automatic certificate (saved before) its answer from the entries of now; returns those that changed.

    Reads at most one query per 500 numbers. Inside the caller's transaction.
    """
    changed: list[Certificate] = []
    by_source: dict[str, list[Certificate]] = defaultdict(list)
    for certificate in certificates:
        by_source[certificate.source].append(certificate)
    for source, group in by_source.items():
        read = SourceState.objects.filter(source=source, read_began__isnull=False).exists()
        entries = candidates_of(source, (c.match_key for c in group))
        changed += [c for c in group if _take_answer(c, entries.get(c.match_key, []), read=read)]
    Certificate.across_orgs.bulk_update(
        changed, ["word", "valid_from", "valid_until", "entry", "how", "ambiguous"], batch_size=CHUNK
    )
    _rebind(changed, now)
    return changed


def _take_answer(certificate: Certificate, entries: Sequence[Entry], *, read: bool) -> bool:
    supplier = certificate.supplier.name if certificate.supplier else ""
    chosen = certificate.entry_id if certificate.how == "person" else None
    said = answer([as_candidate(e) for e in entries], supplier=supplier, chosen=chosen, read=read)
    before = (
        certificate.word,
        certificate.valid_from,
        certificate.valid_until,
        certificate.entry_id,
        certificate.how,
        certificate.ambiguous,
    )
    certificate.word, certificate.valid_from, certificate.valid_until = said.word, said.valid_from, said.valid_until
    certificate.entry = next((e for e in entries if e.pk == said.entry), None)
    certificate.how, certificate.ambiguous = said.how, said.ambiguous
    return before != (said.word, said.valid_from, said.valid_until, said.entry, said.how, said.ambiguous)


def _rebind(certificates: Sequence[Certificate], now: datetime) -> None:
    open_ones = {b.certificate_id: b for b in Binding.objects.filter(certificate__in=certificates, known_until=None)}
    moved = [
        c for c in certificates if (b := open_ones.get(c.pk)) is None or (b.entry_id, b.how) != (c.entry_id, c.how)
    ]
    Binding.objects.filter(pk__in=[open_ones[c.pk].pk for c in moved if c.pk in open_ones]).update(known_until=now)
    Binding.objects.bulk_create(
        Binding(certificate=c, entry_id=c.entry_id, how=c.how, known_from=now) for c in moved if c.entry_id
    )
