"""The set-based twin of `rules.shown` says the same."""

from datetime import date, timedelta
from itertools import product

import pytest

from certwatch.models import Organisation
from certwatch.rules.shown import BY_SEVERITY, shown
from certwatch.rules.status import Status
from tests.conftest import NOON

TODAY = date(2026, 11, 24)
DAYS = [None, TODAY - timedelta(days=1), TODAY, TODAY + timedelta(days=60), TODAY + timedelta(days=61)]


@pytest.mark.django_db
def test_list_and_page_call_a_status_the_same(nordmuehle: Organisation) -> None:
    cases = product(Status, DAYS[:2] + DAYS[3:4], DAYS, ("automatic", "nis"), (True, False), ("iscc", "redcert"))
    for place, (word, start, end, kind, ambiguous, source) in enumerate(cases):
        nordmuehle.certificates.create(
            number=f"N-{place}", number_key=f"n-{place}", match_key=f"n-{place}", kind=kind,
            source="" if kind == "nis" else source, word=word, valid_from=start, valid_until=end,
            ambiguous=ambiguous and kind == "automatic", added_at=NOON,
        )  # fmt: skip
    for row in nordmuehle.certificates.with_shown(TODAY, expiring_days=60, read=["iscc"]):
        said = shown(
            Status(row.word), row.valid_from, row.valid_until, today=TODAY, expiring_days=60,
            by_hand=row.kind == "nis", checked=row.source == "iscc", ambiguous=row.ambiguous,
        )  # fmt: skip
        assert (row.shown, BY_SEVERITY[row.severity]) == (said.key, said.key), row.number
