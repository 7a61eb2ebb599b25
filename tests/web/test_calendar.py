"""The calendar as programs read it."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import translation
from icalendar import Calendar
from pytest_django import DjangoAssertNumQueries

from certwatch.actions import feed
from certwatch.models import Membership, Organisation, Role, User
from certwatch.rules.status import Status
from certwatch.web import calendar
from tests.actions.watched import by_hand, read, supplier, watch
from tests.conftest import NOON

ENDS = date(2027, 6, 30)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    kept: dict[str, bytes] = {}
    monkeypatch.setattr(calendar, "_KEPT", kept)
    return kept


@pytest.fixture
def path(mia: User) -> str:
    return f"/calendar/{feed.make(mia, everything=True, now=NOON)}.ics"


def events(client: Client, path: str) -> list[Any]:
    answer = client.get(path)
    assert answer.status_code == 200
    found: list[Any] = Calendar.from_ical(answer.content).walk("VEVENT")
    assert [error for event in found for error in event.errors] == []
    return found


def test_an_event_is_a_day_that_programs_understand(client: Client, path: str, nordmuehle: Organisation) -> None:
    read()
    seller = supplier(nordmuehle, "Oderbruch")
    watched = watch(nordmuehle, "EU-ISCC-Cert-DE100-00000042", supplier=seller)
    (event,) = events(client, path)
    link = f"http://127.0.0.1:8000/o/nordmuehle/certificates/{watched.public_id}/"
    assert (event["DTSTART"].dt, event["DTEND"].dt) == (ENDS, ENDS + timedelta(days=1))
    assert event["DTSTART"].params["VALUE"] == event["DTEND"].params["VALUE"] == "DATE"
    assert event["UID"] == f"{watched.public_id}-expiry@127.0.0.1"
    assert event["SUMMARY"] == "Last day: EU-ISCC-Cert-DE100-00000042, Oderbruch"
    assert str(event["DESCRIPTION"]).splitlines() == [
        "Status: Valid",
        "Holder: Ölmühle Nord GmbH",
        "Supplier: Oderbruch",
        "Scheme: ISCC EU",
        link,
    ]
    assert (event["URL"], event["SEQUENCE"], event["TRANSP"]) == (link, 0, "TRANSPARENT")
    assert event["DTSTAMP"].dt == event["LAST-MODIFIED"].dt == NOON


def test_a_review_is_an_event_of_its_own(client: Client, path: str, nordmuehle: Organisation) -> None:
    made = by_hand(nordmuehle, "KZR 1", valid_until=None, review_on=ENDS, review_moves=3)
    (event,) = events(client, path)
    assert (event["UID"], event["SEQUENCE"]) == (f"{made.public_id}-review@127.0.0.1", 3)
    assert event["SUMMARY"] == "Review: KZR 1, Donautal Rapsöl GmbH"


def test_the_bytes_are_folded_escaped_and_end_as_the_standard_says(
    client: Client, path: str, nordmuehle: Organisation
) -> None:
    name = "Öl; Fett, Ruß \\ Söhne\nATTACH:x " + "ä" * 200
    by_hand(nordmuehle, "A;B,C\\D", holder=f"{name}\x07")
    answer = client.get(path)
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    lines = answer.content.split(b"\r\n")
    assert lines[0] == b"BEGIN:VCALENDAR"
    assert lines[-2:] == [b"END:VCALENDAR", b""]
    assert b"\n" not in answer.content.replace(b"\r\n", b"")
    assert max(len(line) for line in lines) <= 75
    for line in lines:
        line.decode()  # no fold within a letter
    unfolded = answer.content.replace(b"\r\n ", b"").decode()
    assert "Last day: A\\;B\\,C\\\\D" in unfolded
    assert "\r\nATTACH" not in unfolded
    (event,) = events(client, path)
    assert event["SUMMARY"] == f"Last day: A;B,C\\D, {name}"
    assert event.get("ATTACH") is None


def test_the_calendar_says_what_it_is(client: Client, path: str) -> None:
    found: Any = Calendar.from_ical(client.get(path).content)
    assert found["VERSION"] == "2.0"
    assert found["PRODID"] == "-//Certificate Watch//Calendar//EN"
    assert found["X-WR-CALNAME"] == "Certificate Watch"
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT6H\r\n" in client.get(path).content
    assert found.walk("VEVENT") == []


def test_the_same_facts_are_the_same_bytes_and_need_not_be_sent_again(
    client: Client, path: str, nordmuehle: Organisation, clock: time_machine.Traveller
) -> None:
    read()
    watched = watch(nordmuehle, "A")
    first = client.get(path)
    clock.shift(timedelta(hours=1))
    second = Client().get(path)
    assert first.content == second.content
    assert first["ETag"] == second["ETag"]
    assert first["Cache-Control"] == "private, no-cache"
    again = client.get(path, headers={"If-None-Match": f'"other", W/{first["ETag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert (again["ETag"], again["Cache-Control"]) == (first["ETag"], "private, no-cache")
    nordmuehle.certificates.filter(pk=watched.pk).update(word=Status.SUSPENDED)
    changed = client.get(path, headers={"If-None-Match": first["ETag"]})
    assert changed.status_code == 200
    assert b"Status: Suspended" in changed.content


def test_it_is_written_once_however_often_it_is_fetched(
    client: Client, path: str, nordmuehle: Organisation, monkeypatch: pytest.MonkeyPatch, nothing_kept: dict[str, bytes]
) -> None:
    read()
    watch(nordmuehle, "A")
    first = client.get(path).content
    monkeypatch.setattr(calendar, "written", None)
    assert client.get(path).content == first
    monkeypatch.undo()
    monkeypatch.setattr(calendar, "_KEPT", nothing_kept)
    for place in range(calendar.MOST_KEPT + 3):
        nordmuehle.certificates.update(scheme=f"S{place}")
        assert f"Scheme: S{place}" in client.get(path).content.decode()
    assert len(nothing_kept) == calendar.MOST_KEPT


def test_it_takes_no_session_and_gives_none(client: Client, path: str) -> None:
    answer = client.get(path)
    assert not answer.cookies
    assert client.head(path)["ETag"] == answer["ETag"]
    assert client.head(path).content == b""


def test_words_are_in_the_readers_language_else_the_organisations(
    client: Client, path: str, mia: User, nordmuehle: Organisation, monkeypatch: pytest.MonkeyPatch,
    nothing_kept: dict[str, bytes],
) -> None:  # fmt: skip
    watch(nordmuehle, "A")
    asked: list[str] = []

    def note(text: str) -> str:
        asked.append(translation.get_language())
        return text

    monkeypatch.setattr("certwatch.web.calendar._", note)
    for own, org, expected in (("", "en", "en"), ("", "de", "de"), ("en", "de", "en")):
        User.objects.filter(pk=mia.pk).update(language=own)
        Organisation.objects.filter(pk=nordmuehle.pk).update(language=org)
        asked.clear()
        nothing_kept.clear()
        client.get(path, headers={"Accept-Language": "fr"})
        assert set(asked) == {expected}


def test_of_several_organisations_each_event_names_its_own(
    client: Client, path: str, mia: User, nordmuehle: Organisation, suedoel: Organisation
) -> None:
    Membership.across_orgs.create(org=suedoel, user=mia, role=Role.MEMBER, created_at=NOON)
    watch(nordmuehle, "N")
    watch(suedoel, "S")
    found = {str(event["SUMMARY"]): event for event in events(client, path)}
    assert "Organisation: Nordmühle" in found["Last day: N, Ölmühle Nord GmbH"]["DESCRIPTION"]
    assert found["Last day: S, Ölmühle Nord GmbH"]["CATEGORIES"].cats == ["Südöl"]


def test_the_last_day_that_there_is_breaks_nothing(client: Client, path: str, nordmuehle: Organisation) -> None:
    watch(nordmuehle, "A", valid_until=date.max)
    (event,) = events(client, path)
    assert event["DTSTART"].dt == date.max
    assert "DTEND" not in event


def test_it_takes_few_queries(
    client: Client, path: str, nordmuehle: Organisation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for place in range(20):
        watch(nordmuehle, f"A {place}")
    with django_assert_num_queries(5):  # the subscription, sources, memberships, changes, certificates
        assert len(events(client, path)) == 20
