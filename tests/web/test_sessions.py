"""Sessions: how long they last, and ending them."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from certwatch.jobs import housekeeping
from certwatch.models import CachedValue, User

pytestmark = pytest.mark.django_db

PASSWORD = "ein ganzer Satz als Kennwort"
START = datetime(2026, 11, 24, 11, tzinfo=UTC)
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def nora() -> User:
    user = User.objects.create_user("nora@muehle.example", PASSWORD, name="Nora")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def log_in(client: Client, *, remember: bool = False, browser: str = "") -> None:
    data = {"login": "nora@muehle.example", "password": PASSWORD, **({"remember": "on"} if remember else {})}
    assert client.post("/accounts/login/", data, headers={"user-agent": browser})["Location"] == "/o/"


def is_in(client: Client) -> bool:
    return client.get("/me/").status_code == 200


def test_a_session_ends_after_twelve_hours_without_activity(client: Client, nora: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        log_in(client)
        assert client.cookies["sessionid"]["max-age"] == ""  # and with the browser
        clock.shift(timedelta(hours=11, minutes=59))
        assert is_in(client)
        clock.shift(timedelta(hours=11, minutes=59))
        assert is_in(client)  # activity began the twelve hours anew
        clock.shift(timedelta(hours=12, seconds=1))
        assert not is_in(client)


def test_who_stays_signed_in_has_thirty_days(client: Client, nora: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        log_in(client, remember=True)
        assert client.cookies["sessionid"]["max-age"] == 30 * 86_400
        clock.shift(timedelta(days=29, hours=23))
        assert is_in(client)
        clock.shift(timedelta(days=30, seconds=1))
        assert not is_in(client)


def test_activity_is_written_once_a_minute_at_most(
    client: Client, nora: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        log_in(client)
        clock.shift(timedelta(seconds=59))
        with django_assert_num_queries(4):  # session, person, organisations, calendar
            client.get("/me/")
        assert UserSession.objects.get().last_seen_at == START
        clock.shift(timedelta(seconds=2))
        client.get("/me/")
        assert UserSession.objects.get().last_seen_at == START + timedelta(seconds=61)


def test_cookies_are_the_necessary_ones_and_safe(client: Client, nora: User) -> None:
    client.get("/accounts/login/")
    log_in(client)
    assert set(client.cookies) == {"sessionid", "csrftoken"}
    assert client.cookies["sessionid"]["httponly"]
    assert {cookie["samesite"] for cookie in client.cookies.values()} == {"Lax"}


def test_the_list_names_browser_and_network_address(client: Client, nora: User) -> None:
    log_in(client, browser=FIREFOX)
    page = client.get("/accounts/sessions/").content.decode()
    assert "You are signed in at 1 place" in page
    assert "Firefox, Windows" in page
    assert "127.0.0.1" in page
    assert "Sign out everywhere else" not in page


def test_times_are_in_the_zone_that_the_person_chose(client: Client, nora: User) -> None:
    with time_machine.travel(START, tick=False):
        log_in(client)
        assert "24 Nov 2026, 11:00" in client.get("/accounts/sessions/").content.decode()
        nora.time_zone = "Europe/Berlin"
        nora.save()
        assert "24 Nov 2026, 12:00" in client.get("/accounts/sessions/").content.decode()


def test_signing_out_everywhere_else_leaves_this_session(client: Client, nora: User) -> None:
    others = [Client(), Client()]
    for each in (*others, client):
        log_in(each)
    assert "You are signed in at 3 places" in client.get("/accounts/sessions/").content.decode()
    client.post("/accounts/sessions/")
    assert [is_in(each) for each in (*others, client)] == [False, False, True]


def test_nobody_ends_the_sessions_of_others(client: Client, nora: User, anna: User) -> None:
    log_in(client)
    other = Client()
    other.force_login(anna)
    other.post("/accounts/sessions/")
    assert is_in(client)


def test_what_has_run_out_is_tidied_away(client: Client, nora: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        log_in(client)
        clock.shift(timedelta(hours=1))
        housekeeping.tidy(START + timedelta(hours=1))
        assert Session.objects.count() == UserSession.objects.count() == 1
        housekeeping.tidy(START + timedelta(days=2))
    assert not Session.objects.exists()
    assert not UserSession.objects.exists()
    assert not CachedValue.objects.exists()
