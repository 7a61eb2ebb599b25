"""The back office: its door, what it shows, and what it changes."""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import time_machine
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import DjangoAssertNumQueries

from certwatch.actions import keys, orgs, syncs
from certwatch.jobs import releases
from certwatch.models import (
    AuditEntry,
    Certificate,
    ContactMessage,
    Duty,
    Export,
    Import,
    ImportState,
    Organisation,
    RunState,
    Sync,
    User,
)
from certwatch.rules.status import Status
from certwatch.sources import SOURCES
from certwatch.web import office
from tests.actions.registers import Clock, Register, row, watch
from tests.conftest import NOON, member

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
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def with_second_factor(user: User, kind: str = Authenticator.Type.TOTP) -> User:
    Authenticator.objects.create(user=user, type=kind, data={})
    return user


def let_in(client: Client, user: User) -> Client:
    """Logged in with both factors."""
    client.force_login(user)
    session = client.session
    request = HttpRequest()
    request.session = session
    record_authentication(request, user, "mfa", type="totp")
    session["seen"] = NOON.timestamp()
    session.save()
    return client


@pytest.fixture(autouse=True)
def noon() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture
def kim() -> User:
    """An operator with a second factor."""
    return with_second_factor(User.objects.create_user("kim@certwatch.example", name="Kim", is_staff=True))


@pytest.fixture
def office_of_kim(client: Client, kim: User) -> Client:
    return let_in(client, kim)


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


def held_run(org: Organisation) -> Sync:
    """A run that would suspend twelve of twenty watched certificates."""
    register, clock = Register(), Clock(NOON - DAY)
    for place in range(20):
        watch(org, place, NOON - DAY)
    register.rows = [row(place) for place in range(20)]
    assert syncs.run(register.source, clock=clock).state == RunState.GOOD
    clock.now = NOON - MINUTE
    register.rows = [row(place, Status.SUSPENDED if place < 12 else Status.VALID) for place in range(20)]
    held = syncs.run(register.source, clock=clock)
    assert held.state == RunState.HELD
    return held


def text(response: HttpResponse) -> str:
    assert response.status_code == 200
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


# The door


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


# What it shows


def fill(org: Organisation, count: int) -> None:
    """So many of everything that a list shows."""
    for place in range(count):
        other = Organisation.objects.create(name=f"Org {place}", slug=f"org-{place}", created_at=NOON)
        someone = member(other, f"Person{place}", "admin")  # type: ignore[arg-type]
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
    shown = text(office_of_kim.get("/operator/certwatch/organisation/"))  # type: ignore[arg-type]
    assert "Only the first 10 are listed here" in shown
    shown = text(office_of_kim.get("/operator/certwatch/organisation/?q=org-7"))  # type: ignore[arg-type]
    assert "Only the first" not in shown
    assert "org-7" in shown
    assert "org-6" not in shown


def test_an_organisation_is_found_by_its_members_address(office_of_kim: Client, anna: User, clara: User) -> None:
    shown = text(office_of_kim.get(f"/operator/certwatch/organisation/?q={clara.email}"))  # type: ignore[arg-type]
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
    assert "12:00" in text(office_of_kim.get("/operator/jobs/"))  # type: ignore[arg-type]


def test_the_page_of_jobs_says_what_works_what_waits_and_what_is_late(
    office_of_kim: Client, nordmuehle: Organisation
) -> None:
    assert "No worker has run yet" in text(office_of_kim.get("/operator/jobs/"))  # type: ignore[arg-type]
    fill(nordmuehle, 1)
    Duty.objects.create(name="worker", last=NOON, waiting=7)
    Duty.objects.create(name="tired", last=NOON - DAY, next=NOON - 10 * MINUTE)
    Duty.objects.create(name="broken", next=NOON, error="ValueError: no such thing")
    shown = text(office_of_kim.get("/operator/jobs/"))  # type: ignore[arg-type]
    assert "Tasks in the queue 7" in shown
    assert re.search(r"tired [^–]*? Late", shown)
    assert "Failed : ValueError: no such thing" in shown
    assert "0 of 10" in shown
    assert "No worker is running" not in shown
    Duty.objects.filter(name="worker").update(last=NOON - MINUTE)
    assert "No worker is running" in text(office_of_kim.get("/operator/jobs/"))  # type: ignore[arg-type]


