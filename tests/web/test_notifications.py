"""Org Admin: notifications: rules, channels, reminders."""

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from certwatch.actions import alert_rules, channels, notices, secrets
from certwatch.actions.alert_rules import Said
from certwatch.models import AlertRule, Attempt, Channel, Delivery, DeliveryState, Membership, Organisation, User
from certwatch.rules.notices import Kind
from certwatch.web.alert_words import KINDS
from certwatch.web.channels import SERVICES
from tests.actions.test_alert_rules import certificate, supplier
from tests.actions.test_channels import ALLOWED, SLACK, TOKEN
from tests.actions.test_keys import everything_stored
from tests.conftest import NOON
from tests.logins import log_in
from tests.web.test_audit import exported

PAGE = "/o/nordmuehle/admin/notifications/"
NEW = f"{PAGE}rules/new/"
NEW_CHANNEL = f"{PAGE}channels/new/"
RULE = {"name": "Feedstock", "least": "information", "when": "at_once"}


@pytest.fixture
def annas(client: Client, anna: User) -> Client:
    log_in(client, anna)
    return client


@pytest.fixture
def oils(nordmuehle: Organisation, anna: User) -> Channel:
    return channels.create(nordmuehle, name="#oils", target=SLACK, schemes=ALLOWED, by=anna, now=timezone.now())


def text_of(client: Client, address: str = PAGE) -> str:
    return _plain(client.get(address).content.decode())


def _plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def confirmed(*users: User) -> None:
    for user in users:
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)


class TestTheList:
    def test_without_a_rule_it_says_who_is_told_all_the_same(self, annas: Client) -> None:
        text = text_of(annas)
        assert "Without any rule critical alerts go at once to owners and admins, the rest is in their digest." in text
        assert "No channel yet." in text
        assert "told 60, 30, 14, 7, 1 days before the last day" in text
        assert "08:00, Monday to Friday" in text
        assert "1 of 1 member gets it" in text

    def test_a_rule_says_when_for_what_whom_and_how_soon(
        self, annas: Client, nordmuehle: Organisation, anna: User, otto: User, mia: User, oils: Channel
    ) -> None:
        confirmed(otto)
        channels.switch(oils, on=False, by=anna, now=NOON)
        said = Said(
            "Feedstock", kinds=["suspended", "expiring"], schemes=["ISCC EU"], tags=["UCO"],
            suppliers=[supplier(nordmuehle, "Mill")], members=[mia, otto], roles=["admin"], responsible=True,
            channels=[oils],
        )  # fmt: skip
        alert_rules.save(nordmuehle, None, said, by=anna, now=NOON)
        text = text_of(annas)
        assert "1 rule, 1 on" in text
        assert "Critical Suspended Warning Expiring soon" in text
        assert "Scheme ISCC EU Tag UCO Supplier Mill" in text
        assert "Mia Cannot be reached The address is not confirmed Otto Admins Cannot be reached" in text
        assert "Nobody of them can be reached The responsible person #oils Cannot be reached The channel is off" in text
        assert "At once" in text
        assert 'aria-label="Switch off the rule Feedstock"' in annas.get(PAGE).content.decode()

    def test_rules_with_odd_ends_say_so(self, annas: Client, nordmuehle: Organisation, anna: User) -> None:
        alert_rules.save(nordmuehle, None, Said("Quiet"), by=anna, now=NOON)
        never = Said("Never", kinds=["expiring"], least="critical", roles=["admin"])
        alert_rules.switch(alert_rules.save(nordmuehle, None, never, by=anna, now=NOON), on=False, by=anna, now=NOON)
        text = text_of(annas)
        assert "2 rules, 1 on" in text
        assert "Never: its kinds are less grave than it asks for" in text
        assert "Critical every kind Warning every kind Information every kind All certificates" in text
        assert "Tells nobody, on purpose" in text
        assert "What no rule fits is told all the same" in text

    def test_who_is_no_member_any_more_is_told(
        self, annas: Client, nordmuehle: Organisation, anna: User, mia: User
    ) -> None:
        confirmed(mia)
        alert_rules.save(nordmuehle, None, Said("R", members=[mia]), by=anna, now=NOON)
        Membership.across_orgs.filter(user=mia).delete()
        assert "Mia Cannot be reached No member any more" in text_of(annas)

    def test_the_queries_are_as_many_however_many_rules_there_are(
        self, annas: Client, nordmuehle: Organisation, anna: User, oils: Channel,
        django_assert_num_queries: DjangoAssertNumQueries,
    ) -> None:  # fmt: skip
        mill = supplier(nordmuehle, "Mill")
        for place in range(10):
            said = Said(f"{place}", members=[anna], suppliers=[mill], channels=[oils])
            alert_rules.save(nordmuehle, None, said, by=anna, now=NOON)
            channels.create(nordmuehle, name=f"{place}", target=SLACK, schemes=ALLOWED, by=anna, now=NOON)
        channels.test(oils, by=anna, now=NOON)
        # session, person, memberships; members, rules with their suppliers, members and
        # channels, channels and their last messages, plans, schemes
        with django_assert_num_queries(12):
            annas.get(PAGE)

    def test_an_auditor_reads_it_and_finds_nothing_to_press(
        self, client: Client, nordmuehle: Organisation, anna: User, ben: User, oils: Channel
    ) -> None:
        alert_rules.save(nordmuehle, None, Said("Feedstock"), by=anna, now=NOON)
        client.force_login(ben)
        html = client.get(PAGE).content.decode()
        main = html[html.index("<main") :]
        assert "Feedstock" in main
        assert "The supplier’s contacts are not reminded." in main
        assert "<form" not in main
        assert "rules/new" not in main


