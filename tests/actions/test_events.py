"""Items of the feed, which are the bodies of webhooks (api-extended.md)."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import msgspec
import pytest

from certwatch.actions import certificates, changes, events, syncs
from certwatch.models import Certificate, Change, ChangeType, Delivery, Organisation, User, WebhookEndpoint
from certwatch.rules.findings import Suspension
from certwatch.rules.status import Status
from tests.actions.noticed import listening, sync
from tests.actions.registers import Clock, Register, number, row, watch
from tests.conftest import NOON

pytestmark = pytest.mark.django_db(transaction=True)


def newest(org: Organisation) -> Change:
    found = org.changes.order_by("number").last()
    assert found is not None
    return found


def test_an_item_is_as_the_document_says(register: Register, clock: Clock, watched: Certificate) -> None:
    register.rows[0] = row(1, Status.SUSPENDED)
    run = sync(register, clock)
    assert run.applied_at is not None
    assert events.item(newest(watched.org)) == {
        "type": "certificate.status_changed",
        "timestamp": events.moment(run.applied_at),
        "data": {
            "change": 2,
            "id": watched.public_id,
            "cert_number": number(1),
            "kind": "suspended",
            "kinds": ["suspended"],
            "was": "valid",
            "status": "suspended",
            "valid_from": "2026-03-01",
            "valid_until": "2027-02-28",
            "holder": "Muster 1 GmbH",
            "scheme": "ISCC EU",
            "source": "iscc",
            "seen_at": events.moment(run.began),
        },
    }


def test_times_are_utc_to_the_second() -> None:
    at = datetime.fromisoformat("2026-11-24T06:12:08.999+01:00")
    assert events.moment(at) == "2026-11-24T05:12:08Z"


def test_other_data_comes_with_what_it_was(register: Register, clock: Clock, watched: Certificate) -> None:
    register.rows[0] = row(
        1, valid_until=date(2027, 1, 31), holder="Ganz Anders AG", scopes=["Trader"], materials=["UCO"],
        suspensions=[Suspension(date(2026, 5, 1), None)], certifier="Another", since=date(2026, 5, 1),
    )  # fmt: skip
    sync(register, clock)
    data = events.item(newest(watched.org))["data"]
    assert data["kinds"] == ["shortened", "holder_changed", "suspension_noted", "scope_changed"]
    assert (data["kind"], data["was"], data["status"]) == ("shortened", "valid", "valid")
    assert data["holder"] == "Ganz Anders AG"
    assert data["changed"] == {
        "valid_until": ["2027-02-28", "2027-01-31"],
        "holder": ["Muster 1 GmbH", "Ganz Anders AG"],
        "scopes": [[], ["Trader"]],
        "materials": [[], ["UCO"]],
        "suspensions": [[], [["2026-05-01", None]]],
        "since": [None, "2026-05-01"],
        "certifier": ["", "Another"],
    }


def test_another_spelling_of_the_holder_is_shown_and_is_no_kind(
    register: Register, clock: Clock, watched: Certificate
) -> None:
    register.rows[0] = row(1, holder="MUSTER 1, GmbH")
    sync(register, clock)
    data = events.item(newest(watched.org))["data"]
    assert (data["kind"], data["kinds"]) == (None, [])
    assert data["changed"] == {"holder": ["Muster 1 GmbH", "MUSTER 1, GmbH"]}


def test_another_entry_that_answers_tells_both_holders(
    register: Register, clock: Clock, nordmuehle: Organisation
) -> None:
    register.rows.append(row(1, holder="Zweite AG"))
    certificate = watch(nordmuehle, 1, NOON, supplier="Zweite AG")
    sync(register, clock)
    register.rows.pop()
    sync(register, clock)
    assert newest(nordmuehle).fields == ["holder"]
    assert events.item(newest(nordmuehle))["data"]["changed"] == {"holder": ["Zweite AG", "Muster 1 GmbH"]}
    assert certificate.pk


def test_the_status_is_that_of_the_day_of_the_change_where_the_organisation_is(
    register: Register, clock: Clock, watched: Certificate
) -> None:
    """It ended on the 28th; the change is written on the 1st in Auckland, where it is still the 28th in London."""
    org = watched.org
    org.time_zone = "Pacific/Auckland"
    org.save()
    clock.now = datetime.fromisoformat("2027-02-28T20:00:00Z")
    register.rows[0] = row(1, scopes=["Trader"])
    syncs.run(register.source, clock=clock)
    assert events.item(newest(org))["data"]["status"] == "expired"
    org.time_zone = "Europe/London"
    org.save()
    assert events.item(newest(org))["data"]["status"] == "valid"


def test_what_comes_by_the_calendar_names_its_kind_and_since_when(watched: Certificate) -> None:
    org = watched.org
    changes.record(org, [watched], ChangeType.STATUS, told_by="day:expired:2027-03-01", now=NOON)
    change = newest(org)
    change.was, change.word, change.facts = "valid", "expired", {"kind": "expired", "since": "2027-03-01"}
    data = events.item(change)["data"]
    assert (data["kind"], data["kinds"]) == ("expired", ["expired"])
    assert (data["was"], data["status"], data["since"]) == ("valid", "expired", "2027-03-01")


def test_added_has_no_kind_and_removed_is_a_tombstone(
    clock: Clock, watched: Certificate, anna: User, nordmuehle: Organisation
) -> None:
    certificates.enter(
        nordmuehle, "NIS-1", status=Status.VALID, valid_from=None, valid_until=None, holder="Hof", by=anna, now=NOON
    )
    added = events.item(newest(nordmuehle))
    assert added["type"] == "certificate.added"
    wanted: dict[str, Any] = {
        "kind": None,
        "kinds": [],
        "was": None,
        "status": "valid",
        "holder": "Hof",
        "scheme": "",
        "source": "",
    }
    assert {name: added["data"][name] for name in wanted} == wanted
    certificates.stop_watching(nordmuehle, [watched], by=anna, now=clock())
    removed = events.item(newest(nordmuehle))
    assert removed["data"] == {"change": 3, "id": watched.public_id, "cert_number": number(1)}


def test_a_disagreement_says_both_words(register: Register, clock: Clock, nordmuehle: Organisation, anna: User) -> None:
    certificates.enter(
        nordmuehle, number(1), status=Status.VALID, valid_from=None, valid_until=date(2027, 1, 1), by=anna, now=NOON
    )
    register.rows[0] = row(1, Status.SUSPENDED)
    sync(register, clock)
    data = events.item(newest(nordmuehle))["data"]
    assert (data["kind"], data["status"], data["valid_until"]) == ("disagreement", "valid", "2027-01-01")
    assert data["changed"] == {
        "disagreement": [
            {"status": "valid", "valid_until": "2027-01-01"},
            {"status": "suspended", "valid_until": "2027-02-28"},
        ]
    }


@pytest.mark.parametrize(
    ("kind", "told_by", "facts", "data"),
    [
        (
            ChangeType.SOURCE_STALE,
            "source:iscc:2026-11-22T05:00:00Z",
            {"kind": "source_stale", "source": "iscc", "since": "2026-11-22T05:00:00Z"},
            {"kind": "source_stale", "kinds": ["source_stale"], "source": "iscc", "since": "2026-11-22T05:00:00Z"},
        ),
        (
            ChangeType.KEY_EXPIRING,
            "key:abc:2026-12-01:7",
            {"kind": "key_ending", "id": "abc", "name": "SAP", "last_day": "2026-12-01", "stage": 7},
            {"kind": "key_ending", "kinds": ["key_ending"], "id": "abc", "name": "SAP", "last_day": "2026-12-01"},
        ),
    ],
)
def test_sources_and_keys_say_what_is_theirs(
    kind: ChangeType, told_by: str, facts: dict[str, Any], data: dict[str, Any], nordmuehle: Organisation
) -> None:
    change = nordmuehle.changes.create(number=7, type=kind, told_by=told_by, facts=facts, seen_at=NOON, created_at=NOON)
    assert events.item(change) == {
        "type": kind, "timestamp": "2026-11-24T11:00:00Z", "data": {"change": 7, **data},
    }  # fmt: skip


# ---- bodies


def hook(endpoint: WebhookEndpoint, change: Change | None) -> Delivery:
    return Delivery(org=endpoint.org, endpoint=endpoint, change=change, made_at=NOON, host="erp.example")


def test_a_body_is_the_item_and_the_same_at_each_try(register: Register, clock: Clock, watched: Certificate) -> None:
    register.rows[0] = row(1, scopes=["Trader"])
    sync(register, clock)
    endpoint = listening(watched.org)
    first = events.body(hook(endpoint, newest(watched.org)))
    assert msgspec.json.decode(first) == events.item(newest(watched.org))
    register.rows[0] = row(1, Status.SUSPENDED, scopes=["Storage"], holder="Ganz Anders AG")
    clock.wait(hours=24)
    syncs.run(register.source, clock=clock)
    before = watched.org.changes.get(number=2)
    assert events.body(hook(endpoint, before)) == first


def test_the_body_of_a_test_names_its_endpoint(nordmuehle: Organisation) -> None:
    endpoint = listening(nordmuehle)
    assert msgspec.json.decode(events.body(hook(endpoint, None))) == {
        "type": "webhook.test", "timestamp": "2026-11-24T11:00:00Z", "data": {"id": endpoint.public_id},
    }  # fmt: skip


@pytest.mark.parametrize("holder", ["Muster 1 GmbH", "Ölmühle " * 5_000])
def test_what_is_too_long_is_cut_and_says_so(
    holder: str, register: Register, clock: Clock, watched: Certificate
) -> None:
    scopes = [f"Sammelstelle für Altspeiseöl Nr. {place}" for place in range(2_000)]
    register.rows[0] = row(1, holder=holder, scopes=scopes, materials=["UCO"])
    sync(register, clock)
    endpoint = listening(watched.org)
    body = events.body(hook(endpoint, newest(watched.org)))
    assert len(body) < 20_000
    data = msgspec.json.decode(body)["data"]
    assert "scopes" in data["cut"]
    assert data["changed"]["scopes"][1] == scopes[: len(data["changed"]["scopes"][1])] != []
    assert data["changed"]["materials"] == [[], ["UCO"]]
    assert ("holder" in data["cut"]) == (len(holder) > 100)
    assert events.item(newest(watched.org))["data"] == data  # the feed says the same


def test_many_items_take_a_few_queries(
    register: Register, clock: Clock, nordmuehle: Organisation, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    for place in range(1, 41):
        watch(nordmuehle, place, NOON)
    sync(register, clock)
    register.rows = [row(place, scopes=["Trader"], holder=f"Neu {place}") for place in range(1, 41)]
    sync(register, clock)
    found = list(nordmuehle.changes.order_by("number"))
    with django_assert_max_num_queries(4):
        said = events.items(found)
    assert [one["data"]["change"] for one in said] == list(range(1, 81))
    assert said[-1]["data"]["changed"]["holder"] == ["Muster 40 GmbH", "Neu 40"]
