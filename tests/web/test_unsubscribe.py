"""The page behind "unsubscribe", for people and for programs."""

import pytest
from django.conf import settings
from django.test import Client

from certwatch.actions import unsubscribe
from certwatch.models import Organisation, User


@pytest.fixture
def link(nordmuehle: Organisation, mia: User) -> str:
    return unsubscribe.address(mia, nordmuehle).removeprefix(settings.BASE_URL)


def digest(org: Organisation) -> str:
    return str(org.memberships.get().digest)


def test_looking_changes_nothing(client: Client, nordmuehle: Organisation, link: str) -> None:
    for _ in range(2):
        page = client.get(link).content.decode()
        assert "mia@nordmuehle.example gets the daily digest of Nordmühle" in page
        assert "Turn it off" in page
    client.head(link)
    assert digest(nordmuehle) == "on"


def test_the_button_turns_it_off_and_the_page_says_how_to_get_it_back(
    client: Client, nordmuehle: Organisation, link: str
) -> None:
    for answer in (client.post(link), client.post(link), client.get(link)):  # and stays so
        page = answer.content.decode()
        assert "No digest of Nordmühle goes to mia@nordmuehle.example any more" in page
        assert 'href="/me/#digests"' in page
        assert digest(nordmuehle) == "off"


def test_a_program_needs_one_click_no_log_in_no_token(nordmuehle: Organisation, link: str) -> None:
    program = Client(enforce_csrf_checks=True)
    answer = program.post(link, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200
    assert digest(nordmuehle) == "off"
    assert not answer.cookies.get("sessionid")


@pytest.mark.parametrize("method", ["get", "post"])
def test_what_is_none_of_ours_is_nowhere(client: Client, nordmuehle: Organisation, link: str, method: str) -> None:
    for wrong in ("/unsubscribe/x/", link[:-3] + "xx/"):
        assert getattr(client, method)(wrong).status_code == 404
    assert digest(nordmuehle) == "on"


def test_it_is_in_the_readers_language_and_kept_by_nobody(client: Client, mia: User, link: str) -> None:
    mia.language = "de"
    mia.save()
    answer = client.get(link)
    assert '<html lang="de">' in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