class TestARule:
    def test_it_is_made_as_it_was_filled_in(
        self, annas: Client, nordmuehle: Organisation, mia: User, oils: Channel
    ) -> None:
        certificate(nordmuehle, "X1", scheme="ISCC EU")
        supplier(nordmuehle, "mill")
        membership = nordmuehle.memberships.get(user=mia)
        filled_in = {
            **RULE, "kinds": ["suspended", "expired"], "least": "warning", "schemes": ["ISCC EU"], "tags": "UCO, POME",
            "suppliers": " MILL \r\n", "members": [membership.public_id], "roles": ["owner"], "responsible": "on",
            "channels": [oils.public_id],
        }  # fmt: skip
        response = annas.post(NEW, filled_in, follow=True)
        assert "“Feedstock” is saved." in response.content.decode()
        rule = nordmuehle.alert_rules.get()
        assert (rule.kinds, rule.least, rule.schemes, rule.tags) == (
            ["suspended", "expired"], "warning", ["ISCC EU"], ["UCO", "POME"],
        )  # fmt: skip
        assert [one.name for one in rule.suppliers.all()] == ["mill"]
        assert (list(rule.members.all()), list(rule.channels.all())) == ([mia], [oils])
        shown = annas.get(f"{PAGE}rules/{rule.public_id}/").content.decode()
        assert set(re.findall(r'value="([\w ]+)" checked', shown)) == {
            "suspended", "expired", "ISCC EU", membership.public_id, "owner", oils.public_id, "at_once",
        }  # fmt: skip
        assert "UCO, POME" in shown
        same = annas.post(f"{PAGE}rules/{rule.public_id}/", {**filled_in, "name": "Renamed"})
        assert same.status_code == 302
        assert nordmuehle.alert_rules.get().name == "Renamed"

    def test_one_that_tells_nobody_says_so_when_it_is_saved(self, annas: Client) -> None:
        assert "It tells nobody, on purpose." in annas.post(NEW, RULE, follow=True).content.decode()

    @pytest.mark.parametrize(
        ("wrong", "why"),
        [
            ({"name": ""}, "This field is required."),
            ({"name": "x" * 101}, "at most 100 characters"),
            ({"kinds": ["eaten"]}, "There is no kind of alert called “eaten”."),
            ({"schemes": ["Unheard of"]}, "not one of the available choices"),
            ({"suppliers": "Nobody Ltd"}, "There is no supplier called “Nobody Ltd”."),
            ({"members": ["0123456789abcdef"]}, "Who is no member here cannot be told."),
            ({"channels": ["0123456789abcdef"]}, "This channel is not one of yours."),
            ({"roles": ["king"]}, "not one of the available choices"),
            ({"when": "later"}, "not one of the available choices"),
            ({"tags": "x" * 101}, "has more than 100 characters"),
        ],
    )
    def test_what_is_wrong_is_told(
        self, annas: Client, nordmuehle: Organisation, wrong: dict[str, Any], why: str
    ) -> None:
        assert why in _plain(annas.post(NEW, {**RULE, **wrong}).content.decode())
        assert not nordmuehle.alert_rules.exists()

    def test_nobody_of_another_organisation_can_be_named(
        self, annas: Client, nordmuehle: Organisation, suedoel: Organisation, clara: User
    ) -> None:
        foreign = suedoel.memberships.get(user=clara).public_id
        chat = channels.create(suedoel, name="#s", target=SLACK, schemes=ALLOWED, by=clara, now=NOON).public_id
        for wrong in ({"members": [foreign]}, {"channels": [chat]}):
            assert annas.post(NEW, {**RULE, **wrong}).status_code == 200
        assert not nordmuehle.alert_rules.exists()

    def test_a_preview_saves_nothing_and_needs_no_name(self, annas: Client, nordmuehle: Organisation) -> None:
        cert = certificate(nordmuehle, "EU-ISCC-X1", scheme="ISCC EU")
        for place in range(12):
            notices.add(nordmuehle, Kind.SUSPENDED, told_for=f"{place}", batch="", now=timezone.now(), certificate=cert)
        notices.add(nordmuehle, Kind.EXPIRING, told_for="w", batch="", now=timezone.now(), certificate=cert)
        html = annas.post(NEW, {**RULE, "name": "", "least": "critical", "preview": "1"}).content.decode()
        assert "12 alerts of the last 30 days would have fitted." in _plain(html)
        assert html.count("EU-ISCC-X1") == 10
        assert "This field is required." not in html
        assert not nordmuehle.alert_rules.exists()
        none = annas.post(NEW, {**RULE, "kinds": ["renewed"], "preview": "1"}).content.decode()
        assert "0 alerts of the last 30 days would have fitted." in _plain(none)

    def test_it_is_switched_and_removed(self, annas: Client, nordmuehle: Organisation, anna: User) -> None:
        rule = alert_rules.save(nordmuehle, None, Said("Feedstock"), by=anna, now=NOON)
        address = f"{PAGE}rules/{rule.public_id}/"
        for on in ("0", "0", "1"):  # the second one changes nothing
            annas.post(f"{address}switch/", {"on": on})
            assert AlertRule.across_orgs.get().on is (on == "1")
        assert "Remove “Feedstock”" in text_of(annas, f"{address}remove/")
        assert nordmuehle.alert_rules.exists()
        assert "“Feedstock” is removed." in annas.post(f"{address}remove/", follow=True).content.decode()
        assert not nordmuehle.alert_rules.exists()


