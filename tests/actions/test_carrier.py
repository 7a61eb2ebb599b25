from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import structlog
from django.core.mail import EmailMessage
from standardwebhooks import Webhook
from structlog.testing import LogCapture

from certwatch.actions import carrier, deliveries, endpoints, letters, orgs, outcomes
from certwatch.actions.carrier import carry, claim, due
from certwatch.models import (
    Change,
    ChangeType,
    Delivery,
    DeliveryState,
    EndpointState,
    Organisation,
    Purpose,
    Supplier,
    SupplierContact,
    User,
)
from certwatch.rules.notices import State
from certwatch.rules.tries import AFTER
from tests.actions.carried import SECRET, Clock, channel, endpoint, failing, fresh, hook, letter, mail, means, message
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
def log(monkeypatch: pytest.MonkeyPatch) -> LogCapture:
    """What the carrier logs."""
    captured = LogCapture()
    monkeypatch.setattr(carrier, "log", structlog.wrap_logger(structlog.ReturnLogger(), processors=[captured]))
    return captured


@pytest.fixture
def server() -> Iterator[Moody]:
    box = Moody()
    with mailbox(box):
        yield box


def test_a_message_is_made_once_for_the_same(nordmuehle: Organisation, anna: User) -> None:
    def make() -> Delivery | None:
        return deliveries.make(
            nordmuehle, Purpose.ALERTS, told_for="o1:once:run:7:u1", host="mail", user=anna, now=NOON
        )

    first = make()
    assert first is not None
    assert make() is None
    assert Delivery.across_orgs.get() == first
    assert (first.due_at, first.state, first.tries) == (NOON, DeliveryState.WAITING, 0)


def test_a_webhook_arrives_signed_under_its_own_id_and_is_recorded(nordmuehle: Organisation, shop: Receiver) -> None:
    shop.behave = answers(200, b"thanks")
    to = endpoint(nordmuehle, shop.url)
    sent = hook(to)
    clock = Clock(NOON + timedelta(seconds=1))
    assert carry(clock(), means(), clock) == 1
    (got,) = shop.got
    assert got.headers["webhook-id"] == f"msg_{sent.public_id}"
    assert got.headers["webhook-timestamp"] == str(int(clock().timestamp()))
    row = fresh(sent)
    assert (row.state, row.tries, row.ended_at, row.due_at, row.leased_until) == (
        DeliveryState.DELIVERED, 1, clock(), None, None,
    )  # fmt: skip
    attempt = row.attempts.get()
    assert (attempt.number, attempt.ok, attempt.status, attempt.said) == (1, True, 200, "thanks")
    assert got.headers["webhook-signature"] in attempt.request
    assert attempt.request.endswith(got.body.decode())
    assert SECRET not in attempt.request
    assert fresh(to).last_success_at == clock()
    assert carry(clock(), means(), clock) == 0


def test_what_arrives_is_verified_with_the_public_library(
    nordmuehle: Organisation, shop: Receiver, time_machine: Any
) -> None:
    hook(endpoint(nordmuehle, shop.url))
    time_machine.move_to(NOON)
    carry(NOON, means())
    assert Webhook(SECRET).verify(shop.got[0].body, shop.got[0].headers) == {"type": "webhook.test", "data": {}}


