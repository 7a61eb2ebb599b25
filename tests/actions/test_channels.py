"""Chat channels."""

import pytest

from certwatch.actions import alert_rules, channels, deliveries, notices, secrets, tellings
from certwatch.models import Channel, Delivery, DeliveryState, Organisation, Purpose, User
from certwatch.rules.errors import Refused
from certwatch.rules.notices import Kind, State
from tests.actions.test_keys import everything_stored
from tests.conftest import NOON

TOKEN = "abcdefghijklmnopqrstuvwx"
SLACK = f"slack://T0AB1CD2E/B0AB1CD2E/{TOKEN}"
OTHER = "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"
ALLOWED = ("slack", "discord")


@pytest.fixture
def oils(nordmuehle: Organisation, anna: User) -> Channel:
    return channels.create(nordmuehle, name="#oils", target=SLACK, schemes=ALLOWED, by=anna, now=NOON)


def deeds(org: Organisation) -> list[str]:
    return list(org.audit_entries.order_by("pk").values_list("action", flat=True))


def test_the_address_is_stored_encrypted_and_shown_masked(nordmuehle: Organisation, oils: Channel) -> None:
    oils.refresh_from_db()
    assert secrets.decrypt(oils.address) == SLACK
    assert (oils.scheme, oils.on, oils.language) == ("slack", True, "")
    assert oils.shown.startswith("slack://…")
    assert TOKEN not in oils.shown
    assert TOKEN not in everything_stored()
    assert nordmuehle.audit_entries.get().details["goes_to"] == oils.shown


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("mailto://user:password@example.com", "cannot be sent to this service"),  # not among the allowed
        ("https://hooks.example/x", "cannot be sent to this service"),
        ("somewhere", "no address of a chat service"),
        (f"{SLACK}?redirect=yes", "must not hold redirect"),
    ],
)
def test_another_address_is_refused(nordmuehle: Organisation, anna: User, target: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        channels.create(nordmuehle, name="#oils", target=target, schemes=ALLOWED, by=anna, now=NOON)
    assert not Channel.across_orgs.exists()


def test_no_two_have_the_same_name_and_there_are_fifty_at_most(
    nordmuehle: Organisation, anna: User, oils: Channel
) -> None:
    with pytest.raises(Refused, match="this name already"):
        channels.create(nordmuehle, name="#OILS", target=SLACK, schemes=ALLOWED, by=anna, now=NOON)
    Channel.across_orgs.bulk_create(
        Channel(org=nordmuehle, name=f"{n}", scheme="slack", address="x", created_at=NOON) for n in range(49)
    )
    with pytest.raises(Refused, match="50 channels"):
        channels.create(nordmuehle, name="#one more", target=SLACK, schemes=ALLOWED, by=anna, now=NOON)


def test_it_is_changed_with_or_without_its_address(anna: User, oils: Channel, nordmuehle: Organisation) -> None:
    before = oils.address
    assert not channels.change(oils, name="#oils", schemes=ALLOWED, language="", by=anna, now=NOON)
    assert channels.change(oils, name="#fats", schemes=ALLOWED, language="de", by=anna, now=NOON)
    oils.refresh_from_db()
    assert (oils.name, oils.language, oils.address) == ("#fats", "de", before)
    Channel.across_orgs.update(failing_since=NOON)
    other = "discord://4174216298/another-token-that-nobody-sees"
    assert channels.change(oils, name="#fats", target=other, schemes=ALLOWED, language="de", by=anna, now=NOON)
    oils.refresh_from_db()
    assert (oils.scheme, secrets.decrypt(oils.address), oils.failing_since) == ("discord", other, None)
    assert "another-token" not in everything_stored()
    assert deeds(nordmuehle) == ["channel.created", "channel.changed", "channel.changed"]


def test_a_test_goes_through_the_outbox_one_at_a_time(nordmuehle: Organisation, anna: User, oils: Channel) -> None:
    made = channels.test(oils, by=anna, now=NOON)
    assert (made.purpose, made.state, made.host, made.channel) == (Purpose.TEST, "waiting", "slack", oils)
    assert made.due_at == NOON
    with pytest.raises(Refused, match="on its way already"):
        channels.test(oils, by=anna, now=NOON)
    Delivery.across_orgs.update(state=DeliveryState.DELIVERED)
    assert channels.test(oils, by=anna, now=NOON).told_for != made.told_for


def test_what_waits_for_one_that_is_switched_off_is_dropped(
    nordmuehle: Organisation, anna: User, oils: Channel
) -> None:
    waits = channels.test(oils, by=anna, now=NOON)
    assert channels.switch(oils, on=False, by=anna, now=NOON)
    assert not channels.switch(oils, on=False, by=anna, now=NOON)
    waits.refresh_from_db()
    assert (waits.state, waits.due_at, waits.ended_at) == (DeliveryState.DROPPED, None, NOON)
    with pytest.raises(Refused, match="is off"):
        channels.test(oils, by=anna, now=NOON)
    assert channels.switch(oils, on=True, by=anna, now=NOON)
    assert deeds(nordmuehle) == ["channel.created", "channel.tested", "channel.switched_off", "channel.switched_on"]


def test_one_that_is_removed_leaves_its_history_without_its_address(
    nordmuehle: Organisation, anna: User, oils: Channel
) -> None:
    rule = alert_rules.save(nordmuehle, None, alert_rules.Said("R", channels=[oils]), by=anna, now=NOON)
    sent = deliveries.make(nordmuehle, Purpose.ALERTS, told_for="x", host="slack", now=NOON, channel=oils)
    assert sent is not None
    Delivery.across_orgs.update(state=DeliveryState.DELIVERED)
    waits = channels.test(oils, by=anna, now=NOON)
    channels.remove(oils, by=anna, now=NOON)
    assert list(channels.of(nordmuehle)) == []
    assert not rule.channels.exists()
    oils.refresh_from_db()
    assert (oils.name, oils.on, oils.address, oils.shown) == ("#oils", False, "", "")
    states = nordmuehle.deliveries.order_by("pk").values_list("state", flat=True)
    assert list(states) == [DeliveryState.DELIVERED, DeliveryState.DROPPED]
    assert waits.told_for == f"test:ch{oils.pk}:{waits.told_for.rpartition(':')[2]}"
    again = channels.create(nordmuehle, name="#oils", target=SLACK, schemes=ALLOWED, by=anna, now=NOON)
    assert list(channels.of(nordmuehle)) == [again]  # its name is free


@pytest.mark.parametrize("way", ["another address", "removed", "switched off"])
def test_nobody_is_reminded_of_an_address_that_is_no_more(
    nordmuehle: Organisation, anna: User, oils: Channel, way: str
) -> None:
    notice = notices.add(
        nordmuehle, Kind.CHANNEL_FAILING, told_for="x", batch="x", about=oils.name, about_id=oils.public_id, now=NOON
    )
    assert notice is not None
    if way == "removed":
        channels.remove(oils, by=anna, now=NOON)
    elif way == "switched off":
        channels.switch(oils, on=False, by=anna, now=NOON)
    else:
        channels.change(oils, name="#oils", target=OTHER, schemes=ALLOWED, language="", by=anna, now=NOON)
    notice.refresh_from_db()
    assert notice.state == State.SOLVED


def test_customers_of_one_chat_service_with_hosts_of_their_own_do_not_wait_for_one_another(
    nordmuehle: Organisation, anna: User, oils: Channel
) -> None:
    hosts = ["prod-01.westeurope.logic.azure.com", "default12.3a.environment.api.powerplatform.com"]
    waiting = channels.test(oils, by=anna, now=NOON)
    for host in hosts:
        target = f"workflows://{host}/643e69f83c8944438d68119179a10a64/KODuebWbDGYFr0z0eu_X?pa=yes"
        channels.change(oils, name="#oils", target=target, schemes=["workflows"], language="", by=anna, now=NOON)
        waiting.refresh_from_db()
        assert waiting.host == oils.goes_to == host
    teams = channels.create(nordmuehle, name="Teams", target=target, schemes=["workflows"], by=anna, now=NOON)
    assert channels.test(teams, by=anna, now=NOON).host == hosts[1]
    rule = nordmuehle.alert_rules.create(name="All", created_at=NOON)
    rule.channels.add(teams)
    notices.add(nordmuehle, Kind.SUSPENDED, told_for="x", batch="x", now=NOON)
    tellings.decide(NOON)
    assert nordmuehle.deliveries.get(purpose=Purpose.ALERTS).host == hosts[1]
