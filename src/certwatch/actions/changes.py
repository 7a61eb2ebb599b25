"""Changes of certificates: one growing sequence per organisation, without gaps."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import F

from certwatch.models import Certificate, Change, ChangeCounter, ChangeType, Organisation, Sync


def take_numbers(org: Organisation, count: int) -> int:
    """The first of `count` numbers of `org`'s sequence. Its counter stays locked until the transaction ends."""
    ChangeCounter.objects.get_or_create(org=org)
    ChangeCounter.objects.filter(org=org).update(last=F("last") + count)
    return ChangeCounter.objects.values_list("last", flat=True).get(org=org) - count + 1


def record(
    org: Organisation,
    certificates: Sequence[Certificate],
    change_type: ChangeType,
    *,
    told_by: str,
    now: datetime,
    was: Sequence[Certificate] | None = None,
    seen_at: datetime | None = None,
    run: Sync | None = None,
    fields: Sequence[str] = (),
) -> None:
    """Write one change for each of `certificates` as they stand now; `was`: the same as they stood before.

    `fields`: what else than word and dates changed.
    """
    first = take_numbers(org, len(certificates))
    Change.across_orgs.bulk_create(
        Change(
            org=org,
            number=first + place,
            certificate=certificate,
            type=change_type,
            told_by=told_by,
            run=run,
            entry_id=certificate.entry_id,
            version=certificate.entry.version if certificate.entry else None,
            was=before.word,
            word=certificate.word,
            valid_from_was=before.valid_from,
            valid_from=certificate.valid_from,
            valid_until_was=before.valid_until,
            valid_until=certificate.valid_until,
            fields=list(fields),
            seen_at=seen_at or now,
            created_at=now,
        )
        for place, (certificate, before) in enumerate(zip(certificates, was or certificates, strict=True))
    )