def test_a_receiver_that_is_out_for_long_is_tried_by_the_table_and_then_given_up(
    nordmuehle: Organisation, shop: Receiver
) -> None:
    shop.behave = answers(500, b"out of order")
    to = endpoint(nordmuehle, shop.url)
    sent = hook(to)
    clock, waited = Clock(), []
    for place in range(len(AFTER)):
        assert carry(clock(), means(), clock) == 1
        if place < len(AFTER) - 1:
            assert carry(clock(), means(), clock) == 0
            waited.append(fresh(sent).due_at - clock())
            assert carry(fresh(sent).due_at - timedelta(seconds=1), means()) == 0
            clock.now = fresh(sent).due_at
            assert failing(nordmuehle) == []
    assert waited == list(AFTER[1:])
    row = fresh(sent)
    assert (row.state, row.tries, row.ended_at) == (DeliveryState.GIVEN_UP, 10, clock())
    assert [attempt.number for attempt in row.attempts.order_by("id")] == list(range(1, 11))
    assert {got.headers["webhook-id"] for got in shop.got} == {f"msg_{sent.public_id}"}
    (notice,) = failing(nordmuehle)
    assert (notice.about_id, notice.facts["over"], notice.state) == (to.public_id, "webhook", State.OPEN)
    assert notice.facts["error"] == "The receiver answered 500."
    assert fresh(to).failing_since == NOON
    assert fresh(to).state == EndpointState.ON


def test_after_a_days_outage_everything_arrives_in_the_end(nordmuehle: Organisation, shop: Receiver) -> None:
    shop.behave = answers(503)
    to = endpoint(nordmuehle, shop.url)
    sent = [hook(to) for _ in range(5)]
    clock = Clock()
    while clock() < NOON + DAY:
        carry(clock(), means(), clock)
        clock.now = min(fresh(one).due_at for one in sent)
    shop.behave = answers(204)
    shop.got.clear()
    carry(clock(), means(), clock)
    assert {fresh(one).state for one in sent} == {DeliveryState.DELIVERED}
    assert {got.headers["webhook-id"] for got in shop.got} == {f"msg_{one.public_id}" for one in sent}
    assert fresh(to).failing_since is None
    assert failing(nordmuehle) == []


def test_how_long_a_receiver_wants_to_be_left_alone_is_kept_up_to_a_day(
    nordmuehle: Organisation, shop: Receiver
) -> None:
    sent = hook(endpoint(nordmuehle, shop.url))
    shop.behave = answers(503, retry_after="7200")
    carry(NOON, means())
    assert fresh(sent).due_at == NOON + timedelta(hours=2)
    shop.behave = answers(503, retry_after="9999999")
    carry(NOON + timedelta(hours=2), means())
    assert fresh(sent).due_at == NOON + timedelta(hours=26)


def test_a_mail_goes_to_its_reader_under_its_own_id(nordmuehle: Organisation, anna: User, server: Moody) -> None:
    sent = mail(nordmuehle, anna)
    carry(NOON, means(mail_port=server.port))
    assert [(one["to"], one["message-id"]) for one in server.mails] == [
        (anna.email, f"<{sent.public_id}@watch.example>")
    ]
    assert fresh(sent).attempts.get().ok


def test_a_refused_address_is_given_up_at_once_told_to_the_organisation_and_forgiven_by_a_success(
    nordmuehle: Organisation, anna: User, otto: User, server: Moody
) -> None:
    server.rcpt = "550 5.1.1 No such user"
    for minute in (0, 1):
        sent = mail(nordmuehle, anna, NOON + timedelta(minutes=minute))
        carry(NOON + timedelta(minutes=minute), means(mail_port=server.port))
        assert (fresh(sent).state, fresh(sent).tries) == (DeliveryState.GIVEN_UP, 1)
    assert fresh(anna).mail_failed_at == NOON
    assert fresh(otto).mail_failed_at is None
    (notice,) = failing(nordmuehle)
    assert (notice.facts["over"], notice.facts["user"], notice.about) == ("email", anna.pk, "Anna")
    assert notice.facts["error"] == "The mail server answered 550: 5.1.1 No such user"
    server.rcpt = "250 OK"
    mail(nordmuehle, anna, NOON + DAY)
    carry(NOON + DAY, means(mail_port=server.port))
    assert fresh(anna).mail_failed_at is None
    assert fresh(notice).state == State.SOLVED


