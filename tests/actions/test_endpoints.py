"""Webhook endpoints: made, changed, tried out, rotated; and messages sent anew."""

import base64
from datetime import timedelta

import pytest
from django.conf import settings

from certwatch.actions import deliveries, endpoints
from certwatch.models import AuditEntry, Change, ChangeType, Delivery, DeliveryState, EndpointState, Organisation, User
from certwatch.models.alerts import WebhookEndpoint
from certwatch.rules.errors import Refused, UnknownName
from tests.actions.test_keys import everything_stored
from tests.conftest import NOON

HOUR = timedelta(hours=1)
URL = endpoints.Checked("https://erp.nordmuehle.example/hooks")  # nothing is resolved in these tests


@pytest.fixture
def endpoint(nordmuehle: Organisation) -> WebhookEndpoint:
    return endpoints.create(nordmuehle, url=URL, by=None, now=NOON)[0]


def happened(org: Organisation, number: int, kind: ChangeType = ChangeType.STATUS, hours: int = 0) -> Change:
    at = NOON + hours * HOUR
    change: Change = org.changes.create(number=number, type=kind, told_by=f"run:{number}", seen_at=at, created_at=at)
    return change


def test_the_secret_is_shown_once_and_stored_nowhere_in_clear(nordmuehle: Organisation, anna: User) -> None:
    endpoint, secret = endpoints.create(nordmuehle, url=URL, name=" ERP ", by=anna, now=NOON)
    assert secret.startswith("whsec_")
    assert 24 <= len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) <= 64
    assert secret not in everything_stored()
    assert endpoints.signing(endpoint, NOON) == [secret]
    assert (endpoint.name, endpoint.url, endpoint.types, endpoint.state) == ("ERP", URL, [], "on")
    note = AuditEntry.objects.get(action="webhook.created")
    assert (note.org, note.by, note.about_id) == (nordmuehle, anna, endpoint.public_id)


def test_a_refused_address_is_not_stored(nordmuehle: Organisation) -> None:
    for url in (
        "http://127.0.0.1:9/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "ftp://x.example/",
        "https://" + "x" * 2_000,
    ):
        with pytest.raises(Refused):
            endpoints.create(nordmuehle, url=url, by=None, now=NOON)
    assert not nordmuehle.webhook_endpoints.exists()


