"""Suppliers as people see them."""

import re
from collections.abc import Iterator

import pytest
import time_machine
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from certwatch.models import Organisation, Supplier, User
from certwatch.web import suppliers
from tests.actions.watched import by_hand, read, supplier, watch
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

LIST = "/o/nordmuehle/suppliers/"
LIST_QUERIES = 7  # session, user, memberships; suppliers, sources, their certificates, count
ONE_QUERIES = 8  # session, user, memberships; supplier, sources, certificates, contacts, what they uploaded


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def mill(nordmuehle: Organisation, mia: User) -> Supplier:
    read()
    made = supplier(nordmuehle, "Ölmühle Nord GmbH", number="104882", responsible=mia, tags=["UCO"], notes="Ask\nearly")
    watch(nordmuehle, "1", supplier=made, holder="OELMÜHLE Nord GmbH & Co. KG")
    watch(nordmuehle, "2", supplier=made, word="suspended", holder="Galicia Aceites Usados S.L.")
    by_hand(nordmuehle, "3", supplier=made, holder="")
    nordmuehle.supplier_contacts.create(
        supplier=made, name="Quality", email="q@mill.example", phone="+49 30 1", language="de"
    )
    return made


def text(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("name", ["anna", "ben"])
def test_pages_cost_so_many_queries(
    nordmuehle: Organisation, mill: Supplier, client: Client, name: str, request: pytest.FixtureRequest,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:  # fmt: skip
    client.force_login(request.getfixturevalue(name))
    for place in range(8):
        other = supplier(nordmuehle, f"Other {place}", responsible=mill.responsible)
        watch(nordmuehle, f"N {place}", supplier=other)
        watch(nordmuehle, f"M {place}", supplier=mill)
    with django_assert_num_queries(LIST_QUERIES):
        text(client, LIST)
    with django_assert_num_queries(ONE_QUERIES):
        text(client, f"{LIST}{mill.public_id}/")


def test_the_list_says_how_certificates_stand(
    nordmuehle: Organisation, mill: Supplier, client: Client, ben: User
) -> None:
    supplier(nordmuehle, "Without")
    client.force_login(ben)
    html = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text(client, LIST)))
    assert "Ölmühle Nord GmbH 104882 Suspended 1 Valid 2 Mia UCO" in html
    assert "Without – None –" in html
    assert "2 of 2 suppliers" in html
    assert "Add a supplier" not in html


@pytest.mark.parametrize(("query", "found"), [("?q=OLMUHLE", 0), ("?q=ölmühle+nord", 1), ("?q=4882", 1), ("?q=---", 0)])
def test_suppliers_are_found_by_name_and_number(
    mill: Supplier, client: Client, anna: User, query: str, found: int
) -> None:
    client.force_login(anna)
    assert text(client, f"{LIST}{query}").count("Ölmühle Nord GmbH</a>") == found


def test_pages_go_both_ways(
    nordmuehle: Organisation, client: Client, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suppliers, "PAGE", 2)
    for name in "ABC":
        supplier(nordmuehle, f"Mill {name}")
    client.force_login(anna)
    first = text(client, f"{LIST}?q=mill")
    following = re.search(r'href="([^"]+)" rel="next"', first)
    assert following
    second = text(client, following[1].replace("&amp;", "&"))
    assert "Mill C</a>" in second
    assert "Mill B</a>" not in second
    back = re.search(r'href="([^"]+)" rel="prev"', second)
    assert back
    assert "Mill A</a>" in text(client, back[1].replace("&amp;", "&"))


def test_without_suppliers_the_page_says_what_they_are(nordmuehle: Organisation, client: Client, anna: User) -> None:
    client.force_login(anna)
    assert "No suppliers yet" in text(client, LIST)


def test_one_supplier_shows_people_certificates_and_contradictions(mill: Supplier, client: Client, ben: User) -> None:
    client.force_login(ben)
    html = text(client, f"{LIST}{mill.public_id}/")
    for told in ("104882", "Mia", "Ask<br>early", "q@mill.example", "+49 30 1", "DE", "Galicia Aceites Usados S.L."):
        assert told in html
    assert "1 certificate is held by a company with another name." in html
    assert html.count("Holder:") == 1  # ÖLMÜHLE and OELMÜHLE are one
    assert "Change" not in re.sub(r"<[^>]+>", "", html)


def test_a_supplier_is_added_and_changed(nordmuehle: Organisation, client: Client, mia: User) -> None:
    client.force_login(mia)
    said = {"name": "Mill", "number": "1", "tags": "UCO; HVO", "notes": "", "responsible": str(mia.pk)}
    made = client.post(f"{LIST}add/", said)
    mill = nordmuehle.suppliers.get()
    assert made["Location"] == f"{LIST}{mill.public_id}/"
    assert (mill.tags, mill.responsible) == (["UCO", "HVO"], mia)
    form = text(client, f"{LIST}{mill.public_id}/change/")
    assert 'value="UCO, HVO"' in form
    client.post(f"{LIST}{mill.public_id}/change/", {**said, "name": "Mill & Sons"})
    assert nordmuehle.suppliers.get().name == "Mill & Sons"
    again = client.post(f"{LIST}add/", {**said, "name": "MILL SONS"})
    assert "There is a supplier with this name already." in again.content.decode()


def test_nobody_from_elsewhere_becomes_responsible(
    nordmuehle: Organisation, client: Client, mia: User, clara: User
) -> None:
    client.force_login(mia)
    said = {"name": "Mill", "number": "", "tags": "", "notes": "", "responsible": str(clara.pk)}
    assert client.post(f"{LIST}add/", said).status_code == 200
    assert not nordmuehle.suppliers.exists()


def test_removing_asks_first_and_keeps_the_certificates(
    nordmuehle: Organisation, mill: Supplier, client: Client, mia: User
) -> None:
    client.force_login(mia)
    asked = text(client, f"{LIST}{mill.public_id}/remove/")
    assert "3 certificates are watched on, without a supplier." in asked
    assert nordmuehle.suppliers.exists()
    client.post(f"{LIST}{mill.public_id}/remove/")
    assert not nordmuehle.suppliers.exists()
    assert nordmuehle.certificates.watched().count() == 3


def test_contacts_are_added_changed_and_removed(
    nordmuehle: Organisation, mill: Supplier, client: Client, mia: User
) -> None:
    client.force_login(mia)
    contacts = f"{LIST}{mill.public_id}/contacts/"
    said = {"name": "Sales", "email": "s@mill.example", "phone": "", "language": "en"}
    assert client.post(contacts, said).status_code == 302
    made = mill.contacts.get(name="Sales")
    client.post(f"{contacts}{made.public_id}/", {**said, "language": "de"})
    made.refresh_from_db()
    assert made.language == "de"
    wrong = client.post(contacts, {**said, "email": "nonsense"})
    assert "is-invalid" in wrong.content.decode()
    client.post(f"{contacts}{made.public_id}/remove/")
    assert [contact.name for contact in mill.contacts.all()] == ["Quality"]
