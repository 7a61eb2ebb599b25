"""Sign-up, log-in, addresses, passwords: what a person goes through, and what an attacker does not learn."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.conf import LazySettings
from django.core import mail
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from certwatch.models import AuditEntry, Membership, Organisation, User
from tests.logins import log_in

pytestmark = pytest.mark.django_db

PASSWORD = "ein ganzer Satz als Kennwort"
FORM = {
    "name": "Nora Neu",
    "organisation": "Mühle & Söhne",
    "email": "Nora@Muehle.example",
    "password1": PASSWORD,
    "terms": "on",
}


def sign_up(client: Client, **changes: str) -> Any:
    return client.post("/accounts/signup/", {**FORM, **changes})


def link(body: str) -> str:
    """The path of the first link of a mail."""
    found = re.search(r"http://127\.0\.0\.1:8000(/\S+)", body)
    assert found
    return found[1]


def body(place: int = -1) -> str:
    return str(mail.outbox[place].body)


@pytest.fixture(autouse=True)
def _quick(settings: LazySettings) -> None:
    """Hashing takes long on purpose."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def nora() -> User:
    user = User.objects.create_user("nora@muehle.example", PASSWORD, name="Nora")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def test_who_signs_up_owns_an_organisation_on_trial(client: Client) -> None:
    with time_machine.travel(datetime(2026, 11, 24, 11, tzinfo=UTC), tick=False):
        response = sign_up(client)
    assert (response.status_code, response["Location"]) == (302, "/accounts/confirm-email/")
    org = Organisation.objects.get()
    assert (org.name, org.slug, org.language) == ("Mühle & Söhne", "muehle-soehne", "en")
    assert org.trial_ends == datetime(2026, 12, 8, 11, tzinfo=UTC)
    member = org.memberships.get()
    assert (member.user.email, member.user.name, member.role) == ("nora@muehle.example", "Nora Neu", "owner")
    assert set(AuditEntry.objects.filter(org=org).values_list("action", "by__email", "source_address")) == {
        ("organisation.created", "nora@muehle.example", "127.0.0.1"),
        ("member.added", "nora@muehle.example", "127.0.0.1"),
    }


def test_without_trial_days_the_organisation_is_open(client: Client, settings: LazySettings) -> None:
    settings.ENV = replace(settings.ENV, trial_days=0)
    sign_up(client)
    assert Organisation.objects.get().trial_ends is None


def test_the_language_of_the_page_becomes_that_of_the_organisation(client: Client) -> None:
    client.post("/accounts/signup/", FORM, headers={"accept-language": "de"})
    assert Organisation.objects.get().language == "de"


def test_the_mails_link_is_a_page_with_a_button(client: Client) -> None:
    sign_up(client)
    address = link(body())
    for _ in range(2):  # a mail scanner looks at it first
        page = client.get(address)
        assert "nora@muehle.example" in page.content.decode()
        assert not EmailAddress.objects.get().verified
    response = client.post(address)
    assert EmailAddress.objects.get().verified
    assert (response.status_code, response["Location"]) == (302, "/o/")  # logged in: it is the same browser
    assert client.get("/me/").status_code == 200


def test_in_another_browser_the_link_confirms_and_logs_nobody_in(client: Client) -> None:
    sign_up(client)
    other = Client()
    assert other.post(link(body()))["Location"] == "/accounts/login/"
    assert EmailAddress.objects.get().verified
    assert other.get("/me/").status_code == 302


def test_a_link_that_was_used_says_so(client: Client) -> None:
    sign_up(client)
    client.post(link(body()))
    assert "This link is not good any more" in Client().get(link(body())).content.decode()


def test_looking_at_a_link_ends_nobodys_session(client: Client, nora: User) -> None:
    sign_up(client, email="other@muehle.example")
    somebody = Client()
    somebody.force_login(nora)
    somebody.get(link(body()))
    assert somebody.get("/me/").status_code == 200


def test_without_confirmation_nobody_comes_in_and_the_link_comes_again(client: Client) -> None:
    with time_machine.travel(datetime(2026, 11, 24, 11, tzinfo=UTC)) as clock:
        sign_up(client)
        clock.shift(timedelta(minutes=5))
        response = Client().post("/accounts/login/", {"login": "nora@muehle.example", "password": PASSWORD})
    assert response["Location"] == "/accounts/confirm-email/"
    assert [message.subject for message in mail.outbox] == ["Confirm your address"] * 2


@pytest.mark.parametrize(
    ("password", "complaint"),
    [
        ("elf Zeichen", "too short"),
        ("password1234", "too common"),
        ("nora@muehle.example", "too similar"),
    ],
)
def test_weak_passwords_are_refused(client: Client, password: str, complaint: str) -> None:
    page = sign_up(client, password1=password).content.decode()
    assert complaint in page
    assert 'aria-describedby="id_password1_helptext id_password1_error"' in page
    assert not User.objects.exists()


