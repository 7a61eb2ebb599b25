"""Org Admin: API keys."""

import re
from datetime import date, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from certwatch.actions import keys
from certwatch.models import ApiKey, AuditEntry, Organisation, User
from certwatch.rules import keys as rules
from certwatch.web.keys import SCOPE_WORDS
from tests.actions.test_keys import everything_stored
from tests.conftest import NOON
from tests.logins import log_in

KEYS = "/o/nordmuehle/admin/keys/"
NEW = f"{KEYS}new/"
READ = {"name": "SAP", "scopes": ["certificates:read"]}


@pytest.fixture
def annas(client: Client, anna: User) -> Client:
    log_in(client, anna)
    return client


@pytest.fixture
def key(nordmuehle: Organisation, anna: User) -> ApiKey:
    made, _ = keys.create(nordmuehle, name="ERP", networks=["192.0.2.0/24"], by=anna, now=timezone.now())
    return made


def text_of(client: Client, address: str = KEYS) -> str:
    return " ".join(client.get(address).content.decode().split())


def plaintext_in(html: str) -> str:
    (found,) = set(re.findall(r"cw_[0-9A-Za-z]{40}", html))
    return str(found)


class TestCreating:
    def test_the_key_is_shown_once_by_the_page_that_answers(self, annas: Client, nordmuehle: Organisation) -> None:
        response = annas.post(NEW, {**READ, "last_day": "2036-12-31", "networks": "192.0.2.0/24\n2001:db8::1"})
        plaintext = plaintext_in(response.content.decode())
        made = nordmuehle.api_keys.get()
        assert bytes(made.digest) == rules.digest(plaintext)
        assert (made.scopes, made.networks) == (["certificates:read"], ["192.0.2.0/24", "2001:db8::1/128"])
        assert (made.last_day, made.created_by) == (date(2036, 12, 31), User.objects.get(name="Anna"))
        assert response.status_code == 200
        assert response["Cache-Control"] == "no-store"
        assert 'data-copy="#thekey"' in response.content.decode()
        assert plaintext[8:] not in everything_stored()
        assert plaintext[8:] not in str(dict(annas.session))
        assert plaintext[8:] not in text_of(annas)
        assert AuditEntry.objects.get(action="key.created").source_address == "127.0.0.1"

    def test_the_form_proposes_reading_for_a_year(self, annas: Client, nordmuehle: Organisation) -> None:
        text = text_of(annas, NEW)
        in_a_year = nordmuehle.today(timezone.now()) + timedelta(days=365)
        assert f'value="{in_a_year.isoformat()}"' in text
        assert re.findall(r'value="([\w:]+)" checked', text) == ["certificates:read"]

    @pytest.mark.parametrize(
        ("wrong", "why"),
        [
            ({"name": " "}, "This field is required."),
            ({"name": "a\u0001b"}, "characters that cannot be seen"),
            ({"name": "x" * 101}, "at most 100 characters"),
            ({"scopes": []}, "Choose at least one"),
            ({"scopes": ["everything"]}, "not one of the available choices"),
            ({"last_day": "2020-01-01"}, "This day has passed."),
            ({"last_day": "9500-01-01"}, "too far away"),
            ({"networks": "somewhere"}, "“somewhere” is no network."),
            ({"networks": "192.0.2.7/24"}, "Write 192.0.2.0/24 for all of it"),
            ({"networks": " ".join(["192.0.2.1"] * 51)}, "50 networks at most."),
        ],
    )
    def test_what_is_wrong_is_told_beside_its_field(
        self, annas: Client, nordmuehle: Organisation, wrong: dict[str, object], why: str
    ) -> None:
        response = annas.post(NEW, {**READ, **wrong})
        assert why in response.content.decode()
        assert not nordmuehle.api_keys.exists()

    def test_what_was_filled_in_goes_on_after_the_log_in_anew(
        self, client: Client, nordmuehle: Organisation, anna: User
    ) -> None:
        anna.set_password("correct horse battery")
        anna.save()
        log_in(client, anna, minutes_ago=6)
        asked = client.post(NEW, READ)
        assert not nordmuehle.api_keys.exists()
        response = client.post(asked["Location"], {"password": "correct horse battery"})
        assert bytes(nordmuehle.api_keys.get().digest) == rules.digest(plaintext_in(response.content.decode()))
        assert response["Cache-Control"] == "no-store"

    def test_each_scope_has_words(self) -> None:
        assert tuple(SCOPE_WORDS) == rules.SCOPES