def test_the_first_page_says_what_needs_attention(office_of_kim: Client, nordmuehle: Organisation) -> None:
    held_run(nordmuehle)
    ContactMessage.objects.create(name="Kim", email="k@example.org", text="Hi", language="en", created_at=NOON)
    Duty.objects.create(name="tired", last=NOON - DAY, next=NOON - 10 * MINUTE)
    shown = text(office_of_kim.get("/operator/"))  # type: ignore[arg-type]
    assert "4 things need attention" in shown
    assert "iscc: a run is held and waits for your decision." in shown
    assert "No worker is running" in shown
    assert "The duty tired is late." in shown
    assert "1 message waits for an answer." in shown


def test_the_first_page_says_when_all_is_well(office_of_kim: Client) -> None:
    Duty.objects.create(name="worker", last=NOON)
    assert "All is well" in text(office_of_kim.get("/operator/"))  # type: ignore[arg-type]


# What it changes


def change(client: Client, org: Organisation, **fields: Any) -> HttpResponse:
    data = {"rate_limit": org.rate_limit, "last_day": "", **fields}
    return client.post(f"/operator/certwatch/organisation/{org.pk}/change/", data)  # type: ignore[return-value]


def test_the_rate_limit_is_changed_with_a_note(office_of_kim: Client, kim: User, nordmuehle: Organisation) -> None:
    assert change(office_of_kim, nordmuehle, rate_limit=5_000).status_code == 302
    nordmuehle.refresh_from_db()
    assert nordmuehle.rate_limit == 5_000
    note = nordmuehle.audit_entries.get()
    assert (note.action, note.by, note.source_address) == ("organisation.rate_limit", kim, "127.0.0.1")
    assert note.details == {"was": 100, "becomes": 5_000}


def test_a_trial_goes_on_through_its_new_last_day(office_of_kim: Client, nordmuehle: Organisation) -> None:
    Organisation.objects.filter(pk=nordmuehle.pk).update(trial_ends=NOON + DAY)
    page = office_of_kim.get(f"/operator/certwatch/organisation/{nordmuehle.pk}/change/").content.decode()
    assert 'type="date" name="last_day" value="2026-11-25"' in page
    change(office_of_kim, nordmuehle, last_day="2026-12-31")
    nordmuehle.refresh_from_db()
    assert nordmuehle.trial_ends == datetime.fromisoformat("2026-12-31T23:00:00Z")  # midnight in Berlin
    assert nordmuehle.audit_entries.get().action == "organisation.trial"


def test_a_trial_that_was_not_touched_ends_at_the_same_second(office_of_kim: Client, nordmuehle: Organisation) -> None:
    ends = NOON + DAY
    Organisation.objects.filter(pk=nordmuehle.pk).update(trial_ends=ends)
    change(office_of_kim, nordmuehle, last_day="2026-11-25", rate_limit=7)
    nordmuehle.refresh_from_db()
    assert (nordmuehle.trial_ends, nordmuehle.rate_limit) == (ends, 7)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"rate_limit": 0}, "greater than or equal to 1"),
        ({"rate_limit": 10_000_001}, "less than or equal to 10000000"),
        ({"last_day": "9999-12-31"}, "ten years at most"),
        ({"last_day": "soon"}, "Enter a valid date."),
    ],
)
def test_what_cannot_be_is_refused(
    office_of_kim: Client, nordmuehle: Organisation, fields: dict[str, Any], error: str
) -> None:
    assert error in text(change(office_of_kim, nordmuehle, **fields))
    assert not AuditEntry.objects.exists()


def test_a_trial_is_not_ended_by_emptying_its_field(office_of_kim: Client, nordmuehle: Organisation) -> None:
    Organisation.objects.filter(pk=nordmuehle.pk).update(trial_ends=NOON + DAY)
    assert "use the button that opens for good" in text(change(office_of_kim, nordmuehle, last_day=""))


def deed(client: Client, row: Any, name: str) -> HttpResponse:
    return client.post(f"/operator/certwatch/{row._meta.model_name}/{row.pk}/{name}/")  # type: ignore[return-value]


def test_an_organisation_is_closed_and_opened_after_a_question(
    office_of_kim: Client, kim: User, nordmuehle: Organisation
) -> None:
    address = f"/operator/certwatch/organisation/{nordmuehle.pk}"
    assert f'href="{address}/close/"' in office_of_kim.get(f"{address}/change/").content.decode()
    assert "The API answers 403" in text(office_of_kim.get(f"{address}/close/"))  # type: ignore[arg-type]
    nordmuehle.refresh_from_db()
    assert nordmuehle.closed_at is None  # a GET changes nothing
    deed(office_of_kim, nordmuehle, "close")
    nordmuehle.refresh_from_db()
    assert nordmuehle.closed_at == NOON
    deed(office_of_kim, nordmuehle, "open")
    nordmuehle.refresh_from_db()
    assert nordmuehle.state(NOON) == "open"
    notes = nordmuehle.audit_entries.order_by("id").values_list("action", "by", "source_address")
    assert list(notes) == [
        ("organisation.closed", kim.pk, "127.0.0.1"),
        ("organisation.opened", kim.pk, "127.0.0.1"),
    ]