@pytest.mark.parametrize("field", ["name", "organisation"])
@pytest.mark.parametrize("name", ["Nora\x07", "No\u202era"])
def test_names_hold_nothing_that_cannot_be_shown(client: Client, field: str, name: str) -> None:
    assert "a character that cannot be shown" in sign_up(client, **{field: name}).content.decode()
    assert not User.objects.exists()


def test_the_terms_must_be_accepted(client: Client) -> None:
    page = client.post("/accounts/signup/", {**FORM, "terms": ""}).content.decode()
    assert "Without accepting them there is no account." in page
    assert not User.objects.exists()


def test_a_known_address_signs_up_as_an_unknown_one_does(client: Client, nora: User) -> None:
    known, unknown = sign_up(client), sign_up(Client(), email="new@muehle.example")
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert [message.to for message in mail.outbox] == [["nora@muehle.example"], ["new@muehle.example"]]
    assert mail.outbox[0].subject == "You have an account already"
    assert list(Organisation.objects.values_list("name", flat=True)) == ["Mühle & Söhne"]  # the new one's


def test_a_known_address_asks_for_a_password_as_an_unknown_one_does(client: Client, nora: User) -> None:
    answers = [
        client.post("/accounts/password/reset/", {"email": email}) for email in (nora.email, "x@nowhere.example")
    ]
    assert [(answer.status_code, answer["Location"]) for answer in answers] == [
        (302, "/accounts/password/reset/done/")
    ] * 2
    assert [message.subject for message in mail.outbox] == ["Set a new password", "No account with this address"]


def test_a_known_address_with_a_wrong_password_is_answered_as_an_unknown_one(client: Client, nora: User) -> None:
    pages = [
        client.post("/accounts/login/", {"login": email, "password": "wrong"}).content.decode().replace(email, "…")
        for email in (nora.email, "unknown@muehle.example")
    ]
    plain = [re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page) for page in pages]
    assert plain[0] == plain[1]
    assert "E-mail and password do not fit together" in plain[0]


def test_guessing_is_limited_for_each_account(client: Client, nora: User) -> None:
    for _ in range(5):
        client.post("/accounts/login/", {"login": nora.email, "password": "wrong"})
    right = client.post("/accounts/login/", {"login": nora.email, "password": PASSWORD})
    assert "Too many attempts" in right.content.decode()
    elsewhere = client.post("/accounts/login/", {"login": nora.email, "password": PASSWORD}, REMOTE_ADDR="192.0.2.1")
    assert "Too many attempts" in elsewhere.content.decode()


def test_guessing_is_limited_for_each_client(client: Client) -> None:
    codes = [
        client.post("/accounts/login/", {"login": f"{n}@x.example", "password": "x"}).status_code for n in range(31)
    ]
    assert codes[-1] == 429
    other = client.post("/accounts/login/", {"login": "a@x.example", "password": "x"}, REMOTE_ADDR="192.0.2.1")
    assert other.status_code == 200


def test_a_new_password_ends_all_other_sessions(client: Client, nora: User) -> None:
    elsewhere = Client()
    elsewhere.force_login(nora)
    client.post("/accounts/password/reset/", {"email": nora.email})
    form = client.get(link(body()))["Location"]
    assert elsewhere.get("/me/").status_code == 200  # so far nothing has happened
    response = client.post(form, {"password1": "ein anderer ganzer Satz"})
    assert response["Location"] == "/accounts/password/reset/key/done/"
    assert elsewhere.get("/me/").status_code == 302
    nora.refresh_from_db()
    assert nora.check_password("ein anderer ganzer Satz")
    assert mail.outbox[-1].subject == "Your password has changed"
    assert "This link is not good any more" in Client().get(link(body(0))).content.decode()


def test_a_password_is_changed_with_the_present_one(client: Client, nora: User) -> None:
    log_in(client, nora)
    wrong = client.post("/accounts/password/change/", {"oldpassword": "x", "password1": "ein anderer ganzer Satz"})
    assert "This is not your present password." in wrong.content.decode()
    client.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": "ein anderer ganzer Satz"})
    nora.refresh_from_db()
    assert nora.check_password("ein anderer ganzer Satz")
    assert client.get("/me/").status_code == 200  # this session goes on


