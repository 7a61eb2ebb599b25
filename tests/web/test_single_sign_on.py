"""Single sign-on at a small OpenID Connect provider of our own."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.conf import LazySettings
from django.test import Client
from django.urls import include, path
from pytest_httpserver import HTTPServer

from certwatch.config import environ, urls
from certwatch.models import Organisation, User
from certwatch.web import accounts

pytestmark = pytest.mark.django_db

urlpatterns = [*urls.urlpatterns, path("accounts/", include(accounts.single_sign_on))]

NORA = {"sub": "4711", "email": "nora@muehle.example", "email_verified": True, "name": "Nora Neu"}


@pytest.fixture
def provider(httpserver: HTTPServer, settings: LazySettings) -> HTTPServer:
    """The provider, and our settings that name it."""
    root = httpserver.url_for("").rstrip("/")
    httpserver.expect_request("/.well-known/openid-configuration").respond_with_json(
        {
            "issuer": root,
            "authorization_endpoint": f"{root}/authorize",
            "token_endpoint": f"{root}/token",
            "userinfo_endpoint": f"{root}/userinfo",
            "jwks_uri": f"{root}/keys",
        }
    )
    httpserver.expect_request("/token", method="POST").respond_with_json(
        {"access_token": "abc", "token_type": "Bearer"}
    )
    env = replace(
        settings.ENV, oidc_url=root, oidc_client_id="certwatch", oidc_client_secret="s", oidc_name="Nordmühle ID"
    )
    settings.ROOT_URLCONF = __name__
    settings.SOCIALACCOUNT_PROVIDERS = environ.single_sign_on(env)
    return httpserver


def sign_on(client: Client, provider: HTTPServer, who: dict[str, object]) -> str:
    """Through the provider and back; where that leads."""
    provider.expect_request("/userinfo").respond_with_json(who)
    begun = client.post("/accounts/oidc/sso/login/?process=login")
    asked = parse_qs(urlsplit(begun["Location"]).query)
    assert asked["client_id"] == ["certwatch"]
    assert asked["redirect_uri"] == ["http://testserver/accounts/oidc/sso/login/callback/"]
    assert asked["code_challenge_method"] == ["S256"]
    back = client.get("/accounts/oidc/sso/login/callback/", {"code": "xyz", "state": asked["state"][0]})
    return str(back["Location"]) if back.status_code == 302 else f"{back.status_code}"


def test_the_log_in_has_a_button_with_its_name(client: Client, provider: HTTPServer) -> None:
    page = client.get("/accounts/login/").content.decode()
    assert "Nordmühle ID" in page
    assert 'action="/accounts/oidc/sso/login/?process=login"' in page


def test_looking_at_the_address_starts_nothing(client: Client, provider: HTTPServer) -> None:
    page = client.get("/accounts/oidc/sso/login/?process=login")
    assert (page.status_code, "Nordmühle ID" in page.content.decode()) == (200, True)


def test_who_is_new_says_for_whom_he_works(client: Client, provider: HTTPServer) -> None:
    assert sign_on(client, provider, NORA) == "/accounts/3rdparty/signup/"
    form = client.get("/accounts/3rdparty/signup/").content.decode()
    assert 'value="Nora Neu"' in form
    assert 'value="nora@muehle.example"' in form
    data = {"name": "Nora Neu", "organisation": "Mühle", "email": "nora@muehle.example", "terms": "on"}
    assert client.post("/accounts/3rdparty/signup/", data)["Location"] == "/o/"  # the provider confirmed the address
    nora = User.objects.get()
    assert (nora.name, nora.has_usable_password()) == ("Nora Neu", False)
    assert Organisation.objects.get().memberships.get(user=nora).role == "owner"
    assert client.get("/me/").status_code == 200


def test_an_account_with_the_same_confirmed_address_is_opened(client: Client, provider: HTTPServer) -> None:
    nora = User.objects.create_user("nora@muehle.example")
    EmailAddress.objects.create(user=nora, email=nora.email, verified=True, primary=True)
    assert sign_on(client, provider, NORA) == "/o/"
    assert SocialAccount.objects.get().user == nora


def test_an_address_that_the_provider_did_not_confirm_opens_nothing(client: Client, provider: HTTPServer) -> None:
    nora = User.objects.create_user("nora@muehle.example")
    EmailAddress.objects.create(user=nora, email=nora.email, verified=True, primary=True)
    assert sign_on(client, provider, {**NORA, "email_verified": False}) == "/accounts/3rdparty/signup/"
    assert client.get("/me/").status_code == 302
    assert not SocialAccount.objects.exists()


def test_where_sign_up_is_closed_nobody_new_comes_in(
    client: Client, provider: HTTPServer, settings: LazySettings
) -> None:
    settings.ENV = replace(settings.ENV, sign_up="invite")
    provider.expect_request("/userinfo").respond_with_json(NORA)
    assert sign_on(client, provider, NORA) == "200"  # the page that says so
    assert not User.objects.exists()


def test_a_provider_that_fails_gets_a_page_that_says_so(client: Client, provider: HTTPServer) -> None:
    begun = client.post("/accounts/oidc/sso/login/?process=login")
    state = parse_qs(urlsplit(begun["Location"]).query)["state"][0]
    provider.clear()
    provider.expect_request("/.well-known/openid-configuration").respond_with_data("busy", status=503)
    begun_anew = client.post("/accounts/oidc/sso/login/?process=login")
    back = client.get("/accounts/oidc/sso/login/callback/", {"code": "xyz", "state": state})
    assert (begun_anew.status_code, back.status_code) == (502, 502)
    assert "The provider of single sign-on could not say who you are." in back.content.decode()


def test_a_foreign_state_is_refused(client: Client, provider: HTTPServer) -> None:
    back = client.get("/accounts/oidc/sso/login/callback/", {"code": "xyz", "state": "invented"})
    assert "Not signed in" in back.content.decode()
    assert client.get("/me/").status_code == 302


def test_single_sign_on_is_disconnected_only_where_another_way_in_is_left(client: Client, provider: HTTPServer) -> None:
    sign_on(client, provider, NORA)
    data = {"name": "Nora", "organisation": "Mühle", "email": "nora@muehle.example", "terms": "on"}
    client.post("/accounts/3rdparty/signup/", data)
    account = SocialAccount.objects.get()
    assert "Nordmühle ID" in client.get("/accounts/3rdparty/").content.decode()
    client.post("/accounts/3rdparty/", {"account": account.pk})
    assert SocialAccount.objects.exists()  # there is no password yet
    client.post("/accounts/password/set/", {"password1": "ein ganzer Satz als Kennwort"})
    client.post("/accounts/3rdparty/", {"account": account.pk})
    assert not SocialAccount.objects.exists()