def test_a_deed_that_came_too_late_is_told(office_of_kim: Client, nordmuehle: Organisation) -> None:
    deed(office_of_kim, nordmuehle, "close")
    answer = deed(office_of_kim, nordmuehle, "close")
    assert "This is not possible any more." in text(office_of_kim.get(answer["Location"]))  # type: ignore[arg-type]
    assert nordmuehle.audit_entries.count() == 1


def test_an_unknown_deed_or_row_is_nothing(office_of_kim: Client, nordmuehle: Organisation) -> None:
    assert deed(office_of_kim, nordmuehle, "burn").status_code == 404
    assert deed(office_of_kim, Organisation(pk=0), "close").status_code == 404


def test_a_deed_needs_its_token(kim: User, nordmuehle: Organisation) -> None:
    client = let_in(Client(enforce_csrf_checks=True), kim)
    assert deed(client, nordmuehle, "close").status_code == 403


def test_a_person_whose_account_is_closed_is_signed_out_and_back_when_it_is_opened(
    office_of_kim: Client, anna: User
) -> None:
    hers = Client()
    hers.force_login(anna)
    deed(office_of_kim, anna, "deactivate")
    assert hers.get("/o/")["Location"].startswith("/accounts/login/")
    deed(office_of_kim, anna, "reactivate")
    anna.refresh_from_db()
    assert anna.is_active
    notes: Any = AuditEntry.objects.order_by("id").values_list("action", "about", "org")
    assert list(notes) == [("user.deactivated", anna.email, None), ("user.reactivated", anna.email, None)]


def test_operators_are_made_and_removed_on_the_command_line_only(office_of_kim: Client, kim: User, anna: User) -> None:
    page = office_of_kim.get(f"/operator/certwatch/user/{anna.pk}/change/").content.decode()
    assert "is_staff" not in page
    assert 'name="_save"' not in page
    office_of_kim.post(f"/operator/certwatch/user/{anna.pk}/change/", {"is_staff": "on"})
    anna.refresh_from_db()
    assert not anna.is_staff
    deed(office_of_kim, kim, "deactivate")  # nor can one lock out oneself
    kim.refresh_from_db()
    assert kim.is_active


def test_a_held_run_shows_why_what_and_its_evidence(office_of_kim: Client, nordmuehle: Organisation) -> None:
    held = held_run(nordmuehle)
    Sync.objects.filter(pk=held.pk).update(
        asked=[
            {"method": "POST", "url": "https://register.example/list", "status": 200, "bytes": 17, "sha256": "ab12"}
        ],
        totals={"valid": 20},
        problems=["A date that is none: soon"],
    )
    shown = text(office_of_kim.get(f"/operator/certwatch/sync/{held.pk}/change/"))  # type: ignore[arg-type]
    for words in (
        *held.reasons,
        "EU-ISCC-Cert-XX999-00000003 Muster 3 GmbH valid suspended",
        "POST https://register.example/list 200 17 ab12",
        "valid 20",
        "A date that is none: soon",
    ):
        assert words in shown


