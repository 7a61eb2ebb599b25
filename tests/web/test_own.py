"""Own settings, and leaving an organisation."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from certwatch.models import AuditEntry, Membership, Organisation, Role, User
from tests.conftest import NOON

pytestmark = pytest.mark.django_db


def test_settings_are_kept_and_shown(client: Client, mia: User) -> None:
    client.force_login(mia)
    data = {"name": "Mia M.", "language": "de", "time_zone": "Asia/Tokyo"}  # a box that is not ticked is not sent
    assert client.post("/me/", data)["Location"] == "/me/"
    mia.refresh_from_db()
    assert (mia.name, mia.language, mia.time_zone, mia.shortcuts) == ("Mia M.", "de", "Asia/Tokyo", False)
    page = client.get("/me/").content.decode()
    assert '<html lang="de">' in page
    assert '<option value="Asia/Tokyo" selected>' in page


@pytest.mark.parametrize(("field", "value"), [("language", "fr"), ("time_zone", "Mars/Olympus"), ("name", "x" * 151)])
def test_what_cannot_be_is_refused_beside_its_field(client: Client, mia: User, field: str, value: str) -> None:
    client.force_login(mia)
    response = client.post("/me/", {"name": "Mia", field: value})
    assert response.status_code == 200
    assert f'id="id_{field}_error"' in response.content.decode()
    mia.refresh_from_db()
    assert (mia.name, mia.language, mia.time_zone) == ("Mia", "", "")


def test_a_member_leaves(client: Client, mia: User, otto: User, nordmuehle: Organisation) -> None:
    supplier = nordmuehle.suppliers.create(name="Raps AG", responsible=mia, created_at=NOON)
    client.force_login(mia)
    assert client.get("/me/leave/nordmuehle/").status_code == 200
    assert nordmuehle.memberships.filter(user=mia).exists()  # looking changes nothing
    assert client.post("/me/leave/nordmuehle/")["Location"] == "/me/"
    assert not nordmuehle.memberships.filter(user=mia).exists()
    note = AuditEntry.objects.get(org=nordmuehle)
    assert (note.action, note.by, note.source_address, note.details) == (
        "member.left", mia, "127.0.0.1", {"role": "member"}
    )  # fmt: skip
    supplier.refresh_from_db()
    assert supplier.responsible is None  # who is no member is responsible for nothing
    page = client.get("/me/").content.decode()
    assert "You have left Nordmühle." in page
    assert "You belong to no organisation." in page


def test_the_last_owner_cannot_leave(client: Client, otto: User, anna: User, nordmuehle: Organisation) -> None:
    client.force_login(otto)
    assert "You cannot leave Nordmühle yet" in client.get("/me/leave/nordmuehle/").content.decode()
    response = client.post("/me/leave/nordmuehle/")
    assert response.status_code == 409
    assert nordmuehle.memberships.filter(user=otto).exists()
    nordmuehle.memberships.filter(user=anna).update(role=Role.OWNER)
    assert client.post("/me/leave/nordmuehle/").status_code == 302


def test_an_owner_whose_access_has_ended_holds_nothing(
    client: Client, otto: User, anna: User, nordmuehle: Organisation
) -> None:
    yesterday = timezone.now().date() - timedelta(days=2)
    nordmuehle.memberships.filter(user=anna).update(role=Role.OWNER, ends_on=yesterday)
    client.force_login(otto)
    assert client.post("/me/leave/nordmuehle/").status_code == 409


def test_own_views_go_and_shared_ones_stay(client: Client, mia: User, nordmuehle: Organisation) -> None:
    for name, shared in (("mine", False), ("ours", True)):
        nordmuehle.saved_views.create(owner=mia, name=name, shared=shared, created_at=NOON)
    client.force_login(mia)
    client.post("/me/leave/nordmuehle/")
    assert list(nordmuehle.saved_views.values_list("name", flat=True)) == ["ours"]


def test_the_page_takes_three_queries_however_many_organisations(
    client: Client, mia: User, suedoel: Organisation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    Membership.across_orgs.create(org=suedoel, user=mia, role=Role.AUDITOR, created_at=NOON)
    client.force_login(mia)
    with django_assert_num_queries(3):  # session, person, memberships
        page = client.get("/me/").content.decode()
    assert "Nordmühle" in page
    assert "Südöl" in page
    assert "Auditor" in page
