"""The pages that say what went wrong."""

import logging
import re

import pytest
from django.conf import LazySettings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from certwatch.config import urls
from certwatch.models import User


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("the secret of the house")


def forbidden(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


urlpatterns = [*urls.urlpatterns, path("broken", broken), path("forbidden", forbidden)]
handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500


@pytest.fixture
def visitor(settings: LazySettings) -> Client:
    settings.ROOT_URLCONF = __name__
    return Client(raise_request_exception=False, enforce_csrf_checks=True)


def test_a_page_that_fails_gives_a_number_that_stands_in_the_log(
    visitor: Client, caplog: pytest.LogCaptureFixture, settings: LazySettings
) -> None:
    settings.OPERATOR_EMAIL = "operator@example.org"
    with caplog.at_level(logging.ERROR):
        response = visitor.get("/broken")
    assert response.status_code == 500
    page = response.content.decode()
    incident = re.search(r'<span class="cw-num">([0-9A-Z]{10})</span>', page)
    assert incident
    assert f"Incident {incident[1]} at /broken" in caplog.text
    assert "the secret of the house" not in page
    assert "mailto:operator@example.org" in page


@pytest.mark.parametrize(
    ("address", "status", "title"),
    [
        ("/nowhere", 404, "There is no page at this address"),
        ("/api-docs/", 404, "There is no page at this address"),
        ("/forbidden", 403, "Your role does not include this"),
        ("/broken", 500, "Something went wrong on our side"),
    ],
)
def test_an_error_page_has_the_looks_of_the_house(visitor: Client, address: str, status: int, title: str) -> None:
    response = visitor.get(address)
    assert response.status_code == status
    page = response.content.decode()
    assert f"<h1>{title}</h1>" in page
    assert "/static/certwatch." in page
    assert response["X-Frame-Options"] == "DENY"
    assert "Content-Security-Policy" in response


@pytest.mark.parametrize(("address", "title"), [("/nowhere", "Unter dieser Adresse"), ("/broken", "schiefgegangen")])
def test_an_error_page_speaks_the_readers_language(visitor: Client, address: str, title: str) -> None:
    assert title in visitor.get(address, headers={"accept-language": "de"}).content.decode()


def test_a_foreign_host_is_refused_in_the_looks_of_the_house(visitor: Client, caplog: pytest.LogCaptureFixture) -> None:
    response = visitor.get("/api-docs", headers={"host": "evil.example"})
    assert caplog.text == ""  # anybody can send one; the log is for us
    assert response.status_code == 400
    assert "We could not make sense of this request" in response.content.decode()
    assert response["X-Frame-Options"] == "DENY"


def test_a_form_without_its_token_changes_nothing(visitor: Client) -> None:
    response = visitor.post("/theme/", {"theme": "dark"})
    assert response.status_code == 403
    assert "This form can no longer be sent" in response.content.decode()
    assert "theme" not in response.cookies


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/nowhere", "/forbidden", "/", "/api-docs"])
def test_who_is_signed_in_finds_the_way_back(visitor: Client, anna: User, address: str) -> None:
    visitor.force_login(anna)
    page = visitor.get(address).content.decode()
    assert '<a class="btn btn-primary" href="/o/">To the certificates</a>' in page
    assert "Sign in" not in page
