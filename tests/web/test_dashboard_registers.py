"""The dashboard: how the registers stand, and what changed last."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.test import Client

from certwatch.models import ChangeType, Organisation, RunState, Sync, User
from certwatch.rules.status import Status
from tests.conftest import NOON
from tests.web.watched import TODAY, by_hand, change, page, reading, section, text, watch

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def read(db: None) -> Sync:
    """ISCC was read this morning, and is read again tomorrow."""
    return reading("iscc", hours_ago=8)


class TestSources:
    def test_only_those_where_something_is_watched(
        self, client: Client, nordmuehle: Organisation, mia: User, read: Sync
    ) -> None:
        reading("redcert", hours_ago=5)
        watch(nordmuehle, 1)
        by_hand(nordmuehle, 2)
        panel = section(page(client, mia), "src")
        assert "ISCC" in panel
        assert "REDcert" not in panel
        assert "Today 04:00" in panel
        assert "Next reading: Tomorrow 04:00." in panel
        assert "Without a register" in panel

    def test_one_that_is_not_reached_says_for_how_long_and_what_that_means(
        self, client: Client, nordmuehle: Organisation, mia: User
    ) -> None:
        reading("iscc", hours_ago=80)
        for hours in (56, 32, 8):
            reading("iscc", hours_ago=hours, state=RunState.FAILED)
        watch(nordmuehle, 1, Status.SUSPENDED)
        watch(nordmuehle, 2)
        html = page(client, mia)
        panel = text(section(html, "src"))
        assert "Not reached for 3 days" in panel
        assert "2 certificates show their last known status of 21 Nov 2026, 04:00." in panel
        assert 'aria-label="Read on 1 of 4 days"' in section(html, "src")
        assert "Last known: Suspended" in text(section(html, "att"))
        assert "For one of them that is only the last known status." in text(html)
        assert "Last known" in section(html, "cov")

    def test_one_failed_try_is_not_days(self, client: Client, nordmuehle: Organisation, mia: User) -> None:
        reading("iscc", hours_ago=8)
        reading("iscc", hours_ago=1, state=RunState.FAILED)
        watch(nordmuehle, 1)
        panel = text(section(page(client, mia), "src"))
        assert "Last try failed" in panel
        assert "Your statuses are of Today 04:00." in panel
        assert "last known" not in panel

    def test_a_reading_that_is_held(self, client: Client, nordmuehle: Organisation, mia: User) -> None:
        reading("iscc", hours_ago=32)
        reading("iscc", hours_ago=8, state=RunState.HELD)
        watch(nordmuehle, 1)
        panel = text(section(page(client, mia), "src"))
        assert "Last reading held for review" in panel
        assert "Your statuses are of Yesterday 04:00." in panel

    def test_one_that_nobody_tries_any_more_is_not_said_to_be_out_of_reach(
        self, client: Client, nordmuehle: Organisation, mia: User
    ) -> None:
        reading("iscc", hours_ago=24 * 30)
        watch(nordmuehle, 1)
        assert "Not read for 30 days" in section(page(client, mia), "src")

    @pytest.mark.parametrize(
        ("state", "words"), [(RunState.RUNNING, "Its first reading runs"), (RunState.FAILED, "Not reached yet")]
    )
    def test_before_the_first_reading(
        self, client: Client, nordmuehle: Organisation, mia: User, state: str, words: str
    ) -> None:
        reading("iscc", hours_ago=1, state=state)
        watch(nordmuehle, 1, Status.UNKNOWN, ends=None)
        assert words in section(page(client, mia), "src")

    def test_one_that_this_installation_leaves_out(
        self, client: Client, nordmuehle: Organisation, mia: User, read: Sync, settings: LazySettings
    ) -> None:
        settings.ENV = replace(settings.ENV, sources=("redcert",))
        watch(nordmuehle, 1)
        panel = section(page(client, mia), "src")
        assert "Not read here" in panel
        assert "This installation does not read it." in panel

    def test_its_readings_are_a_table_too(self, client: Client, nordmuehle: Organisation, mia: User) -> None:
        reading("iscc", hours_ago=32, state=RunState.FAILED)
        reading("iscc", hours_ago=8)
        watch(nordmuehle, 1)
        table = text(section(page(client, mia), "src"))
        assert "24 Nov 2026 Read 23 Nov 2026 Not reached 22 Nov 2026 –" in table


class TestChanges:
    def test_what_was_and_what_is_when_seen_and_in_which_run(
        self, client: Client, nordmuehle: Organisation, mia: User, read: Sync
    ) -> None:
        until: dict[str, Any] = {"valid_until_was": date(2027, 12, 31)}
        change(watch(nordmuehle, 1, Status.SUSPENDED), ChangeType.STATUS, was=Status.VALID, run=read, **until)
        change(watch(nordmuehle, 2), ChangeType.STATUS, was=Status.UNKNOWN, run=read)
        change(watch(nordmuehle, 3, Status.UNKNOWN), ChangeType.ADDED, was=Status.UNKNOWN)
        change(watch(nordmuehle, 4), ChangeType.REMOVED, was=Status.VALID)
        change(watch(nordmuehle, 5), ChangeType.RENEWED, was=Status.VALID, valid_until=date(2028, 1, 31), run=read)
        change(watch(nordmuehle, 6), ChangeType.DATA, was=Status.VALID, run=read, fields=["holder", "scopes"])
        shorter: dict[str, Any] = {"valid_until_was": date(2026, 12, 31), "valid_until": date(2026, 11, 30)}
        change(by_hand(nordmuehle, 7), ChangeType.DATA, was=Status.VALID, **shorter)
        panel = text(section(page(client, mia), "rec"))
        assert f"Today 04:00 EU-ISCC-Cert-XX999-00000001 – Valid Suspended Run {read.pk} of ISCC" in panel
        assert f"00000002 – No status Valid Run {read.pk} of ISCC" in panel
        assert "00000003 – New Unclear Your organisation" in panel
        assert "00000004 – No longer watched Your organisation" in panel
        assert "00000005 – Renewed valid until 31 Jan 2028" in panel
        assert "00000006 – Changed: holder, scope" in panel
        assert "00000007 – Last day 31 Dec 2026 30 Nov 2026 By hand" in panel

    def test_what_happened_many_times_is_one_row(
        self, client: Client, nordmuehle: Organisation, mia: User, read: Sync
    ) -> None:
        change(watch(nordmuehle, 0, Status.SUSPENDED), ChangeType.STATUS, days_ago=2, was=Status.VALID, run=read)
        for place in range(1, 31):
            change(watch(nordmuehle, place, Status.UNKNOWN), ChangeType.ADDED, was=Status.UNKNOWN)
        panel = text(section(page(client, mia), "rec"))
        assert "30 certificates New" in panel
        assert "EU-ISCC-Cert-XX999-00000000" in panel

    def test_what_was_seen_is_told_in_the_words_of_that_day(
        self, client: Client, nordmuehle: Organisation, mia: User, read: Sync
    ) -> None:
        dates: dict[str, Any] = {
            "valid_until_was": TODAY - timedelta(days=30),
            "valid_until": TODAY + timedelta(days=300),
        }
        change(watch(nordmuehle, 1), ChangeType.STATUS, was=Status.VALID, run=read, **dates)
        assert "Expired Valid" in text(section(page(client, mia), "rec"))

    def test_nothing_so_far(self, client: Client, nordmuehle: Organisation, mia: User, read: Sync) -> None:
        watch(nordmuehle, 1)
        assert "Nothing has changed so far." in page(client, mia)
