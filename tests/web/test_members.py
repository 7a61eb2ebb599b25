"""Org Admin: members, roles and invitations."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from certwatch.models import AuditEntry, Invitation, Membership, Organisation, Role, User
from certwatch.web import members as pages
from tests.conftest import NOON, member
from tests.logins import log_in

MEMBERS = "/o/nordmuehle/admin/members/"
INVITE = f"{MEMBERS}invite/"


@pytest.fixture
def annas(client: Client, anna: User) -> Client:
    log_in(client, anna)
    return client


def of(org: Organisation, user: User) -> Membership:
    found: Membership = org.memberships.get(user=user)
    return found


def invitation(
    org: Organisation, role: Role = Role.MEMBER, ends_at: datetime = NOON + timedelta(days=3650), **facts: Any
) -> Invitation:
    made: Invitation = org.invitations.create(
        email=f"{role}@new.example", role=role, token_digest=Invitation.digest(f"{role}"), created_at=NOON,
        ends_at=ends_at, **facts,
    )  # fmt: skip
    return made


def text_of(client: Client, address: str = MEMBERS) -> str:
    return " ".join(client.get(address).content.decode().split())


class TestTheList:
    def test_it_says_who_is_there_since_when_and_until_when(
        self, annas: Client, nordmuehle: Organisation, anna: User, ben: User
    ) -> None:
        nordmuehle.memberships.filter(user=ben).update(ends_on=date(2036, 12, 31))
        User.objects.filter(pk=ben.pk).update(last_login=NOON)
        Authenticator.objects.create(user=ben, type=Authenticator.Type.TOTP, data={})
        text = text_of(annas)
        assert "2 people can see the certificates of Nordmühle." in text
        assert "until 31 Dec 2036" in text
        assert "24 Nov 2026, 12:00" in text
        assert text.count("</svg>On</span>") == 1
        assert "(you)" in text

    def test_it_takes_six_queries_however_many_there_are(
        self, annas: Client, nordmuehle: Organisation, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for place in range(10):
            member(nordmuehle, f"M{place}", Role.MEMBER)
        invitation(nordmuehle)
        with django_assert_num_queries(6):  # session, person, memberships; members, who is reached, invitations
            annas.get(MEMBERS)

    def test_an_auditor_sees_it_without_buttons(self, client: Client, nordmuehle: Organisation, ben: User) -> None:
        client.force_login(ben)
        invitation(nordmuehle)
        text = text_of(client)
        assert "member@new.example" in text
        for button in ("Invite</a>", ">Change</a>", "Send again", "Take back"):
            assert button not in text

    def test_an_admin_has_no_button_at_an_owner(self, annas: Client, nordmuehle: Organisation, otto: User) -> None:
        assert MEMBERS + of(nordmuehle, otto).public_id not in text_of(annas)

    def test_a_member_does_not_find_it_in_the_menu(self, client: Client, mia: User) -> None:
        client.force_login(mia)
        assert "/admin/" not in client.get("/o/nordmuehle/").content.decode()
        assert client.get(MEMBERS).status_code == 403

    def test_the_section_leads_to_its_first_page(self, annas: Client) -> None:
        assert annas.get("/o/nordmuehle/admin/")["Location"] == MEMBERS


class TestChanging:
    def test_a_role_and_its_end(self, annas: Client, nordmuehle: Organisation, mia: User) -> None:
        address = f"{MEMBERS}{of(nordmuehle, mia).public_id}/"
        assert annas.post(address, {"role": "auditor", "ends_on": "2036-12-31"})["Location"] == MEMBERS
        assert (of(nordmuehle, mia).role, of(nordmuehle, mia).ends_on) == (Role.AUDITOR, date(2036, 12, 31))
        assert "Saved. Mia: Auditor." in text_of(annas)
        note = AuditEntry.objects.get(action="member.changed")
        assert note.source_address == "127.0.0.1"

    def test_a_day_that_has_passed_is_told(self, annas: Client, nordmuehle: Organisation, mia: User) -> None:
        address = f"{MEMBERS}{of(nordmuehle, mia).public_id}/"
        response = annas.post(address, {"role": "auditor", "ends_on": "2020-12-31"})
        assert "This day has passed." in response.content.decode()
        assert of(nordmuehle, mia).role == Role.MEMBER

    def test_an_ended_access_is_changed_without_its_day(
        self, annas: Client, nordmuehle: Organisation, mia: User
    ) -> None:
        nordmuehle.memberships.filter(user=mia).update(ends_on=date(2020, 1, 1))
        address = f"{MEMBERS}{of(nordmuehle, mia).public_id}/"
        assert annas.post(address, {"role": "auditor", "ends_on": "2020-01-01"}).status_code == 302

    def test_no_admin_makes_an_owner(self, annas: Client, nordmuehle: Organisation, mia: User) -> None:
        response = annas.post(f"{MEMBERS}{of(nordmuehle, mia).public_id}/", {"role": "owner"})
        assert response.status_code == 200
        assert of(nordmuehle, mia).role == Role.MEMBER

    def test_the_last_owner_cannot_step_down(self, client: Client, nordmuehle: Organisation, otto: User) -> None:
        log_in(client, otto)
        response = client.post(f"{MEMBERS}{of(nordmuehle, otto).public_id}/", {"role": "admin"})
        assert "This is the last owner." in response.content.decode()

    def test_who_logged_in_long_ago_proves_himself_first(
        self, client: Client, nordmuehle: Organisation, anna: User, mia: User
    ) -> None:
        anna.set_password("correct horse battery")
        anna.save()
        log_in(client, anna, minutes_ago=6)
        address = f"{MEMBERS}{of(nordmuehle, mia).public_id}/"
        for asked in (client.get(address), client.post(address, {"role": "admin"}), client.get(INVITE)):
            assert asked["Location"].startswith("/accounts/reauthenticate/?next=")
        assert of(nordmuehle, mia).role == Role.MEMBER

    def test_somebody_is_removed(self, annas: Client, nordmuehle: Organisation, mia: User) -> None:
        annas.post(f"{MEMBERS}{of(nordmuehle, mia).public_id}/remove/")
        assert not nordmuehle.memberships.filter(user=mia).exists()
        assert "Mia is no member any more." in text_of(annas)

    def test_an_owner_hands_over(self, client: Client, nordmuehle: Organisation, otto: User, mia: User) -> None:
        log_in(client, otto)
        page = f"{MEMBERS}{of(nordmuehle, mia).public_id}/"
        assert "Mia becomes an owner, and you an admin." in text_of(client, page)
        client.post(f"{page}transfer/")
        assert (of(nordmuehle, mia).role, of(nordmuehle, otto).role) == (Role.OWNER, Role.ADMIN)

    def test_nobody_reaches_another_organisations_members(
        self, annas: Client, suedoel: Organisation, clara: User
    ) -> None:
        assert annas.get(f"{MEMBERS}{of(suedoel, clara).public_id}/").status_code == 404


class TestInviting:
    def test_several_at_once(self, annas: Client, nordmuehle: Organisation) -> None:
        emails = "a@new.example, B@new.example;\n c@new.example a@new.example"
        assert annas.post(INVITE, {"emails": emails, "role": "auditor", "ends_on": "2036-12-31"})["Location"] == MEMBERS
        assert [letter.to for letter in mail.outbox] == [["a@new.example"], ["B@new.example"], ["c@new.example"]]
        assert "3 invitations are sent." in text_of(annas)
        made = nordmuehle.invitations.all()
        assert {(one.role, one.access_ends) for one in made} == {(Role.AUDITOR, date(2036, 12, 31))}

    @pytest.mark.parametrize(
        ("emails", "why"),
        [
            ("", "This field is required."),
            ("no address", "“no” is no e-mail address."),
            (" ".join(f"{n}@new.example" for n in range(21)), "20 at once at most."),
        ],
    )
    def test_what_is_wrong_is_told_and_nothing_is_sent(self, annas: Client, emails: str, why: str) -> None:
        assert why in annas.post(INVITE, {"emails": emails, "role": "member"}).content.decode()
        assert not mail.outbox

    def test_addresses_that_got_none_stay_in_the_form(self, annas: Client, mia: User) -> None:
        response = annas.post(INVITE, {"emails": f"new@new.example {mia.email}", "role": "member"})
        text = response.content.decode()
        assert f"{mia.email} is a member of Nordmühle already." in text
        assert f"{mia.email}</textarea>" in text
        assert "new@new.example" not in text.partition("<textarea")[2].partition("</textarea>")[0]
        assert "1 invitation is sent." in text

    def test_a_mail_server_that_is_away_is_told(self, annas: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        class Away(EmailBackend):
            def open(self) -> bool:
                raise ConnectionRefusedError("nobody listens")

            def send_messages(self, messages: object) -> int:
                return self.open()

        monkeypatch.setattr(pages, "get_connection", Away)
        response = annas.post(INVITE, {"emails": "new@new.example", "role": "member"})
        assert "could not be mailed to new@new.example" in response.content.decode()

    def test_sending_again_makes_a_new_link(self, annas: Client, nordmuehle: Organisation) -> None:
        first = invitation(nordmuehle, Role.AUDITOR, ends_at=NOON, access_ends=date(2036, 12, 31))
        assert "Expired 24 Nov 2026" in text_of(annas)
        annas.post(f"/o/nordmuehle/admin/invitations/{first.public_id}/send/")
        second = nordmuehle.invitations.get(revoked_at=None)
        assert (second.email, second.role, second.access_ends) == (first.email, first.role, first.access_ends)
        assert bytes(second.token_digest) != bytes(first.token_digest)
        assert len(mail.outbox) == 1

    def test_an_access_that_would_have_ended_is_not_sent_again(self, annas: Client, nordmuehle: Organisation) -> None:
        old = invitation(nordmuehle, access_ends=date(2020, 1, 1))
        annas.post(f"/o/nordmuehle/admin/invitations/{old.public_id}/send/")
        assert "would have ended already" in text_of(annas)
        assert not mail.outbox

    def test_one_that_is_taken_back_is_gone(self, annas: Client, nordmuehle: Organisation) -> None:
        address = f"/o/nordmuehle/admin/invitations/{invitation(nordmuehle).public_id}/revoke/"
        annas.post(address)
        assert "The invitation of member@new.example is taken back." in text_of(annas)
        assert annas.post(address).status_code == 404


@pytest.mark.parametrize("state", ["closed", "trial over"])
def test_nothing_is_changed_where_it_rests(annas: Client, nordmuehle: Organisation, mia: User, state: str) -> None:
    if state == "closed":
        nordmuehle.closed_at = NOON
    else:
        nordmuehle.trial_ends = NOON - timedelta(days=3650)
    nordmuehle.save()
    assert annas.get(MEMBERS).status_code == 200
    assert "Invite</a>" not in text_of(annas)
    assert annas.post(f"{MEMBERS}{of(nordmuehle, mia).public_id}/remove/").status_code == 403
    assert annas.post(INVITE, {"emails": "x@new.example", "role": "member"}).status_code == 403
