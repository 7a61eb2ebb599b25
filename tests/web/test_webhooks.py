"""Org Admin: webhook endpoints and their messages."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from certwatch.actions import endpoints, secrets
from certwatch.models import (
    Attempt,
    Change,
    Delivery,
    DeliveryState,
    EndpointState,
    Organisation,
    User,
    WebhookEndpoint,
)
from certwatch.rules.events import TYPES, EventType
from certwatch.web.webhooks import EVENTS
from tests.actions.test_alert_rules import certificate
from tests.actions.test_keys import everything_stored
from tests.conftest import NOON
from tests.logins import log_in
from tests.web.test_audit import exported
from tests.web.test_notifications import _plain, text_of

PAGE = "/o/nordmuehle/admin/webhooks/"
NEW = f"{PAGE}new/"
URL = "https://1.2.3.4/hooks"  # a public address, so that it may be saved; nothing is called in these tests
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{20,}")


@pytest.fixture
def annas(client: Client, anna: User) -> Client:
    log_in(client, anna)
    return client


@pytest.fixture
def erp(nordmuehle: Organisation, anna: User) -> WebhookEndpoint:
    made, _secret = endpoints.create(nordmuehle, url=URL, name="ERP", by=anna, now=NOON)
    return made


def change(org: Organisation, number: int, kind: str = "certificate.renewed", at: datetime = NOON) -> Change:
    cert = org.certificates.first() or certificate(org, "EU-ISCC-X1")
    made: Change = org.changes.create(
        number=number, certificate=cert, type=kind, told_by=f"t{number}", seen_at=at, created_at=at
    )
    return made


def message(erp: WebhookEndpoint, number: int, state: str = DeliveryState.WAITING, **facts: Any) -> Delivery:
    told = change(erp.org, number)
    made: Delivery = erp.org.deliveries.create(
        purpose="webhook", told_for=f"hook:e{erp.pk}:{told.pk}", host="1.2.3.4", endpoint=erp, change=told,
        state=state, made_at=NOON, due_at=NOON if state == DeliveryState.WAITING else None, **facts,
    )  # fmt: skip
    return made


def tried(delivery: Delivery, number: int, **facts: Any) -> Attempt:
    return Attempt.objects.create(
        delivery=delivery, number=number, **{"began_at": NOON + timedelta(seconds=number), "took_ms": 212, **facts}
    )


class TestMaking:
    def test_the_secret_is_in_the_page_that_answers_and_nowhere_else(
        self, annas: Client, nordmuehle: Organisation, caplog: pytest.LogCaptureFixture,
        capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        response = annas.post(NEW, {"url": URL, "name": "ERP", "types": [kind.value for kind in EVENTS]})
        html = response.content.decode()
        (secret,) = set(SECRET.findall(html))
        made = nordmuehle.webhook_endpoints.get()
        assert (secrets.decrypt(made.secret), made.types, made.name) == (secret, [], "ERP")
        assert response["Cache-Control"] == "no-store"
        assert "Webhook(secret).verify" in html
        below = f"{PAGE}{made.public_id}/"
        rotated = annas.post(f"{below}rotate/")
        (newer,) = set(SECRET.findall(rotated.content.decode()))
        assert rotated["Cache-Control"] == "no-store"
        assert newer != secret
        pages = [annas.get(address) for address in (PAGE, below, f"{below}edit/", f"{below}rotate/", f"{below}remove/")]
        annas.post(f"{below}test/")
        pages += [annas.get("/o/nordmuehle/admin/audit/"), annas.get(below)]
        pages.append(annas.get(f"{PAGE}messages/{nordmuehle.deliveries.get().public_id}/"))
        everywhere = [page.content.decode() for page in pages]
        everywhere += [str(exported(annas)), everything_stored(), caplog.text, *capsys.readouterr()]
        everywhere.append(str(dict(annas.session)))
        assert [text for text in everywhere if secret in text or newer in text] == []

    def test_an_endpoint_gets_the_events_that_were_chosen(self, annas: Client, nordmuehle: Organisation) -> None:
        annas.post(NEW, {"url": URL, "types": ["certificate.renewed", "key.expiring"]})
        made = nordmuehle.webhook_endpoints.get()
        assert sorted(made.types) == ["certificate.renewed", "key.expiring"]
        shown = annas.get(f"{PAGE}{made.public_id}/edit/").content.decode()
        assert sorted(re.findall(r'value="([\w.]+)" checked', shown)) == ["certificate.renewed", "key.expiring"]

    @pytest.mark.parametrize(
        ("wrong", "why"),
        [
            ({"url": ""}, "This field is required."),
            ({"url": "http://1.2.3.4/hooks"}, "must begin with https://"),
            ({"url": "https://10.0.0.1/hooks"}, "in a network that may not be called"),
            ({"url": "https://1.2.3.4:8443/hooks"}, "must use port 443"),
            ({"types": []}, "Choose at least one"),
            ({"types": ["certificate.eaten"]}, "not one of the available choices"),
        ],
    )
    def test_what_is_wrong_is_told(
        self, annas: Client, nordmuehle: Organisation, wrong: dict[str, Any], why: str
    ) -> None:
        filled_in = {"url": URL, "types": ["certificate.renewed"], **wrong}
        assert why in annas.post(NEW, filled_in).content.decode()
        assert not nordmuehle.webhook_endpoints.exists()

    def test_it_asks_for_a_fresh_log_in(self, client: Client, anna: User, erp: WebhookEndpoint) -> None:
        anna.set_password("correct horse battery")
        anna.save()
        log_in(client, anna, minutes_ago=6)
        for address in (NEW, f"{PAGE}{erp.public_id}/edit/", f"{PAGE}{erp.public_id}/rotate/"):
            assert "/accounts/reauthenticate/" in client.post(address, {"url": URL})["Location"]

    def test_each_event_has_words_but_the_test(self) -> None:
        assert [*EVENTS, EventType.TEST] == list(TYPES)


class TestAnEndpoint:
    def test_it_is_changed(self, annas: Client, erp: WebhookEndpoint) -> None:
        address = f"{PAGE}{erp.public_id}/edit/"
        private = annas.post(address, {"url": "https://10.0.0.1/", "types": ["key.expiring"]}).content.decode()
        assert "in a network that may not be called" in private
        annas.post(address, {"url": "https://1.2.3.5/", "name": "BI", "types": ["key.expiring"]})
        erp.refresh_from_db()
        assert (erp.url, erp.name, erp.types) == ("https://1.2.3.5/", "BI", ["key.expiring"])

    def test_switched_on_again_it_offers_what_was_missed(self, annas: Client, erp: WebhookEndpoint) -> None:
        address = f"{PAGE}{erp.public_id}/"
        annas.post(f"{address}switch/", {"on": "0"})
        assert "Off since" in text_of(annas, address)
        assert "This endpoint is not on." in _plain(annas.post(f"{address}test/", follow=True).content.decode())
        change(erp.org, 1, at=timezone.now())
        on = annas.post(f"{address}switch/", {"on": "1"}, follow=True).content.decode()
        assert "messages were missed" in _plain(on)
        assert not Delivery.across_orgs.exists()  # offered, not done
        sent = annas.post(f"{address}replay/", {"missed": "1"}, follow=True).content.decode()
        assert "1 message is on its way." in _plain(sent)
        assert "messages were missed" not in _plain(sent)
        assert Delivery.across_orgs.get().change == Change.across_orgs.get()

    @pytest.mark.parametrize(
        ("state", "words"),
        [(EndpointState.GONE, "Gone it answered 410"), (EndpointState.FAILING, "Switched off, failing 5 days")],
    )
    def test_why_it_is_off_is_told(self, annas: Client, erp: WebhookEndpoint, state: str, words: str) -> None:
        WebhookEndpoint.across_orgs.update(state=state, switched_off_at=NOON)
        assert words in text_of(annas, PAGE)
        assert "since 24 Nov 2026, 12:00" in text_of(annas, f"{PAGE}{erp.public_id}/")

    def test_days_are_sent_anew_in_the_readers_zone(self, annas: Client, erp: WebhookEndpoint) -> None:
        message(erp, 1, DeliveryState.DELIVERED)
        change(erp.org, 2, at=NOON + timedelta(hours=11))  # 23:00 in Berlin
        change(erp.org, 3, at=NOON + timedelta(hours=13))  # 1:00 of the next day
        address = f"{PAGE}{erp.public_id}/replay/"
        sent = annas.post(address, {"first": "2026-11-24", "last": "2026-11-24"}, follow=True).content.decode()
        told = list(erp.deliveries.order_by("pk").values_list("change__number", flat=True))
        due = sorted(n for n in told[1:] if n is not None)
        assert due == ([1, 2] if timezone.now() > NOON + timedelta(hours=11) else [1])
        assert "on their way" in sent or "is on its way" in sent
        none = annas.post(address, {"first": "2020-01-01", "last": "2020-01-02"}, follow=True).content.decode()
        assert "Nothing happened in this time" in none

    @pytest.mark.parametrize(
        ("wrong", "why"),
        [
            ({"first": "2026-11-24", "last": ""}, "This field is required."),
            ({"first": "2026-11-24", "last": "2026-11-20"}, "lies before its beginning"),
            ({"first": "soon", "last": "2026-11-20"}, "Enter a valid date."),
            ({"first": "2026-11-24", "last": "9999-12-31"}, "too far away"),
        ],
    )
    def test_wrong_days_are_told(self, annas: Client, erp: WebhookEndpoint, wrong: dict[str, str], why: str) -> None:
        assert why in annas.post(f"{PAGE}{erp.public_id}/replay/", wrong).content.decode()
        assert not Delivery.across_orgs.exists()

    def test_it_is_removed_after_a_question(self, annas: Client, erp: WebhookEndpoint) -> None:
        address = f"{PAGE}{erp.public_id}/remove/"
        assert "Remove “ERP”" in text_of(annas, address)
        assert WebhookEndpoint.across_orgs.exists()
        annas.post(address)
        assert not WebhookEndpoint.across_orgs.exists()
        assert "No endpoint yet" in text_of(annas, PAGE)


class TestTheLog:
    def test_it_says_what_became_of_each_message(self, annas: Client, erp: WebhookEndpoint) -> None:
        tried(message(erp, 1, DeliveryState.DELIVERED, tries=2), 2, ok=True, status=200)
        tried(message(erp, 2, tries=1), 1, status=503)
        message(erp, 3, DeliveryState.GIVEN_UP, tries=10, error="The receiver answered 500.")
        message(erp, 4, DeliveryState.DROPPED, error="The endpoint was switched off.")
        endpoints.test(erp, by=None, now=NOON)
        text = text_of(annas, PAGE)
        for words in (
            "Answered 200 212 ms 2 of 10", "Answered 503 again 24 Nov 2026, 12:00 212 ms 1 of 10",
            "Given up The receiver answered 500.", "10 of 10", "Not sent The endpoint was switched off.",
            "webhook.test On its way",
        ):  # fmt: skip
            assert words in text

    @pytest.mark.parametrize(
        ("query", "numbers"), [("", [4, 3, 2, 1]), ("failed", [3, 2]), ("waiting", [4, 2]), ("x", [4, 3, 2, 1])]
    )
    def test_it_is_filtered(
        self, annas: Client, erp: WebhookEndpoint, anna: User, query: str, numbers: list[int]
    ) -> None:
        made = {
            1: message(erp, 1, DeliveryState.DELIVERED, tries=1),
            2: message(erp, 2, tries=1),
            3: message(erp, 3, DeliveryState.GIVEN_UP, tries=10),
            4: message(erp, 4),
        }
        other, _secret = endpoints.create(erp.org, url=URL, name="BI", by=anna, now=NOON)
        test = endpoints.test(other, by=anna, now=NOON)
        html = annas.get(f"{PAGE}{erp.public_id}/?show={query}").content.decode()
        shown = list(dict.fromkeys(re.findall(r"/messages/(\w+)/", html)))
        assert shown == [made[number].public_id for number in numbers]
        everything = annas.get(f"{PAGE}?show={query}").content.decode()
        assert (test.public_id in everything) is (query != "failed")

    def test_its_pages_follow_one_another_under_the_same_filter(self, annas: Client, erp: WebhookEndpoint) -> None:
        for number in range(110):
            message(erp, number, DeliveryState.GIVEN_UP)
        seen, address = [], f"{PAGE}?show=failed"
        for _ in range(3):
            html = annas.get(address).content.decode()
            seen.append(list(dict.fromkeys(re.findall(r"/messages/(\w+)/", html))))
            (older,) = re.findall(r'rel="next" href="(\?[^"#]+)', html) or [""]
            address = PAGE + older.replace("&amp;", "&")
        assert [len(page) for page in seen] == [50, 50, 10]
        assert older == ""
        assert [one for page in seen for one in page] == list(
            Delivery.across_orgs.order_by("-pk").values_list("public_id", flat=True)
        )
        (newer,) = re.findall(r'rel="prev" href="(\?[^"#]+)', html)
        back = annas.get(PAGE + newer.replace("&amp;", "&")).content.decode()
        assert list(dict.fromkeys(re.findall(r"/messages/(\w+)/", back))) == seen[1]
        assert "show=failed" in newer

    def test_it_takes_as_many_queries_however_long_it_is(
        self, annas: Client, erp: WebhookEndpoint, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for number in range(60):
            tried(message(erp, number, DeliveryState.DELIVERED, tries=1), 1, ok=True, status=204)
        # session, person, memberships; endpoints, messages, their last tries
        with django_assert_num_queries(6):
            annas.get(PAGE)
        with django_assert_num_queries(6):
            annas.get(f"{PAGE}{erp.public_id}/")

    def test_an_auditor_reads_it_and_finds_nothing_to_press(
        self, client: Client, erp: WebhookEndpoint, ben: User
    ) -> None:
        failed = message(erp, 1, DeliveryState.GIVEN_UP)
        client.force_login(ben)
        for address in (PAGE, f"{PAGE}{erp.public_id}/", f"{PAGE}messages/{failed.public_id}/"):
            html = client.get(address).content.decode()
            main = html[html.index("<main") :]
            assert "ERP" in main
            assert "<form" not in main
            assert not re.search(r'href="[^"]*/(edit|rotate|remove|new)/"', main)


class TestAMessage:
    def test_each_try_shows_what_was_sent_and_what_came_back(self, annas: Client, erp: WebhookEndpoint) -> None:
        sent = message(erp, 8123, DeliveryState.DELIVERED, tries=2)
        request = 'webhook-id: m1\nwebhook-signature: v1,abc=\n\n{"type": "certificate.renewed"}'
        tried(sent, 1, status=503, said="<b>busy</b>", request=request)
        tried(sent, 2, ok=True, status=200, took_ms=1_900)
        html = annas.get(f"{PAGE}messages/{sent.public_id}/").content.decode()
        text = _plain(html)
        assert text.index("Attempt 2 of 10") < text.index("Attempt 1 of 10")
        assert "1,900 ms" in text
        assert "webhook-signature: v1,abc=" in text
        assert "&lt;b&gt;busy&lt;/b&gt;" in html
        assert f"webhook-id msg_{sent.public_id}" in text
        assert "Number of the change 8,123" in text
        assert "every 2s" not in html

    def test_it_is_sent_again_under_its_own_id(self, annas: Client, erp: WebhookEndpoint) -> None:
        failed = message(erp, 1, DeliveryState.GIVEN_UP, tries=10)
        html = annas.post(f"{PAGE}messages/{failed.public_id}/again/", follow=True).content.decode()
        again = Delivery.across_orgs.exclude(pk=failed.pk).get()
        assert (again.state, again.change) == (DeliveryState.WAITING, failed.change)
        assert f"webhook-id msg_{failed.public_id}" in _plain(html)
        assert f"/messages/{failed.public_id}/" in html  # what it sends again
        assert 'hx-trigger="every 2s"' in html  # until it is tried

    def test_to_an_endpoint_that_is_off_nothing_is_sent(self, annas: Client, erp: WebhookEndpoint) -> None:
        failed = message(erp, 1, DeliveryState.GIVEN_UP)
        WebhookEndpoint.across_orgs.update(state=EndpointState.OFF)
        html = annas.get(f"{PAGE}messages/{failed.public_id}/").content.decode()
        assert "Send again" not in html
        refused = annas.post(f"{PAGE}messages/{failed.public_id}/again/", follow=True).content.decode()
        assert "This endpoint is not on." in refused
        assert Delivery.across_orgs.count() == 1

    def test_a_message_over_mail_is_none_of_this_log(self, annas: Client, nordmuehle: Organisation) -> None:
        mail = nordmuehle.deliveries.create(purpose="digest", told_for="x", host="mail", made_at=NOON)
        assert annas.get(f"{PAGE}messages/{mail.public_id}/").status_code == 404
