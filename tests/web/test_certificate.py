"""The page of one certificate."""

import json
import re
import time
from collections.abc import Iterator
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from certwatch.api.answers import certificate as api_answer
from certwatch.api.lookup import Row
from certwatch.models import (
    AuditEntry,
    Certificate,
    CheckRequest,
    Entry,
    Organisation,
    RunState,
    SourceState,
    Sync,
    User,
)
from certwatch.rules.status import Status
from tests.actions.entered import NUMBER, entry, reading, say
from tests.actions.test_certificates import enter, watch
from tests.conftest import NOON

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    """It is noon, and stays so."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def login(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def address(certificate: Certificate, below: str = "") -> str:
    return f"/o/{certificate.org.slug}/certificates/{certificate.public_id}/{below}"


def page(user: User, certificate: Certificate) -> str:
    response = login(user).get(address(certificate))
    assert response.status_code == 200
    return response.content.decode()


def text(html: str, part: str = "main") -> str:
    """What a reader sees of the part with this id."""
    start = re.search(rf'<\w+[^>]*\bid="{part}"', html)
    assert start is not None, part
    body = html[start.start() :]
    tag = re.match(r"<(\w+)", body)
    assert tag is not None
    end = body.find(f"</{tag[1]}>") if part != "main" else len(body)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body[:end])).split())


def post(user: User, certificate: Certificate, below: str, **data: str) -> Any:
    return login(user).post(address(certificate, below), data)


@pytest.fixture
def certificate(nordmuehle: Organisation) -> Certificate:
    """Listed as valid on 1 November, found suspended on the 20th."""
    listed = entry(run=reading(began=NOON - 23 * DAY))
    with time_machine.travel(NOON - 10 * DAY):
        (certificate,) = watch(nordmuehle, NUMBER, supplier="Müller", now=NOON - 10 * DAY)
    run = reading(began=NOON - 4 * DAY)
    Sync.objects.filter(state=RunState.GOOD).update(applied_at=NOON - 4 * DAY)
    say(listed, run, Status.SUSPENDED)
    certificate.word = Status.SUSPENDED
    certificate.save()
    return certificate


class TestWhatItSays:
    def test_status_reason_and_facts_stand_on_the_sheet(self, mia: User, certificate: Certificate) -> None:
        sheet = text(page(mia, certificate), "status")
        assert "Suspended since 1 Nov 2026, says its register." in sheet
        assert "The reading of 20 Nov 2026, 12:00 saw it first; before, it was: Valid." in sheet
        for fact in ("Scheme ISCC EU", "Valid 1 Jan 2026 to 31 Dec 2026", "Certification body SGS", "Supplier Müller"):
            assert fact in sheet

    def test_its_number_is_the_title_and_the_holder_stands_below(self, mia: User, certificate: Certificate) -> None:
        html = page(mia, certificate)
        assert html.count("<h1") == 1
        assert f'<span id="certno">{NUMBER}</span>' in html
        assert "Müller GmbH, Musterstadt" in text(html)

    def test_the_registers_own_page_opens_apart(self, ben: User, certificate: Certificate) -> None:
        link = '<a class="btn btn-outline-secondary" href="https://iscc-system.org/certification/all-certificates/"'
        assert f'{link} rel="noopener noreferrer" target="_blank">' in page(ben, certificate)

    def test_a_document_that_the_register_links_to_is_a_link_and_nothing_else_is(
        self, mia: User, certificate: Certificate
    ) -> None:
        assert certificate.entry is not None
        certificate.entry.versions.filter(version=2).update(
            row={"links": {"Certificate": "https://hub.example/c.pdf", "Audit Report": "javascript:alert(1)"}}
        )
        html = page(mia, certificate)
        assert '<a href="https://hub.example/c.pdf" rel="noopener noreferrer" target="_blank">Certificate' in html
        assert "javascript:" not in html

    def test_history_tells_what_was_seen_when_and_from_which_run(self, mia: User, certificate: Certificate) -> None:
        history = text(page(mia, certificate), "history")
        run = Sync.objects.latest("id")
        assert "Valid to Suspended 20 Nov 2026, 12:00" in history
        assert f"Run {run.pk}, ISCC Read 20 Nov 2026, 12:00" in history
        assert "Suspended from 1 Nov 2026, without an end." in history
        assert "Listed as: Valid 1 Nov 2026, 12:00" in history
        assert history.index("Valid to Suspended") < history.index("Added by") < history.index("Listed as: Valid")

    def test_every_check_is_counted(self, mia: User, certificate: Certificate) -> None:
        assert "1 check counted" in text(page(mia, certificate), "history")
        for hours in (1, 2, 3):
            run = reading(began=NOON - DAY + timedelta(hours=hours))
            run.applied_at = NOON
            run.save()
        Sync.objects.create(
            source="iscc", state=RunState.FAILED, address="x", own_address=True, began=NOON - timedelta(hours=3)
        )
        html = page(mia, certificate)
        assert "3 checks without a change, 1 try that could not be used" in text(html, "history")
        assert "4 checks since it is watched: 4 Suspended." in text(html, "status")

    def test_the_api_snippet_is_what_the_api_says(self, mia: User, certificate: Certificate) -> None:
        html = page(mia, certificate)
        shown = re.search(r'<pre tabindex="0" class="cw-pre2"><code>(.*?)</code>', html, re.DOTALL)
        assert shown is not None
        row = Row(
            1, 1, 1, 100, "Europe/Berlin", "[]", "[]", certificate.number, "automatic", certificate.word,
            certificate.valid_from, certificate.valid_until, None, None, None, None, NOON - 4 * DAY,
        )  # fmt: skip
        _, _, said = api_answer(row, int(NOON.timestamp() // 60), b"")
        assert list(json.loads(unescape(re.sub("<[^>]+>", "", shown[1]))).items()) == list(json.loads(said).items())

    def test_the_number_is_percent_encoded_in_the_snippet(self, nordmuehle: Organisation, mia: User) -> None:
        (odd,) = watch(nordmuehle, "REDcert²-999 3/5")
        assert '/api/v1\\\n/certificate/REDcert%C2%B2-999%203%2F5" \\\n' in page(mia, odd)

    def test_nothing_of_a_register_or_a_person_becomes_markup(self, nordmuehle: Organisation, mia: User) -> None:
        entry("<b>EU-ISCC-x</b>", holder="<script>alert(1)</script>")
        (odd,) = watch(nordmuehle, "EU-ISCC-<i>1</i>")
        odd.notes = "<img src=x>"
        odd.tags = ["<u>"]
        odd.save()
        html = page(mia, odd)
        for markup in ("<script>alert", "<img", "<u>", "<i>1"):
            assert markup not in html


class TestNotFound:
    def test_it_is_unconfirmed_until_a_second_reading(self, nordmuehle: Organisation, mia: User) -> None:
        reading(began=NOON - timedelta(hours=1))
        (missing,) = watch(nordmuehle, NUMBER)
        sheet = text(page(mia, missing), "status")
        assert "Not found, unconfirmed" in sheet
        assert "Not published yet?" in sheet
        reading(began=NOON + timedelta(hours=13))
        sheet = text(page(mia, missing), "status")
        assert "unconfirmed" not in sheet
        assert "Not found" in sheet

    def test_one_that_was_listed_says_so(self, nordmuehle: Organisation, mia: User) -> None:
        listed = entry(run=reading(began=NOON - 9 * DAY))
        (gone,) = watch(nordmuehle, NUMBER, now=NOON - 8 * DAY)
        run = reading(began=NOON - 2 * DAY)
        say(listed, run, Status.NOT_FOUND, None)
        Entry.objects.update(gone_at=NOON - 2 * DAY)
        reading(began=NOON - DAY)
        gone.word, gone.valid_until = Status.NOT_FOUND, None
        gone.save()
        html = page(mia, gone)
        assert "It was listed before. Ask the holder" in text(html, "status")
        assert "Not published yet?" not in html
        assert "Valid to Not found" in text(html, "history")
        assert "The register lists it no more." in text(html, "history")


class TestStale:
    def test_the_last_known_status_is_never_shown_as_of_today(self, nordmuehle: Organisation, mia: User) -> None:
        entry(run=reading(began=NOON - 3 * DAY))
        (stale,) = watch(nordmuehle, NUMBER, now=NOON - 4 * DAY)
        html = page(mia, stale)
        assert "cw-stamp stale" in html
        assert "Last known: Expiring soon" in text(html, "status")
        assert "Not confirmed since" in text(html, "status")
        assert "Showing the last known status, of 3 days ago." in text(html)


class TestNeverChecked:
    def test_it_says_when_its_register_is_read(self, nordmuehle: Organisation, mia: User) -> None:
        SourceState.objects.create(source="iscc", next_run=NOON + timedelta(hours=14))
        (new,) = watch(nordmuehle, NUMBER)
        sheet = text(page(mia, new), "status")
        assert "Never checked" in sheet
        assert "The first reading is due at 25 Nov 2026, 02:00." in sheet


class TestSeveralHolders:
    @pytest.fixture
    def ambiguous(self, nordmuehle: Organisation) -> Certificate:
        run = reading()
        entry(run=run, holder="One GmbH")
        entry(run=run, holder="Other AG", word=Status.SUSPENDED)
        (certificate,) = watch(nordmuehle, NUMBER)
        return certificate

    def test_a_person_chooses_and_takes_it_back(
        self, mia: User, ambiguous: Certificate, clock: time_machine.Traveller
    ) -> None:
        html = page(mia, ambiguous)
        assert "Several holders: choose one below." in text(html, "status")
        assert html.count(">This one<") == 2
        assert post(mia, ambiguous, "choose/", holder="Other AG").status_code == 302
        html = page(mia, ambiguous)
        assert "Suspended since 1 Nov 2026" in text(html, "status")
        assert "Mia chose the holder Other AG" in text(html, "history")
        assert html.count(">This one<") == 1
        clock.shift(DAY)
        assert post(mia, ambiguous, "choose/").status_code == 302
        assert "Several holders: choose one below." in text(page(mia, ambiguous), "status")
        assert [note.action for note in AuditEntry.objects.order_by("-id")[:2]] == [
            "certificate.choice_taken_back",
            "certificate.holder_chosen",
        ]

    def test_an_auditor_sees_them_without_a_choice(self, ben: User, ambiguous: Certificate) -> None:
        html = page(ben, ambiguous)
        assert "One GmbH" in html
        assert "This one" not in html

    def test_one_that_is_not_listed_is_told(self, mia: User, ambiguous: Certificate) -> None:
        post(mia, ambiguous, "choose/", holder="Nobody")
        ambiguous.refresh_from_db()
        assert ambiguous.ambiguous


class TestContradictions:
    def test_another_holder_than_the_supplier_is_told(self, nordmuehle: Organisation, mia: User) -> None:
        entry(holder="Oderbruch Biodiesel GmbH")
        (certificate,) = watch(nordmuehle, NUMBER, supplier="Donautal Rapsöl")
        said = "The holder is Oderbruch Biodiesel GmbH, your supplier is Donautal Rapsöl. Is it the same company?"
        assert said in text(page(mia, certificate))

    def test_what_was_entered_stands_against_a_register_that_knows_the_number(
        self, nordmuehle: Organisation, mia: User
    ) -> None:
        version = enter(nordmuehle, number=NUMBER)
        assert "lists this number" not in page(mia, version.certificate)
        entry(word=Status.SUSPENDED)
        said = "ISCC EU lists this number: Suspended, last day 31 Dec 2026, holder Müller GmbH."
        assert said in text(page(mia, version.certificate))


class TestChecking:
    def test_it_is_asked_for_and_told_what_came_of_it(self, mia: User, certificate: Certificate) -> None:
        assert post(mia, certificate, "check/").status_code == 302
        wish = CheckRequest.across_orgs.get()
        assert (wish.asked_by, wish.asked_at) == (mia, NOON)
        html = page(mia, certificate)
        assert "A check is under way: Mia asked for it, Today 12:00" in text(html)
        assert 'hx-trigger="every 2s"' in html
        CheckRequest.across_orgs.update(ended_at=NOON, outcome="busy")
        html = page(mia, certificate)
        assert "The register is being read at this moment." in text(html)
        assert "hx-trigger" not in html
        CheckRequest.across_orgs.update(ended_at=NOON - timedelta(hours=2))
        assert "being read" not in page(mia, certificate)

    def test_once_a_minute_is_enough(self, mia: User, certificate: Certificate) -> None:
        client = login(mia)
        client.post(address(certificate, "check/"))
        told = client.post(address(certificate, "check/"), follow=True).content.decode()
        assert "less than a minute ago" in told

    def test_by_hand_there_is_no_register_to_ask(self, nordmuehle: Organisation, mia: User) -> None:
        certificate = enter(nordmuehle).certificate
        assert "Check now" not in page(mia, certificate)
        client = login(mia)
        assert "no register to ask" in client.post(address(certificate, "check/"), follow=True).content.decode()


class TestDescribing:
    def test_supplier_person_tags_and_notes_are_kept(self, mia: User, anna: User, certificate: Certificate) -> None:
        said = {"supplier": " Oderbruch  GmbH ", "responsible": anna.email, "tags": "FAME; Tender 2027,fame"}
        assert post(mia, certificate, "describe/", **said, notes="On hold.\r\nAsk.").status_code == 302
        certificate.refresh_from_db()
        assert certificate.supplier is not None
        assert (certificate.supplier.name, certificate.responsible) == ("Oderbruch GmbH", anna)
        assert (certificate.tags, certificate.notes) == (["FAME", "Tender 2027"], "On hold.\nAsk.")
        html = page(mia, certificate)
        assert '<span class="cw-tag">FAME</span>' in html
        assert "<p>On hold.<br>Ask.</p>" in html

    def test_the_form_shows_what_stands_there_and_offers_what_is_known(
        self, mia: User, certificate: Certificate
    ) -> None:
        html = login(mia).get(address(certificate, "describe/")).content.decode()
        assert 'value="Müller"' in html
        assert f'<option value="{mia.email}">Mia</option>' in html
        assert "Next review" not in html

    def test_a_person_of_another_organisation_cannot_be_named(
        self, mia: User, clara: User, certificate: Certificate
    ) -> None:
        response = post(mia, certificate, "describe/", responsible=clara.email)
        assert response.status_code == 200
        certificate.refresh_from_db()
        assert certificate.responsible is None

    def test_what_cannot_stand_there_is_told(self, mia: User, certificate: Certificate) -> None:
        html = post(mia, certificate, "describe/", supplier="–").content.decode()
        assert "This is no name of a supplier" in html

    def test_a_review_date_is_typed_as_people_do(self, nordmuehle: Organisation, mia: User) -> None:
        by_hand = enter(nordmuehle).certificate
        assert post(mia, by_hand, "describe/", review_on="16. Dezember 2026").status_code == 302
        by_hand.refresh_from_db()
        assert by_hand.review_on == date(2026, 12, 16)
        assert "is no date" in post(mia, by_hand, "describe/", review_on="soon").content.decode()


class TestLettingGo:
    def test_it_is_asked_once_more_and_the_history_stays(self, mia: User, certificate: Certificate) -> None:
        asked = login(mia).get(address(certificate, "remove/")).content.decode()
        assert f"Stop watching {NUMBER}?" in asked
        certificate.refresh_from_db()
        assert certificate.removed_at is None
        assert post(mia, certificate, "remove/").status_code == 302
        html = page(mia, certificate)
        assert "Not watched any more since 24 Nov 2026, 12:00" in text(html)
        assert "Valid to Suspended" in text(html, "history")
        for button in ("Check now", "Stop watching", "Edit supplier"):
            assert button not in html
        assert post(mia, certificate, "remove/").status_code == 404
        assert post(mia, certificate, "check/").status_code == 404


class TestReading:
    def test_an_auditor_sees_everything_and_no_button(self, ben: User, mia: User, certificate: Certificate) -> None:
        html = page(ben, certificate)
        assert "Valid to Suspended" in text(html, "history")
        body = html[html.index('id="main"') : html.index("<footer")]
        assert "<form" not in body
        assert "describe/" not in body

    def test_where_the_trial_is_over_nobody_changes_anything(
        self, nordmuehle: Organisation, mia: User, certificate: Certificate
    ) -> None:
        nordmuehle.trial_ends = NOON - DAY
        nordmuehle.save()
        assert "Check now" not in page(mia, certificate)
        assert post(mia, certificate, "check/").status_code == 403

    def test_times_are_the_readers_and_the_calendar_the_organisations(
        self, mia: User, certificate: Certificate
    ) -> None:
        mia.time_zone = "Asia/Tokyo"
        mia.save()
        assert "Valid to Suspended 20 Nov 2026, 20:00" in text(page(mia, certificate), "history")


class TestCosts:
    def test_the_queries_are_counted_for_each_kind(
        self, nordmuehle: Organisation, mia: User, certificate: Certificate,
        django_assert_num_queries: DjangoAssertNumQueries,
    ) -> None:  # fmt: skip
        client = login(mia)
        client.get(address(certificate))  # the session notes its activity once a minute
        with django_assert_num_queries(17):
            client.get(address(certificate))
        by_hand = enter(nordmuehle).certificate
        with django_assert_num_queries(13):
            client.get(address(by_hand))

    def test_fifty_versions_take_no_more_queries_and_not_a_tenth_of_a_second(
        self, mia: User, certificate: Certificate, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        listed = certificate.entry
        assert listed is not None
        for place in range(50):
            run = reading(began=NOON - timedelta(hours=60 - place))
            run.applied_at = run.began
            run.save()
            say(listed, run, Status.VALID if place % 2 else Status.SUSPENDED)
        Sync.objects.bulk_create(
            Sync(source="iscc", state=RunState.GOOD, address="x", own_address=True,
                 began=NOON - 9 * DAY + timedelta(minutes=10 * n), applied_at=NOON)
            for n in range(700)
        )  # fmt: skip
        client = login(mia)
        client.get(address(certificate))
        with django_assert_num_queries(17):
            client.get(address(certificate))
        took = []
        for _ in range(5):
            began = time.thread_time()
            client.get(address(certificate))
            took.append(time.thread_time() - began)
        assert sorted(took)[2] < 0.1 * 2, took  # twice, for a machine that is busy with other tests
