"""Members: another role, removal, ownership, invitations taken back."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.core.mail import get_connection
from django.db import connection

from certwatch.actions import members, orgs
from certwatch.models import AuditEntry, Invitation, Membership, Organisation, Role, User
from certwatch.rules.errors import Refused
from tests.conftest import NOON, member

ADDRESS = "198.51.100.7"


def of(org: Organisation, user: User) -> Membership:
    found: Membership = org.memberships.select_related("user", "org").get(user=user)
    return found


def at_once(act: Callable[..., None], calls: Sequence[Sequence[Any]]) -> None:
    """Side by side where the database lets tests do so; SQLite has one writer anyway, and one thread in memory."""
    if connection.vendor != "postgresql":
        for call in calls:
            act(*call)
        return
    start = Barrier(len(calls))

    def one(call: Sequence[Any]) -> None:
        start.wait()
        try:
            act(*call)
        finally:
            connection.close()

    threads = [Thread(target=one, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def invited(org: Organisation, by: User, role: Role = Role.MEMBER, access_ends: date | None = None) -> Invitation:
    return orgs.invite(
        org, "new@nordmuehle.example", role, base_url="https://cw.example", connection=get_connection(),
        by=by, now=NOON, access_ends=access_ends, address=ADDRESS,
    )  # fmt: skip


class TestRoles:
    def test_an_admin_gives_roles_up_to_his_own(self, nordmuehle: Organisation, anna: User, mia: User) -> None:
        members.change(of(nordmuehle, mia), Role.AUDITOR, date(2026, 12, 31), by=anna, now=NOON, address=ADDRESS)
        assert (of(nordmuehle, mia).role, of(nordmuehle, mia).ends_on) == (Role.AUDITOR, date(2026, 12, 31))
        note = AuditEntry.objects.get(org=nordmuehle)
        assert (note.action, note.about, note.by, note.source_address) == ("member.changed", mia.email, anna, ADDRESS)
        assert note.details == {
            "was": {"role": "member", "ends_on": None}, "role": "auditor", "ends_on": "2026-12-31",
        }  # fmt: skip

    def test_what_stays_as_it_was_is_not_noted(self, nordmuehle: Organisation, anna: User, mia: User) -> None:
        members.change(of(nordmuehle, mia), Role.MEMBER, None, by=anna, now=NOON)
        assert not AuditEntry.objects.exists()

    @pytest.mark.parametrize("act", ["change", "remove", "transfer", "make an owner"])
    def test_owners_are_made_and_changed_by_owners_only(
        self, nordmuehle: Organisation, anna: User, otto: User, mia: User, act: str
    ) -> None:
        member(nordmuehle, "Olga", Role.OWNER)
        deeds: dict[str, Callable[[], None]] = {
            "change": lambda: members.change(of(nordmuehle, otto), Role.ADMIN, None, by=anna, now=NOON),
            "remove": lambda: members.remove(of(nordmuehle, otto), by=anna, now=NOON),
            "transfer": lambda: members.transfer_ownership(of(nordmuehle, mia), by=anna, now=NOON),
            "make an owner": lambda: members.change(of(nordmuehle, mia), Role.OWNER, None, by=anna, now=NOON),
        }
        with pytest.raises(Refused, match="Only an owner"):
            deeds[act]()
        assert of(nordmuehle, otto).role == Role.OWNER
        assert of(nordmuehle, mia).role == Role.MEMBER

    def test_who_was_demoted_meanwhile_gives_nothing(self, nordmuehle: Organisation, anna: User, mia: User) -> None:
        nordmuehle.memberships.filter(user=anna).update(role=Role.MEMBER)
        with pytest.raises(Refused, match="does not allow"):
            members.change(of(nordmuehle, mia), Role.ADMIN, None, by=anna, now=NOON)

    def test_an_owners_access_has_no_end(self, nordmuehle: Organisation, otto: User, mia: User) -> None:
        with pytest.raises(Refused, match="no end"):
            members.change(of(nordmuehle, mia), Role.OWNER, date(2026, 12, 31), by=otto, now=NOON)


class TestTheLastOwner:
    def test_he_is_neither_demoted_nor_removed(self, nordmuehle: Organisation, otto: User) -> None:
        with pytest.raises(Refused, match="last owner"):
            members.change(of(nordmuehle, otto), Role.ADMIN, None, by=otto, now=NOON)
        with pytest.raises(Refused, match="last owner"):
            members.remove(of(nordmuehle, otto), by=otto, now=NOON)
        assert of(nordmuehle, otto).role == Role.OWNER

    def test_ownership_goes_over_at_once(self, nordmuehle: Organisation, otto: User, ben: User) -> None:
        nordmuehle.memberships.filter(user=ben).update(ends_on=date(2026, 12, 31))
        members.transfer_ownership(of(nordmuehle, ben), by=otto, now=NOON)
        assert (of(nordmuehle, ben).role, of(nordmuehle, ben).ends_on) == (Role.OWNER, None)
        assert of(nordmuehle, otto).role == Role.ADMIN
        note = AuditEntry.objects.get(org=nordmuehle)
        assert (note.action, note.about, note.details) == (
            "member.made_owner", ben.email, {"former_owner": otto.email},
        )  # fmt: skip

    @pytest.mark.django_db(transaction=True)
    def test_two_who_remove_each_other_leave_one(self, nordmuehle: Organisation, otto: User) -> None:
        olga = member(nordmuehle, "Olga", Role.OWNER)
        pairs = [(of(nordmuehle, olga), otto), (of(nordmuehle, otto), olga)]
        refused = []

        def remove(target: Membership, by: User) -> None:
            try:
                members.remove(target, by=by, now=NOON)
            except Refused as error:
                refused.append(str(error))

        at_once(remove, pairs)
        assert len(refused) == 1
        assert nordmuehle.memberships.filter(role=Role.OWNER).count() == 1

    @pytest.mark.django_db(transaction=True)
    def test_two_who_leave_at_once_leave_one(self, nordmuehle: Organisation, otto: User) -> None:
        olga = member(nordmuehle, "Olga", Role.OWNER)
        refused = []

        def leave(user: User) -> None:
            try:
                members.leave(nordmuehle, user, now=NOON)
            except Refused as error:
                refused.append(str(error))

        at_once(leave, [(otto,), (olga,)])
        assert len(refused) == 1
        assert nordmuehle.memberships.filter(role=Role.OWNER).count() == 1


class TestRemoving:
    def test_nobody_is_responsible_who_is_gone(self, nordmuehle: Organisation, anna: User, mia: User) -> None:
        supplier = nordmuehle.suppliers.create(name="A", name_key="a", responsible=mia, created_at=NOON)
        nordmuehle.saved_views.create(owner=mia, name="mine", created_at=NOON)
        nordmuehle.saved_views.create(owner=mia, name="ours", shared=True, created_at=NOON)
        members.remove(of(nordmuehle, mia), by=anna, now=NOON)
        supplier.refresh_from_db()
        assert supplier.responsible is None
        assert [view.name for view in nordmuehle.saved_views.all()] == ["ours"]
        assert not nordmuehle.memberships.filter(user=mia).exists()
        assert User.objects.filter(pk=mia.pk).exists()
        assert AuditEntry.objects.get(org=nordmuehle).details == {"role": "member"}

    def test_who_is_gone_already_is_told(self, nordmuehle: Organisation, anna: User, mia: User) -> None:
        stale = of(nordmuehle, mia)
        members.remove(of(nordmuehle, mia), by=anna, now=NOON)
        with pytest.raises(Refused, match="no member any more"):
            members.remove(stale, by=anna, now=NOON)


class TestInvitations:
    def test_the_end_of_the_access_comes_with_it(self, nordmuehle: Organisation, anna: User) -> None:
        invitation = invited(nordmuehle, anna, Role.AUDITOR, date(2026, 12, 31))
        new = User.objects.create_user("new@nordmuehle.example")
        joined = members.accept_invitation(invitation, new, now=NOON)
        assert (joined.role, joined.ends_on) == (Role.AUDITOR, date(2026, 12, 31))
        note = AuditEntry.objects.get(action="member.invited")
        assert (note.source_address, note.details) == (ADDRESS, {"role": "auditor", "access_ends": "2026-12-31"})

    def test_taking_back_is_noted_once_and_ends_the_link(self, nordmuehle: Organisation, anna: User) -> None:
        invitation = invited(nordmuehle, anna)
        assert members.revoke_invitation(invitation, by=anna, now=NOON)
        assert not members.revoke_invitation(invitation, by=anna, now=NOON)
        with pytest.raises(Refused, match="not good any more"):
            members.accept_invitation(invitation, anna, now=NOON)
        assert AuditEntry.objects.filter(action="invitation.revoked").count() == 1

    def test_an_owners_invitation_is_an_owners(self, nordmuehle: Organisation, otto: User, anna: User) -> None:
        invitation = invited(nordmuehle, otto, Role.OWNER)
        with pytest.raises(Refused, match="Only an owner"):
            members.revoke_invitation(invitation, by=anna, now=NOON)

    def test_mails_to_strangers_are_limited(
        self, nordmuehle: Organisation, anna: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(orgs, "MOST_A_DAY", 2)
        invited(nordmuehle, anna)
        invited(nordmuehle, anna)
        with pytest.raises(Refused, match="within a day"):
            invited(nordmuehle, anna)
        nordmuehle.invitations.update(created_at=NOON - timedelta(days=1))
        invited(nordmuehle, anna)
