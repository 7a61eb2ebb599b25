"""The back office: its door, and what it shows."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from django.http import HttpRequest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import DjangoAssertNumQueries

from certwatch.actions import keys, orgs
from certwatch.models import (
    ContactMessage,
    Duty,
    Export,
    Import,
    ImportState,
    Organisation,
    Role,
    Sync,
    User,
)
from certwatch.web import office
from tests.conftest import NOON, member
from tests.web.back_office import DAY, MINUTE, held_run, let_in, text, with_second_factor

pytestmark = pytest.mark.django_db

PAGES = {  # address below /operator/ → queries, three of them for the door: session, person, second factors
    "": 9,
    "jobs/": 8,
    "sources/": 7,
    "certwatch/organisation/": 5,
    "certwatch/user/": 5,
    "certwatch/sync/": 5,
    "certwatch/contactmessage/": 5,
    "certwatch/auditentry/": 5,
}


@pytest.fixture(autouse=True)
def noon() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


def addresses() -> list[str]:
    """All addresses of the back office, with something in place of what varies."""
    site = next(entry for entry in get_resolver().url_patterns if getattr(entry, "namespace", "") == "operator")
    assert isinstance(site, URLResolver)
    return [re.sub(r"\(\?P<\w+>.*|<[^>]+>", "1", f"/{place}").rstrip("$") for place in _places(site, "operator/")]


def _places(resolver: URLResolver, before: str) -> Iterator[str]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLPattern):
            yield before + str(entry.pattern)
        else:
            yield from _places(entry, before + str(entry.pattern))


def test_every_address_is_nothing_to_everybody_but_staff(
    client: Client, clara: User, ben: User, mia: User, anna: User, otto: User
) -> None:
    assert len(addresses()) > 15
    for visitor in (None, clara, ben, mia, anna, otto):
        client.logout()
        if visitor:
            client.force_login(with_second_factor(visitor))
        for address in addresses():
            for answer in (client.get(address), client.post(address)):
                assert answer.status_code == 404, (visitor, address)


def test_staff_without_a_second_factor_is_led_to_set_one_up(client: Client, kim: User) -> None:
    Authenticator.objects.filter(user=kim).delete()
    Authenticator.objects.create(
        user=kim, type=Authenticator.Type.RECOVERY_CODES, data={"migrated_codes": []}
    )  # alone they are none
    client.force_login(kim)
    for address in addresses():
        for answer in (client.get(address), client.post(address)):
            assert (answer.status_code, answer["Location"]) == (302, "/accounts/2fa/"), address
    assert "Set one up" in client.get("/accounts/2fa/").content.decode()


@pytest.mark.parametrize(
    ("kind", "page"),
    [
        (Authenticator.Type.TOTP, "/accounts/2fa/reauthenticate/"),
        (Authenticator.Type.WEBAUTHN, "/accounts/2fa/webauthn/reauthenticate/"),
    ],
)
def test_a_session_that_has_not_shown_the_second_factor_shows_it_first(
    client: Client, kim: User, kind: str, page: str
) -> None:
    Authenticator.objects.filter(user=kim).update(type=kind)
    client.force_login(kim)  # with the password alone, before the factor was set up
    assert client.get("/operator/jobs/?a=b")["Location"] == f"{page}?next=%2Foperator%2Fjobs%2F%3Fa%3Db"


def test_who_has_just_set_up_a_second_factor_need_not_show_it_again(client: Client, kim: User) -> None:
    client.force_login(kim)
    request = HttpRequest()
    request.session = client.session
    for kind, code in ((Authenticator.Type.RECOVERY_CODES, 302), (Authenticator.Type.WEBAUTHN, 200)):
        new = Authenticator.objects.create(user=kim, type=kind, data={})
        authenticator_added.send(Authenticator, request=request, user=kim, authenticator=new)
        request.session.save()
        assert client.get("/operator/").status_code == code


def test_a_closed_account_of_staff_is_nobody(client: Client, kim: User) -> None:
    let_in(client, kim)
    User.objects.filter(pk=kim.pk).update(is_active=False)
    assert client.get("/operator/").status_code == 404


def test_staff_with_a_second_factor_comes_in_everywhere(office_of_kim: Client) -> None:
    for page in PAGES:
        assert office_of_kim.get(f"/operator/{page}").status_code == 200, page


def test_djangos_own_doors_are_bricked_up(office_of_kim: Client) -> None:
    for gone in ("login/", "logout/", "password_change/", "autocomplete/", "r/1/1/", "certwatch/organisation/add/"):
        assert office_of_kim.get(f"/operator/{gone}").status_code == 404, gone


def fill(org: Organisation, count: int) -> None:
    """So many of everything that a list shows."""
    for place in range(count):
        other = Organisation.objects.create(name=f"Org {place}", slug=f"org-{place}", created_at=NOON)
        someone = member(other, f"Person{place}", Role.ADMIN)
        keys.create(other, name="SAP", by=None, now=NOON)
        Sync.objects.create(source="iscc", address="https://register.example", own_address=True, began=NOON)
        ContactMessage.objects.create(name="Kim", email=someone.email, text="Hello", language="en", created_at=NOON)
        orgs.close(other, by=None, now=NOON)
        Duty.objects.create(name=f"duty{place}", last=NOON, next=NOON)
        facts = {"org": other, "path": "x", "sha256": "x", "size": 1, "state": ImportState.TAKING, "created_at": NOON}
        Import.across_orgs.create(name="list.csv", total=10, done=place, **facts)
        Export.across_orgs.create(org=other, asked_at=NOON)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("count", [1, 12])
def test_a_page_takes_as_many_queries_with_one_row_as_with_many(
    office_of_kim: Client,
    nordmuehle: Organisation,
    django_assert_num_queries: DjangoAssertNumQueries,
    page: str,
    count: int,
) -> None:
    fill(nordmuehle, count)
    with django_assert_num_queries(PAGES[page]):
        assert office_of_kim.get(f"/operator/{page}").status_code == 200


@pytest.mark.parametrize("language", ["en", "de"])
def test_no_page_needs_what_the_policy_forbids_or_another_server(
    office_of_kim: Client, nordmuehle: Organisation, kim: User, language: str
) -> None:
    fill(nordmuehle, 2)
    kim.language = language
    kim.save()
    held = held_run(nordmuehle)
    details = [f"certwatch/sync/{held.pk}/change/", f"certwatch/organisation/{nordmuehle.pk}/change/"]
    deeds = [f"certwatch/sync/{held.pk}/release/", f"certwatch/user/{User.objects.get(name='Person0').pk}/deactivate/"]
    for page in [*PAGES, *details, *deeds]:
        response = office_of_kim.get(f"/operator/{page}")
        shown = response.content.decode()
        assert f'lang="{language}"' in shown
        assert " style=" not in shown, page
        assert "<style" not in shown, page
        assert not re.search(r"<script(?![^>]*\ssrc=)", shown), page
        assert not re.search(r"<[^>]+\son\w+=", shown), page
        assert not re.search(r'(?:src|action)="(?:https?:)?//', shown), page
        assert "script-src" not in response["Content-Security-Policy"]
        assert len(re.findall(r"<h1[ >]", shown)) == 1, page
        assert "no-store" in response["Cache-Control"]


def test_no_hash_digest_or_secret_is_shown(office_of_kim: Client, nordmuehle: Organisation, anna: User) -> None:
    anna.set_password("correct horse battery staple")
    anna.save()
    Authenticator.objects.filter(user=with_second_factor(anna)).update(data={"secret": "JBSWY3DPEHPK3PXP"})
    key, plaintext = keys.create(nordmuehle, name="SAP", by=anna, now=NOON)
    pages = [*PAGES, f"certwatch/organisation/{nordmuehle.pk}/change/", f"certwatch/user/{anna.pk}/change/"]
    everything = "".join(office_of_kim.get(f"/operator/{page}").content.decode() for page in pages)
    assert key.begins in everything  # for recognition
    for secret in (plaintext, key.digest.hex(), anna.password, "argon2", "JBSWY3DPEHPK3PXP"):
        assert secret not in everything


def test_a_list_counts_no_further_than_anybody_pages(
    office_of_kim: Client, monkeypatch: pytest.MonkeyPatch, nordmuehle: Organisation
) -> None:
    monkeypatch.setattr(office, "MOST_ROWS", 10)
    fill(nordmuehle, 12)
    shown = text(office_of_kim.get("/operator/certwatch/organisation/"))
    assert "Only the first 10 are listed here" in shown
    shown = text(office_of_kim.get("/operator/certwatch/organisation/?q=org-7"))
    assert "Only the first" not in shown
    assert "org-7" in shown
    assert "org-6" not in shown


def test_an_organisation_is_found_by_its_members_address(office_of_kim: Client, anna: User, clara: User) -> None:
    shown = text(office_of_kim.get(f"/operator/certwatch/organisation/?q={clara.email}"))
    assert "Südöl" in shown
    assert "Nordmühle" not in shown


@pytest.mark.parametrize(
    ("state", "expected"), [("trial", "A"), ("trial_over", "B"), ("open", "C"), ("closed", "D"), ("", "ABCD")]
)
def test_organisations_are_filtered_by_state(office_of_kim: Client, state: str, expected: str) -> None:
    facts: dict[str, dict[str, Any]] = {
        "A": {"trial_ends": NOON + DAY},
        "B": {"trial_ends": NOON},
        "C": {},
        "D": {"closed_at": NOON, "trial_ends": NOON + DAY},
    }
    for name, more in facts.items():
        Organisation.objects.create(name=f"Firm {name}", slug=name.lower(), created_at=NOON, **more)
    page = office_of_kim.get("/operator/certwatch/organisation/", {"state": state} if state else {}).content.decode()
    assert "".join(re.findall(r">Firm (\w)<", page)) == expected


def test_times_are_shown_in_the_operators_zone(office_of_kim: Client, kim: User) -> None:
    kim.time_zone = "Europe/Berlin"
    kim.save()
    Duty.objects.create(name="worker", last=NOON)
    assert "12:00" in text(office_of_kim.get("/operator/jobs/"))


def test_the_page_of_jobs_says_what_works_what_waits_and_what_is_late(
    office_of_kim: Client, nordmuehle: Organisation
) -> None:
    assert "No worker has run yet" in text(office_of_kim.get("/operator/jobs/"))
    fill(nordmuehle, 1)
    Duty.objects.create(name="worker", last=NOON, waiting=7)
    Duty.objects.create(name="tired", last=NOON - DAY, next=NOON - 10 * MINUTE)
    Duty.objects.create(name="broken", next=NOON, error="ValueError: no such thing")
    shown = text(office_of_kim.get("/operator/jobs/"))
    assert "Tasks in the queue 7" in shown
    assert re.search(r"tired [^–]*? Late", shown)
    assert "Failed : ValueError: no such thing" in shown
    assert "0 of 10" in shown
    assert "No worker is running" not in shown
    Duty.objects.filter(name="worker").update(last=NOON - MINUTE)
    assert "No worker is running" in text(office_of_kim.get("/operator/jobs/"))


def test_the_first_page_says_what_needs_attention(office_of_kim: Client, nordmuehle: Organisation) -> None:
    held_run(nordmuehle)
    ContactMessage.objects.create(name="Kim", email="k@example.org", text="Hi", language="en", created_at=NOON)
    Duty.objects.create(name="tired", last=NOON - DAY, next=NOON - 10 * MINUTE)
    shown = text(office_of_kim.get("/operator/"))
    assert "4 things need attention" in shown
    assert "iscc: a run is held and waits for your decision." in shown
    assert "No worker is running" in shown
    assert "The duty tired is late." in shown
    assert "1 message waits for an answer." in shown


def test_the_first_page_says_when_all_is_well(office_of_kim: Client) -> None:
    Duty.objects.create(name="worker", last=NOON)
    assert "All is well" in text(office_of_kim.get("/operator/"))
