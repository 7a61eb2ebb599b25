"""The list of certificates as people see it."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import time_machine
from asgiref.sync import async_to_sync
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from python_calamine import CalamineWorkbook

from certwatch.actions import listing
from certwatch.models import Organisation, User
from tests.actions.watched import by_hand, read, supplier, watch
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

LIST = "/o/nordmuehle/certificates/"
QUERIES = 8  # session, user, memberships; sources, menus twice, page, saved views


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def org(nordmuehle: Organisation) -> Organisation:
    read()
    read("twobsvs", hours_ago=72)
    mill = supplier(nordmuehle, "Mühle", number="104882")
    watch(nordmuehle, "EU-ISCC-Cert-DE100-1", word="suspended", supplier=mill, tags=["UCO"])
    watch(nordmuehle, "EU-ISCC-Cert-DE100-2", valid_from=date(2026, 7, 1), supplier=mill)
    watch(nordmuehle, "2BS010181", source="twobsvs", scheme="2BSvs")
    watch(nordmuehle, "EU-ISCC-Cert-DE100-3", word="unknown", ambiguous=True, valid_until=None)
    by_hand(nordmuehle, "NIS-AT-1", scheme="AT")
    return nordmuehle


def page(client: Client, query: str = "", **headers: Any) -> str:
    response = client.get(f"{LIST}{query}", **headers)
    assert response.status_code == 200
    return response.content.decode()


def texts(html: str, tag: str, css: str) -> list[str]:
    """The texts of elements, without the elements inside them."""
    found = re.findall(rf'<{tag} [^>]*class="[^"]*{css}[^"]*"[^>]*>(.*?)</{tag}>', html, re.DOTALL)
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", text)).strip() for text in found]


def numbers(html: str) -> list[str]:
    return texts(html, "a", "cw-num")


@pytest.mark.parametrize("name", ["anna", "ben"])
def test_a_page_costs_so_many_queries_and_no_row_another(
    org: Organisation, client: Client, name: str, request: pytest.FixtureRequest,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:  # fmt: skip
    client.force_login(request.getfixturevalue(name))
    with django_assert_num_queries(QUERIES):
        page(client)
    for place in range(20):
        watch(org, f"EU-ISCC-Cert-DE200-{place}", supplier=supplier(org, f"Mill {place}"), tags=[f"T{place}"])
    with django_assert_num_queries(QUERIES):
        page(client)
    with django_assert_num_queries(QUERIES):
        page(client, "?q=mill&status=valid&scheme=ISCC+EU&tag=T1&supplier=mill&sort=-holder")


def test_rows_tell_status_reason_and_age(org: Organisation, client: Client, anna: User) -> None:
    client.force_login(anna)
    html = page(client)
    assert numbers(html)[:2] == ["EU-ISCC-Cert-DE100-1", "EU-ISCC-Cert-DE100-3"]  # the worst first
    rows = re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)
    told = {numbers(row)[0]: re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)) for row in rows if numbers(row)}
    assert "Suspended" in told["EU-ISCC-Cert-DE100-1"]
    assert "Mühle" in told["EU-ISCC-Cert-DE100-1"]
    assert "UCO" in told["EU-ISCC-Cert-DE100-1"]
    assert "Unclear" in told["EU-ISCC-Cert-DE100-3"]
    assert "Several holders: choose one" in told["EU-ISCC-Cert-DE100-3"]
    assert "No dates" in told["EU-ISCC-Cert-DE100-3"]
    assert "Last known: Valid" in told["2BS010181"]
    assert "Register not reached since 21 Nov 2026" in told["2BS010181"]
    assert "By hand" in told["NIS-AT-1"]
    assert "Donautal Rapsöl GmbH" in told["NIS-AT-1"]
    assert "Today 07:00" in told["EU-ISCC-Cert-DE100-2"]  # 5 hours before noon in Berlin
    assert 'aria-label="Valid 1 Jul 2026 to 30 Jun 2027"' in html
    assert "style=" not in html


def test_an_auditor_selects_and_adds_nothing(org: Organisation, client: Client, ben: User) -> None:
    client.force_login(ben)
    html = page(client)
    assert 'name="id"' not in html
    assert "cw-bulk" not in html
    assert "Add certificates" not in html
    assert "export.csv" in html


def test_without_a_certificate_the_page_leads_to_adding(nordmuehle: Organisation, client: Client, anna: User) -> None:
    client.force_login(anna)
    html = page(client)
    assert "No certificates yet" in html
    assert 'href="/o/nordmuehle/add/"' in html


def test_what_is_filtered_stands_in_chips_and_tabs(org: Organisation, client: Client, anna: User) -> None:
    client.force_login(anna)
    html = page(client, "?status=suspended&status=unknown&tag=UCO&ends_from=2026-01-01&kind=automatic")
    assert texts(html, "a", "cw-chip") == [
        "Suspended", "Unclear, Never checked", "Tag: UCO", "Checked automatically", "Ends from 1 Jan 2026",
    ]  # fmt: skip
    assert numbers(html) == ["EU-ISCC-Cert-DE100-1"]
    without = re.search(r'class="cw-chip" href="([^"]+)" aria-label="Remove filter Suspended"', html)
    assert without
    assert without[1] == (f"{LIST}?status=unknown&amp;tag=UCO&amp;kind=automatic&amp;ends_from=2026-01-01")
    assert re.search(r'aria-current="true">\s*Unsaved view', html)
    assert re.search(r'aria-current="true">Needs attention <span class="cw-count">2</span>', page(
        client, "?" + "&".join(f"status={word}" for word in listing.ATTENTION)
    ))  # fmt: skip


def test_nothing_that_fits_says_what_stands_in_the_way(
    org: Organisation, client: Client, anna: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(anna)
    with django_assert_num_queries(QUERIES + 1):
        html = page(client, "?status=suspended&scheme=2BSvs&q=2bs")
    assert "Without “Suspended” there would be 1." in html
    assert f'href="{LIST}?q=2bs&amp;scheme=2BSvs">Remove “Suspended”' in html


def test_headings_sort_and_turn_round(org: Organisation, client: Client, anna: User) -> None:
    client.force_login(anna)
    html = page(client, "?sort=number&kind=automatic")
    assert numbers(html) == sorted(numbers(html), key=str.casefold)
    assert re.search(r'aria-sort="ascending"><a class="cw-sort" id="sort-number"[^>]*sort=-number"', html)
    turned = page(client, "?sort=-number&kind=automatic")
    assert numbers(turned) == numbers(html)[::-1]
    assert 'aria-sort="descending"' in turned


def test_next_and_previous_keep_the_filter(
    org: Organisation, client: Client, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    client.force_login(anna)
    first = page(client, "?kind=automatic&sort=number")
    assert "2 of 4 certificates" in first
    following = re.search(rf'href="({LIST}[^"]+)" rel="next"', first)
    assert following
    second = client.get(following[1].replace("&amp;", "&")).content.decode()
    assert not set(numbers(first)) & set(numbers(second))
    back = re.search(rf'href="({LIST}[^"]+)" rel="prev"', second)
    assert back
    assert numbers(client.get(back[1].replace("&amp;", "&")).content.decode()) == numbers(first)
    assert 'rel="next"' not in second


def test_the_address_bar_says_only_what_is_filtered(org: Organisation, client: Client, anna: User) -> None:
    client.force_login(anna)
    asked = {"q": "", "status": "valid", "supplier": "", "ends_from": "", "expires_within": ""}
    response = client.get(LIST, asked, headers={"HX-Request": "true"})
    assert response["HX-Push-Url"] == f"{LIST}?status=valid"
    assert "HX-Push-Url" not in client.get(LIST, asked)


def test_a_hostile_name_is_text(org: Organisation, client: Client, anna: User) -> None:
    watch(org, "<script>1</script>", holder="<b>x", tags=["<i>"], supplier=supplier(org, '"><script>'))
    client.force_login(anna)
    html = page(client, "?q=%3Cscript%3E&tag=%3Ci%3E&supplier=%3Cb%3E")
    assert "<script>1" not in html + page(client)
    assert "<i>" not in html + page(client)
    assert '"><script>' not in html + page(client)


def taken(client: Client, address: str) -> bytes:
    response: Any = client.get(address)
    assert response.status_code == 200

    async def collect() -> bytes:
        return b"".join([piece async for piece in response.streaming_content])

    return async_to_sync(collect)()  # in this thread, which has the database


def test_exports_hold_exactly_what_is_filtered(org: Organisation, client: Client, ben: User) -> None:
    client.force_login(ben)
    response = client.get(f"{LIST}export.csv?kind=automatic")
    assert response["Content-Disposition"] == 'attachment; filename="certificates-nordmuehle-2026-11-24.csv"'
    text = taken(client, f"{LIST}export.csv?status=suspended&sort=-number").decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["number"], row["supplier"], row["supplier_number"]) == ("EU-ISCC-Cert-DE100-1", "Mühle", "104882")
    workbook = CalamineWorkbook.from_filelike(io.BytesIO(taken(client, f"{LIST}export.xlsx?tag=UCO")))
    headings, *rows = workbook.get_sheet_by_index(0).to_python()
    assert headings == list(listing.COLUMNS)
    assert [row[0] for row in rows] == ["EU-ISCC-Cert-DE100-1"]


def test_doing_something_to_many_asks_first(org: Organisation, client: Client, mia: User) -> None:
    client.force_login(mia)
    everything = {"do": "remove", "all": "1", "query": "kind=automatic&status=suspended&evil=1"}
    asked = client.post(f"{LIST}change/", everything)
    assert "It is done to 1 certificate." in asked.content.decode()
    assert org.certificates.watched().count() == 5
    done = client.post(f"{LIST}change/", {**everything, "confirmed": "1"})
    assert done["Location"] == f"{LIST}?status=suspended&kind=automatic"
    assert org.certificates.watched().count() == 4
    assert "1 certificate is changed." in client.get(LIST).content.decode()


def test_chosen_rows_are_tagged(org: Organisation, client: Client, mia: User) -> None:
    client.force_login(mia)
    ids = list(org.certificates.filter(scheme="ISCC EU").values_list("public_id", flat=True))
    said = {"do": "tag", "id": ids, "text": "Tender, UCO", "confirmed": "1"}
    assert client.post(f"{LIST}change/", said).status_code == 302
    assert sorted(map(sorted, org.certificates.values_list("tags", flat=True))) == [
        [], [], *[["Tender", "UCO"]] * 3,
    ]  # fmt: skip
    wrong = client.post(f"{LIST}change/", {**said, "text": " "}).content.decode()
    assert "Write at least one tag." in wrong


def test_nothing_selected_leads_back(org: Organisation, client: Client, mia: User) -> None:
    client.force_login(mia)
    for said in ({"do": "tag"}, {"do": "tag", "id": "nobody"}, {"do": "erase", "all": "1"}):
        assert client.post(f"{LIST}change/", said)["Location"].startswith(LIST)
    assert "Select at least one certificate first." in page(client)
