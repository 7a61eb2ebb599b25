"""The public pages, without a database: none of them asks it anything, and a test without one proves that."""

import json
import re
import struct
from html import unescape

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import Resolver404, resolve
from pytest_django import DjangoAssertNumQueries

from certwatch.api.answers import Problems
from certwatch.models import User
from certwatch.rules.status import Status
from certwatch.web import public

BASE_URL = "https://watch.example"
PAGES = ["/", "/api-docs"]
TEXTS = ["/robots.txt", "/.well-known/security.txt"]


@pytest.fixture(autouse=True)
def operator(settings: LazySettings) -> None:
    settings.OPERATOR_EMAIL = "operator@example.org"
    settings.BASE_URL = BASE_URL


def html(client: Client, path: str = "/api-docs", language: str = "en") -> str:
    response = client.get(path, headers={"accept-language": language})
    assert response.status_code == 200
    return response.content.decode()


def text(page: str) -> str:
    """What a reader sees of the page."""
    return unescape(re.sub(r"<[^>]+>", "", page))


@pytest.mark.parametrize("path", [*PAGES, *TEXTS, "/nowhere"])
def test_every_answer_says_how_it_may_be_used(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == (404 if path == "/nowhere" else 200)
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["X-Frame-Options"] == "DENY"
    policy = dict(part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";"))
    assert policy == {
        "default-src": "'self'",
        "img-src": "'self' data:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "frame-ancestors": "'none'",
        "form-action": "'self'",
    }


@pytest.mark.parametrize("path", PAGES)
def test_a_page_differs_by_reader_and_is_asked_for_anew(client: Client, path: str) -> None:
    response = client.get(path)
    assert response["Cache-Control"] == "private, no-cache"
    assert {"Cookie", "Accept-Language"} <= {name.strip() for name in response["Vary"].split(",")}


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["en", "de"])
def test_a_page_needs_nothing_that_the_policy_forbids(client: Client, path: str, language: str) -> None:
    page = html(client, path, language)
    assert " style=" not in page
    assert "<style" not in page
    assert not re.search(r"<[^>]+\son\w+=", page)
    assert not re.search(r"<script(?![^>]*\ssrc=)", page)
    assert f'<html lang="{language}"' in page


@pytest.mark.parametrize("path", [*PAGES, "/nowhere"])
def test_every_link_leads_somewhere(client: Client, path: str) -> None:
    page = client.get(path).content.decode()
    ids = set(re.findall(r'\sid="([^"]+)"', page))
    links = [unescape(link) for link in re.findall(r'href="([^"]+)"', page)]
    assert links
    for link in links:
        address, _, anchor = link.partition("#")
        if address == "" or (address == path and anchor):
            assert anchor in ids
        elif not address.startswith(("/static/", "mailto:operator@")):
            assert resolves(address)
    assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', page)


def resolves(address: str) -> bool:
    try:
        resolve(address)
    except Resolver404:
        return False
    return True


def test_every_icon_is_in_the_sprite(client: Client) -> None:
    sprite = b"".join(client.get(re.search(r"/static/icons\.\w+\.svg", html(client))[0])).decode()  # type: ignore[index]
    drawn = set(re.findall(r'<symbol id="([^"]+)"', sprite))
    for path in PAGES:
        used = set(re.findall(r"/static/icons\.\w+\.svg#([\w-]+)", html(client, path)))
        assert used
        assert used <= drawn


@pytest.mark.parametrize("path", PAGES)
def test_a_link_that_is_shared_has_words_and_a_picture(client: Client, path: str) -> None:
    said = dict(re.findall(r'<meta property="(og:[\w:]+)" content="([^"]*)">', html(client, path)))
    assert said["og:url"] == f"{BASE_URL}{path}"
    assert said["og:description"]
    picture = b"".join(client.get(said["og:image"].removeprefix(BASE_URL)))
    assert picture.startswith(b"\x89PNG")
    assert struct.unpack(">II", picture[16:24]) == (int(said["og:image:width"]), int(said["og:image:height"]))


def test_the_first_page_leads_to_the_documentation(client: Client) -> None:
    assert 'href="/api-docs"' in html(client, "/")


