"""Language and theme."""

import re

import pytest
from django.conf import LazySettings
from django.test import Client

from certwatch.models import User


def language_of(client: Client, **headers: str) -> str:
    found = re.search(r'<html lang="(\w+)"', client.get("/api-docs", headers=headers).content.decode())
    assert found
    return found[1]


@pytest.mark.parametrize(("browser", "language"), [("de-AT,de;q=0.9", "de"), ("fr", "en"), ("en-US,de;q=0.5", "en")])
def test_the_browser_tells_the_language(client: Client, browser: str, language: str) -> None:
    assert language_of(client, **{"accept-language": browser}) == language
    assert client.get("/api-docs", headers={"accept-language": browser})["Content-Language"] == language


def test_the_cookie_comes_before_the_browser(client: Client) -> None:
    response = client.post("/language/", {"language": "de", "next": "/api-docs"})
    assert (response.status_code, response["Location"]) == (302, "/api-docs")
    cookie = response.cookies["django_language"]
    assert (cookie["samesite"], cookie["httponly"], cookie["secure"]) == ("Lax", True, "")
    assert language_of(client, **{"accept-language": "en"}) == "de"


def test_a_persons_own_setting_comes_first(client: Client, anna: User) -> None:
    anna.language = "de"
    anna.save()
    client.cookies["django_language"] = "en"
    client.force_login(anna)
    assert language_of(client, **{"accept-language": "en"}) == "de"


def test_who_is_logged_in_chooses_for_all_browsers(client: Client, anna: User) -> None:
    client.force_login(anna)
    client.post("/language/", {"language": "de"})
    anna.refresh_from_db()
    assert anna.language == "de"


def test_a_language_that_we_do_not_speak_changes_nothing(client: Client) -> None:
    response = client.post("/language/", {"language": "tlh"})
    assert response.status_code == 302
    assert "django_language" not in response.cookies


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_server_writes_the_theme_that_was_chosen(client: Client, theme: str) -> None:
    assert "data-bs-theme" not in client.get("/").content.decode()
    response = client.post("/theme/", {"theme": theme, "next": "/"})
    assert response.cookies["theme"]["samesite"] == "Lax"
    page = client.get("/").content.decode()
    assert f'data-bs-theme="{theme}"' in page
    assert f'<meta name="color-scheme" content="{theme}">' in page


def test_any_other_theme_is_the_systems(client: Client) -> None:
    client.cookies["theme"] = '"><script>'
    assert "data-bs-theme" not in client.get("/").content.decode()
    client.post("/theme/", {"theme": "dark"})
    assert client.post("/theme/", {"theme": "auto"}).cookies["theme"].value == ""


@pytest.mark.parametrize(
    "page", ["//evil.example/", "https://evil.example/", "javascript:alert(1)", "/\\evil.example", ""]
)
def test_a_choice_leads_back_to_pages_of_ours_only(client: Client, page: str) -> None:
    assert client.post("/theme/", {"theme": "dark", "next": page})["Location"] == "/"


@pytest.mark.parametrize("address", ["/theme/", "/language/"])
def test_a_get_chooses_nothing(client: Client, address: str) -> None:
    assert client.get(address, {"theme": "dark", "language": "de"}).status_code == 405


def test_where_the_base_address_is_https_the_cookies_are_secure(client: Client, settings: LazySettings) -> None:
    settings.SESSION_COOKIE_SECURE = True
    assert client.post("/theme/", {"theme": "dark"}).cookies["theme"]["secure"] is True
    assert client.post("/language/", {"language": "de"}).cookies["django_language"]["secure"] is True