def test_a_mail_that_is_put_off_is_tried_again_and_nobody_is_blamed(
    nordmuehle: Organisation, anna: User, server: Moody
) -> None:
    server.rcpt = "451 4.7.1 Greylisted"
    sent = mail(nordmuehle, anna)
    carry(NOON, means(mail_port=server.port))
    assert (fresh(sent).state, fresh(sent).due_at) == (DeliveryState.WAITING, NOON + AFTER[1])
    assert fresh(anna).mail_failed_at is None
    server.rcpt = "250 OK"
    carry(fresh(sent).due_at, means(mail_port=server.port))
    assert len(server.mails) == 1


def test_a_suppliers_address_that_is_refused_is_told_once_until_it_works_again(
    nordmuehle: Organisation, server: Moody
) -> None:
    server.rcpt = "550 No"
    supplier = Supplier.across_orgs.create(org=nordmuehle, name="Agri", name_key="agri", created_at=NOON)
    contact = SupplierContact.across_orgs.create(org=nordmuehle, supplier=supplier, email="info@agri.example")
    for place in range(2):
        deliveries.make(
            nordmuehle, Purpose.SUPPLIER, told_for=f"supplier:{place}", host="mail", contact=contact, now=NOON
        )
    carry(NOON, means(mail_port=server.port))
    (notice,) = failing(nordmuehle)
    assert (notice.about, notice.facts["over"]) == ("info@agri.example", "supplier")
    for day, answer in ((1, "250 OK"), (2, "550 No")):
        server.rcpt = answer
        now = NOON + day * DAY
        deliveries.make(nordmuehle, Purpose.SUPPLIER, told_for=f"{day}", host="mail", contact=contact, now=now)
        carry(now, means(mail_port=server.port))
    assert [notice.state for notice in failing(nordmuehle)] == [State.SOLVED, State.OPEN]