@pytest.mark.parametrize("path", PAGES)
def test_who_is_logged_in_costs_two_queries(
    client: Client, path: str, anna: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(anna)
    with django_assert_num_queries(2):  # session, person
        assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_only_read(client: Client, path: str) -> None:
    assert client.head(path).status_code == 200
    assert client.post(path).status_code == 405


def test_the_documentation_names_this_installation_in_its_examples(client: Client) -> None:
    page = text(html(client))
    assert f"curl https://watch.example/api/v1/certificate/{public.EXAMPLE}" in page
    assert page.count("https://watch.example/api/v1/certificate/") == 3  # Power Query takes address and path apart
    assert '"https://watch.example",' in page
    assert "Uri.EscapeDataString(Number)" in page
    assert "example.com" not in page


def test_the_sections_stand_in_the_order_of_the_design(client: Client) -> None:
    sections = re.findall(r'<section id="(\w+)"', html(client))
    menu = re.findall(r'<li><a href="#(\w+)"', html(client))
    assert menu == ["overview", "authentication", "endpoint", "errors", "example", "limits", "notice", "access"]
    assert [section for section in sections if section in menu] == menu


@pytest.mark.parametrize("status", [401, 403, 404, 405, 429, 503])
def test_every_problem_has_a_place_to_which_its_type_leads(client: Client, status: int) -> None:
    assert f'id="{status}"' in html(client)


def test_the_problems_shown_are_those_that_the_gate_answers(client: Client) -> None:
    problems = Problems("https://watch.example/api-docs")
    answers = [
        problems.bad_key,
        problems.forbidden["organisation_closed", True],
        problems.no_certificate,
        problems.method,
        problems.too_many,
        problems.silent,
    ]
    shown = re.findall(r'role="tabpanel" id="problem-\d+".*?<code>(.*?)</code>', html(client), re.DOTALL)
    assert [json.loads(text(sample)) for sample in shown] == [json.loads(body) for _status, _headers, body in answers]


def test_every_word_of_the_api_is_explained(client: Client) -> None:
    assert {word for _, word in public.STATUSES} == set(Status)
    page = html(client)
    for word in Status:
        assert f">{word.value}</span>" in page


def test_the_answers_shown_are_json_in_the_published_order(client: Client) -> None:
    code = re.search(r'<code id="resp">(.*?)</code>', html(client), re.DOTALL)
    assert code
    assert list(json.loads(text(code[1]))) == ["cert_number", "status", "valid_until", "last_checked"]


@pytest.mark.parametrize(
    "promise",
    [
        "Authorization: Bearer cw_your_api_key",
        "X-API-Key: cw_your_api_key",
        "SHA-256",
        "100 requests a minute per organisation",
        "X-RateLimit-Limit: 100",
        "X-RateLimit-Remaining: 87",
        'RateLimit-Policy: "org";q=100;w=60',
        'RateLimit: "org";r=87;t=42',
        "Retry-After: 17",
        "If-None-Match",
        "application/problem+json",
        "latest known status",
        "without warranty",
        "The register’s own entry is authoritative",
        "The answer then has no last_checked",
    ],
)
def test_the_documentation_says_what_programs_rely_on(client: Client, promise: str) -> None:
    assert promise in text(html(client))


def test_the_documentation_speaks_german(client: Client) -> None:
    page = text(html(client, language="de"))
    assert "API-Dokumentation" in page
    assert "Von einem Schlüssel bewahren wir nur den SHA-256-Hash auf" in page
    assert "Maßgeblich ist der Eintrag im Register selbst" in page


def test_security_txt_names_the_operator_and_its_own_end(client: Client) -> None:
    lines = dict(line.split(": ", 1) for line in client.get("/.well-known/security.txt").content.decode().splitlines())
    assert lines["Contact"] == "mailto:operator@example.org"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00Z", lines["Expires"])
    assert lines["Canonical"] == "https://watch.example/.well-known/security.txt"


def test_without_an_operator_there_is_no_security_txt(client: Client, settings: LazySettings) -> None:
    settings.OPERATOR_EMAIL = ""
    assert client.get("/.well-known/security.txt").status_code == 404


def test_robots_may_read_what_is_public_and_nothing_else(client: Client) -> None:
    response = client.get("/robots.txt")
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert set(response["Cache-Control"].split(", ")) == {"public", "max-age=86400"}
    lines = response.content.decode().splitlines()
    assert lines[0] == "User-agent: *"
    assert "Disallow: /o/" in lines
    assert not [line for line in lines if "/api-docs".startswith(line.removeprefix("Disallow: "))]


def test_the_favicon_is_found_at_the_usual_place(client: Client) -> None:
    response = client.get("/favicon.ico")
    assert response.status_code == 301
    assert client.get(response["Location"])["Content-Type"].startswith("image/svg+xml")
