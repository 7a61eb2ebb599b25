"""Alert rules and reminder plans."""

from datetime import date, timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress

from certwatch.actions import alert_rules, notices, reach, reminder_plans
from certwatch.actions.alert_rules import Said
from certwatch.models import AlertRule, Certificate, Membership, Organisation, Supplier, User
from certwatch.rules.errors import Refused
from certwatch.rules.notices import Kind
from tests.conftest import NOON


def deeds(org: Organisation) -> list[str]:
    return list(org.audit_entries.order_by("pk").values_list("action", flat=True))


def supplier(org: Organisation, name: str) -> Supplier:
    made: Supplier = org.suppliers.create(name=name, name_key=name.casefold(), created_at=NOON)
    return made


def certificate(org: Organisation, number: str, **facts: Any) -> Certificate:
    made: Certificate = org.certificates.create(
        number=number, number_key=number.lower(), match_key=number.lower(), added_at=NOON, **facts
    )
    return made


def test_a_rule_stands_as_it_was_said_each_thing_once(nordmuehle: Organisation, anna: User, mia: User) -> None:
    mill = supplier(nordmuehle, "Mill")
    said = Said(
        " Feedstock ", kinds=["withdrawn", "suspended", "withdrawn"], least="critical", schemes=["ISCC EU", "ISCC EU"],
        tags=["UCO"], suppliers=[mill], members=[mia], roles=["owner"], responsible=True, when="digest",
    )  # fmt: skip
    rule = alert_rules.save(nordmuehle, None, said, by=anna, now=NOON, address="192.0.2.1")
    rule.refresh_from_db()
    assert (rule.name, rule.on, rule.kinds) == ("Feedstock", True, ["suspended", "withdrawn"])
    assert (rule.least, rule.schemes, rule.tags) == ("critical", ["ISCC EU"], ["UCO"])
    assert (rule.roles, rule.responsible, rule.when) == (["owner"], True, "digest")
    assert [list(rule.suppliers.all()), list(rule.members.all())] == [[mill], [mia]]
    entry = nordmuehle.audit_entries.get()
    assert (entry.action, entry.about, entry.source_address) == ("rule.created", "Feedstock", "192.0.2.1")
    assert entry.details["members"] == ["mia@nordmuehle.example"]


def test_what_was_changed_is_noted_and_nothing_where_nothing_was(nordmuehle: Organisation, anna: User) -> None:
    rule = alert_rules.save(nordmuehle, None, Said("R", roles=["owner"]), by=anna, now=NOON)
    alert_rules.save(nordmuehle, rule, Said("R", roles=["owner"]), by=anna, now=NOON)
    alert_rules.save(nordmuehle, rule, Said("R", roles=["admin"], kinds=["expired"]), by=anna, now=NOON)
    assert deeds(nordmuehle) == ["rule.created", "rule.changed"]
    changed = nordmuehle.audit_entries.order_by("pk").last()
    assert changed is not None
    assert changed.details["changed"] == {"roles": [["owner"], ["admin"]], "kinds": [[], ["expired"]]}


def test_it_is_switched_and_removed_once(nordmuehle: Organisation, anna: User) -> None:
    rule = alert_rules.save(nordmuehle, None, Said("R"), by=anna, now=NOON)
    assert alert_rules.switch(rule, on=False, by=anna, now=NOON)
    assert not alert_rules.switch(rule, on=False, by=anna, now=NOON)
    assert not nordmuehle.alert_rules.get().on
    assert alert_rules.switch(rule, on=True, by=anna, now=NOON)
    alert_rules.remove(rule, by=anna, now=NOON)
    assert not nordmuehle.alert_rules.exists()
    assert deeds(nordmuehle) == ["rule.created", "rule.switched_off", "rule.switched_on", "rule.removed"]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"name": " "}, "must not be empty"),
        ({"name": "x" * 101}, "at most 100 characters"),
        ({"kinds": ["eaten"]}, "no kind of alert called “eaten”"),
        ({"kinds": ["run_held"]}, "no kind of alert called “run_held”"),  # the operator's
        ({"kinds": ["begun"]}, "no kind of alert called “begun”"),  # an event without an alert
        ({"least": "operator"}, "no severity called “operator”"),
        ({"roles": ["king"]}, "no role called “king”"),
        ({"when": "later"}, "at once or in the digest"),
        ({"schemes": ["x" * 61]}, "more than 60 characters"),
        ({"tags": ["x"] * 51}, "50 of them at most"),
    ],
)
def test_what_no_rule_can_be_about_is_refused(
    nordmuehle: Organisation, anna: User, wrong: dict[str, Any], why: str
) -> None:
    with pytest.raises(Refused, match=why):
        alert_rules.save(nordmuehle, None, Said(**{"name": "R", **wrong}), by=anna, now=NOON)
    assert not AlertRule.across_orgs.exists()


