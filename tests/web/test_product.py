"""The frame of an organisation's pages."""

import re

import pytest
from django.conf import LazySettings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.test import Client
from django.urls import path

from certwatch.config import urls
from certwatch.models import Organisation


def page(request: HttpRequest, slug: str) -> HttpResponse:
    return render(
        request, "base_product.html", {"org": Organisation(name="Nordmühle", slug=slug), "active": "certificates"}
    )


urlpatterns = [
    *urls.urlpatterns,
    path("frame/<slug:slug>/", page, name="dashboard"),
    path("frame/<slug:slug>/certificates/", page, name="certificates"),
]


@pytest.fixture
def frame(settings: LazySettings, client: Client) -> str:
    settings.ROOT_URLCONF = __name__
    return client.get("/frame/nordmuehle/").content.decode()


def test_the_menu_has_the_pages_that_exist(frame: str) -> None:
    menu = re.search(r'<ul class="cw-nav">(.*?)</ul>', frame, re.DOTALL)
    assert menu
    entries = re.findall(r'<a href="([^"]+)"(?: aria-current="(\w+)")?>([\w ]+)</a>', menu[1])
    assert [label for _, _, label in entries] == [
        "Dashboard", "Certificates", "Suppliers", "Alerts", "Add and import", "Org Admin",
    ]  # fmt: skip
    assert entries[:2] == [
        ("/frame/nordmuehle/", "", "Dashboard"),
        ("/frame/nordmuehle/certificates/", "page", "Certificates"),
    ]


def test_a_search_leads_to_the_list(frame: str) -> None:
    assert '<form class="cw-jump" role="search" action="/frame/nordmuehle/certificates/">' in frame


def test_nothing_links_to_a_page_that_does_not_exist(frame: str) -> None:
    assert 'href=""' not in frame
    assert 'action=""' not in frame
