"""The dashboard: what it says first, where its links lead, and what it costs."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
import time_machine
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from certwatch.models import ChangeType, Organisation, Supplier, Sync, User
from certwatch.rules.status import Status
from tests.conftest import NOON
from tests.web.watched import TODAY, by_hand, change, listed, page, reading, section, text, title, watch

pytestmark = pytest.mark.django_db

QUERIES = 12  # session, user, memberships; sources, counts, attention, versions, ends, runs, alerts, changes twice


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def read(db: None) -> Sync:
    """ISCC was read this morning, and is read again tomorrow."""
    return reading("iscc", hours_ago=8)


class TestWithoutCertificates:
    def test_a_member_is_led_to_adding(self, client: Client, nordmuehle: Organisation, mia: User) -> None:
        html = page(client, mia)
        assert title(html) == "No certificates yet"
        assert 'href="/o/nordmuehle/add/"' in html
        assert "No certificates yet" in html

    def test_an_auditor_is_not(self, client: Client, nordmuehle: Organisation, ben: User) -> None:
        html = page(client, ben)
        assert title(html) == "No certificates yet"
        assert "Somebody else adds them" in html
        assert 'class="btn btn-primary"' not in html

    def test_what_is_not_watched_any_more_does_not_count(
        self, client: Client, nordmuehle: Organisation, mia: User, read: Sync
    ) -> None:
        watch(nordmuehle, 1, removed_at=NOON)
        assert title(page(client, mia)) == "No certificates yet"


class TestTheTitleStatesTheFinding:
    def test_how_many_need_attention(
        self, client: Client, nordmuehle: Organisation, suedoel: Organisation, mia: User, read: Sync
    ) -> None:
        watch(nordmuehle, 1, Status.SUSPENDED)
        watch(suedoel, 2, Status.SUSPENDED)
        assert title(page(client, mia)) == "1 certificate needs attention"
        watch(nordmuehle, 3, ends=-1)
        assert title(page(client, mia)) == "2 certificates need attention"

    def test_nothing_is_wrong(self, client: Client, nordmuehle: Organisation, mia: User, read: Sync) -> None:
        watch(nordmuehle, 1)
        html = page(client, mia)
        assert title(html) == "No certificate needs attention"
        assert "1 of 1 are in force today, Tuesday, 24 Nov 2026." in text(html)

    def test_the_first_check_is_still_to_come(self, client: Client, nordmuehle: Organisation, mia: User) -> None:
        watch(nordmuehle, 1, Status.UNKNOWN, ends=None)
        html = page(client, mia)
        assert title(html) == "1 certificate waits for its first check"
        assert "The first check is still to come." in html
        assert "Never read" in section(html, "src")
        assert "Next reading: due now." in section(html, "src")


class TestNeedsAttention:
    def test_the_worst_stands_first_and_each_says_why_and_since_when(
        self, client: Client, nordmuehle: Organisation, mia: User, read: Sync
    ) -> None:
        watch(nordmuehle, 1, Status.UNKNOWN, ends=None, ambiguous=True)
        gone = watch(nordmuehle, 2, Status.NOT_FOUND, ends=None)
        listed(gone, read, gone_at=NOON - timedelta(days=3))
        watch(nordmuehle, 3, ends=-7)
        watch(nordmuehle, 4, Status.TERMINATED)
        watch(nordmuehle, 5, Status.WITHDRAWN)
        suspended = watch(nordmuehle, 6, Status.SUSPENDED)
        listed(suspended, read, holder="Oderbruch GmbH", since=date(2026, 11, 20))
        change(suspended, ChangeType.STATUS, days_ago=1, was=Status.VALID)
        watch(nordmuehle, 7)
        rows = text(section(page(client, mia), "att")).split("Seen", 1)[1]
        told = [
            "Suspended EU-ISCC-Cert-XX999-00000006 Oderbruch GmbH Suspended since 20 Nov 2026. Yesterday 04:00",
            "Withdrawn EU-ISCC-Cert-XX999-00000005 Withdrawn; the register gives no day. 15 Nov 2026",
            "Terminated EU-ISCC-Cert-XX999-00000004 Terminated; the register gives no day.",
            "Expired EU-ISCC-Cert-XX999-00000003 Ended 17 Nov 2026.",
            "Not found EU-ISCC-Cert-XX999-00000002 Muster GmbH Not listed any more since 21 Nov 2026. ",
            "Unclear EU-ISCC-Cert-XX999-00000001 Several holders have this number: choose one.",
        ]
        assert [line for line in told if line not in rows] == []
        assert [rows.index(line) for line in told] == sorted(rows.index(line) for line in told)
        assert "00000007" not in rows

    def test_a_first_reading_that_misses_it_is_not_the_last_word(
        self, client: Client, nordmuehle: Organisation, mia: User, read: Sync
    ) -> None:
        gone = watch(nordmuehle, 1, Status.NOT_FOUND, ends=None)
        listed(gone, read, gone_at=read.began)
        shown = section(page(client, mia), "att")
        assert "Not found, unconfirmed" in shown
        assert "A second reading must say so, too." in shown

    @pytest.mark.parametrize(
        ("suspensions", "said"),
        [
            ([["2026-11-01", None]], "Suspended since 1 Nov 2026."),
            ([["2026-03-01", "2026-03-31"], ["2026-11-24", "2026-12-24"]], "Suspended since 24 Nov 2026."),
            ([["2026-03-01", "2026-03-31"]], "Suspended; the register gives no day."),
            ([[None, None]], "Suspended; the register gives no day."),
        ],
    )
    def test_a_suspension_begins_where_the_register_says(
        self,
        client: Client,
        nordmuehle: Organisation,
        mia: User,
        read: Sync,
        suspensions: list[list[str | None]],
        said: str,
    ) -> None:
        listed(watch(nordmuehle, 1, Status.SUSPENDED), read, suspensions=suspensions)
        assert said in section(page(client, mia), "att")

    def test_what_is_entered_by_hand_says_so(
        self, client: Client, nordmuehle: Organisation, mia: User, read: Sync
    ) -> None:
        by_hand(nordmuehle, 1, Status.SUSPENDED, holder="Papier AG")
        by_hand(nordmuehle, 2, Status.UNKNOWN, ends=None)
        waits = by_hand(nordmuehle, 3, Status.UNKNOWN, ends=None)
        waits.own_versions.create(word=Status.VALID, entered_at=NOON)
        shown = text(section(page(client, mia), "att"))
        assert "Papier AG Entered by hand as suspended." in shown
        assert "Entered by hand without a status." in shown
        assert "Entered by hand; waits for a second person." in shown

    def test_a_word_that_we_do_not_know_is_quoted(
        self, client: Client, nordmuehle: Organisation, mia: User, read: Sync
    ) -> None:
        listed(watch(nordmuehle, 1, Status.UNKNOWN), read, source_word="on <hold>")
        assert "The register says “on &lt;hold&gt;”, a word that we do not know." in page(client, mia)

    def test_a_tab_shows_one_status_alone(
        self, client: Client, nordmuehle: Organisation, mia: User, read: Sync
    ) -> None:
        watch(nordmuehle, 1, Status.SUSPENDED)
        watch(nordmuehle, 2, Status.NOT_FOUND, ends=None)
        html = page(client, mia, "?attention=not_found")
        assert '<a href="?attention=not_found" aria-current="true">Not found' in html
        shown = section(html, "att")
        assert "00000002" in shown
        assert "00000001" not in shown
        assert title(html) == "2 certificates need attention"
        assert "00000001" in section(page(client, mia, "?attention=nonsense"), "att")

    def test_what_happened_last_stands_first_among_equals(
        self, client: Client, nordmuehle: Organisation, mia: User, read: Sync
    ) -> None:
        for place, days_ago in ((1, 5), (2, 1), (3, 3)):
            change(watch(nordmuehle, place, Status.SUSPENDED), ChangeType.STATUS, days_ago=days_ago, was=Status.VALID)
        for place, ends in ((4, -30), (5, -2)):
            watch(nordmuehle, place, ends=ends)
        shown = re.findall(r"XX999-0000000(\d)", text(section(page(client, mia), "att")))
        assert shown == ["2", "3", "1", "5", "4"]

    def test_without_a_holder_the_supplier_is_named(
        self, client: Client, nordmuehle: Organisation, mia: User, read: Sync
    ) -> None:
        supplier = Supplier.across_orgs.create(org=nordmuehle, name="Händler KG", name_key="händlerkg", created_at=NOON)
        watch(nordmuehle, 1, Status.NOT_FOUND, ends=None, supplier=supplier)
        assert "Händler KG" in section(page(client, mia), "att")


class TestEnds:
    def test_thirty_sixty_ninety_days_and_a_year(
        self, client: Client, nordmuehle: Organisation, mia: User, read: Sync
    ) -> None:
        for place, ends in enumerate((0, 30, 31, 60, 90, 91, 365, 366, -1)):
            watch(nordmuehle, place, ends=ends)
        watch(nordmuehle, 20, Status.SUSPENDED, ends=10)
        watch(nordmuehle, 21, ends=10, valid_from=TODAY + timedelta(days=1))
        panel = section(page(client, mia), "exp")
        figures = [
            (30, 2, "within 30 days"),
            (60, 4, "within 60 days"),
            (90, 5, "within 90 days"),
            (365, 7, "within 12 months"),
        ]
        for days, count, words in figures:
            assert f'?expires_within={days}"><span class="cw-figure">{count}</span>{words}</a>' in panel
        assert "1 certificate ends later." in panel

    def test_the_chart_is_a_table_too(self, client: Client, nordmuehle: Organisation, mia: User, read: Sync) -> None:
        watch(nordmuehle, 1, ends=10)
        panel = text(section(page(client, mia), "exp"))
        assert "24 Nov 2026 4 Dec 2026 1" in panel
        assert "December 2026 1" in panel
        assert "November 2027 0" in panel

    def test_a_chart_has_points_in_german_too(
        self, client: Client, nordmuehle: Organisation, mia: User, read: Sync
    ) -> None:
        mia.language = "de"
        mia.save()
        for place in range(1500):
            watch(nordmuehle, place, ends=10)
        watch(nordmuehle, 1501, Status.SUSPENDED)
        html = page(client, mia)
        assert re.findall(r'(?:x|y|x1|x2|y1|y2|width|height)="[^"]*,[^"]*"', html) == []
        assert "1.500" in html


class TestCoverage:
    def test_each_scheme_says_how_much_is_in_force(
        self, client: Client, nordmuehle: Organisation, mia: User, read: Sync
    ) -> None:
        for place in range(3):
            watch(nordmuehle, place)
        watch(nordmuehle, 4, Status.WITHDRAWN)
        by_hand(nordmuehle, 5, scheme="")
        panel = section(page(client, mia), "cov")
        assert "ISCC EU 4 75.0 % 1" in text(panel).replace("\N{NO-BREAK SPACE}", " ")
        assert "No scheme named Entered by hand 1 100.0 % 0" in text(panel).replace("\N{NO-BREAK SPACE}", " ")
        assert 'href="/o/nordmuehle/certificates/?scheme=ISCC%20EU"' in panel
        assert "?scheme=ISCC%20EU&amp;status=withdrawn" in panel

    def test_a_bar_shows_all_statuses_and_leads_to_each(
        self, client: Client, nordmuehle: Organisation, mia: User, read: Sync
    ) -> None:
        watch(nordmuehle, 1, Status.SUSPENDED)
        watch(nordmuehle, 2, ends=5)
        watch(nordmuehle, 3)
        html = page(client, mia)
        bar = re.search(r'<svg class="cw-stackbar".*?</svg>', html)
        assert bar
        assert re.findall(r'class="(st-\w+)"', bar[0]) == ["st-suspended", "st-expiring", "st-valid"]
        assert '<a href="/o/nordmuehle/certificates/?status=expiring">' in html


class TestTheReader:
    def test_times_are_those_of_his_zone(self, client: Client, nordmuehle: Organisation, mia: User, read: Sync) -> None:
        mia.time_zone = "Pacific/Auckland"  # noon in Berlin is midnight there
        mia.save()
        watch(nordmuehle, 1)
        html = page(client, mia)
        assert "Yesterday 16:00" in section(html, "src")
        assert "are in force today, Tuesday, 24 Nov 2026" in html  # the organisation's day

    def test_an_auditor_reads_all_of_it_and_adds_nothing(
        self, client: Client, nordmuehle: Organisation, ben: User, mia: User, read: Sync
    ) -> None:
        watch(nordmuehle, 1, Status.SUSPENDED)
        assert "Add certificates" in page(client, mia)
        html = page(client, ben)
        assert "Add certificates" not in html
        assert "00000001" in section(html, "att")

    @pytest.mark.parametrize(("days", "said"), [(8, "The trial has 9 days left"), (0, "The trial ends today.")])
    def test_a_trial_says_how_long_it_lasts(
        self, client: Client, nordmuehle: Organisation, mia: User, read: Sync, days: int, said: str
    ) -> None:
        nordmuehle.trial_ends = NOON + timedelta(days=days, hours=2)
        nordmuehle.save()
        assert said in page(client, mia)
        watch(nordmuehle, 1)
        assert said in page(client, mia)

    def test_a_closed_organisation_reads_on_under_a_notice(
        self, client: Client, nordmuehle: Organisation, mia: User, read: Sync
    ) -> None:
        nordmuehle.closed_at = NOON
        nordmuehle.save()
        watch(nordmuehle, 1, Status.SUSPENDED)
        html = page(client, mia)
        assert "This organisation is closed" in html
        assert "00000001" in section(html, "att")
        assert "Add certificates" not in html


def test_it_takes_twelve_queries_however_much_there_is(
    client: Client, nordmuehle: Organisation, mia: User, read: Sync, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(mia)
    for place in range(30):
        word = (Status.SUSPENDED, Status.VALID, Status.NOT_FOUND)[place % 3]
        certificate = watch(nordmuehle, place, word)
        listed(certificate, read)
        change(certificate, ChangeType.STATUS, days_ago=place, was=Status.VALID, run=read)
    with django_assert_num_queries(QUERIES):
        client.get("/o/nordmuehle/")


def test_it_needs_neither_style_nor_script_of_its_own(
    client: Client, nordmuehle: Organisation, mia: User, read: Sync
) -> None:
    watch(nordmuehle, 1, Status.SUSPENDED)
    html = page(client, mia)
    assert re.findall(r"<style|<[^>]+ style=|<[^>]+ on\w+=|<script(?![^>]* src=)", html) == []