def test_a_chat_channel_that_is_given_up_is_told_and_solved_by_a_success(
    nordmuehle: Organisation, shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apprise.plugins.discord import NotifyDiscord

    monkeypatch.setattr(NotifyDiscord, "notify_url", shop.url)
    to = channel(nordmuehle)
    shop.behave = answers(404)
    sent = message(to)
    Delivery.across_orgs.filter(pk=sent.pk).update(tries=9)
    carry(NOON, means())
    assert (fresh(sent).state, fresh(to).failing_since) == (DeliveryState.GIVEN_UP, NOON)
    (notice,) = failing(nordmuehle)
    assert (notice.about, notice.about_id, notice.facts["over"]) == ("Purchasing", to.public_id, "chat")
    assert "JHMHI8" not in str(notice.facts)
    shop.behave = answers(204)
    message(to, NOON + DAY)
    carry(NOON + DAY, means())
    assert (fresh(to).failing_since, fresh(to).last_success_at) == (None, NOON + DAY)
    assert fresh(notice).state == State.SOLVED


def test_who_may_not_hear_of_it_any_more_is_sent_nothing(
    nordmuehle: Organisation, suedoel: Organisation, anna: User, mia: User, ben: User, clara: User, server: Moody,
    shop: Receiver,
) -> None:  # fmt: skip
    off, silent = endpoint(nordmuehle, shop.url, state=EndpointState.OFF), channel(nordmuehle)
    silent.on = False
    silent.save()
    waiting = [
        mail(nordmuehle, anna), mail(nordmuehle, mia), mail(nordmuehle, ben), mail(nordmuehle, clara),
        mail(suedoel, clara), hook(off), hook(endpoint(suedoel, shop.url)), message(silent),
    ]  # fmt: skip
    nordmuehle.memberships.filter(user=anna).delete()
    nordmuehle.memberships.filter(user=mia).update(ends_on=NOON.date() - DAY)
    User.objects.filter(pk=ben.pk).update(is_active=False)
    Organisation.objects.filter(pk=suedoel.pk).update(closed_at=NOON)
    carry(NOON, means(mail_port=server.port))
    assert {fresh(one).state for one in waiting} == {DeliveryState.DROPPED}
    assert {fresh(one).tries for one in waiting} == {0}
    assert all(fresh(one).error for one in waiting)
    assert (server.mails, shop.got) == ([], [])


def test_what_a_closed_organisation_misses_is_told_and_offered_once_it_is_open_again(
    nordmuehle: Organisation, anna: User, shop: Receiver, server: Moody
) -> None:
    to = endpoint(nordmuehle, shop.url)
    seen = NOON - timedelta(seconds=2)
    change = nordmuehle.changes.create(
        number=1, type=ChangeType.STATUS, told_by="run:1", word="suspended", seen_at=seen, created_at=seen
    )
    deliveries.make_many(nordmuehle, [(to, change.pk)], now=NOON)
    mail(nordmuehle, anna)
    orgs.close(nordmuehle, by=None, now=NOON)
    carry(NOON, means(mail_port=server.port))
    assert (server.mails, shop.got) == ([], [])
    orgs.reopen(fresh(nordmuehle), by=None, now=NOON + DAY)
    assert fresh(nordmuehle).rested, "so that a mail says what needs attention"
    offered = fresh(to)
    assert endpoints.replay_range(offered, offered.switched_off_at, NOON + DAY, by=anna, now=NOON + DAY) == 1


@pytest.mark.parametrize("answer", [204, 410, 500])
def test_an_endpoint_may_be_removed_while_it_is_being_called(
    nordmuehle: Organisation, anna: User, shop: Receiver, log: LogCapture, answer: int
) -> None:
    to = endpoint(nordmuehle, shop.url)
    hook(to)

    def meanwhile(delivery: Delivery) -> bytes:
        endpoints.delete(to, by=anna, now=NOON)
        return b"{}"

    shop.behave = answers(answer)
    assert carry(NOON, means(body=meanwhile)) == 1
    assert len(shop.got) == 1
    assert not Delivery.across_orgs.exists()
    assert failing(nordmuehle) == []
    assert log.entries == []


def test_a_message_that_is_removed_while_it_is_made_is_no_error(
    nordmuehle: Organisation, shop: Receiver, log: LogCapture
) -> None:
    sent = hook(endpoint(nordmuehle, shop.url))

    def meanwhile(delivery: Delivery) -> bytes:
        Delivery.across_orgs.filter(pk=sent.pk).delete()
        raise Change.DoesNotExist

    assert carry(NOON, means(body=meanwhile)) == 1
    assert (shop.got, log.entries) == ([], [])


def test_a_message_that_cannot_be_made_stops_no_other(nordmuehle: Organisation, anna: User, mia: User) -> None:
    def broken(delivery: Delivery, now: Any) -> EmailMessage:
        if delivery.user == anna:
            raise KeyError("certificate")
        return letter(delivery, now)

    bad, good = mail(nordmuehle, anna), mail(nordmuehle, mia)
    carry(NOON, means(letter=broken))
    assert fresh(good).state == DeliveryState.DELIVERED
    assert (fresh(bad).state, fresh(bad).due_at, fresh(bad).error) == (
        DeliveryState.WAITING, NOON + AFTER[1], carrier.NOT_MADE,
    )  # fmt: skip


def test_what_has_nothing_left_to_say_is_dropped(nordmuehle: Organisation, anna: User) -> None:
    sent = mail(nordmuehle, anna)
    carry(NOON, means(letter=lambda delivery, now: letters.letter(delivery, now=now)))
    assert (fresh(sent).state, fresh(sent).tries) == (DeliveryState.DROPPED, 0)


def test_who_dies_while_sending_has_it_sent_again_under_the_same_id(nordmuehle: Organisation, shop: Receiver) -> None:
    sent = hook(endpoint(nordmuehle, shop.url))
    assert claim(sent.pk, NOON)  # and dies
    for seconds in (1, 59):
        assert carry(NOON + timedelta(seconds=seconds), means()) == 0
    assert carry(NOON + timedelta(seconds=60), means()) == 1
    assert [got.headers["webhook-id"] for got in shop.got] == [f"msg_{sent.public_id}"]
    assert (fresh(sent).state, fresh(sent).tries) == (DeliveryState.DELIVERED, 2)


def test_what_is_still_being_sent_is_kept_from_others(nordmuehle: Organisation, shop: Receiver) -> None:
    sent = hook(endpoint(nordmuehle, shop.url))
    assert claim(sent.pk, NOON)
    carrier.renew([sent.pk], NOON + timedelta(seconds=50))
    assert not claim(sent.pk, NOON + timedelta(seconds=100))
    assert claim(sent.pk, NOON + timedelta(seconds=110))


def test_a_claim_that_was_lost_decides_nothing(nordmuehle: Organisation, shop: Receiver) -> None:
    """One who was thought dead comes back with a failure while another one is at it, or after it arrived."""
    sent = hook(endpoint(nordmuehle, shop.url))

    def meanwhile(delivery: Delivery) -> bytes:
        assert claim(sent.pk, NOON + timedelta(seconds=90))
        return b"{}"

    shop.behave = answers(410)
    carry(NOON, means(body=meanwhile))
    assert (fresh(sent).state, fresh(sent).tries) == (DeliveryState.WAITING, 2)
    assert fresh(sent).leased_until == NOON + timedelta(seconds=150)


def test_organisations_are_served_in_turn(nordmuehle: Organisation, suedoel: Organisation, shop: Receiver) -> None:
    much, little = endpoint(nordmuehle, shop.url), endpoint(suedoel, shop.url)
    first = [hook(much) for _ in range(60)]
    second = [hook(much, host="other.example") for _ in range(3)]
    last = [hook(little, NOON + timedelta(seconds=1)) for _ in range(2)]
    found = [one.pk for one in due(NOON + timedelta(seconds=1))]
    assert set(found[:4:2]) | set(found[1:4:2]) >= {one.pk for one in last}
    assert found.index(second[0].pk) < 6
    assert len(set(found)) == len(found) == carrier.OF_ONE_QUEUE + 3  # two share a host
    assert found.index(first[0].pk) < found.index(first[1].pk)


def test_the_mails_of_many_customers_keep_no_webhook_waiting(db: None) -> None:
    orgs = [Organisation(name=f"Org {number}", slug=f"org-{number}", created_at=NOON) for number in range(520)]
    orgs = Organisation.objects.bulk_create(orgs)
    mails = [
        Delivery(org=org, purpose="digest", told_for=f"{org.pk}:{place}", host="mail", due_at=NOON, made_at=NOON)
        for place in range(2)
        for org in orgs
    ]
    Delivery.across_orgs.bulk_create(mails)
    sent = hook(endpoint(orgs[-1], "https://erp.example/hook"), NOON + timedelta(seconds=1))
    found = due(NOON + timedelta(seconds=1))
    assert sent.pk in [one.pk for one in found]
    assert len([one for one in found if one.host == "mail"]) == len({one.org for one in found if one.host == "mail"})


def test_what_is_old_is_removed_and_who_was_told_what_stays(
    nordmuehle: Organisation, anna: User, shop: Receiver
) -> None:
    to = endpoint(nordmuehle, shop.url)
    old, new, told = hook(to), hook(to, NOON + 80 * DAY), mail(nordmuehle, anna)
    carry(NOON, means())
    carry(NOON + 80 * DAY, means())
    outcomes.forget(NOON + 29 * DAY)
    assert fresh(old).attempts.count() == 1
    outcomes.forget(NOON + 91 * DAY)
    assert set(Delivery.across_orgs.all()) == {new, told}
    assert fresh(told).attempts.count() == 0
    assert fresh(new).attempts.count() == 1