class TestChannels:
    def test_its_address_is_in_no_page_no_log_and_no_row(
        self, annas: Client, nordmuehle: Organisation, caplog: pytest.LogCaptureFixture,
        capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        response = annas.post(NEW_CHANNEL, {"name": "#oils", "target": SLACK, "language": "de"}, follow=True)
        oils = nordmuehle.channels.get()
        edit = annas.get(f"{PAGE}channels/{oils.public_id}/")
        changed = annas.post(f"{PAGE}channels/{oils.public_id}/", {"name": "#fats", "target": SLACK}, follow=True)
        remove = annas.get(f"{PAGE}channels/{oils.public_id}/remove/")
        audit = annas.get("/o/nordmuehle/admin/audit/")
        everywhere = [page.content.decode() for page in (response, edit, changed, remove, audit)]
        everywhere += [
            str(exported(annas)),
            everything_stored(),
            caplog.text,
            *capsys.readouterr(),
            str(dict(annas.session)),
        ]
        assert "#fats" in everywhere[2]
        assert "slack://…" in everywhere[2]
        assert [text for text in everywhere if TOKEN in text] == []

    def test_a_wrong_address_is_told_and_not_repeated_in_the_page(
        self, annas: Client, nordmuehle: Organisation
    ) -> None:
        html = annas.post(NEW_CHANNEL, {"name": "#oils", "target": f"{SLACK}?redirect=yes"}).content.decode()
        assert "must not hold redirect" in html
        assert TOKEN not in html
        assert not nordmuehle.channels.exists()

    def test_what_was_filled_in_waits_encrypted_for_the_log_in_anew(
        self, client: Client, nordmuehle: Organisation, anna: User, oils: Channel
    ) -> None:
        anna.set_password("correct horse battery")
        anna.save()
        log_in(client, anna, minutes_ago=6)
        for address in (NEW_CHANNEL, f"{PAGE}channels/{oils.public_id}/"):
            assert "/accounts/reauthenticate/" in client.get(address)["Location"]
        other = SLACK.replace(TOKEN, "zyxwvutsrqponmlkjihgfedc")
        asked = client.post(f"{PAGE}channels/{oils.public_id}/", {"name": "#fats", "target": other})
        assert "zyxwvutsrq" not in str(dict(client.session))
        client.post(asked["Location"], {"password": "correct horse battery"})
        oils.refresh_from_db()
        assert (oils.name, secrets.decrypt(oils.address)) == ("#fats", other)

    def test_a_sealed_address_that_we_did_not_seal_is_none(self, annas: Client, nordmuehle: Organisation) -> None:
        html = annas.post(NEW_CHANNEL, {"name": "#oils", "target": "sealed:me"}).content.decode()
        assert "Type the address anew." in html
        assert not nordmuehle.channels.exists()

    def test_the_services_that_are_allowed_are_said_with_an_address(self, annas: Client) -> None:
        text = text_of(annas, NEW_CHANNEL)
        for service in SERVICES.values():
            assert service.name in text
            assert service.example in text

    def test_a_test_is_on_its_way_and_then_its_result_stands_there(
        self, annas: Client, nordmuehle: Organisation, oils: Channel
    ) -> None:
        sent = annas.post(f"{PAGE}channels/{oils.public_id}/test/", follow=True).content.decode()
        assert "A test is on its way to “#oils”." in _plain(sent)
        assert 'hx-trigger="every 2s"' in sent
        Delivery.across_orgs.update(state=DeliveryState.GIVEN_UP, ended_at=NOON, error="It answered 404.")
        html = annas.get(PAGE).content.decode()
        assert "Given up Test, 24 Nov 2026, 12:00 It answered 404." in _plain(html)
        assert "every 2s" not in html
        Delivery.across_orgs.update(state=DeliveryState.DELIVERED)
        assert "Delivered Test, 24 Nov 2026, 12:00 Send test" in text_of(annas)

    def test_it_is_switched_off_and_removed(
        self, annas: Client, nordmuehle: Organisation, anna: User, oils: Channel
    ) -> None:
        alert_rules.save(nordmuehle, None, Said("Feedstock", channels=[oils]), by=anna, now=NOON)
        address = f"{PAGE}channels/{oils.public_id}/"
        annas.post(f"{address}switch/", {"on": "0"})
        assert "Slack, off" in text_of(annas)
        refused = annas.post(f"{address}test/", follow=True).content.decode()
        assert "The channel is off. Switch it on first." in refused
        assert "Named in rules Feedstock" in text_of(annas, f"{address}remove/")
        annas.post(f"{address}remove/", follow=True)
        assert "#oils" not in text_of(annas)
        assert annas.get(address).status_code == 404
        assert not Attempt.objects.exists()


class TestReminders:
    def test_plans_of_tags_and_schemes(self, annas: Client, nordmuehle: Organisation) -> None:
        certificate(nordmuehle, "X1", scheme="ISCC EU")
        annas.post(f"{PAGE}reminders/", {"scheme": "ISCC EU", "days": "7, 90 30"})
        saved = annas.post(f"{PAGE}reminders/", {"tag": "UCO", "days": ""}, follow=True)
        assert "The reminders are saved." in saved.content.decode()
        text = text_of(annas)
        assert "Scheme ISCC EU 90, 30, 7 Remove" in text
        assert "Tag UCO no reminders Remove" in text
        annas.post(f"{PAGE}reminders/remove/", {"scheme": "", "tag": "UCO"})
        assert nordmuehle.reminder_plans.get().scheme == "ISCC EU"
        assert annas.post(f"{PAGE}reminders/remove/", {"scheme": "", "tag": "UCO"}).status_code == 404

    @pytest.mark.parametrize(
        ("wrong", "why"),
        [
            ({"days": "7"}, "Name a scheme or a tag, one of the two."),
            ({"tag": "UCO", "days": "soon"}, "Whole numbers, separated by commas."),
            ({"tag": "UCO", "days": "366"}, "From 0 to 365 days."),
            ({"scheme": "Unheard of", "days": "7"}, "not one of the available choices"),
        ],
    )
    def test_what_is_wrong_is_told(
        self, annas: Client, nordmuehle: Organisation, wrong: dict[str, str], why: str
    ) -> None:
        assert why in annas.post(f"{PAGE}reminders/", wrong).content.decode()
        assert not nordmuehle.reminder_plans.exists()

    def test_reminders_to_suppliers_are_off_until_somebody_wants_them(
        self, annas: Client, client: Client, nordmuehle: Organisation, ben: User
    ) -> None:
        html = annas.get(PAGE).content.decode()
        assert 'value="90, 60, 30"' in html
        wrong = annas.post(f"{PAGE}suppliers/", {"on": "on", "supplier_days": ""}).content.decode()
        assert "Name at least one day" in wrong
        annas.post(f"{PAGE}suppliers/", {"on": "on", "supplier_days": "60"})
        nordmuehle.refresh_from_db()
        assert (nordmuehle.supplier_reminders, nordmuehle.supplier_days) == (True, [60])
        client.force_login(ben)
        assert "contacts are reminded 60 days before the last day" in text_of(client)
        client.force_login(User.objects.get(name="Anna"))
        annas.post(f"{PAGE}suppliers/", {"supplier_days": "60"})
        nordmuehle.refresh_from_db()
        assert not nordmuehle.supplier_reminders


def test_each_kind_that_can_be_chosen_has_a_word() -> None:
    assert [kind for kind in alert_rules.KINDS if kind not in KINDS] == []
