"""What has run out is removed."""

from datetime import timedelta

from certwatch.actions import keys
from certwatch.jobs import housekeeping
from certwatch.models import IdempotentCall, Organisation, Usage
from tests.conftest import NOON


def test_counts_of_api_use_stay_for_ninety_days(nordmuehle: Organisation) -> None:
    key, _ = keys.create(nordmuehle, name="SAP", by=None, now=NOON)
    for days in (0, 90, 91):
        Usage.objects.create(key=key, minute=NOON - timedelta(days=days), answered=days)
    housekeeping.tidy(NOON)
    assert sorted(Usage.objects.values_list("answered", flat=True)) == [0, 90]


def test_an_idempotency_key_is_known_for_a_day(nordmuehle: Organisation) -> None:
    key, _ = keys.create(nordmuehle, name="SAP", by=None, now=NOON)
    for hours in (0, 24, 25):
        made = NOON - timedelta(hours=hours)
        IdempotentCall.objects.create(key=key, path="/", name=str(hours), made_at=made, claimed_until=made)
    housekeeping.tidy(NOON)
    assert sorted(IdempotentCall.objects.values_list("name", flat=True)) == ["0", "24"]