def test_addresses_are_changed_after_a_fresh_login_only(client: Client, nora: User) -> None:
    log_in(client, nora, minutes_ago=6)
    adding = {"email": "new@muehle.example", "action_add": "1"}
    asked = client.post("/accounts/email/", adding)
    assert asked["Location"] == "/accounts/reauthenticate/?next=%2Faccounts%2Femail%2F"
    assert not EmailAddress.objects.filter(email="new@muehle.example").exists()
    client.post(asked["Location"], {"password": PASSWORD})  # then it goes on with what was filled in
    assert not EmailAddress.objects.get(email="new@muehle.example").verified
    client.post(link(body()))
    client.post("/accounts/email/", {"email": "new@muehle.example", "action_primary": "1"})
    client.post("/accounts/email/", {"email": "nora@muehle.example", "action_remove": "1"})
    nora.refresh_from_db()
    assert nora.email == "new@muehle.example"
    assert list(EmailAddress.objects.values_list("email", "verified", "primary")) == [
        ("new@muehle.example", True, True)
    ]
    assert mail.outbox[1].to == ["nora@muehle.example"]  # the former address hears of it
    assert mail.outbox[1].subject == "Your main address has changed"


def test_a_login_of_four_minutes_ago_is_fresh(client: Client, nora: User) -> None:
    log_in(client, nora, minutes_ago=4)
    assert client.post("/accounts/email/", {"email": "new@muehle.example", "action_add": "1"})["Location"] == (
        "/accounts/email/"
    )


def test_mails_are_in_the_readers_language(client: Client, nora: User) -> None:
    nora.language = "de"
    nora.save()
    with time_machine.travel(datetime(2026, 12, 24, 11, tzinfo=UTC)):
        client.post("/accounts/password/reset/", {"email": nora.email}, headers={"accept-language": "en"})
        form = client.get(link(body()))["Location"]
        client.post(form, {"password1": "ein anderer ganzer Satz"}, headers={"accept-language": "en"})
    assert "24. Dez. 2026, 11:00" in body()


def test_links_in_mails_lead_to_the_base_address(client: Client, nora: User) -> None:
    client.post("/accounts/password/reset/", {"email": nora.email}, headers={"host": "localhost:9999"})
    assert re.findall(r"https?://[^/\s]+", body()) == ["http://127.0.0.1:8000"] * 2


def test_a_login_leads_to_where_one_was_going_and_never_elsewhere(client: Client, nora: User) -> None:
    data = {"login": nora.email, "password": PASSWORD}
    assert client.post("/accounts/login/", {**data, "next": "/me/"})["Location"] == "/me/"
    for foreign in ("https://evil.example/", "//evil.example", "/\\evil.example"):
        assert Client().post("/accounts/login/", {**data, "next": foreign})["Location"] == "/o/"


def test_logging_out_takes_a_button(client: Client, nora: User) -> None:
    client.force_login(nora)
    assert "Sign out" in client.get("/accounts/logout/").content.decode()
    assert client.get("/me/").status_code == 200
    assert client.post("/accounts/logout/")["Location"] == "/"
    assert client.get("/me/").status_code == 302


def test_by_invitation_the_page_leads_to_contact(client: Client, settings: LazySettings) -> None:
    settings.ENV = replace(settings.ENV, sign_up="invite")
    assert "Accounts are made by invitation" in client.get("/accounts/signup/").content.decode()
    assert "Accounts are made by invitation" in sign_up(client).content.decode()
    assert not User.objects.exists()


def test_an_account_that_is_closed_says_so_to_its_owner_only(client: Client, nora: User) -> None:
    nora.is_active = False
    nora.save()
    right = client.post("/accounts/login/", {"login": nora.email, "password": PASSWORD})
    assert right["Location"] == "/accounts/inactive/"
    wrong = client.post("/accounts/login/", {"login": nora.email, "password": "wrong"})
    assert "do not fit together" in wrong.content.decode()


def test_single_sign_on_has_no_button_without_settings(client: Client) -> None:
    page = client.get("/accounts/login/").content.decode()
    assert "Single sign-on" not in page
    assert client.get("/accounts/oidc/sso/login/").status_code == 404


def test_one_organisation_too_many_makes_no_account(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Person, organisation and membership come together or not at all."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("certwatch.actions.users.join", fail)
    with pytest.raises(RuntimeError):
        sign_up(client)
    assert not User.objects.exists()
    assert not Organisation.objects.exists()
    assert not Membership.across_orgs.exists()


def test_the_pages_ask_little_of_the_database(
    client: Client, nora: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):  # single sign-on could be kept in the database, too
        client.get("/accounts/login/")
    with django_assert_num_queries(1):
        client.get("/accounts/signup/")
    log_in(client, nora)
    for address, queries in (
        ("/accounts/email/", 5),
        ("/accounts/password/change/", 2),
        ("/accounts/2fa/", 4),
        ("/accounts/sessions/", 3),
    ):
        with django_assert_num_queries(queries):
            client.get(address)