def test_nothing_of_another_organisation_can_be_named(
    nordmuehle: Organisation, suedoel: Organisation, anna: User, clara: User
) -> None:
    chat = suedoel.channels.create(name="#south", scheme="slack", address="x", created_at=NOON)
    removed = nordmuehle.channels.create(name="#gone", scheme="slack", address="", created_at=NOON)
    for wrong, why in (
        (Said("R", members=[clara]), "Clara is no member here"),
        (Said("R", suppliers=[supplier(suedoel, "Mill")]), "supplier is not one of yours"),
        (Said("R", channels=[chat]), "channel is not one of yours"),
        (Said("R", channels=[removed]), "channel is not one of yours"),
    ):
        with pytest.raises(Refused, match=why):
            alert_rules.save(nordmuehle, None, wrong, by=anna, now=NOON)


def test_who_was_a_member_cannot_be_named_any_more(nordmuehle: Organisation, anna: User, mia: User) -> None:
    Membership.across_orgs.filter(user=mia).update(ends_on=date(2026, 11, 23))
    with pytest.raises(Refused, match="Mia is no member here"):
        alert_rules.save(nordmuehle, None, Said("R", members=[mia]), by=anna, now=NOON)


def test_a_channel_has_no_digest(nordmuehle: Organisation, anna: User) -> None:
    chat = nordmuehle.channels.create(name="#oils", scheme="slack", address="x", created_at=NOON)
    with pytest.raises(Refused, match="no digest"):
        alert_rules.save(nordmuehle, None, Said("R", channels=[chat], when="digest"), by=anna, now=NOON)


def test_there_are_a_hundred_rules_at_most(nordmuehle: Organisation, anna: User) -> None:
    AlertRule.across_orgs.bulk_create(AlertRule(org=nordmuehle, name=f"{n}", created_at=NOON) for n in range(100))
    with pytest.raises(Refused, match="100 rules"):
        alert_rules.save(nordmuehle, None, Said("R"), by=anna, now=NOON)
    first = nordmuehle.alert_rules.order_by("pk")[0]
    assert alert_rules.save(nordmuehle, first, Said("changed"), by=anna, now=NOON).name == "changed"


def test_a_preview_finds_the_alerts_of_the_last_thirty_days_that_fit(
    nordmuehle: Organisation, suedoel: Organisation
) -> None:
    mill = supplier(nordmuehle, "Mill")
    ours = certificate(nordmuehle, "X1", scheme="ISCC EU", tags=["UCO"], supplier=mill)
    others = certificate(nordmuehle, "X2", scheme="2BSvs")
    foreign = certificate(suedoel, "X1", scheme="ISCC EU", tags=["UCO"])
    for place, (org, kind, cert, days) in enumerate(
        (
            (nordmuehle, Kind.SUSPENDED, ours, 1),
            (nordmuehle, Kind.EXPIRING, ours, 2),
            (nordmuehle, Kind.SUSPENDED, others, 3),
            (nordmuehle, Kind.SUSPENDED, ours, 31),  # too long ago
            (suedoel, Kind.SUSPENDED, foreign, 1),
        )
    ):
        made = notices.add(org, kind, told_for=str(place), batch="", now=NOON - timedelta(days=days), certificate=cert)
        assert made is not None

    def found(**said: Any) -> list[str]:
        fitting, more = alert_rules.fitting(nordmuehle, Said("", **said), now=NOON)
        assert not more
        return [notice.told_for for notice in fitting]

    assert found() == ["2", "1", "0"]
    assert found(least="critical") == ["2", "0"]
    assert found(kinds=["suspended"], schemes=["ISCC EU"], tags=["uco"], suppliers=[mill]) == ["0"]
    assert found(kinds=["renewed"]) == []


