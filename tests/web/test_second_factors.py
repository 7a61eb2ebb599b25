"""Authenticator app, recovery codes, and proving oneself again. Passkeys: tests/browser/test_accounts."""

import base64
import hashlib
import hmac
import struct
import time

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.conf import LazySettings
from django.core import mail
from django.http import HttpResponse
from django.test import Client
from django.urls import path

from certwatch.config import urls
from certwatch.models import Organisation, User
from certwatch.rules.rights import Right
from certwatch.web.doors import OrgRequest, fresh_login, org_page
from tests.logins import log_in

pytestmark = pytest.mark.django_db

PASSWORD = "ein ganzer Satz als Kennwort"


@org_page(Right.READ)
@fresh_login
def dangerous(request: OrgRequest) -> HttpResponse:
    return HttpResponse(f"{request.method} {request.POST.get('name')} in {request.org}")


urlpatterns = [*urls.urlpatterns, path("o/<slug:slug>/dangerous/", dangerous, name="dangerous")]


@pytest.fixture(autouse=True)
def _quick(settings: LazySettings) -> None:
    """Hashing takes long on purpose."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def otto(otto: User) -> User:
    otto.set_password(PASSWORD)
    otto.save()
    EmailAddress.objects.create(user=otto, email=otto.email, verified=True, primary=True)
    return otto


def code_of(secret: str) -> str:
    """What an authenticator app shows now (RFC 6238)."""
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", int(time.time()) // 30), hashlib.sha1)
    place = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[place : place + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


def set_up(client: Client) -> str:
    """The secret of the app that is set up now."""
    secret = str(client.get("/accounts/2fa/totp/activate/").context["form"].secret)
    answer = client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
    assert answer["Location"] == "/accounts/2fa/recovery-codes/"
    return secret


def begin(client: Client, user: User) -> str:
    """The first step of a log-in; where it leads."""
    return str(client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})["Location"])


def test_the_app_is_asked_for_after_the_password(client: Client, otto: User) -> None:
    log_in(client, otto)
    secret = set_up(client)
    other = Client()
    assert begin(other, otto) == "/accounts/2fa/authenticate/"
    assert other.get("/me/").status_code == 302  # the first step alone opens nothing
    assert "This code is not right" in other.post("/accounts/2fa/authenticate/", {"code": "000000"}).content.decode()
    assert other.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})["Location"] == "/o/"
    assert other.get("/me/").status_code == 200


def test_a_code_works_once(client: Client, otto: User) -> None:
    log_in(client, otto)
    secret = set_up(client)
    first, second = Client(), Client()
    code = code_of(secret)
    begin(first, otto)
    first.post("/accounts/2fa/authenticate/", {"code": code})
    begin(second, otto)
    assert "This code is not right" in second.post("/accounts/2fa/authenticate/", {"code": code}).content.decode()


def test_guessing_codes_is_limited(client: Client, otto: User) -> None:
    log_in(client, otto)
    secret = set_up(client)
    other = Client()
    begin(other, otto)
    for guess in range(5):
        other.post("/accounts/2fa/authenticate/", {"code": f"{guess:06}"})
    page = other.post("/accounts/2fa/authenticate/", {"code": code_of(secret)}).content.decode()
    assert "Too many attempts" in page


def test_secrets_lie_encrypted(client: Client, otto: User) -> None:
    log_in(client, otto)
    secret = set_up(client)
    totp, codes = Authenticator.objects.order_by("-type")
    assert secret not in str(totp.data)
    assert totp.data["secret"].startswith("gAAAA")
    assert codes.data["seed"].startswith("gAAAA")


def test_a_recovery_code_works_once(client: Client, otto: User) -> None:
    log_in(client, otto)
    set_up(client)
    codes = client.get("/accounts/2fa/recovery-codes/download/").content.decode().split()
    assert len(codes) == 10
    first, second = Client(), Client()
    begin(first, otto)
    assert first.post("/accounts/2fa/authenticate/", {"code": codes[0]})["Location"] == "/o/"
    begin(second, otto)
    assert "not right" in second.post("/accounts/2fa/authenticate/", {"code": codes[0]}).content.decode()


def test_turning_it_off_needs_a_fresh_login_and_is_told_by_mail(client: Client, otto: User) -> None:
    log_in(client, otto)
    set_up(client)
    old = Client()
    log_in(old, otto, minutes_ago=6)
    assert old.post("/accounts/2fa/totp/deactivate/")["Location"].startswith("/accounts/reauthenticate/")
    assert Authenticator.objects.count() == 2
    client.post("/accounts/2fa/totp/deactivate/")
    assert not Authenticator.objects.exists()  # recovery codes alone are no second factor
    assert mail.outbox[-1].subject == "The authenticator app is off"


def test_codes_are_shown_after_a_fresh_login_only(client: Client, otto: User) -> None:
    log_in(client, otto)
    set_up(client)
    old = Client()
    log_in(old, otto, minutes_ago=6)
    for address in ("", "generate/", "download/"):
        answer = old.get(f"/accounts/2fa/recovery-codes/{address}")
        assert answer["Location"].startswith("/accounts/reauthenticate/"), address


def test_what_is_dangerous_goes_on_after_the_proof(
    client: Client, nordmuehle: Organisation, otto: User, settings: LazySettings
) -> None:
    settings.ROOT_URLCONF = __name__
    log_in(client, otto, minutes_ago=6)
    asked = client.post("/o/nordmuehle/dangerous/", {"name": "SAP"})
    assert asked["Location"] == "/accounts/reauthenticate/?next=%2Fo%2Fnordmuehle%2Fdangerous%2F"
    wrong = client.post(asked["Location"], {"password": "wrong"})
    assert "This is not your password." in wrong.content.decode()
    assert client.post(asked["Location"], {"password": PASSWORD}).content == "POST SAP in Nordmühle".encode()
    assert client.post("/o/nordmuehle/dangerous/", {"name": "BW"}).content == "POST BW in Nordmühle".encode()


def test_a_fresh_login_opens_what_is_dangerous(
    client: Client, nordmuehle: Organisation, otto: User, settings: LazySettings
) -> None:
    settings.ROOT_URLCONF = __name__
    log_in(client, otto, minutes_ago=4)
    assert client.get("/o/nordmuehle/dangerous/").content == "GET None in Nordmühle".encode()


def test_another_members_passkey_does_not_exist_for_me(client: Client, otto: User, anna: User) -> None:
    key = Authenticator.objects.create(user=anna, type="webauthn", data={"name": "Anna's", "credential": {}})
    log_in(client, otto)
    for step in ("edit", "remove"):
        assert client.get(f"/accounts/2fa/webauthn/keys/{key.pk}/{step}/").status_code == 404
    assert client.post(f"/accounts/2fa/webauthn/keys/{key.pk}/remove/").status_code == 404
    assert Authenticator.objects.filter(pk=key.pk).exists()