def test_an_address_in_a_network_that_the_operator_allows_is_taken(
    nordmuehle: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from certwatch.config import environ

    monkeypatch.setattr(settings, "ENV", environ.read({"CERTWATCH_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8"}))
    assert endpoints.create(nordmuehle, url="http://127.0.0.1:9/", by=None, now=NOON)


def test_types_are_known_ones_and_all_of_them_are_none_in_particular(nordmuehle: Organisation) -> None:
    with pytest.raises(endpoints.BadTypes, match="exploded"):
        endpoints.create(nordmuehle, url=URL, types=["certificate.exploded"], by=None, now=NOON)
    some, _ = endpoints.create(nordmuehle, url=URL, types=["key.expiring", "source.stale"] * 2, by=None, now=NOON)
    assert some.types == endpoints.of_types(some) == ["source.stale", "key.expiring"]
    everything, _ = endpoints.create(nordmuehle, url=URL, types=list(ChangeType.values), by=None, now=NOON)
    assert everything.types == []
    assert set(endpoints.of_types(everything)) == set(ChangeType.values)


def test_there_are_at_most_twenty_in_an_organisation(nordmuehle: Organisation, suedoel: Organisation) -> None:
    for _ in range(endpoints.MOST):
        endpoints.create(nordmuehle, url=URL, by=None, now=NOON)
    with pytest.raises(endpoints.TooMany):
        endpoints.create(nordmuehle, url=URL, by=None, now=NOON)
    assert endpoints.create(suedoel, url=URL, by=None, now=NOON)


def test_what_waits_goes_to_the_new_address(endpoint: WebhookEndpoint, anna: User) -> None:
    waiting = endpoints.test(endpoint, by=anna, now=NOON)
    assert waiting.host == "erp.nordmuehle.example"
    new = endpoints.Checked("https://new.nordmuehle.example/")
    changed = endpoints.change(endpoint, url=new, types=["key.expiring"], name="New", by=anna, now=NOON)
    waiting.refresh_from_db()
    assert (changed.url, changed.types, changed.name, waiting.host) == (
        new, ["key.expiring"], "New", "new.nordmuehle.example",
    )  # fmt: skip
    before = AuditEntry.objects.count()
    endpoints.change(changed, url=new, name="New", by=anna, now=NOON)
    assert AuditEntry.objects.count() == before


def test_the_old_secret_signs_along_for_a_day(endpoint: WebhookEndpoint, anna: User) -> None:
    (old,) = endpoints.signing(endpoint, NOON)
    new = endpoints.rotate(endpoint, by=anna, now=NOON)
    endpoint.refresh_from_db()
    assert endpoints.signing(endpoint, NOON + 24 * HOUR - timedelta(seconds=1)) == [new, old]
    assert endpoints.signing(endpoint, NOON + 24 * HOUR) == [new]
    newest = endpoints.rotate(endpoint, by=anna, now=NOON + HOUR)
    endpoint.refresh_from_db()
    assert endpoints.signing(endpoint, NOON + HOUR) == [newest, new]
    assert not any(secret in everything_stored() for secret in (old, new, newest))


def test_switched_off_it_drops_what_waits_and_takes_nothing(endpoint: WebhookEndpoint, anna: User) -> None:
    waiting = endpoints.test(endpoint, by=anna, now=NOON)
    off = endpoints.switch(endpoint, False, by=anna, now=NOON + HOUR)
    waiting.refresh_from_db()
    assert (off.state, off.switched_off_at) == ("off", NOON + HOUR)
    assert (waiting.state, waiting.due_at, waiting.ended_at) == (DeliveryState.DROPPED, None, NOON + HOUR)
    with pytest.raises(endpoints.SwitchedOff):
        endpoints.test(off, by=anna, now=NOON)
    with pytest.raises(endpoints.SwitchedOff):
        endpoints.replay(waiting, by=anna, now=NOON)
    with pytest.raises(endpoints.SwitchedOff):
        endpoints.replay_range(off, NOON, NOON, by=anna, now=NOON)


def test_switched_on_again_it_begins_anew_and_offers_what_was_missed_from_the_first_failure_on(
    endpoint: WebhookEndpoint, anna: User
) -> None:
    endpoint.state, endpoint.failing_since, endpoint.switched_off_at = EndpointState.FAILING, NOON, NOON + 120 * HOUR
    endpoint.save()
    on = endpoints.switch(endpoint, True, by=anna, now=NOON + 130 * HOUR)
    assert (on.state, on.failing_since, on.switched_off_at) == ("on", None, NOON)
    endpoints.replay_range(on, NOON, NOON + 130 * HOUR, by=anna, now=NOON + 130 * HOUR)
    on.refresh_from_db()
    assert on.switched_off_at is None


def test_removed_it_takes_its_log_along(endpoint: WebhookEndpoint, anna: User) -> None:
    endpoints.test(endpoint, by=anna, now=NOON)
    endpoints.delete(endpoint, by=anna, now=NOON)
    assert not Delivery.across_orgs.exists()
    with pytest.raises(UnknownName):
        endpoints.rotate(endpoint, by=anna, now=NOON)


def test_a_test_goes_to_an_endpoint_of_any_types(endpoint: WebhookEndpoint, anna: User) -> None:
    one, two = (endpoints.test(endpoint, by=anna, now=NOON) for _ in range(2))
    assert one.public_id != two.public_id
    assert (one.facts, one.change, one.due_at, one.purpose) == ({"test": True}, None, NOON, "webhook")


def test_a_replay_keeps_the_id_of_the_message(endpoint: WebhookEndpoint, anna: User) -> None:
    change = happened(endpoint.org, 1)
    deliveries.make_many(endpoint.org, [(endpoint, change.pk)], now=NOON)
    first = endpoint.deliveries.get()
    assert endpoints.replay(first, by=anna, now=NOON + HOUR) == first  # it waits: its next try comes now
    first.refresh_from_db()
    assert first.due_at == NOON + HOUR
    endpoint.deliveries.update(state=DeliveryState.DELIVERED, due_at=None)
    first.refresh_from_db()
    again = endpoints.replay(first, by=anna, now=NOON + HOUR)
    endpoint.deliveries.update(state=DeliveryState.GIVEN_UP, due_at=None)
    again.refresh_from_db()
    third = endpoints.replay(again, by=anna, now=NOON + HOUR)
    assert again.facts == {"replay_of": first.public_id, "message_id": f"msg_{first.public_id}"}
    assert third.facts == {"replay_of": again.public_id, "message_id": f"msg_{first.public_id}"}
    assert {endpoints.message_id(one) for one in (first, again, third)} == {f"msg_{first.public_id}"}
    assert len({one.public_id for one in (first, again, third)}) == 3
    assert (third.change, third.state, third.due_at) == (change, DeliveryState.WAITING, NOON + HOUR)


def test_a_range_brings_what_was_sent_what_waits_and_what_never_was(nordmuehle: Organisation, anna: User) -> None:
    endpoint, _ = endpoints.create(nordmuehle, url=URL, types=["certificate.status_changed"], by=anna, now=NOON)
    delivered, waiting, never = (happened(nordmuehle, n, hours=n) for n in (1, 2, 3))
    happened(nordmuehle, 4, ChangeType.ADDED, hours=2)  # another type
    happened(nordmuehle, 5, hours=9)  # too late
    deliveries.make_many(nordmuehle, [(endpoint, delivered.pk), (endpoint, waiting.pk)], now=NOON)
    endpoint.deliveries.filter(change=delivered).update(state=DeliveryState.DELIVERED, due_at=None)
    endpoint.deliveries.filter(change=waiting).update(due_at=NOON + 20 * HOUR)
    later = NOON + 10 * HOUR
    assert endpoints.replay_range(endpoint, NOON + HOUR, NOON + 3 * HOUR, by=anna, now=later) == 3
    sent, again = endpoint.deliveries.filter(change=delivered).order_by("id")
    assert (again.facts["message_id"], again.state, again.due_at) == (f"msg_{sent.public_id}", "waiting", later)
    assert endpoint.deliveries.get(change=waiting).due_at == later
    first = endpoint.deliveries.get(change=never)
    assert first.told_for == deliveries.hook(endpoint, never.pk)
    deliveries.make_many(nordmuehle, [(endpoint, never.pk)], now=later)  # who makes them of changes makes no twin
    assert endpoint.deliveries.count() == 4


def test_a_range_is_bounded_and_runs_forwards(
    endpoint: WebhookEndpoint, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        happened(endpoint.org, number)
    with pytest.raises(Refused, match="before its beginning"):
        endpoints.replay_range(endpoint, NOON, NOON - HOUR, by=anna, now=NOON)
    monkeypatch.setattr(endpoints, "MOST_REPLAYED", 2)
    with pytest.raises(endpoints.TooMany):
        endpoints.replay_range(endpoint, NOON, NOON, by=anna, now=NOON)
    assert not endpoint.deliveries.exists()


def test_an_absence_that_was_never_confirmed_is_not_replayed(endpoint: WebhookEndpoint, anna: User) -> None:
    org = endpoint.org
    unconfirmed, back, confirmed = (happened(org, number) for number in (1, 2, 3))
    org.changes.filter(pk__in=[unconfirmed.pk, confirmed.pk]).update(word="not_found")
    org.changes.filter(pk=back.pk).update(was="not_found", word="valid")
    org.notices.create(kind="not_found", severity="critical", told_for="x", batch="x", change=confirmed, made_at=NOON)
    assert endpoints.replay_range(endpoint, NOON, NOON, by=anna, now=NOON) == 1
    assert endpoint.deliveries.get().change == confirmed