def test_who_cannot_be_reached_is_told_with_the_reason(
    nordmuehle: Organisation, anna: User, otto: User, mia: User, ben: User
) -> None:
    for user in (anna, otto, ben):
        EmailAddress.objects.create(user=user, email=user.email.upper(), verified=True, primary=True)
    User.objects.filter(pk=otto.pk).update(mail_failed_at=NOON)
    User.objects.filter(pk=ben.pk).update(is_active=False)
    Membership.across_orgs.filter(user=anna).update(ends_on=date(2026, 11, 23))
    EmailAddress.objects.create(user=mia, email="other@nordmuehle.example", verified=True)  # no mail goes there
    found = {member.user.name: str(member.why_not) for member in reach.members(nordmuehle, NOON)}
    assert found == {
        "Otto": "Mails to the address were given up",
        "Mia": "The address is not confirmed",
        "Ben": "The account is deactivated",
    }
    Membership.across_orgs.filter(user=anna).update(ends_on=None)
    reached = {member.user.name: member for member in reach.members(nordmuehle, NOON)}
    assert reach.why_not(reached["Anna"]) == ""
    assert str(reach.why_not(None)) == "No member any more"


class TestReminders:
    def test_a_scheme_and_a_tag_have_days_of_their_own(self, nordmuehle: Organisation, anna: User) -> None:
        reminder_plans.save(nordmuehle, scheme="ISCC EU", days=[30, 90, 30], by=anna, now=NOON)
        reminder_plans.save(nordmuehle, tag="UCO", days=[], by=anna, now=NOON)
        reminder_plans.save(nordmuehle, tag="UCO", days=[], by=anna, now=NOON)  # nothing differs
        plan = reminder_plans.save(nordmuehle, scheme="ISCC EU", days=[7], by=anna, now=NOON)
        plans = nordmuehle.reminder_plans.order_by("pk").values_list("scheme", "tag", "days")
        assert list(plans) == [("ISCC EU", "", [7]), ("", "UCO", [])]
        reminder_plans.remove(plan, by=anna, now=NOON)
        assert nordmuehle.reminder_plans.get().tag == "UCO"
        assert deeds(nordmuehle) == ["reminders.planned"] * 3 + ["reminders.plan_removed"]

    @pytest.mark.parametrize(
        ("wrong", "why"),
        [
            ({}, "one of the two"),
            ({"scheme": "ISCC", "tag": "UCO"}, "one of the two"),
            ({"tag": "x" * 101}, "at most 100 characters"),
            ({"tag": "UCO", "days": [366]}, "From 0 to 365"),
            ({"tag": "UCO", "days": range(11)}, "10 reminders at most"),
        ],
    )
    def test_what_is_no_plan_is_refused(
        self, nordmuehle: Organisation, anna: User, wrong: dict[str, Any], why: str
    ) -> None:
        with pytest.raises(Refused, match=why):
            reminder_plans.save(nordmuehle, **{"days": [1], **wrong}, by=anna, now=NOON)
        assert not nordmuehle.reminder_plans.exists()

    def test_suppliers_are_reminded_on_days_or_not_at_all(self, nordmuehle: Organisation, anna: User) -> None:
        with pytest.raises(Refused, match="at least one day"):
            reminder_plans.of_suppliers(nordmuehle, on=True, days=[], by=anna, now=NOON)
        assert reminder_plans.of_suppliers(nordmuehle, on=True, days=[30, 60], by=anna, now=NOON)
        assert not reminder_plans.of_suppliers(nordmuehle, on=True, days=[60, 30], by=anna, now=NOON)
        nordmuehle.refresh_from_db()
        assert (nordmuehle.supplier_reminders, nordmuehle.supplier_days) == (True, [60, 30])
        assert deeds(nordmuehle) == ["reminders.of_suppliers"]
