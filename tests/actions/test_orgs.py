"""Organisations and their people: made, closed, opened, invited."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend

from certwatch.actions import orgs, users
from certwatch.models import AuditEntry, Invitation, Organisation, Role, User
from certwatch.rules.errors import Refused, UnknownName
from tests.conftest import NOON

PASSWORD = "correct horse battery"


def create(name: str, slug: str = "") -> Organisation:
    return orgs.create(name, slug=slug, by=None, now=NOON)


@pytest.mark.django_db
class TestMaking:
    def test_a_new_organisation_is_open_and_noted(self) -> None:
        org = create("  Nordmühle  GmbH ")
        assert (org.name, org.slug, org.state(NOON)) == ("Nordmühle GmbH", "nordmuehle-gmbh", "open")
        note = AuditEntry.objects.get(org=org)
        assert (note.action, note.by, note.by_label, note.at) == ("organisation.created", None, "command line", NOON)

    @pytest.mark.parametrize(
        ("name", "slug"),
        [
            ("Süßöl & Söhne", "suessoel-soehne"),
            ("Ełk / Łódź", "elk-lodz"),
            ("Crème brûlée", "creme-brulee"),
            ("Ромашка", "organisation"),
            ("x" * 200, "x" * 60),
            ("ﬁne ① ²", "fine-1-2"),
        ],
    )
    def test_its_slug_is_made_of_the_name(self, name: str, slug: str) -> None:
        assert create(name).slug == slug

    def test_a_slug_that_is_taken_gets_a_number(self) -> None:
        assert [create("Nord").slug for _ in range(3)] == ["nord", "nord-2", "nord-3"]
        long = [create("y" * 80).slug for _ in range(2)]
        assert long == ["y" * 60, "y" * 58 + "-2"]

    def test_a_chosen_slug_that_is_taken_is_refused(self) -> None:
        create("Nord", "nord")
        with pytest.raises(Refused, match="“nord” is taken"):
            create("Other", "nord")
        assert Organisation.objects.count() == 1

    @pytest.mark.parametrize("name", ["", "  ", "a\0b", "x" * 201])
    def test_what_is_no_name_is_refused(self, name: str) -> None:
        with pytest.raises(Refused):
            create(name)

    def test_closing_and_opening_are_noted_once(self, nordmuehle: Organisation) -> None:
        assert orgs.close(nordmuehle, by=None, now=NOON)
        assert not orgs.close(nordmuehle, by=None, now=NOON)
        assert orgs.named("nordmuehle").state(NOON) == "closed"
        assert orgs.reopen(nordmuehle, by=None, now=NOON)
        assert not orgs.reopen(nordmuehle, by=None, now=NOON)
        assert orgs.named("nordmuehle").state(NOON) == "open"
        actions = AuditEntry.objects.filter(org=nordmuehle).order_by("id").values_list("action", flat=True)
        assert list(actions) == ["organisation.closed", "organisation.opened"]

    def test_opening_ends_a_trial(self, nordmuehle: Organisation) -> None:
        nordmuehle.trial_ends = NOON - timedelta(days=1)
        nordmuehle.save()
        assert nordmuehle.state(NOON) == "trial_over"
        assert orgs.reopen(nordmuehle, by=None, now=NOON)
        assert orgs.named("nordmuehle").state(NOON) == "open"

    def test_an_unknown_slug_is_told(self) -> None:
        with pytest.raises(UnknownName, match="no organisation “nix”"):
            orgs.named("nix")


@pytest.mark.django_db
class TestPeople:
    def test_who_is_made_has_a_confirmed_address_and_reads_english(self) -> None:
        user = users.create("Otto@Nordmuehle.example", PASSWORD, by=None, now=NOON)
        assert (user.email, user.language) == ("otto@nordmuehle.example", "en")
        assert user.check_password(PASSWORD)
        address = EmailAddress.objects.get(user=user)
        assert (address.email, address.verified, address.primary) == (user.email, True, True)

    @pytest.mark.parametrize(
        ("password", "why"),
        [
            ("short", "at least 12 characters"),
            ("1qaz2wsx3edc4rfv", "too common"),
            ("otto@nordmuehle", "too similar"),
        ],
    )
    def test_a_weak_password_is_refused_with_the_reason(self, password: str, why: str) -> None:
        with pytest.raises(Refused, match=why):
            users.create("otto@nordmuehle.example", password, by=None, now=NOON)
        assert not User.objects.exists()

    def test_nobody_is_made_twice(self) -> None:
        user = users.create("otto@nordmuehle.example", PASSWORD, by=None, now=NOON)
        assert users.with_address("OTTO@nordmuehle.example") == user
        EmailAddress.objects.create(user=user, email="second@nordmuehle.example", verified=True)
        EmailAddress.objects.create(user=user, email="third@nordmuehle.example", verified=False)
        assert users.with_address("Second@nordmuehle.example") == user
        assert users.with_address("third@nordmuehle.example") is None

    def test_joining_twice_is_once_and_another_role_is_refused(self, nordmuehle: Organisation, anna: User) -> None:
        assert not users.join(anna, nordmuehle, Role.ADMIN, by=None, now=NOON)
        with pytest.raises(Refused, match="already, as admin"):
            users.join(anna, nordmuehle, Role.OWNER, by=None, now=NOON)

    def test_a_member_of_one_joins_another(self, suedoel: Organisation, anna: User) -> None:
        assert users.join(anna, suedoel, Role.AUDITOR, by=None, now=NOON)
        assert suedoel.memberships.get().role == Role.AUDITOR
        assert AuditEntry.objects.get(org=suedoel).details == {"role": "auditor"}

    def test_an_operator_is_let_in_and_out(self, anna: User) -> None:
        assert users.make_operator(anna, by=None, now=NOON)
        assert not users.make_operator(anna, by=None, now=NOON)
        assert User.objects.get(pk=anna.pk).is_staff
        users.remove_operator(anna.email.upper(), by=None, now=NOON)
        assert not User.objects.get(pk=anna.pk).is_staff
        with pytest.raises(UnknownName, match="no operator"):
            users.remove_operator(anna.email, by=None, now=NOON)


class Broken(BaseEmailBackend):
    def send_messages(self, email_messages: object) -> int:
        raise ConnectionRefusedError("nobody listens")


@pytest.mark.django_db
class TestInviting:
    def invite(
        self, org: Organisation, email: str = "new@nordmuehle.example", connection: BaseEmailBackend | None = None
    ) -> Invitation:
        post = connection or get_connection()
        return orgs.invite(org, email, Role.MEMBER, base_url="https://cw.example", connection=post, by=None, now=NOON)

    def test_the_mail_holds_the_only_link(self, nordmuehle: Organisation) -> None:
        nordmuehle.name = "Müller & <Söhne>"
        invitation = self.invite(nordmuehle)
        (letter,) = mail.outbox
        assert letter.to == ["new@nordmuehle.example"]
        assert letter.subject == "Invitation to Müller & <Söhne> at Certificate Watch"
        assert "join Müller & <Söhne>" in letter.body
        token = letter.body.split("https://cw.example/invitation/")[1].split("/")[0]
        assert bytes(invitation.token_digest) == Invitation.digest(token)
        assert invitation.ends_at - invitation.created_at == timedelta(days=7)
        assert token not in str(list(Invitation.across_orgs.values()) + list(AuditEntry.objects.values()))

    def test_a_second_invitation_ends_the_first(self, nordmuehle: Organisation) -> None:
        first, second = self.invite(nordmuehle), self.invite(nordmuehle)
        first.refresh_from_db()
        assert first.revoked_at == NOON
        assert second.revoked_at is None

    def test_a_member_is_not_invited(self, nordmuehle: Organisation, anna: User) -> None:
        with pytest.raises(Refused, match="is a member"):
            self.invite(nordmuehle, anna.email.upper())
        assert not mail.outbox

    def test_a_mail_that_cannot_be_sent_is_told_and_its_invitation_ends(self, nordmuehle: Organisation) -> None:
        with pytest.raises(Refused, match=r"could not be mailed .* nobody listens"):
            self.invite(nordmuehle, connection=Broken())
        assert nordmuehle.invitations.get().revoked_at == NOON