def test_a_held_run_is_released_by_the_worker_after_it_was_asked_for(
    office_of_kim: Client, kim: User, nordmuehle: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = held_run(nordmuehle)
    monkeypatch.setitem(SOURCES, "iscc", Register().source)
    deed(office_of_kim, held, "release")
    held.refresh_from_db()
    assert (held.state, held.release_asked_by) == (RunState.HELD, kim)
    assert "Being released" in text(office_of_kim.get(f"/operator/certwatch/sync/{held.pk}/change/"))  # type: ignore[arg-type]
    assert "Release of a held run" in text(office_of_kim.get("/operator/jobs/"))  # type: ignore[arg-type]
    assert not Certificate.across_orgs.filter(word="suspended").exists()
    releases.release(NOON)
    held.refresh_from_db()
    assert held.state == RunState.RELEASED
    assert Certificate.across_orgs.filter(word="suspended").count() == 12
    notes: Any = AuditEntry.objects.order_by("id").values_list("action", "by", "source_address")
    assert list(notes) == [("run.release_asked", kim.pk, "127.0.0.1"), ("run.released", kim.pk, None)]


def test_a_release_that_nobody_asked_for_does_not_happen(nordmuehle: Organisation) -> None:
    held = held_run(nordmuehle)
    releases.release(NOON)
    held.refresh_from_db()
    assert held.state == RunState.HELD


def test_a_release_that_fails_waits_until_it_is_asked_for_again(
    office_of_kim: Client, nordmuehle: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = held_run(nordmuehle)
    deed(office_of_kim, held, "release")

    def broken(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setattr(syncs, "release", broken)
    with pytest.raises(RuntimeError):
        releases.release(NOON)
    held.refresh_from_db()
    assert (held.state, held.release_asked_at) == (RunState.HELD, None)


def test_while_its_source_is_being_read_a_release_waits(
    office_of_kim: Client, nordmuehle: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = held_run(nordmuehle)
    deed(office_of_kim, held, "release")

    def busy(*_args: Any, **_kwargs: Any) -> None:
        raise syncs.AlreadyRunning("iscc: already running since 03:12.")

    with monkeypatch.context() as patch:
        patch.setattr(syncs, "release", busy)
        releases.release(NOON)
    releases.release(NOON)
    held.refresh_from_db()
    assert held.state == RunState.RELEASED


def test_a_held_run_is_discarded(office_of_kim: Client, kim: User, nordmuehle: Organisation) -> None:
    held = held_run(nordmuehle)
    deed(office_of_kim, held, "discard")
    held.refresh_from_db()
    assert held.state == RunState.DISCARDED
    note = AuditEntry.objects.get()
    assert (note.action, note.by, note.source_address) == ("run.discarded", kim, "127.0.0.1")


def test_a_message_is_ticked_off_and_removed(office_of_kim: Client) -> None:
    message = ContactMessage.objects.create(
        name="Lee", email="lee@example.org", text="<b>Hello</b>", language="en", created_at=NOON
    )
    page = office_of_kim.get(f"/operator/certwatch/contactmessage/{message.pk}/change/").content.decode()
    assert "&lt;b&gt;Hello&lt;/b&gt;" in page
    deed(office_of_kim, message, "answered")
    message.refresh_from_db()
    assert message.answered_at == NOON
    assert "Lee" not in text(office_of_kim.get("/operator/certwatch/contactmessage/?answered=no"))  # type: ignore[arg-type]
    deed(office_of_kim, message, "open")
    answer = deed(office_of_kim, message, "remove")
    assert not ContactMessage.objects.exists()
    assert "The message is removed." in text(office_of_kim.get(answer["Location"]))  # type: ignore[arg-type]


def test_the_audit_log_has_the_operators_deeds_and_not_the_customers(
    office_of_kim: Client, nordmuehle: Organisation, anna: User
) -> None:
    keys.create(nordmuehle, name="Secret project", by=anna, now=NOON)
    deed(office_of_kim, nordmuehle, "close")
    nordmuehle.refresh_from_db()
    orgs.reopen(nordmuehle, by=None, now=NOON)  # on the command line
    shown = text(office_of_kim.get("/operator/certwatch/auditentry/"))  # type: ignore[arg-type]
    assert "organisation.closed" in shown
    assert "organisation.opened" in shown
    assert "Secret project" not in shown
    hidden = nordmuehle.audit_entries.get(action="key.created")
    assert office_of_kim.get(f"/operator/certwatch/auditentry/{hidden.pk}/change/").status_code == 302


def test_nobody_edits_the_audit_log(office_of_kim: Client, nordmuehle: Organisation) -> None:
    deed(office_of_kim, nordmuehle, "close")
    note = AuditEntry.objects.get()
    page = f"/operator/certwatch/auditentry/{note.pk}/change/"
    assert 'name="_save"' not in office_of_kim.get(page).content.decode()
    assert office_of_kim.post(page, {"action": "nothing"}).status_code == 403


def test_templates_of_the_back_office_are_all_used() -> None:
    folder = Path(office.__file__).parents[1] / "templates" / "operator"
    named = "".join(path.read_text() for path in Path(office.__file__).parent.glob("o*.py"))
    parts = "".join(path.read_text() for path in folder.glob("*.html"))
    for path in folder.glob("*.html"):
        assert f"operator/{path.name}" in named + parts or f'"{path.stem}"' in named


def test_days_of_a_trial_are_the_organisations(nordmuehle: Organisation, kim: User) -> None:
    from certwatch.actions import operator

    nordmuehle.time_zone = "Pacific/Auckland"
    nordmuehle.save()
    operator.set_trial(nordmuehle, date(2026, 12, 31), by=kim, now=NOON, address=None)
    assert nordmuehle.trial_ends == datetime.fromisoformat("2026-12-31T11:00:00Z")
