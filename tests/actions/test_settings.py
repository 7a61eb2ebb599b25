"""Settings of an organisation."""

from datetime import UTC, date, datetime
from typing import Any

from certwatch.actions import keys, settings
from certwatch.models import AuditEntry, Organisation, User
from tests.conftest import NOON

SAME: dict[str, Any] = {
    "name": "Nordmühle", "time_zone": "Europe/Berlin", "language": "en", "four_eyes": False, "expiring_days": 60,
    "reminder_days": [60, 30, 14, 7, 1],
}  # fmt: skip


def test_what_differs_is_noted_and_the_slug_stays(nordmuehle: Organisation, anna: User) -> None:
    wanted = {**SAME, "name": " Nordmühle  GmbH", "four_eyes": True, "reminder_days": [7, 30, 7]}
    assert settings.change(nordmuehle, **wanted, by=anna, now=NOON, address="198.51.100.7")
    nordmuehle.refresh_from_db()
    assert (nordmuehle.name, nordmuehle.slug, nordmuehle.four_eyes) == ("Nordmühle GmbH", "nordmuehle", True)
    assert nordmuehle.reminder_days == [30, 7]
    note = AuditEntry.objects.get(org=nordmuehle)
    assert note.action == "settings.changed"
    assert note.details["changed"] == {
        "name": ["Nordmühle", "Nordmühle GmbH"],
        "four_eyes": [False, True],
        "reminder_days": [[60, 30, 14, 7, 1], [30, 7]],
    }


def test_nothing_different_is_nothing_noted(nordmuehle: Organisation, anna: User) -> None:
    assert not settings.change(nordmuehle, **SAME, by=anna, now=NOON)
    assert not AuditEntry.objects.exists()


def test_keys_end_at_the_midnight_of_the_new_time_zone(nordmuehle: Organisation, anna: User) -> None:
    key, _ = keys.create(nordmuehle, name="SAP", last_day=date(2026, 12, 31), by=anna, now=NOON)
    endless, _ = keys.create(nordmuehle, name="BI", by=anna, now=NOON)
    settings.change(nordmuehle, **{**SAME, "time_zone": "America/Los_Angeles"}, by=anna, now=NOON)
    key.refresh_from_db()
    endless.refresh_from_db()
    assert (key.ends_at, key.last_day) == (datetime(2027, 1, 1, 8, tzinfo=UTC), date(2026, 12, 31))
    assert endless.ends_at is None
