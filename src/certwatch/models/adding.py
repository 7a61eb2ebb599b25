"""The set-based half of adding certificates: many rows a statement, as a loader of objects is several times slower.

All of it runs inside the caller's transaction.
"""

import json
from collections.abc import Sequence
from datetime import datetime

from certwatch.models.certificates import Certificate, ChangeType
from certwatch.models.staging import Bulk

_CERTIFICATE = (
    "id", "org_id", "public_id", "number", "number_key", "match_key", "kind", "source", "scheme", "word", "valid_from",
    "valid_until", "entry_id", "how", "ambiguous", "checked_at", "supplier_id", "responsible_id", "tags", "notes",
    "holder", "review_on", "review_moves", "predecessor_id", "added_at", "added_by_id", "removed_at",
)  # fmt: skip
_BINDING = ("certificate_id", "entry_id", "how", "by_id", "known_from")
_CHANGE = (
    "org_id", "number", "certificate_id", "type", "told_by", "entry_id", "version", "was", "word", "valid_from_was",
    "valid_from", "valid_until_was", "valid_until", "fields", "facts", "seen_at", "created_at",
)  # fmt: skip


def add_certificates(bulk: Bulk, certificates: Sequence[Certificate]) -> None:
    """Write new certificates; each has its primary key then."""
    for certificate, pk in zip(certificates, bulk.take_ids(Certificate, len(certificates)), strict=True):
        certificate.pk = pk
    bulk.insert(
        "certwatch_certificate",
        _CERTIFICATE,
        (
            (
                c.pk, c.org_id, c.public_id, c.number, c.number_key, c.match_key, str(c.kind), c.source, c.scheme,
                str(c.word), bulk.day(c.valid_from), bulk.day(c.valid_until), c.entry_id, c.how, c.ambiguous,
                bulk.moment(c.checked_at), c.supplier_id, c.responsible_id, json.dumps(c.tags), c.notes, c.holder,
                bulk.day(c.review_on), c.review_moves, c.predecessor_id,
                bulk.moment(c.added_at), c.added_by_id, bulk.moment(c.removed_at),
            )
            for c in certificates
        ),
    )  # fmt: skip


def bind(bulk: Bulk, certificates: Sequence[Certificate], now: datetime) -> None:
    """Write down by which entries new certificates are answered."""
    known_from = bulk.moment(now)
    bulk.insert(
        "certwatch_binding",
        _BINDING,
        (
            (c.pk, c.entry_id, c.how, c.added_by_id if c.how in ("person", "alias") else None, known_from)
            for c in certificates
            if c.entry_id
        ),
    )


def tell(bulk: Bulk, certificates: Sequence[Certificate], first: int, now: datetime) -> None:
    """One `certificate.added` for each, numbered from `first` on (`changes.take_numbers`)."""
    moment = bulk.moment(now)
    bulk.insert(
        "certwatch_change",
        _CHANGE,
        (
            (
                c.org_id, number, c.pk, ChangeType.ADDED.value, "added", c.entry_id,
                c.entry.version if c.entry else None, str(c.word), str(c.word), bulk.day(c.valid_from),
                bulk.day(c.valid_from), bulk.day(c.valid_until), bulk.day(c.valid_until), "[]", "{}", moment,
                moment,
            )
            for number, c in enumerate(certificates, start=first)
        ),
    )  # fmt: skip
