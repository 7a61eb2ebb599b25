"""The list of alerts and one alert as people see them."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from certwatch.actions import inbox
from certwatch.models import Attempt, ChangeType, Delivery, DeliveryState, Notice, Organisation, Purpose, Telling, User
from certwatch.rules.notices import Kind, State
from certwatch.rules.status import Status
from certwatch.web import alert_words as words
from tests.actions.notices import TODAY, alert
from tests.actions.watched import supplier, watch
from tests.conftest import NOON
from tests.web.watched import change, reading, text

pytestmark = pytest.mark.django_db

LIST = "/o/nordmuehle/alerts/"
QUERIES = 8  # session, user, memberships; counts, menus twice, page, who is told
ONE_QUERIES = 9  # session, user, memberships; alert, tellings, versions, deliveries, decisions; members


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def org(nordmuehle: Organisation) -> Organisation:
    mill = supplier(nordmuehle, "Mühle")
    wisla = watch(nordmuehle, "EU-ISCC-Cert-DE100-1", supplier=mill, tags=["UCO"], valid_until=date(2026, 12, 31))
    alert(nordmuehle, Kind.EXPIRING, wisla, day=date(2026, 12, 31), stage=60)
    alert(nordmuehle, Kind.SUSPENDED, wisla)
    alert(nordmuehle, Kind.RENEWED, watch(nordmuehle, "2BS010181", scheme="2BSvs"), state=State.SOLVED)
    alert(nordmuehle, Kind.SOURCE_STALE, about="iscc")
    return nordmuehle


def page(client: Client, query: str = "", **headers: Any) -> str:
    answer = client.get(f"{LIST}{query}", **headers)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def kinds(html: str) -> list[str]:
    return re.findall(r'<a data-row href="[^"]+">([^<]+)</a>', html)


def title(html: str) -> str:
    found = re.search(r"<h1>(.*?)</h1>", html)
    assert found
    return text(found[1]).strip()


def tell(notice: Notice, user: User, **facts: Any) -> Telling:
    return Telling.objects.create(
        **{"notice": notice, "user": user, "when": "at_once", "why": "default", "made_at": NOON, **facts}
    )


class TestTheList:
    def test_a_page_costs_so_many_queries_and_no_row_another(
        self, org: Organisation, client: Client, anna: User, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        client.force_login(anna)
        with django_assert_num_queries(QUERIES):
            page(client)
        for place in range(inbox.PAGE):
            made = alert(org, Kind.WITHDRAWN, watch(org, f"EU-ISCC-Cert-DE200-{place}"), assigned_to=anna)
            tell(made, anna)
        with django_assert_num_queries(QUERIES):
            page(client)
        with django_assert_num_queries(QUERIES + 1):  # what fits is counted
            page(client, "?q=de200&severity=critical&scheme=ISCC+EU&sort=severity&mine=1")

    def test_its_title_is_the_finding(self, org: Organisation, client: Client, anna: User) -> None:
        client.force_login(anna)
        assert title(page(client)) == "3 alerts are open, 1 of them critical"
        org.notices.filter(kind=Kind.SUSPENDED).update(state=State.SOLVED)
        assert title(page(client)) == "2 alerts are open"
        org.notices.update(state=State.SOLVED)
        html = page(client)
        assert title(html) == "No alert is open"
        assert "Every alert is acknowledged, snoozed or solved." in html

    def test_it_is_empty_before_the_first_alert(self, nordmuehle: Organisation, client: Client, anna: User) -> None:
        client.force_login(anna)
        assert "No alert so far" in page(client)

    def test_rows_tell_what_about_which_certificate_and_who_hears_of_it(
        self, org: Organisation, client: Client, anna: User, otto: User, mia: User
    ) -> None:
        suspended = org.notices.get(kind=Kind.SUSPENDED)
        for person in (anna, otto, mia):
            tell(suspended, person, reachable=person != mia)
        org.notices.filter(kind=Kind.SOURCE_STALE).update(nobody=True)
        org.notices.filter(kind=Kind.EXPIRING).update(told_at=None, assigned_to=mia)
        client.force_login(anna)
        html = page(client)
        assert kinds(html) == ["Register not read", "Suspended", "Expiring soon"]  # the newest first
        stale, row, expiring = (text(found) for found in re.findall(r"<tr>(.*?)</tr>", html)[1:])
        assert "Critical" in row
        assert "EU-ISCC-Cert-DE100-1" in row
        assert "Ölmühle Nord GmbH · Mühle" in row
        assert "Anna, Otto and 1 more 1 cannot be reached" in re.sub(r"\s+", " ", row)
        assert "24 hours ago" in row
        assert "ISCC" in stale
        assert "Nobody was told" in stale
        assert "31 Dec 2026" in expiring
        assert "Being sent" in expiring
        assert "for Mia" in expiring
        assert "style=" not in html

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("?sort=severity", ["Suspended", "Register not read", "Expiring soon"]),
            ("?state=all", ["Register not read", "Renewed", "Suspended", "Expiring soon"]),
            ("?state=solved", ["Renewed"]),
            ("?severity=warning", ["Register not read", "Expiring soon"]),
            ("?kind=suspended&kind=source_stale", ["Register not read", "Suspended"]),
            ("?scheme=2BSvs&state=all", ["Renewed"]),
            ("?supplier=mühl", ["Suspended", "Expiring soon"]),
            ("?tag=UCO", ["Suspended", "Expiring soon"]),
            ("?q=de100 1", ["Suspended", "Expiring soon"]),
            ("?q=iscc", ["Register not read", "Suspended", "Expiring soon"]),
            ("?mine=1", []),
            (
                "?kind=run_held&severity=loud&state=lost&sort=sideways",
                ["Register not read", "Suspended", "Expiring soon"],
            ),
        ],
    )
    def test_it_is_filtered_and_sorted(
        self, org: Organisation, client: Client, anna: User, query: str, expected: list[str]
    ) -> None:
        client.force_login(anna)
        html = page(client, query)
        assert kinds(html) == expected
        assert f'role="status">{len(expected)} alert' in html

    def test_what_is_assigned_to_me_is_mine(self, org: Organisation, client: Client, anna: User) -> None:
        org.notices.filter(kind=Kind.SUSPENDED).update(assigned_to=anna)
        client.force_login(anna)
        assert kinds(page(client, "?mine=1")) == ["Suspended"]

    @pytest.mark.parametrize("sort", ["newest", "severity"])
    def test_pages_lead_through_all_and_back(
        self, org: Organisation, client: Client, anna: User, sort: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(inbox, "PAGE", 2)
        for kind in (Kind.WITHDRAWN, Kind.EXPIRED, Kind.TERMINATED, Kind.KEY_ENDING):
            alert(org, kind)
        client.force_login(anna)
        start = f"?state=all&sort={sort}"
        walked, back, html = [], [], page(client, start)
        while True:
            walked.append(kinds(html))
            following = re.search(r'href="[^"]*?(\?[^"]+)" rel="next"', html)
            if not following:
                break
            html = page(client, following[1].replace("&amp;", "&"))
        while True:
            back.append(kinds(html))
            earlier = re.search(r'href="[^"]*?(\?[^"]+)" rel="prev"', html)
            if not earlier:
                break
            html = page(client, earlier[1].replace("&amp;", "&"))
        assert back[::-1] == walked
        whole = [kind for some in walked for kind in some]
        monkeypatch.setattr(inbox, "PAGE", 50)
        assert whole == kinds(page(client, start))
        assert len(whole) == 8
        assert kinds(page(client, f"{start}&after=nonsense")) == whole

    def test_the_menu_counts_what_is_open(self, org: Organisation, client: Client, anna: User, clara: User) -> None:
        client.force_login(anna)
        menu = text(re.findall(r'<ul class="cw-nav">.*?</ul>', page(client))[0])
        assert re.search(r"Alerts 3 open", menu)
        client.force_login(clara)
        assert "cw-badge" not in client.get("/o/suedoel/").content.decode()

    def test_an_auditor_selects_nothing(self, org: Organisation, client: Client, ben: User) -> None:
        client.force_login(ben)
        html = page(client)
        assert "cw-bulk" not in html
        assert 'name="id"' not in html


class TestManyAtOnce:
    def test_a_question_comes_first_then_all_are_acknowledged(
        self, org: Organisation, client: Client, mia: User
    ) -> None:
        client.force_login(mia)
        chosen = [notice.public_id for notice in org.notices.all()]
        asked = client.post(f"{LIST}acknowledge/", {"id": chosen, "query": "severity=warning"}).content.decode()
        assert "Acknowledge 3 alerts" in asked  # one is solved
        assert org.notices.filter(state=State.OPEN).count() == 3
        done = client.post(
            f"{LIST}acknowledge/",
            {"id": chosen, "query": "severity=warning", "confirmed": "1", "comment": "Seen", "until": "2026-12-01"},
        )
        assert done["Location"] == f"{LIST}?severity=warning"
        kept = org.notices.filter(state=State.ACKNOWLEDGED, comment="Seen", until=date(2026, 12, 1), decided_by=mia)
        assert kept.count() == 3

    def test_all_in_the_view_are_those_that_are_filtered(self, org: Organisation, client: Client, mia: User) -> None:
        client.force_login(mia)
        client.post(f"{LIST}acknowledge/", {"all": "1", "query": "severity=critical", "confirmed": "1"})
        assert list(org.notices.filter(state=State.ACKNOWLEDGED).values_list("kind", flat=True)) == [Kind.SUSPENDED]

    def test_nothing_chosen_says_so(self, org: Organisation, client: Client, mia: User) -> None:
        client.force_login(mia)
        answer = client.post(f"{LIST}acknowledge/", {}, follow=True)
        assert "Select at least one alert" in answer.content.decode()

    def test_a_day_that_has_passed_is_refused_on_the_page(self, org: Organisation, client: Client, mia: User) -> None:
        client.force_login(mia)
        answer = client.post(f"{LIST}acknowledge/", {"all": "1", "confirmed": "1", "until": "2026-11-23"})
        assert "This day has passed" in answer.content.decode()
        assert not org.notices.filter(state=State.ACKNOWLEDGED).exists()


class TestOne:
    @pytest.fixture
    def told(self, nordmuehle: Organisation, anna: User, otto: User) -> Notice:
        """A suspension that a reading saw, mailed to Anna at the second try; Otto cannot be reached."""
        run = reading("iscc", hours_ago=5)
        certificate = watch(nordmuehle, "EU-ISCC-Cert-DE100-1", word="suspended", responsible=anna)
        seen = change(
            certificate, ChangeType.STATUS, was=Status.VALID, run=run, valid_until_was=date(2027, 6, 30),
            valid_until=date(2027, 6, 30),
        )  # fmt: skip
        notice = alert(nordmuehle, Kind.SUSPENDED, certificate, change=seen)
        mail = Delivery.across_orgs.create(
            org=nordmuehle, purpose=Purpose.ALERTS, told_for="m", user=anna, host="mail", made_at=NOON,
            state=DeliveryState.DELIVERED, ended_at=NOON, tries=2,
        )  # fmt: skip
        mail.notices.add(notice)
        Attempt.objects.create(delivery=mail, number=1, began_at=NOON - timedelta(minutes=5), said="It was busy.")
        Attempt.objects.create(delivery=mail, number=2, began_at=NOON, ok=True)
        tell(notice, anna, delivery=mail, why="rule", rule_name="Mills")
        tell(notice, otto, reachable=False)
        return notice

    def show(self, client: Client, notice: Notice) -> str:
        answer = client.get(f"{LIST}{notice.public_id}/")
        assert answer.status_code == 200
        return re.sub(r"\s+", " ", answer.content.decode())

    def test_it_says_what_happened_who_is_told_why_and_how_it_went(
        self, told: Notice, client: Client, mia: User
    ) -> None:
        client.force_login(mia)
        html = self.show(client, told)
        assert title(html) == "Suspended: EU-ISCC-Cert-DE100-1"
        said = text(html)
        for line in (
            "The register says that it is suspended.",
            "Status: Valid",
            "Today 04:00 in the register of ISCC",
            "Rule “Mills”",
            "No rule fits: owners and admins hear of it",
            "Cannot be reached",
            "Delivered: the server took it",
            "Today 11:55: Not delivered. It was busy.",
            "Nobody has decided anything yet.",
        ):
            assert line in said, line

    def test_it_costs_so_many_queries(
        self, told: Notice, client: Client, mia: User, ben: User, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        client.force_login(mia)
        with django_assert_num_queries(ONE_QUERIES):
            self.show(client, told)
        client.force_login(ben)
        with django_assert_num_queries(ONE_QUERIES - 1):
            self.show(client, told)

    def test_decisions_are_told_in_their_order(
        self, told: Notice, nordmuehle: Organisation, client: Client, mia: User, anna: User
    ) -> None:
        client.force_login(mia)
        at = f"{LIST}{told.public_id}/"
        client.post(f"{at}assign/", {"to": anna.email})
        client.post(f"{at}acknowledge/", {"ack-comment": "Asked the mill", "ack-until": "2026-12-24"})
        client.post(f"{at}reopen/")
        client.post(f"{at}snooze/", {"snooze-reason": "Audit on Friday", "snooze-until": "2026-11-27"})
        told.refresh_from_db()
        assert (told.state, told.comment, told.until, told.assigned_to) == (
            State.SNOOZED, "Audit on Friday", date(2026, 11, 27), anna,
        )  # fmt: skip
        said = text(self.show(client, told))
        places = [
            said.index(line)
            for line in ("Snoozed an alert, until 27 Nov 2026", "Opened an alert again", "Asked the mill",
                          f"Assigned an alert: {anna.email}")
        ]  # fmt: skip
        assert places == sorted(places)

    def test_what_is_wrong_stands_beside_its_field(self, told: Notice, client: Client, mia: User) -> None:
        client.force_login(mia)
        at = f"{LIST}{told.public_id}/"
        late = client.post(f"{at}snooze/", {"snooze-reason": "Fair", "snooze-until": "2027-07-01"}).content.decode()
        assert "a snooze ends then at the latest" in late
        assert re.search(r'<details class="cw-more" open><summary>Snooze', late)
        assert "This field is required" in client.post(f"{at}snooze/", {}).content.decode()
        solved = client.post(f"{at}reopen/", follow=True)
        assert solved.status_code == 200

    def test_an_auditor_sees_no_form(self, told: Notice, client: Client, ben: User) -> None:
        client.force_login(ben)
        html = self.show(client, told)
        assert "/acknowledge/" not in html
        assert "/assign/" not in html

    @pytest.mark.parametrize(
        ("facts", "says"),
        [
            ({"state": State.SKIPPED}, "a more urgent reminder was due"),
            ({"state": State.RESTING}, "the organisation was closed, or its trial over"),
            ({"state": State.SOLVED, "solved_by": "lifted", "solved_at": NOON}, "Then came: Back in force."),
            ({"nobody": True}, "Nobody was told"),
            ({"told_at": None}, "It is being decided at this moment."),
            ({}, "the rule that fits names nobody"),
            ({"facts": {"missing": ["Trader"]}}, "but it does not cover: Trader."),
            (
                {"facts": {"reopened": {"by": "withdrawn", "state": "snoozed", "decided_by": "mia@x.example"}}},
                "mia@x.example had snoozed it; it is open again since something worse came: Withdrawn.",
            ),
        ],
    )
    def test_what_became_of_it_is_said_in_words(
        self, nordmuehle: Organisation, client: Client, mia: User, facts: dict[str, Any], says: str
    ) -> None:
        notice = alert(nordmuehle, Kind.EXPIRING, watch(nordmuehle, "DE-1"), day=TODAY, stage=14, **facts)
        client.force_login(mia)
        assert says in text(self.show(client, notice))

    @pytest.mark.parametrize(
        "kind", [kind for kind in Kind if kind not in ("run_held", "source_failing", "duty_missed")]
    )
    def test_every_kind_has_words(self, nordmuehle: Organisation, client: Client, mia: User, kind: Kind) -> None:
        bound = None if kind in (Kind.KEY_ENDING, Kind.SOURCE_STALE) else watch(nordmuehle, "DE-1")
        notice = alert(nordmuehle, kind, bound, about="" if bound else "iscc", day=TODAY, stage=7)
        client.force_login(mia)
        html = self.show(client, notice)
        assert title(html) == f"{words.KINDS[kind]}: {'DE-1' if bound else 'ISCC'}"
        assert words.sentence(notice) != words.KINDS[kind]
        assert "%(" not in html

    def test_a_withdrawal_offers_no_snooze(self, nordmuehle: Organisation, client: Client, mia: User) -> None:
        client.force_login(mia)
        html = self.show(client, alert(nordmuehle, Kind.WITHDRAWN, watch(nordmuehle, "DE-1")))
        assert "A withdrawal cannot be snoozed." in html
        assert "/snooze/" not in html

    def test_a_solved_alert_takes_no_decision(self, told: Notice, client: Client, mia: User) -> None:
        Notice.across_orgs.update(state=State.SOLVED)
        client.force_login(mia)
        answer = client.post(f"{LIST}{told.public_id}/acknowledge/", {}, follow=True)
        assert "nothing left to decide" in answer.content.decode()
        told.refresh_from_db()
        assert told.state == State.SOLVED


class TestElsewhere:
    def test_the_dashboard_shows_the_gravest_that_are_open(self, org: Organisation, client: Client, anna: User) -> None:
        client.force_login(anna)
        html = re.sub(r"\s+", " ", client.get("/o/nordmuehle/").content.decode())
        panel = re.search(r'<section [^>]*aria-labelledby="open".*?</section>', html)
        assert panel
        links = re.findall(r'/alerts/\w+/">([^<]+)</a>', panel[0])
        assert links == ["Suspended", "Register not read", "Expiring soon"]
        assert "Show all 3" in panel[0]

    def test_a_certificates_page_shows_its_own_the_open_ones_first(
        self, org: Organisation, client: Client, anna: User
    ) -> None:
        certificate = org.certificates.get(number="EU-ISCC-Cert-DE100-1")
        alert(org, Kind.LIFTED, certificate, state=State.SOLVED)
        client.force_login(anna)
        html = client.get(f"/o/nordmuehle/certificates/{certificate.public_id}/").content.decode()
        assert re.findall(r'/alerts/\w+/">([^<]+)</a>', html) == ["Suspended", "Expiring soon", "Back in force"]

    def test_a_later_certificate_is_suggested_with_what_it_lacks(
        self, org: Organisation, client: Client, anna: User
    ) -> None:
        certificate = org.certificates.get(number="EU-ISCC-Cert-DE100-1")
        entry = watch(org, "EU-ISCC-Cert-DE100-2").entry
        assert entry is not None
        org.successors.create(
            certificate=certificate, entry=entry, suggested_at=NOON, in_time=False, missing=["Trader"]
        )
        client.force_login(anna)
        said = text(client.get(f"/o/nordmuehle/certificates/{certificate.public_id}/").content.decode())
        assert "A newer certificate of the same holder exists" in said
        assert "It does not cover: Trader." in said
        assert "It begins later than the day after the last day of this one." in said

    def test_it_becomes_the_successor_or_is_not_suggested_again(
        self, org: Organisation, client: Client, mia: User
    ) -> None:
        certificate = org.certificates.get(number="EU-ISCC-Cert-DE100-1")
        for number in ("EU-ISCC-Cert-DE100-2", "EU-ISCC-Cert-DE100-3"):
            entry = watch(org, number, removed_at=NOON).entry
            assert entry is not None
            org.successors.create(certificate=certificate, entry=entry, suggested_at=NOON)
        client.force_login(mia)
        at = f"/o/nordmuehle/certificates/{certificate.public_id}/"
        accept, dismiss = (one.public_id for one in org.successors.order_by("pk"))
        assert (
            "is not suggested any more"
            in client.post(f"{at}successors/{dismiss}/dismiss/", follow=True).content.decode()
        )
        html = client.post(f"{at}successors/{accept}/accept/", follow=True).content.decode()
        assert "EU-ISCC-Cert-DE100-2 is the successor." in html
        assert "Its successor" in html
        assert "Make it the successor" not in html
        again = client.post(f"{at}successors/{accept}/accept/", follow=True)
        assert again.status_code == 200
        assert org.certificates.watched().filter(predecessor=certificate).count() == 1


class TestReminders:
    @pytest.fixture
    def at(self, org: Organisation, client: Client, mia: User) -> str:
        client.force_login(mia)
        certificate = org.certificates.get(number="EU-ISCC-Cert-DE100-1")
        return f"/o/nordmuehle/certificates/{certificate.public_id}/reminders/"

    def test_days_of_its_own_are_kept_and_given_up(self, org: Organisation, client: Client, at: str) -> None:
        client.post(at, {"way": "own", "days": "7, 90 30"})
        assert org.reminder_plans.get().days == [90, 30, 7]
        assert 'value="90, 30, 7"' in client.get(at).content.decode()
        client.post(at, {"way": "never", "days": ""})
        assert org.reminder_plans.get().days == []
        client.post(at, {"way": "usual", "days": ""})
        assert not org.reminder_plans.exists()
        assert org.audit_entries.filter(action="reminders.planned").count() == 3

    @pytest.mark.parametrize(
        ("days", "says"), [("soon", "Whole numbers"), ("", "Name at least one day"), ("999", "From 0 to 365 days")]
    )
    def test_what_are_no_days_is_refused(
        self, org: Organisation, client: Client, at: str, days: str, says: str
    ) -> None:
        assert says in client.post(at, {"way": "own", "days": days}).content.decode()
        assert not org.reminder_plans.exists()
