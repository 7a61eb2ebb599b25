"""After the log-in: to the only organisation, else the list of them; and switching between them."""

from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.shortcuts import render
from django.test import Client, RequestFactory
from django.utils import timezone

from certwatch.models import Membership, Organisation, Role, User
from certwatch.rules.rights import Right
from certwatch.web.doors import OrgRequest, org_page
from tests.conftest import NOON

pytestmark = pytest.mark.django_db


@org_page(Right.READ)
def frame(request: OrgRequest) -> HttpResponse:
    return render(request, "base_product.html")


def frame_for(user: User, slug: str) -> str:
    request = RequestFactory().get("/")
    request.user = user
    request.session = {}  # type: ignore[assignment]
    request.COOKIES = {}
    response = frame(request, slug)
    assert isinstance(response, HttpResponse)
    return response.content.decode()


def test_who_has_one_organisation_is_there_at_once(client: Client, mia: User) -> None:
    client.force_login(mia)
    assert client.get("/o/")["Location"] == "/o/nordmuehle/"


def test_who_has_several_chooses(client: Client, mia: User, suedoel: Organisation) -> None:
    Membership.across_orgs.create(org=suedoel, user=mia, role=Role.AUDITOR, created_at=NOON)
    client.force_login(mia)
    page = client.get("/o/").content.decode()
    assert "You belong to 2 organisations" in page
    assert page.index("Nordmühle") < page.index("Südöl")
    assert "Auditor" in page


def test_access_that_has_ended_is_none(client: Client, mia: User, nordmuehle: Organisation) -> None:
    nordmuehle.memberships.update(ends_on=timezone.now().date() - timedelta(days=2))
    client.force_login(mia)
    assert "You belong to no organisation" in client.get("/o/").content.decode()


def test_the_frame_switches_between_organisations(mia: User, suedoel: Organisation) -> None:
    assert "Your organisations" not in frame_for(mia, "nordmuehle")  # there is nothing to switch to
    Membership.across_orgs.create(org=suedoel, user=mia, role=Role.AUDITOR, created_at=NOON)
    page = frame_for(mia, "nordmuehle")
    menu = page[page.index("Your organisations") :]
    assert menu.index("Nordmühle") < menu.index("Südöl")


def test_the_frame_says_that_a_trial_is_over(mia: User, nordmuehle: Organisation) -> None:
    assert "trial" not in frame_for(mia, "nordmuehle").lower()
    now = timezone.now()
    for ends, words in ((30, None), (6, "The trial ends on"), (-1, "The trial is over")):
        nordmuehle.trial_ends = now + timedelta(days=ends)
        nordmuehle.save()
        page = frame_for(mia, "nordmuehle")
        assert (words in page) if words else ("The trial" not in page)
    nordmuehle.closed_at = now
    nordmuehle.save()
    assert "This organisation is closed" in frame_for(mia, "nordmuehle")
