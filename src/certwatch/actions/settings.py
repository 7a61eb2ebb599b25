"""An organisation's settings."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from certwatch.actions import audit, keys
from certwatch.models import Organisation, User
from certwatch.rules import names

FIELDS = ("name", "time_zone", "language", "four_eyes", "expiring_days", "reminder_days")


@transaction.atomic
def change(
    org: Organisation,
    *,
    name: str,
    time_zone: str,
    language: str,
    four_eyes: bool,
    expiring_days: int,
    reminder_days: Sequence[int],
    by: User,
    now: datetime,
    address: str | None = None,
) -> bool:
    """Set all of them; False if nothing differs. The slug stays: addresses that people keep must not break."""
    org = Organisation.objects.select_for_update().get(pk=org.pk)
    was = {field: getattr(org, field) for field in FIELDS}
    org.name = names.clean(name, "The name", 200)
    org.time_zone, org.language, org.four_eyes = time_zone, language, four_eyes
    org.expiring_days, org.reminder_days = expiring_days, sorted(set(reminder_days), reverse=True)
    changed = {field: [was[field], getattr(org, field)] for field in FIELDS if getattr(org, field) != was[field]}
    if not changed:
        return False
    org.save(update_fields=changed)
    if "time_zone" in changed:
        keys.follow_time_zone(org)
    audit.note(org, "settings.changed", about=org.name, by=by, now=now, address=address, changed=changed)
    return True
