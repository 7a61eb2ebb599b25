"""Notes in the audit trail. Call inside the transaction of the change that is noted."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from certwatch.models import AuditEntry, Organisation, User

COMMAND_LINE = "command line"


def note(
    org: Organisation | None,
    action: str,
    *,
    about: str,
    by: User | None,
    now: datetime,
    about_id: str = "",
    address: str | None = None,
    actor: str = COMMAND_LINE,
    **details: Any,
) -> None:
    """Write down that `by` did `action`. `by` None: the command line or a duty, named by `actor`. Never a secret."""
    AuditEntry.objects.create(
        org=org,
        at=now,
        by=by,
        by_label=by.email if by else actor,
        source_address=address,
        action=action,
        about=about[:300],
        about_id=about_id,
        details=details,
    )


def note_each(
    org: Organisation,
    action: str,
    abouts: Iterable[tuple[str, str, Mapping[str, Any]]],
    *,
    by: User,
    now: datetime,
    address: str | None,
) -> None:
    """The same for many things at once, a note each. `abouts`: in words, its public id, details."""
    notes = (
        AuditEntry(
            org=org,
            at=now,
            by=by,
            by_label=by.email,
            source_address=address,
            action=action,
            about=about[:300],
            about_id=about_id,
            details=dict(details),
        )
        for about, about_id, details in abouts
    )
    AuditEntry.objects.bulk_create(notes, batch_size=500)