class TestTheList:
    def test_it_says_what_each_key_is_and_when_it_was_used(
        self, annas: Client, nordmuehle: Organisation, key: ApiKey
    ) -> None:
        ApiKey.across_orgs.update(last_used_at=NOON, last_used_from="192.0.2.24")
        soon = nordmuehle.today(timezone.now()) + timedelta(days=9)
        keys.create(nordmuehle, name="Soon", last_day=soon, by=None, now=timezone.now())
        gone, _ = keys.create(nordmuehle, name="Gone", by=None, now=NOON)
        keys.revoke(gone, by=None, now=NOON)
        keys.create(nordmuehle, name="Past", last_day=date(2026, 11, 24), by=None, now=NOON)
        ApiKey.across_orgs.filter(name="Past").update(ends_at=timezone.now() - timedelta(days=1))
        text = text_of(annas)
        assert "2 keys are good." in text
        assert f"cw_{key.begins}…" in text
        assert "from 192.0.2.0/24" in text
        assert "24 Nov 2026, 12:00" in text
        assert "from 192.0.2.24" in text
        assert "command line" in text
        assert text.count('<span class="cw-status st-expiring">') == 1
        assert "<s>Gone</s>" in text
        assert "Revoked 24 Nov 2026" in text
        assert "Ended 24 Nov 2026" in text
        assert "100 requests a minute" in text

    def test_it_takes_five_queries_however_many_there_are(
        self, annas: Client, nordmuehle: Organisation, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for place in range(10):
            made, _ = keys.create(nordmuehle, name=f"{place}", by=User.objects.get(name="Anna"), now=NOON)
            if place % 2:
                keys.revoke(made, by=None, now=NOON)
        with django_assert_num_queries(5):  # session, person, memberships; keys, revoked ones
            annas.get(KEYS)

    def test_an_auditor_sees_it_without_buttons(self, client: Client, ben: User, key: ApiKey) -> None:
        client.force_login(ben)
        text = text_of(client)
        assert "ERP" in text
        for button in ("Create API key", "Rotate", "Revoke"):
            assert button not in text

    def test_without_a_key_it_says_what_one_is_for(self, annas: Client) -> None:
        assert "No key yet" in text_of(annas)


class TestRotating:
    def test_the_successor_is_shown_once_and_both_are_good_for_a_while(
        self, annas: Client, nordmuehle: Organisation, key: ApiKey
    ) -> None:
        address = f"{KEYS}{key.public_id}/rotate/"
        assert "Rotate “ERP”" in text_of(annas, address)
        response = annas.post(address, {"overlap_days": "7", "last_day": ""})
        html = response.content.decode()
        successor = nordmuehle.api_keys.exclude(pk=key.pk).get()
        assert bytes(successor.digest) == rules.digest(plaintext_in(html))
        assert (successor.name, successor.networks, successor.last_day) == ("ERP", ["192.0.2.0/24"], None)
        assert response["Cache-Control"] == "no-store"
        key.refresh_from_db()
        assert key.last_day == nordmuehle.today(timezone.now()) + timedelta(days=7)
        assert f"The former key, cw_{key.begins}…, is good until the end of" in html

    def test_at_once_without_an_overlap(self, annas: Client, key: ApiKey) -> None:
        html = annas.post(f"{KEYS}{key.public_id}/rotate/", {"overlap_days": "0"}).content.decode()
        assert "is refused from now on" in html
        key.refresh_from_db()
        assert key.revoked_at is not None

    def test_longer_than_thirty_days_is_told(self, annas: Client, key: ApiKey) -> None:
        response = annas.post(f"{KEYS}{key.public_id}/rotate/", {"overlap_days": "31"})
        assert "less than or equal to 30" in response.content.decode()

    def test_an_ended_key_is_not_rotated(self, annas: Client, key: ApiKey) -> None:
        ApiKey.across_orgs.update(ends_at=NOON - timedelta(days=3650))
        response = annas.post(f"{KEYS}{key.public_id}/rotate/", {"overlap_days": "1"})
        assert "This key is no good any more." in response.content.decode()


class TestRevoking:
    def test_it_is_refused_at_once_and_for_good(self, annas: Client, key: ApiKey) -> None:
        address = f"{KEYS}{key.public_id}/revoke/"
        assert "cannot be brought back" in text_of(annas, address)
        key.refresh_from_db()
        assert key.revoked_at is None
        assert annas.post(address)["Location"] == KEYS
        key.refresh_from_db()
        assert key.revoked_at is not None
        assert "“ERP” is revoked" in text_of(annas)
        assert annas.post(address).status_code == 404

    def test_no_time_is_lost_with_a_log_in_anew(self, client: Client, anna: User, key: ApiKey) -> None:
        anna.set_password("correct horse battery")
        anna.save()
        log_in(client, anna, minutes_ago=60)
        for asked in (NEW, f"{KEYS}{key.public_id}/rotate/"):
            assert client.post(asked)["Location"].startswith("/accounts/reauthenticate/")
        assert client.post(f"{KEYS}{key.public_id}/revoke/")["Location"] == KEYS


def test_another_organisations_key_does_not_exist(annas: Client, suedoel: Organisation) -> None:
    foreign, _ = keys.create(suedoel, name="SAP", by=None, now=NOON)
    for what in ("rotate", "revoke"):
        assert annas.post(f"{KEYS}{foreign.public_id}/{what}/").status_code == 404
    foreign.refresh_from_db()
    assert foreign.revoked_at is None
