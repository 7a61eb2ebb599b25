"""Org Admin: use of the API."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from certwatch.actions import keys
from certwatch.models import ApiKey, Organisation, Usage, User
from tests.conftest import NOON

USAGE = "/o/nordmuehle/admin/usage/"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def bens(client: Client, ben: User) -> Client:
    client.force_login(ben)
    return client


@pytest.fixture
def key(nordmuehle: Organisation) -> ApiKey:
    return keys.create(nordmuehle, name="SAP", by=None, now=NOON)[0]


def used(key: ApiKey, minutes_ago: int, **counts: int) -> None:
    minute = timezone.now().replace(second=0, microsecond=0) - minutes_ago * MINUTE
    Usage.objects.create(key=key, minute=minute, **counts)


def text_of(client: Client, query: str = "") -> str:
    return " ".join(client.get(USAGE + query).content.decode().split())


def figures(text: str) -> list[str]:
    return re.findall(r'<span class="cw-figure">([\d,]+)</span>', text)


def table(text: str, heading: str) -> list[list[str]]:
    """The rows of the table below a heading, as texts."""
    body = text.partition(heading)[2].partition("<tbody>")[2].partition("</tbody>")[0]
    rows = re.findall(r"<tr.*?</tr>", body)
    return [[re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", row)] for row in rows]


def test_the_busiest_minute_of_all_keys_together_stands_against_the_limit(
    bens: Client, nordmuehle: Organisation, key: ApiKey
) -> None:
    other, _ = keys.create(nordmuehle, name="Excel", by=None, now=NOON)
    used(key, 30, answered=40, not_found=5)
    used(other, 30, answered=10, refused=2)
    used(key, 31, answered=50, limited=3)
    text = text_of(bens)
    assert figures(text) == ["110", "57", "3", "2"]
    assert "57 of 100 requests in the busiest minute." in text
    assert "3 requests were refused for the limit." in text
    assert "mostly by “SAP”" in text
    assert "Limit: 100 requests a minute" in text
    assert table(text, "By key, last 24 hours") == [
        [f"SAP cw_{key.begins}…", "98", "90", "5", "0", "3"],
        [f"Excel cw_{other.begins}…", "12", "10", "0", "2", "0"],
    ]


def test_the_chart_has_its_numbers_as_a_table(bens: Client, key: ApiKey) -> None:
    used(key, 30, answered=7)
    text = text_of(bens)
    assert len(re.findall(r'<rect class="bar"', text)) == 1
    ((_, busiest, requests, refused, limited),) = table(text, "The numbers as a table")
    assert (busiest, requests, refused, limited) == ("7", "7", "0", "0")
    assert "style=" not in text.partition("<main")[2]


def test_thirty_days_are_days(bens: Client, key: ApiKey) -> None:
    used(key, 2 * 24 * 60, answered=7)
    used(key, 2 * 24 * 60 + 1, answered=9, limited=1)
    used(key, 31 * 24 * 60, answered=1000)
    assert "No request in this time." in text_of(bens)
    text = text_of(bens, "?period=30d")
    assert figures(text)[:3] == ["17", "9", "1"]
    assert 1 <= len(table(text, "The numbers as a table")) <= 2  # around midnight it may be two days
    assert '<a href="?period=30d" aria-current="true">' in text


def test_nothing_of_another_organisation_is_counted(bens: Client, suedoel: Organisation) -> None:
    foreign, _ = keys.create(suedoel, name="Süd", by=None, now=NOON)
    used(foreign, 5, answered=70)
    text = text_of(bens)
    assert figures(text)[0] == "0"
    assert "No key was used in this time." in text


def test_a_zone_whose_hours_begin_between_two_bars_is_shown_all_the_same(bens: Client, ben: User, key: ApiKey) -> None:
    User.objects.filter(pk=ben.pk).update(time_zone="Asia/Kathmandu")
    used(key, 30, answered=7)
    assert figures(text_of(bens))[0] == "7"


@pytest.mark.parametrize("period", ["24h", "30d"])
def test_it_takes_five_queries_however_much_was_used(
    bens: Client, nordmuehle: Organisation, django_assert_num_queries: DjangoAssertNumQueries, period: str
) -> None:
    for name in "abc":
        made, _ = keys.create(nordmuehle, name=name, by=None, now=NOON)
        for minutes in range(0, 300, 7):
            used(made, minutes, answered=3)
    with django_assert_num_queries(5):  # session, person, memberships; by time, by key
        bens.get(f"{USAGE}?period={period}")
