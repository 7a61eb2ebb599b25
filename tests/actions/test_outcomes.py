"""What follows from tries that failed or worked, for receivers and for those who are told of it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db.models import Min

from certwatch.actions import deliveries, endpoints, outcomes
from certwatch.actions.carrier import carry
from certwatch.models import (
    Delivery,
    DeliveryState,
    EndpointState,
    Notice,
    Organisation,
    Purpose,
    Supplier,
    User,
)
from certwatch.rules.notices import State
from tests.actions.carried import Clock, endpoint, failing, fresh, hook, mail, means
from tests.channels.test_email import Moody
from tests.conftest import NOON
from tests.receivers import Receiver, answers, receiver
from tests.smtp_server import mailbox

DAY = timedelta(days=1)


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def server() -> Iterator[Moody]:
    box = Moody()
    with mailbox(box):
        yield box


@pytest.mark.parametrize("test", [True, False])
def test_an_address_that_is_gone_is_called_no_more(nordmuehle: Organisation, shop: Receiver, test: bool) -> None:
    shop.behave = answers(410)
    to = endpoint(nordmuehle, shop.url)
    first, second = hook(to), hook(to, NOON + timedelta(seconds=9))
    if test:
        Delivery.across_orgs.filter(pk=first.pk).update(facts={"test": True})
    carry(NOON, means())
    assert (fresh(to).state, fresh(to).switched_off_at) == (EndpointState.GONE, NOON)
    assert [fresh(one).state for one in (first, second)] == [DeliveryState.GIVEN_UP, DeliveryState.DROPPED]
    assert len(failing(nordmuehle)) == 1
    assert carry(NOON + DAY, means()) == 0
    assert len(shop.got) == 1


def test_an_endpoint_without_a_success_for_five_days_is_switched_off_after_the_admins_heard_of_it(
    nordmuehle: Organisation, shop: Receiver
) -> None:
    shop.behave = answers(500)
    to = endpoint(nordmuehle, shop.url)
    clock = Clock()
    told = None
    while fresh(to).state == EndpointState.ON:
        if not to.deliveries.filter(state=DeliveryState.WAITING).exists():
            hook(to, clock())
        carry(clock(), means(), clock)
        if failing(nordmuehle) and told is None:
            told = clock()
            Notice.across_orgs.update(told_at=told)
        waiting = to.deliveries.filter(state=DeliveryState.WAITING).aggregate(next=Min("due_at"))
        clock.now = waiting["next"] or clock.move(timedelta(hours=1))
        assert clock() < NOON + 9 * DAY
    assert told is not None
    assert told < fresh(to).switched_off_at
    assert fresh(to).switched_off_at >= NOON + 5 * DAY
    assert fresh(to).state == EndpointState.FAILING
    assert len(failing(nordmuehle)) == 1
    assert not to.deliveries.filter(state=DeliveryState.WAITING).exists()


def test_nothing_is_switched_off_before_the_admins_heard_of_it(nordmuehle: Organisation, shop: Receiver) -> None:
    shop.behave = answers(500)
    to = endpoint(nordmuehle, shop.url, failing_since=NOON - 6 * DAY)
    hook(to)
    carry(NOON, means())
    assert (fresh(to).state, len(failing(nordmuehle))) == (EndpointState.ON, 1)
    Notice.across_orgs.update(told_at=NOON)
    carry(NOON + timedelta(minutes=1), means())
    assert (fresh(to).state, len(failing(nordmuehle))) == (EndpointState.FAILING, 1)


def test_a_success_solves_the_alert_and_the_next_failure_is_told_anew(nordmuehle: Organisation, shop: Receiver) -> None:
    to = endpoint(nordmuehle, shop.url)
    for day in (0, 10):
        shop.behave = answers(500)
        sent = hook(to, NOON + day * DAY)
        Delivery.across_orgs.filter(pk=sent.pk).update(tries=9)
        carry(NOON + day * DAY, means())
        assert failing(nordmuehle)[-1].state == State.OPEN
        shop.behave = answers(204)
        hook(to, NOON + (day + 1) * DAY)
        carry(NOON + (day + 1) * DAY, means())
        assert failing(nordmuehle)[-1].state == State.SOLVED
        assert fresh(to).failing_since is None
    assert len(failing(nordmuehle)) == 2


def test_an_address_that_was_gone_and_is_switched_on_again_fails_no_more(
    nordmuehle: Organisation, anna: User, shop: Receiver
) -> None:
    to, other = endpoint(nordmuehle, shop.url), endpoint(nordmuehle, shop.url)
    shop.behave = answers(410)
    for one in (to, other):
        hook(one)
    carry(NOON, means())
    assert [notice.state for notice in failing(nordmuehle)] == [State.OPEN, State.OPEN]
    endpoints.switch(to, True, by=anna, now=NOON + DAY)
    assert sorted(notice.state for notice in failing(nordmuehle)) == [State.OPEN, State.SOLVED]
    endpoints.delete(other, by=anna, now=NOON + DAY)
    assert [notice.state for notice in failing(nordmuehle)] == [State.SOLVED, State.SOLVED]


def test_a_success_solves_what_stands_whoever_forgot_since_when(nordmuehle: Organisation, shop: Receiver) -> None:
    to = endpoint(nordmuehle, shop.url)
    shop.behave = answers(410)
    hook(to)
    carry(NOON, means())
    to.state, to.failing_since = EndpointState.ON, None
    to.save()
    shop.behave = answers(204)
    hook(to, NOON + DAY)
    carry(NOON + DAY, means())
    assert [notice.state for notice in failing(nordmuehle)] == [State.SOLVED]


def test_nobody_is_reminded_of_a_member_or_contact_who_is_gone(
    nordmuehle: Organisation, anna: User, otto: User, server: Moody
) -> None:
    server.rcpt = "550 No"
    supplier = Supplier.across_orgs.create(org=nordmuehle, name="Agri", name_key="agri", created_at=NOON)
    contacts = [supplier.contacts.create(org=nordmuehle, email=f"{name}@agri.example") for name in ("old", "sales")]
    for contact in contacts:
        deliveries.make(
            nordmuehle, Purpose.SUPPLIER, told_for=f"supplier:{contact.pk}", host="mail", contact=contact, now=NOON
        )
    for reader in (anna, otto):
        mail(nordmuehle, reader)
    carry(NOON, means(mail_port=server.port))
    outcomes.solve_gone(NOON)
    assert {notice.state for notice in failing(nordmuehle)} == {State.OPEN}
    nordmuehle.memberships.filter(user=otto).delete()
    contacts[0].delete()
    outcomes.solve_gone(NOON + DAY)
    stand = [notice.about for notice in failing(nordmuehle) if notice.state == State.OPEN]
    assert sorted(stand) == ["Anna", "sales@agri.example"]
    assert len(failing(nordmuehle)) == 4
