"""Joining by an invitation's link, with and without an account."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.conf import LazySettings
from django.core import mail
from django.core.mail import get_connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from certwatch.actions import orgs
from certwatch.models import AuditEntry, Invitation, Organisation, Role, User

pytestmark = pytest.mark.django_db

FORM = {"name": "Nora Neu", "password": "ein ganzer Satz als Kennwort", "terms": "on"}


@pytest.fixture(autouse=True)
def _quick(settings: LazySettings) -> None:
    """Hashing takes long on purpose."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def address(nordmuehle: Organisation, otto: User) -> str:
    return invite(nordmuehle, "nora@muehle.example", by=otto)


def invite(org: Organisation, email: str, *, by: User | None = None, role: Role = Role.MEMBER) -> str:
    """The path of the link in the mail."""
    orgs.invite(org, email, role, base_url="http://x", connection=get_connection(), by=by, now=timezone.now())
    found = re.search(r"http://x(/\S+)", str(mail.outbox[-1].body))
    assert found
    return found[1]


def person(email: str, *, verified: bool = True) -> User:
    user = User.objects.create_user(email, FORM["password"])
    EmailAddress.objects.create(user=user, email=email, verified=verified, primary=True)
    return user


def test_who_has_no_account_makes_one_and_is_in(client: Client, address: str, nordmuehle: Organisation) -> None:
    page = client.get(address).content.decode()
    assert "Join Nordmühle" in page
    assert "Otto invites you." in page
    assert "Your account will be nora@muehle.example." in page
    assert not User.objects.filter(email="nora@muehle.example").exists()  # looking changes nothing
    assert client.post(address, FORM)["Location"] == "/o/nordmuehle/"
    nora = User.objects.get(email="nora@muehle.example")
    assert nora.name == "Nora Neu"
    assert EmailAddress.objects.get(user=nora).verified  # the link proves it
    assert len(mail.outbox) == 1  # no second confirmation
    assert nordmuehle.memberships.get(user=nora).role == Role.MEMBER
    assert client.get("/me/").status_code == 200
    note = AuditEntry.objects.get(action="member.joined")
    assert (note.org, note.by, note.source_address, note.details) == (nordmuehle, nora, "127.0.0.1", {"role": "member"})


def test_an_invitation_makes_accounts_where_sign_up_is_closed(
    client: Client, address: str, settings: LazySettings
) -> None:
    settings.ENV = replace(settings.ENV, sign_up="invite")
    assert client.post(address, FORM)["Location"] == "/o/nordmuehle/"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"password": "kurz"}, "too short"),
        ({"password": "nora@muehle.example"}, "too similar"),
        ({"name": ""}, "required"),
        ({"terms": ""}, "Without accepting them"),
    ],
)
def test_the_form_says_what_is_missing(client: Client, address: str, changes: dict[str, str], complaint: str) -> None:
    response = client.post(address, {**FORM, **changes})
    assert (response.status_code, complaint in response.content.decode()) == (200, True)
    assert not User.objects.filter(email="nora@muehle.example").exists()


def test_who_has_an_account_logs_in_and_comes_back(client: Client, address: str, nordmuehle: Organisation) -> None:
    nora = person("nora@muehle.example")
    page = client.get(address).content.decode()
    assert f'href="/accounts/login/?next={address}"' in page
    assert client.post(address, FORM).status_code == 403
    login = client.post("/accounts/login/", {"login": nora.email, "password": FORM["password"], "next": address})
    assert login["Location"] == address
    assert "Join" in client.get(address).content.decode()
    assert not nordmuehle.memberships.filter(user=nora).exists()
    assert client.post(address)["Location"] == "/o/nordmuehle/"
    assert nordmuehle.memberships.filter(user=nora).exists()


def test_another_account_is_told_clearly(client: Client, address: str, anna: User, nordmuehle: Organisation) -> None:
    client.force_login(anna)
    page = client.get(address).content.decode()
    assert "The invitation is for nora@muehle.example, and you are signed in as anna@nordmuehle.example." in page
    assert client.post(address).status_code == 403
    assert nordmuehle.memberships.count() == 2  # Otto and Anna


def test_a_second_confirmed_address_is_as_good(client: Client, address: str, clara: User, mia: User) -> None:
    EmailAddress.objects.create(user=clara, email="nora@muehle.example", verified=True)
    client.force_login(clara)
    assert client.post(address)["Location"] == "/o/nordmuehle/"


def test_an_address_that_was_never_confirmed_is_not(client: Client, address: str, clara: User) -> None:
    EmailAddress.objects.create(user=clara, email="nora@muehle.example", verified=False)
    client.force_login(clara)
    assert client.post(address).status_code == 403


def test_letter_case_does_not_matter(client: Client, nordmuehle: Organisation) -> None:
    nora = person("nora@muehle.example")
    address = invite(nordmuehle, "Nora@Muehle.example")
    client.force_login(nora)
    assert client.post(address).status_code == 302


def test_a_link_works_once(client: Client, address: str) -> None:
    client.post(address, FORM)
    again = Client().post(address, {**FORM, "name": "Somebody else"})
    assert again.status_code == 410
    assert "It was used before." in again.content.decode()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"revoked_at": timezone.now()}, "It was taken back"),
        ({"ends_at": timezone.now() - timedelta(seconds=1)}, "It was good for seven days."),
    ],
)
def test_what_is_over_says_why(client: Client, address: str, change: dict[str, Any], words: str) -> None:
    Invitation.across_orgs.update(**change)
    for response in (client.get(address), client.post(address, FORM)):
        assert (response.status_code, words in response.content.decode()) == (410, True)
    assert not User.objects.filter(email="nora@muehle.example").exists()


def test_a_newer_invitation_ends_the_former(client: Client, address: str, nordmuehle: Organisation) -> None:
    newer = invite(nordmuehle, "nora@muehle.example", role=Role.ADMIN)
    assert client.get(address).status_code == 410
    client.post(newer, FORM)
    assert nordmuehle.memberships.get(user__email="nora@muehle.example").role == Role.ADMIN


def test_a_token_that_nobody_was_sent_does_not_exist(client: Client, address: str) -> None:
    assert client.get("/invitation/something-else/").status_code == 404


def test_who_is_a_member_already_keeps_his_role(client: Client, nordmuehle: Organisation) -> None:
    nora = person("nora@muehle.example")
    address = invite(nordmuehle, nora.email, role=Role.OWNER)
    nordmuehle.memberships.create(user=nora, role=Role.AUDITOR, created_at=timezone.now())
    client.force_login(nora)
    client.post(address)
    assert nordmuehle.memberships.get(user=nora).role == Role.AUDITOR


def test_the_mail_is_in_the_organisations_language(nordmuehle: Organisation) -> None:
    nordmuehle.language = "de"
    nordmuehle.save()
    invite(nordmuehle, "nora@muehle.example")
    ends = nordmuehle.invitations.get().ends_at
    assert f"{ends:%H:%M}" in mail.outbox[-1].body
    assert re.search(r"\d{1,2}\. \w{3,4}\.? \d{4}", str(mail.outbox[-1].body))  # as German writes days


def test_the_page_takes_two_queries(
    client: Client, address: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(3):  # the invitation; has the address an account, as first or second one?
        client.get(address)
