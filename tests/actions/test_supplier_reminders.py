"""Reminders to suppliers: who is told when, over which link, in which words."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from email.message import Message
from typing import Any

import pytest
from django.core import mail
from pytest_django import DjangoAssertNumQueries

from certwatch.actions import certificates, deliveries, letters, supplier_reminders, upload_links
from certwatch.models import Certificate, Delivery, Kind, Organisation, Successor, UploadLink, User
from certwatch.rules.status import Status
from tests.actions.asked import certificate, contact
from tests.actions.entered import entry
from tests.conftest import NOON

ENDS = date(2027, 1, 10)  # 47 days after NOON
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def org(nordmuehle: Organisation) -> Organisation:
    nordmuehle.supplier_reminders = True
    nordmuehle.save()
    return nordmuehle


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 11, tzinfo=UTC)


def told(org: Organisation) -> list[tuple[int, str]]:
    """Stage and address of each mail."""
    return [(d.facts["stage"], d.contact.email) for d in org.deliveries.order_by("pk") if d.contact]


class TestWhen:
    def test_the_most_urgent_stage_is_told_once_to_each_contact(self, org: Organisation) -> None:
        certificate(org, languages=("en", "de"))
        for hours in range(3):
            supplier_reminders.look(NOON + hours * HOUR)
        assert told(org) == [(60, "en@supplier.example"), (60, "de@supplier.example")]
        assert [link.language for link in org.upload_links.order_by("pk")] == ["en", "de"]

    def test_each_stage_comes_on_its_day_in_the_organisations_zone(self, org: Organisation) -> None:
        certificate(org, ends=ENDS)
        days = []
        day = ENDS - timedelta(days=95)
        while day <= ENDS + timedelta(days=3):
            before = org.deliveries.count()
            supplier_reminders.look(at(day))
            if org.deliveries.count() != before:
                days.append((ENDS - day).days)
            day += DAY
        assert days == [90, 60, 30]

    def test_midnight_is_the_organisations(self, org: Organisation) -> None:
        certificate(org, ends=ENDS)
        ninety = datetime(2026, 10, 12, tzinfo=UTC)  # 90 days before, and 02:00 in Berlin
        supplier_reminders.look(ninety - timedelta(hours=2, seconds=1))
        assert told(org) == []
        supplier_reminders.look(ninety - timedelta(hours=2))
        assert [stage for stage, _ in told(org)] == [90]

    def test_another_last_day_is_told_anew(self, org: Organisation) -> None:
        watched = certificate(org)
        supplier_reminders.look(NOON)
        org.certificates.filter(pk=watched.pk).update(valid_until=ENDS + timedelta(days=1))
        supplier_reminders.look(NOON)
        assert len(told(org)) == 2

    def test_the_last_day_itself_still_counts_and_the_day_after_not(self, org: Organisation) -> None:
        certificate(org, ends=ENDS)
        supplier_reminders.look(at(ENDS + DAY))
        assert told(org) == []
        supplier_reminders.look(at(ENDS))
        assert [stage for stage, _ in told(org)] == [30]

    def test_a_crash_between_two_mails_loses_none_and_doubles_none(
        self, org: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        certificate(org, languages=("en", "de"))
        make: Callable[..., Any] = deliveries.make

        def dies(*args: Any, **facts: Any) -> Any:
            if org.deliveries.exists():
                raise RuntimeError("out of memory")
            return make(*args, **facts)

        monkeypatch.setattr("certwatch.actions.deliveries.make", dies)
        with pytest.raises(RuntimeError):
            supplier_reminders.look(NOON)
        assert (len(told(org)), org.upload_links.count()) == (1, 1)
        monkeypatch.undo()
        supplier_reminders.look(NOON)
        assert (len(told(org)), org.upload_links.count()) == (2, 2)

    def test_what_another_worker_made_meanwhile_leaves_no_link(
        self, org: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        certificate(org)
        monkeypatch.setattr("certwatch.actions.deliveries.make", lambda *_args, **_facts: None)
        assert supplier_reminders.remind(org, NOON) == 0
        assert not org.upload_links.exists()


class TestWhom:
    def test_nobody_unless_the_organisation_wants_it(self, nordmuehle: Organisation) -> None:
        certificate(nordmuehle)
        supplier_reminders.look(NOON)
        assert not Delivery.across_orgs.exists()

    @pytest.mark.parametrize("facts", [{"closed_at": NOON}, {"trial_ends": NOON - DAY}, {"supplier_days": []}])
    def test_nobody_while_it_is_closed_or_names_no_days(self, org: Organisation, facts: dict[str, Any]) -> None:
        certificate(org)
        Organisation.objects.filter(pk=org.pk).update(**facts)
        supplier_reminders.look(NOON)
        assert not Delivery.across_orgs.exists()

    @pytest.mark.parametrize("word", [word for word in Status if word != Status.VALID])
    def test_nobody_about_what_is_not_valid(self, org: Organisation, word: Status) -> None:
        certificate(org, word=word)
        supplier_reminders.look(NOON)
        assert not Delivery.across_orgs.exists()

    def test_nobody_without_an_address_or_of_another_supplier(self, org: Organisation, suedoel: Organisation) -> None:
        watched = certificate(org)
        assert watched.supplier_id
        contact(org, watched.supplier_id, "de", email="")
        certificate(org, "EU-ISCC-Cert-DE100-00000043", ends=ENDS + timedelta(days=300), of="Raps AG")
        certificate(suedoel, "EU-ISCC-Cert-DE100-00000044")
        supplier_reminders.look(NOON)
        assert [d.contact.email for d in Delivery.across_orgs.all() if d.contact] == ["en@supplier.example"]

    def test_one_entered_by_hand_is_reminded_of_too(self, org: Organisation) -> None:
        watched = certificate(org)
        org.certificates.filter(pk=watched.pk).update(kind=Kind.NIS, source="", entry=None)
        supplier_reminders.look(NOON)
        assert len(told(org)) == 1

    def test_not_once_it_is_watched_no_more(self, org: Organisation) -> None:
        certificates.stop_watching(org, [certificate(org)], by=None, now=NOON)
        supplier_reminders.look(NOON)
        assert told(org) == []

    @pytest.mark.parametrize(
        ("facts", "silences"),
        [
            ({}, True),
            ({"missing": ["Trader"]}, False),
            ({"in_time": False}, False),
            ({"decision": "dismissed"}, False),
            ({"decision": "accepted"}, True),
        ],
    )
    def test_a_successor_that_covers_it_silences(
        self, org: Organisation, facts: dict[str, Any], silences: bool
    ) -> None:
        watched = certificate(org)
        later = entry("EU-ISCC-Cert-DE100-99999999", valid_until=date(2028, 1, 10))
        Successor.across_orgs.create(org=org, certificate=watched, entry=later, suggested_at=NOON, **facts)
        supplier_reminders.look(NOON)
        assert (told(org) == []) is silences

    @pytest.mark.parametrize(
        ("facts", "silences"),
        [
            ({"valid_from": date(2026, 11, 24)}, True),
            ({"valid_from": date(2026, 11, 25)}, False),
            ({"word": "suspended"}, False),
            ({"removed_at": NOON}, False),
        ],
    )
    def test_one_that_is_in_force_silences(self, org: Organisation, facts: dict[str, Any], silences: bool) -> None:
        watched = certificate(org)
        later = certificate(org, "EU-ISCC-Cert-DE100-00000043", ends=date(2028, 1, 10))
        org.certificates.filter(pk=later.pk).update(predecessor=watched, **facts)
        supplier_reminders.look(NOON)
        assert (told(org) == []) is silences

    def test_one_organisation_that_fails_stops_no_other_and_the_duty_fails(
        self, org: Organisation, suedoel: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        suedoel.supplier_reminders = True
        suedoel.save()
        certificate(org)
        certificate(suedoel, "EU-ISCC-Cert-DE100-00000044")
        remind = supplier_reminders.remind

        def fails_first(found: Organisation, now: datetime) -> int:
            if found == org:
                raise ValueError("a row that nobody expected")
            return remind(found, now)

        monkeypatch.setattr(supplier_reminders, "remind", fails_first)
        with pytest.raises(RuntimeError, match="1 organisations"):  # so the operator hears of it
            supplier_reminders.look(NOON)
        assert (told(org), len(told(suedoel))) == ([], 1)

    def test_a_look_without_news_takes_few_queries(
        self, org: Organisation, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for place in range(20):
            certificate(org, f"EU-ISCC-Cert-DE100-0000{place:04}")
        supplier_reminders.look(NOON)
        with django_assert_num_queries(5):  # organisations, keys, certificates, contacts, what was told
            supplier_reminders.look(NOON + HOUR)
        assert len(told(org)) == 20


def one(org: Organisation) -> Delivery:
    return org.deliveries.select_related("org", "contact").get()


class TestWhetherItStillGoesOut:
    def test_it_does_while_nothing_changed(self, org: Organisation) -> None:
        certificate(org)
        supplier_reminders.look(NOON)
        assert supplier_reminders.is_wanted(one(org), now=NOON + 3 * DAY)

    @pytest.mark.parametrize(
        "change",
        [
            lambda org: org.upload_links.update(revoked_at=NOON),
            lambda org: org.certificates.update(valid_until=date(2028, 1, 1)),
            lambda org: org.certificates.update(word="withdrawn"),
            lambda org: org.certificates.update(removed_at=NOON),
            lambda org: org.supplier_contacts.update(email=""),
            lambda org: Organisation.objects.filter(pk=org.pk).update(supplier_reminders=False),
            lambda org: Organisation.objects.filter(pk=org.pk).update(closed_at=NOON),
        ],
    )
    def test_it_does_not_once_its_reason_is_gone(
        self, org: Organisation, change: Callable[[Organisation], Any]
    ) -> None:
        certificate(org)
        supplier_reminders.look(NOON)
        change(org)
        assert not supplier_reminders.is_wanted(one(org), now=NOON)
        with pytest.raises(letters.Unsendable):
            letters.letter(one(org), now=NOON)

    def test_one_that_a_person_asked_for_goes_out_whatever_the_status(
        self, nordmuehle: Organisation, mia: User
    ) -> None:
        watched = certificate(nordmuehle, word=Status.SUSPENDED)
        to = nordmuehle.supplier_contacts.get()
        upload_links.ask(watched, contact=to, by=mia, now=NOON)
        assert supplier_reminders.is_wanted(one(nordmuehle), now=NOON)
        assert not supplier_reminders.is_wanted(one(nordmuehle), now=NOON + 60 * DAY)


def written(delivery: Delivery, now: datetime = NOON) -> Message:
    return letters.letter(delivery, now=now).message()


class TestTheLetter:
    def test_it_says_who_asks_for_what_until_when_and_where(
        self, org: Organisation, mia: User, mailoutbox: list[mail.EmailMessage]
    ) -> None:
        watched = certificate(org)
        watched.responsible = mia
        watched.save()
        supplier_reminders.look(NOON)
        letter = supplier_reminders.letter(one(org), now=NOON)
        letter.send()
        link = upload_links.address_of(UploadLink.across_orgs.get())
        assert letter.subject == "Please send us your next certificate: EU-ISCC-Cert-DE100-00000042 ends on 10 Jan 2027"
        assert letter.to == ["Sam Seller <en@supplier.example>"]
        assert letter.reply_to == ["Mia <mia@nordmuehle.example>"]
        html = str(letter.alternatives[0][0])
        for body in (str(letter.body), html):
            for said in (
                "Nordmühle",
                watched.number,
                "Ölmühle Nord GmbH",
                "10 Jan 2027",
                "47 days",
                link,
                "23 Jan 2027",
            ):
                assert said in body, said
        assert "status" not in str(letter.body).lower()
        assert len(mailoutbox) == 1

    def test_every_try_is_the_same_letter(self, org: Organisation) -> None:
        certificate(org)
        supplier_reminders.look(NOON)
        first, second = written(one(org)), written(one(org))
        assert first["Message-ID"] == second["Message-ID"] == f"<{one(org).public_id}@127.0.0.1>"
        bodies = [supplier_reminders.letter(one(org), now=NOON).body for _ in range(2)]
        assert bodies[0] == bodies[1]
        assert first["Auto-Submitted"] == "auto-generated"

    def test_answers_go_to_a_member_or_to_nobody(self, org: Organisation, mia: User, anna: User, clara: User) -> None:
        watched = certificate(org)
        supplier_reminders.look(NOON)
        assert written(one(org))["Reply-To"] is None
        assert watched.supplier
        watched.supplier.responsible = anna
        watched.supplier.save()
        assert written(one(org))["Reply-To"] == "Anna <anna@nordmuehle.example>"
        Certificate.across_orgs.update(responsible=clara)  # once a member, perhaps
        assert written(one(org))["Reply-To"] == "Anna <anna@nordmuehle.example>"
        Certificate.across_orgs.update(responsible=mia)
        assert written(one(org))["Reply-To"] == "Mia <mia@nordmuehle.example>"
        org.memberships.filter(user=mia).update(ends_on=date(2026, 11, 23))
        assert written(one(org))["Reply-To"] == "Anna <anna@nordmuehle.example>"

    def test_a_name_cannot_write_headers_or_markup(self, org: Organisation) -> None:
        certificate(org)
        org.name = "<b>Öl\r\nBcc: x@y.example"
        org.save()
        org.supplier_contacts.update(name='<i>Sam\r\nBcc: "x" <x@y.example>')
        supplier_reminders.look(NOON)
        letter = supplier_reminders.letter(one(org), now=NOON)
        assert letter.message()["Bcc"] is None
        assert "<i>" not in str(letter.alternatives[0][0])
        assert "<b>Öl" not in str(letter.alternatives[0][0])

    def test_one_without_a_last_day_asks_for_the_current_edition(self, nordmuehle: Organisation, mia: User) -> None:
        watched = certificate(nordmuehle, ends=None, word=Status.UNKNOWN)
        upload_links.ask(watched, contact=nordmuehle.supplier_contacts.get(), by=mia, now=NOON)
        letter = supplier_reminders.letter(one(nordmuehle), now=NOON)
        assert letter.subject == "Please send us your current certificate EU-ISCC-Cert-DE100-00000042"
        assert letter.reply_to == ["Mia <mia@nordmuehle.example>"]
        assert "Last day" not in str(letter.body)
