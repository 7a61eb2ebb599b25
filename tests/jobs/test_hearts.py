"""What looks every second is seen to look, and missed where it does not."""

from datetime import timedelta

import pytest

from certwatch import models
from certwatch.jobs import duties, hearts
from certwatch.models import Notice
from tests.conftest import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_looked_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearts, "_looked", {})


def test_what_looked_stands_beside_the_duties() -> None:
    hearts.looked("carrier", NOON)
    duties.beat(NOON + timedelta(seconds=3))
    row = models.Duty.objects.get(name="carrier")
    assert (row.last, row.next) == (NOON, NOON + timedelta(seconds=5))


def test_each_heart_is_one_that_the_worker_hears() -> None:
    assert set(hearts.NAMES) - {"carrier"} <= set(duties.ERRANDS)


def test_the_operator_hears_once_of_a_heart_that_stands_still() -> None:
    hearts.looked("notices", NOON)
    duties.beat(NOON)
    for minutes in (1, 7, 8, 60):
        duties.look_for_the_operator(NOON + timedelta(minutes=minutes))
    told = Notice.across_orgs.filter(kind="duty_missed").values_list("about", "made_at")
    assert list(told) == [("notices", NOON + timedelta(minutes=7))]
    hearts.looked("notices", NOON + timedelta(minutes=61))
    duties.beat(NOON + timedelta(minutes=61))
    duties.look_for_the_operator(NOON + timedelta(minutes=62))
    assert Notice.across_orgs.get(kind="duty_missed").state == "solved"
