"""Own settings, and leaving an organisation."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from certwatch.actions import feed
from certwatch.models import AuditEntry, CalendarFeed, Membership, Organisation, Role, User
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


def test_the_page_takes_six_queries_however_many_organisations(
    client: Client, mia: User, suedoel: Organisation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    Membership.across_orgs.create(org=suedoel, user=mia, role=Role.AUDITOR, created_at=NOON)
    client.force_login(mia)
    with django_assert_num_queries(6):  # session, person, memberships, calendar; of all organisations members, people
        page = client.get("/me/").content.decode()
    assert "Nordmühle" in page
    assert "Südöl" in page
    assert "Auditor" in page


class TestDigestAndDeputy:
    def field(self, user: User, org: Organisation, name: str) -> str:
        return f"{org.memberships.get(user=user).public_id}-{name}"

    def test_both_are_chosen_for_each_organisation_alone(
        self, client: Client, mia: User, anna: User, nordmuehle: Organisation, suedoel: Organisation
    ) -> None:
        Membership.across_orgs.create(org=suedoel, user=mia, role=Role.AUDITOR, created_at=NOON)
        deputy = nordmuehle.memberships.get(user=anna).public_id
        client.force_login(mia)
        answer = client.post(
            "/me/organisations/",
            {
                self.field(mia, nordmuehle, "digest"): "always",
                self.field(mia, nordmuehle, "deputy"): deputy,
                self.field(mia, suedoel, "digest"): "off",
            },
        )
        assert answer["Location"] == "/me/#digests"
        here, there = nordmuehle.memberships.get(user=mia), suedoel.memberships.get(user=mia)
        assert (here.digest, here.deputy) == ("always", anna)
        assert (there.digest, there.deputy) == ("off", None)
        page = client.get("/me/").content.decode()
        assert f'<option value="{deputy}" selected>Anna</option>' in page
        client.post("/me/organisations/", {self.field(mia, nordmuehle, "digest"): "on"})  # nobody any more
        here.refresh_from_db()
        assert (here.digest, here.deputy) == ("on", None)

    def test_nobody_is_his_own_deputy_nor_who_is_no_member(
        self, client: Client, mia: User, ben: User, clara: User, nordmuehle: Organisation, suedoel: Organisation
    ) -> None:
        nordmuehle.memberships.filter(user=ben).update(ends_on=timezone.now().date() - timedelta(days=2))
        members = [
            nordmuehle.memberships.get(user=mia),
            nordmuehle.memberships.get(user=ben),
            suedoel.memberships.get(),
        ]
        client.force_login(mia)
        for wrong in (*(member.public_id for member in members), str(clara.pk)):
            data = {self.field(mia, nordmuehle, "digest"): "on", self.field(mia, nordmuehle, "deputy"): wrong}
            answer = client.post("/me/organisations/", data)
            assert answer.status_code == 200
            assert f'id="id_{self.field(mia, nordmuehle, "deputy")}_error"' in answer.content.decode()
        assert nordmuehle.memberships.get(user=mia).deputy is None

    def test_a_foreign_membership_is_not_touched(
        self, client: Client, mia: User, clara: User, suedoel: Organisation
    ) -> None:
        client.force_login(mia)
        client.post("/me/organisations/", {self.field(clara, suedoel, "digest"): "off"})
        assert suedoel.memberships.get().digest == "on"


class TestCalendar:
    def test_its_address_is_shown_once_and_replaced(self, client: Client, mia: User) -> None:
        client.force_login(mia)
        addresses = []
        for show in ("mine", "all"):
            answer = client.post("/me/calendar/", {"show": show})
            assert answer["Cache-Control"] == "no-store"
            found = re.search(r"http://127.0.0.1:8000(/calendar/[\w-]{43}\.ics)", answer.content.decode())
            assert found
            addresses.append(found[1])
            assert client.get(found[1]).status_code == 200
            assert "/calendar/" not in client.get("/me/").content.decode().replace("/me/calendar/", "")
        assert client.get(addresses[0]).status_code == 404
        assert CalendarFeed.objects.get().everything

    def test_what_it_shows_is_changed_and_its_address_stays(self, client: Client, mia: User) -> None:
        token = feed.make(mia, everything=True, now=NOON)
        client.force_login(mia)
        assert client.post("/me/calendar/choose/", {"show": "mine"})["Location"] == "/me/#calendar"
        assert not CalendarFeed.objects.get().everything
        assert client.get(f"/calendar/{token}.ics").status_code == 200

    def test_removed_it_is_answered_with_404(self, client: Client, mia: User) -> None:
        token = feed.make(mia, everything=True, now=NOON)
        client.force_login(mia)
        client.post("/me/calendar/remove/")
        assert client.get(f"/calendar/{token}.ics").status_code == 404
        assert "Make a calendar address" in client.get("/me/").content.decode()

    def test_another_word_is_refused(self, client: Client, mia: User) -> None:
        client.force_login(mia)
        for below in ("", "choose/"):
            assert client.post(f"/me/calendar/{below}", {"show": "x"}).status_code == 200
        assert not CalendarFeed.objects.exists()

    def test_making_one_asks_who_is_there_after_five_minutes(self, client: Client, mia: User) -> None:
        mia.set_password("ein ganzer Satz als Kennwort")
        mia.save()
        client.force_login(mia)
        assert client.post("/me/calendar/", {"show": "mine"})["Location"].startswith("/accounts/reauthenticate/")
        assert not CalendarFeed.objects.exists()
