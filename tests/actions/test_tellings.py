"""Who hears of new notices: each once, of one batch in one message, and nobody is forgotten."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.db import connection
from django.test.utils import CaptureQueriesContext

from certwatch.actions import letters, notices, tellings
from certwatch.models import (
    AlertRule,
    Certificate,
    ChangeCounter,
    Channel,
    Delivery,
    DeliveryState,
    Membership,
    Notice,
    Organisation,
    Purpose,
    Supplier,
    Telling,
    User,
    When,
)
from certwatch.rules.notices import Kind, State
from tests.actions import told as told_of
from tests.actions.mornings import look
from tests.actions.notices import alert
from tests.conftest import NOON

SOON = NOON + timedelta(seconds=1)


@pytest.fixture(autouse=True)
def nobody_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tellings, "_broken", {})


def confirm(*users: User) -> None:
    for user in users:
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)


@pytest.fixture
def people(anna: User, otto: User, mia: User, ben: User) -> None:
    confirm(anna, otto, mia, ben)


def certificate(org: Organisation, number: str = "EU-ISCC-Cert-DE100-12345678", **facts: Any) -> Certificate:
    known = {"number": number, "number_key": number.lower(), "match_key": number.lower(), "scheme": "ISCC EU"}
    return org.certificates.create(**{**known, "added_at": NOON, **facts})


def new(org: Organisation, kind: Kind = Kind.SUSPENDED, batch: str = "run:7", **facts: Any) -> Notice:
    return alert(org, kind, made_at=NOON, **{"told_at": None, "batch": batch, **facts})


def channel(org: Organisation, name: str = "Buying") -> Channel:
    return org.channels.create(name=name, scheme="slack", address="x", shown="slack://…T4kQ", created_at=NOON)


def rule(org: Organisation, name: str, **facts: Any) -> AlertRule:
    return org.alert_rules.create(name=name, created_at=NOON, **facts)


def told(notice: Notice) -> set[tuple[str, str, str]]:
    return {(str(t.user or t.channel), t.when, t.why) for t in notice.tellings.select_related("user", "channel")}


def test_owners_and_admins_hear_of_critical_ones_at_once_in_one_mail_each(
    nordmuehle: Organisation, people: None
) -> None:
    notices = [new(nordmuehle, certificate=certificate(nordmuehle, f"2BS{n:06}")) for n in range(3)]
    tellings.decide(SOON)
    assert all(told(n) == {("Anna", "at_once", "default"), ("Otto", "at_once", "default")} for n in notices)
    sent = nordmuehle.deliveries.order_by("pk")
    assert {(d.user and d.user.name, d.purpose, d.host, d.due_at) for d in sent} == {
        ("Anna", Purpose.ALERTS, "mail", SOON),
        ("Otto", Purpose.ALERTS, "mail", SOON),
    }
    assert {delivery.notices.count() for delivery in sent} == {3}
    assert set(Telling.objects.values_list("delivery_id", flat=True)) == {d.pk for d in sent}
    assert set(Notice.across_orgs.values_list("told_at", "state")) == {(SOON, State.OPEN)}


def test_looking_again_tells_nobody_again(nordmuehle: Organisation, people: None) -> None:
    new(nordmuehle)
    tellings.decide(SOON)
    tellings.decide(SOON + timedelta(seconds=1))
    assert (Telling.objects.count(), Delivery.across_orgs.count()) == (2, 2)


def test_the_rest_waits_for_the_digest(nordmuehle: Organisation, people: None) -> None:
    expiring, lifted = new(nordmuehle, Kind.EXPIRING), new(nordmuehle, Kind.LIFTED)
    tellings.decide(SOON)
    assert told(expiring) == told(lifted) == {("Anna", "digest", "default"), ("Otto", "digest", "default")}
    assert not Delivery.across_orgs.exists()
    expiring.refresh_from_db()
    lifted.refresh_from_db()
    assert expiring.state == State.OPEN
    assert (lifted.state, lifted.solved_at, lifted.solved_by) == (State.SOLVED, SOON, "told")


def test_another_organisation_hears_nothing(
    nordmuehle: Organisation, people: None, suedoel: Organisation, clara: User
) -> None:
    confirm(clara)
    new(nordmuehle)
    tellings.decide(SOON)
    assert not suedoel.deliveries.exists()
    assert not Telling.objects.filter(user=clara).exists()


def test_batches_go_in_mails_of_their_own(nordmuehle: Organisation, people: None) -> None:
    new(nordmuehle, batch="run:7")
    new(nordmuehle, batch="run:8")
    tellings.decide(SOON)
    assert nordmuehle.deliveries.count() == 4


def test_a_rule_tells_the_responsible_and_a_channel(nordmuehle: Organisation, mia: User, people: None) -> None:
    supplier = Supplier.across_orgs.create(
        org=nordmuehle, name="Oderbruch", name_key="oderbruch", responsible=mia, created_at=NOON
    )
    chosen = rule(nordmuehle, "FAME", tags=["FAME"], responsible=True)
    chosen.channels.add(channel(nordmuehle), Channel.across_orgs.create(
        org=nordmuehle, name="Off", scheme="slack", address="x", shown="s", on=False, created_at=NOON
    ))  # fmt: skip
    fame = new(nordmuehle, certificate=certificate(nordmuehle, supplier=supplier, tags=["FAME"]))
    tellings.decide(SOON)
    assert told(fame) == {("Mia", "at_once", "rule"), ("Buying", "at_once", "rule")}
    assert set(Telling.objects.values_list("rule", "rule_name")) == {(chosen.pk, "FAME")}
    over = nordmuehle.deliveries.get(channel__name="Buying")
    assert (over.host, over.user) == ("slack", None)


def test_the_certificates_own_person_comes_before_the_suppliers(
    nordmuehle: Organisation, mia: User, ben: User, people: None
) -> None:
    supplier = nordmuehle.suppliers.create(name="O", name_key="o", responsible=mia, created_at=NOON)
    rule(nordmuehle, "mine", responsible=True)
    notice = new(nordmuehle, certificate=certificate(nordmuehle, supplier=supplier, responsible=ben))
    tellings.decide(SOON)
    assert told(notice) == {("Ben", "at_once", "rule")}


def test_a_rule_about_a_supplier_or_members_fits(nordmuehle: Organisation, ben: User, people: None) -> None:
    supplier = nordmuehle.suppliers.create(name="O", name_key="o", created_at=NOON)
    chosen = rule(nordmuehle, "O", when=When.DIGEST)
    chosen.suppliers.add(supplier)
    chosen.members.add(ben)
    its = new(nordmuehle, certificate=certificate(nordmuehle, supplier=supplier))
    others = new(nordmuehle, certificate=certificate(nordmuehle, "2BS000001"))
    tellings.decide(SOON)
    assert told(its) == {("Ben", "digest", "rule")}
    assert told(others) == {("Anna", "at_once", "default"), ("Otto", "at_once", "default")}


def test_a_stale_source_fits_the_rule_about_its_scheme(nordmuehle: Organisation, ben: User, people: None) -> None:
    rule(nordmuehle, "REDcert", schemes=["REDcert-EU"]).members.add(ben)
    rule(nordmuehle, "2BSvs", schemes=["2BSvs"])
    stale = new(nordmuehle, Kind.SOURCE_STALE, about="redcert")
    tellings.decide(SOON)
    assert told(stale) == {("Ben", "at_once", "rule")}


def test_whose_access_has_ended_is_not_told(nordmuehle: Organisation, otto: User, people: None) -> None:
    nordmuehle.memberships.filter(user=otto).update(ends_on=NOON.date() - timedelta(days=1))
    notice = new(nordmuehle)
    tellings.decide(SOON)
    assert told(notice) == {("Anna", "at_once", "default")}


def test_without_a_confirmed_address_no_mail_goes_and_the_alert_says_nobody_was_told(
    nordmuehle: Organisation, anna: User, otto: User
) -> None:
    EmailAddress.objects.create(user=anna, email=anna.email, verified=False, primary=True)
    notice = new(nordmuehle)
    tellings.decide(SOON)
    notice.refresh_from_db()
    assert notice.nobody
    assert set(Telling.objects.values_list("user__name", "reachable")) == {("Anna", False), ("Otto", False)}
    assert not Delivery.across_orgs.exists()


def test_where_nobody_was_reached_the_owners_are_told(
    nordmuehle: Organisation, mia: User, otto: User, anna: User
) -> None:
    confirm(otto, anna, mia)
    User.objects.filter(pk=mia.pk).update(mail_failed_at=NOON)
    rule(nordmuehle, "Mia").members.add(mia)
    notice = new(nordmuehle)
    tellings.decide(SOON)
    notice.refresh_from_db()
    assert notice.nobody
    assert told(notice) == {("Mia", "at_once", "rule"), ("Otto", "at_once", "nobody")}
    # only a success shows that an address works again, so it is tried
    assert set(nordmuehle.deliveries.values_list("user__name", flat=True)) == {"Mia", "Otto"}


def test_a_rule_without_recipients_is_silent_on_purpose(nordmuehle: Organisation, people: None) -> None:
    rule(nordmuehle, "quiet")
    notice = new(nordmuehle)
    tellings.decide(SOON)
    notice.refresh_from_db()
    assert (notice.told_at, notice.nobody, notice.tellings.count()) == (SOON, False, 0)


def test_what_ended_before_anybody_was_told_is_told_to_nobody(nordmuehle: Organisation, people: None) -> None:
    gone = [new(nordmuehle, state=state) for state in (State.SOLVED, State.SKIPPED, State.RESTING)]
    tellings.decide(SOON)
    assert not Telling.objects.exists()
    assert set(Notice.across_orgs.values_list("told_at", flat=True)) == {SOON}
    assert {n.state for n in gone} == {State.SOLVED, State.SKIPPED, State.RESTING}


def suspended_and_lifted(org: Organisation) -> Certificate:
    """Both in one look: the worker stood still."""
    its = told_of.certificate(org)
    for was, its.word in (("valid", "suspended"), ("suspended", "valid")):
        last = told_of.change(its, was)
    ChangeCounter.objects.create(org=org, last=last.number)
    notices.make(NOON)
    return its


def test_a_suspension_that_was_lifted_before_anybody_was_told_is_told_with_that(
    nordmuehle: Organisation, people: None
) -> None:
    rule(nordmuehle, "all", roles=["admin"])
    suspended_and_lifted(nordmuehle)
    tellings.decide(SOON)
    mail = nordmuehle.deliveries.get()
    assert list(mail.notices.order_by("pk").values_list("kind", "state")) == [
        ("suspended", "solved"),
        ("lifted", "solved"),
    ]
    assert Telling.objects.count() == 2
    letter = letters.letter(mail, now=SOON)
    assert letter.subject == "2 alerts: Suspended 1, Back in force 1"


def test_such_a_suspension_stands_in_the_digest_as_a_change_for_the_worse(
    nordmuehle: Organisation, people: None
) -> None:
    rule(nordmuehle, "all", roles=["admin"], when=When.DIGEST)
    suspended_and_lifted(nordmuehle)
    tellings.decide(SOON)
    Membership.across_orgs.update(created_at=NOON - timedelta(days=9))
    look(NOON + timedelta(days=1))
    letter = letters.letter(nordmuehle.deliveries.get(user__name="Anna"), now=NOON + timedelta(days=1))
    assert "1 changed for the worse, 1 good to know" in letter.subject


def test_what_is_over_since_its_watch_ended_is_not_told(nordmuehle: Organisation, people: None) -> None:
    suspended_and_lifted(nordmuehle)
    nordmuehle.notices.update(state=State.SOLVED, solved_by="removed", solved_at=NOON)
    tellings.decide(SOON)
    assert not Telling.objects.exists()


@pytest.mark.parametrize("ends", [{"closed_at": NOON}, {"trial_ends": NOON}])
def test_a_closed_organisation_hears_nothing_and_its_notices_rest(
    nordmuehle: Organisation, people: None, ends: dict[str, object]
) -> None:
    notice = new(nordmuehle)
    Organisation.objects.filter(pk=nordmuehle.pk).update(**ends)
    tellings.decide(SOON)
    notice.refresh_from_db()
    nordmuehle.refresh_from_db()
    assert (notice.state, notice.told_at, nordmuehle.rested) == (State.RESTING, SOON, True)
    assert not Telling.objects.exists()


def test_the_operators_notices_are_left_to_others(nordmuehle: Organisation, people: None) -> None:
    Notice.across_orgs.create(org=None, kind=Kind.RUN_HELD, severity="operator", told_for="run:1", made_at=NOON)
    tellings.decide(SOON)
    assert not Telling.objects.exists()
    assert not Notice.across_orgs.filter(told_at=SOON).exists()


def test_a_later_part_of_a_batch_joins_the_mail_that_nobody_has_tried(nordmuehle: Organisation, people: None) -> None:
    new(nordmuehle)
    tellings.decide(SOON)
    new(nordmuehle)
    tellings.decide(SOON + timedelta(seconds=1))
    assert {delivery.notices.count() for delivery in nordmuehle.deliveries.all()} == {2}
    assert nordmuehle.deliveries.count() == 2


@pytest.mark.parametrize(
    "under_way", [{"leased_until": SOON}, {"tries": 1}, {"state": DeliveryState.DELIVERED}, {"state": "dropped"}]
)
def test_a_later_part_of_a_batch_follows_in_a_second_mail_where_the_first_is_on_its_way(
    nordmuehle: Organisation, people: None, under_way: dict[str, object]
) -> None:
    new(nordmuehle)
    tellings.decide(SOON)
    nordmuehle.deliveries.update(**under_way)
    late = new(nordmuehle)
    tellings.decide(SOON + timedelta(seconds=1))
    assert [delivery.notices.count() for delivery in nordmuehle.deliveries.order_by("pk")] == [1, 1, 1, 1]
    assert {t.delivery and t.delivery.told_for[-2:] for t in late.tellings.all()} == {":2"}


def test_a_batch_of_several_chunks_waits_for_its_last_and_is_one_mail(
    nordmuehle: Organisation, people: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tellings, "ONE_CHUNK", 2)
    monkeypatch.setattr(tellings, "ONE_LOOK", 4)
    for _ in range(5):
        new(nordmuehle)
    tellings.decide(SOON)
    assert {d.due_at for d in nordmuehle.deliveries.all()} == {SOON + tellings.HOLD}  # should we die now, it leaves
    tellings.decide(SOON + timedelta(seconds=1))
    assert {(d.due_at, d.notices.count()) for d in nordmuehle.deliveries.all()} == {(SOON + timedelta(seconds=1), 5)}


def test_an_organisation_that_cannot_be_worked_on_does_not_stop_the_others(
    nordmuehle: Organisation, suedoel: Organisation, clara: User, people: None
) -> None:
    confirm(clara)
    new(nordmuehle)
    rule(nordmuehle, "broken", least="rubbish")
    notice = new(suedoel)
    tellings.decide(SOON)
    assert told(notice) == {("Clara", "at_once", "default")}
    assert nordmuehle.notices.filter(told_at=None).count() == 1
    tellings.decide(SOON + timedelta(seconds=1))  # it is left alone for a while
    nordmuehle.alert_rules.all().delete()
    tellings.decide(SOON + tellings.PAUSE)
    assert nordmuehle.notices.filter(told_at=None).count() == 0


def test_one_that_fails_again_is_left_alone_for_longer(nordmuehle: Organisation, people: None) -> None:
    new(nordmuehle)
    rule(nordmuehle, "broken", least="rubbish")
    tellings.decide(SOON)
    tellings.decide(SOON + tellings.FIRST_PAUSE)
    nordmuehle.alert_rules.all().delete()
    tellings.decide(SOON + 2 * tellings.FIRST_PAUSE)
    assert nordmuehle.notices.filter(told_at=None).exists()
    tellings.decide(SOON + tellings.FIRST_PAUSE + tellings.PAUSE)
    assert not nordmuehle.notices.filter(told_at=None).exists()
    new(nordmuehle)
    rule(nordmuehle, "broken", least="rubbish")
    tellings.decide(NOON + timedelta(days=1))
    nordmuehle.alert_rules.all().delete()
    tellings.decide(NOON + timedelta(days=1) + tellings.FIRST_PAUSE)  # it is the first failure again
    assert not nordmuehle.notices.filter(told_at=None).exists()


def test_a_flood_of_one_organisation_delays_no_other(
    nordmuehle: Organisation, suedoel: Organisation, clara: User, people: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirm(clara)
    monkeypatch.setattr(tellings, "ONE_CHUNK", 2)
    monkeypatch.setattr(tellings, "ONE_LOOK", 4)
    for _ in range(7):
        new(nordmuehle)
    notice = new(suedoel)
    tellings.decide(SOON)
    assert told(notice) == {("Clara", "at_once", "default")}
    assert nordmuehle.notices.filter(told_at=None).count() == 4  # it had its turn as well


def test_many_notices_take_no_more_questions_than_few(nordmuehle: Organisation, people: None) -> None:
    def queries(count: int) -> int:
        for _ in range(count):
            new(nordmuehle, certificate=certificate(nordmuehle, f"2BS{Certificate.across_orgs.count():06}"))
        with CaptureQueriesContext(
            connection,
        ) as taken:
            tellings.decide(SOON)
        return len(taken)

    few = queries(2)
    nordmuehle.deliveries.update(state=DeliveryState.DELIVERED)
    Delivery.across_orgs.all().delete()
    assert queries(150) <= few + 5  # SQLite takes so many values in one statement
