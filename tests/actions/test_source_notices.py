"""Registers that could not be read for too long, and what the operator hears."""

from datetime import datetime, timedelta

import pytest
from django.conf import LazySettings

from certwatch.actions import operator_notices, source_notices, syncs
from certwatch.models import (
    Certificate,
    Change,
    Delivery,
    Duty,
    Notice,
    Organisation,
    RunState,
    SourceState,
    Sync,
)
from certwatch.rules.errors import SourceUnreachable
from certwatch.rules.status import Status
from certwatch.sources import SOURCES
from tests.actions.registers import Clock, Register, row
from tests.actions.watched import by_hand, watch
from tests.conftest import NOON

pytestmark = pytest.mark.django_db(transaction=True)

OPERATOR = "operator@certwatch.example"


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> Register:
    settings.OPERATOR_EMAIL = OPERATOR
    register = Register([row(place) for place in range(1, 41)])
    monkeypatch.setitem(SOURCES, "iscc", register.source)
    return register


def sync(register: Register, clock: Clock, **wait: int) -> Sync:
    clock.wait(**(wait or {"hours": 24}))
    return syncs.run(register.source, clock=clock)


def of_operator() -> list[tuple[str, str, str]]:
    return list(Notice.across_orgs.filter(org=None).order_by("id").values_list("kind", "about", "state"))


def mails() -> list[str]:
    """What the operator's mails are for."""
    rows = Delivery.across_orgs.order_by("id")
    assert all((d.purpose, d.host, d.org) == ("operator", "mail", None) and d.notices.count() == 1 for d in rows)
    return [delivery.told_for for delivery in rows]


# ---- stale, and read again


def read_at(moment: datetime) -> None:
    SourceState.objects.update_or_create(source="iscc", defaults={"read_began": moment})


def test_who_watches_something_there_is_told_once_that_it_is_stale_and_once_that_it_is_over(
    register: Register, nordmuehle: Organisation, suedoel: Organisation
) -> None:
    watch(nordmuehle, "EU-ISCC-Cert-DE100-00000001")
    watch(nordmuehle, "EU-ISCC-Cert-DE100-00000002")
    watch(suedoel, "REDcert-1", source="redcert")
    by_hand(suedoel, "EU-ISCC-Cert-DE100-00000009")
    since = NOON - timedelta(hours=48)
    read_at(since)
    source_notices.look(NOON)
    assert not Notice.across_orgs.exists()
    for minutes in (1, 2, 3):
        source_notices.look(NOON + timedelta(minutes=minutes))
    change = Change.across_orgs.get()
    facts = {"source": "iscc", "since": since.isoformat()}
    assert (change.org, change.certificate, change.type) == (nordmuehle, None, "source.stale")
    assert (change.told_by, change.facts) == (f"source:iscc:{since.isoformat()}", {"kind": "source_stale", **facts})
    notice = nordmuehle.notices.get()
    assert (notice.kind, notice.about, notice.facts, notice.state) == ("source_stale", "iscc", facts, "open")
    assert (notice.change, notice.told_at) == (change, None)
    assert of_operator() == [("source_stale", "iscc", "open")]
    assert mails() == [f"op:siscc:{since.isoformat()}:op:source_stale"]

    read_at(NOON + timedelta(minutes=4))
    for minutes in (5, 6):
        source_notices.look(NOON + timedelta(minutes=minutes))
    assert list(nordmuehle.notices.order_by("id").values_list("kind", "state")) == [
        ("source_stale", "solved"),
        ("source_recovered", "open"),
    ]
    assert list(nordmuehle.changes.order_by("number").values_list("number", "type")) == [
        (1, "source.stale"),
        (2, "source.recovered"),
    ]
    assert of_operator() == [("source_stale", "iscc", "solved")]
    assert not suedoel.changes.exists()


def test_a_second_time_is_told_anew(register: Register, nordmuehle: Organisation) -> None:
    watch(nordmuehle, "EU-ISCC-Cert-DE100-00000001")
    for day in (0, 10):
        read_at(NOON + timedelta(days=day))
        source_notices.look(NOON + timedelta(days=day))
        source_notices.look(NOON + timedelta(days=day + 3))
    assert nordmuehle.notices.filter(kind="source_stale").count() == 2
    assert nordmuehle.notices.filter(kind="source_recovered").count() == 1


def test_who_begins_to_watch_a_stale_source_is_told_too(
    register: Register, nordmuehle: Organisation, suedoel: Organisation
) -> None:
    watch(nordmuehle, "EU-ISCC-Cert-DE100-00000001")
    read_at(NOON - timedelta(days=3))
    source_notices.look(NOON)
    watch(suedoel, "EU-ISCC-Cert-DE100-00000002")
    source_notices.look(NOON)
    assert suedoel.notices.get().kind == "source_stale"
    assert nordmuehle.notices.count() == 1


def test_who_watches_nothing_there_any_more_hears_nothing(register: Register, nordmuehle: Organisation) -> None:
    certificate = watch(nordmuehle, "EU-ISCC-Cert-DE100-00000001")
    Certificate.across_orgs.filter(pk=certificate.pk).update(removed_at=NOON)
    read_at(NOON - timedelta(days=3))
    source_notices.look(NOON)
    assert not nordmuehle.notices.exists()


def test_a_closed_organisation_has_it_in_its_feed_and_is_told_nothing(
    register: Register, nordmuehle: Organisation
) -> None:
    Organisation.objects.update(closed_at=NOON)
    watch(nordmuehle, "EU-ISCC-Cert-DE100-00000001")
    read_at(NOON - timedelta(days=3))
    source_notices.look(NOON)
    assert nordmuehle.changes.get().type == "source.stale"
    assert nordmuehle.notices.get().state == "resting"


def test_a_source_that_was_never_read_is_not_stale(register: Register, nordmuehle: Organisation) -> None:
    watch(nordmuehle, "EU-ISCC-Cert-DE100-00000001")
    SourceState.objects.create(source="iscc")
    source_notices.look(NOON)
    assert not Notice.across_orgs.exists()


# ---- what goes wrong with runs


def test_a_held_run_is_told_the_operator_once_and_no_customer(
    register: Register, clock: Clock, nordmuehle: Organisation
) -> None:
    watch(nordmuehle, "EU-ISCC-Cert-XX999-00000001", listed=False, word="unknown", valid_until=None)
    sync(register, clock)
    before = nordmuehle.changes.count()
    register.rows = register.rows[:20]
    run = sync(register, clock)
    assert run.state == RunState.HELD
    notice = Notice.across_orgs.get(org=None)
    assert (notice.kind, notice.severity, notice.about, notice.about_id) == (
        "run_held",
        "operator",
        "iscc",
        str(run.pk),
    )
    assert notice.facts == {"source": "iscc", "run": run.pk, "reasons": run.reasons}
    assert (notice.told_for, notice.told_at is None) == (f"run:{run.pk}:run_held", False)
    assert mails() == [f"op:run:{run.pk}:run_held"]
    assert nordmuehle.changes.count() == before
    operator_notices.look(clock(), {})
    assert of_operator() == [("run_held", "iscc", "open")]
    syncs.discard(run.pk, by=None, now=clock())
    operator_notices.look(clock(), {})
    assert of_operator() == [("run_held", "iscc", "solved")]


def test_a_source_that_fails_is_told_once_until_it_was_read_again(register: Register, clock: Clock) -> None:
    sync(register, clock)
    register.error = SourceUnreachable("The register does not answer.")
    first = sync(register, clock)
    sync(register, clock, hours=1)
    notice = Notice.across_orgs.get()
    assert (notice.kind, notice.told_for) == ("source_failing", f"failing:iscc:{first.pk}")
    assert notice.facts == {"source": "iscc", "run": first.pk, "error": "The register does not answer."}
    assert len(mails()) == 1
    operator_notices.look(clock(), {})
    assert of_operator() == [("source_failing", "iscc", "open")]
    register.error = None
    sync(register, clock, hours=2)
    operator_notices.look(clock(), {})
    assert of_operator() == [("source_failing", "iscc", "solved")]
    register.error = SourceUnreachable("The register does not answer.")
    sync(register, clock)
    assert [kind for kind, _, _ in of_operator()] == ["source_failing", "source_failing"]


def test_a_single_number_that_could_not_be_asked_is_no_failing_source(register: Register, clock: Clock) -> None:
    register.error = SourceUnreachable("The register does not answer.")
    run, _ = syncs.check(register.source, "EU-ISCC-Cert-XX999-00000001", clock=clock)
    assert run.state == RunState.FAILED
    assert of_operator() == []


def test_a_word_that_changes_is_nothing_for_the_operator(register: Register, clock: Clock) -> None:
    sync(register, clock)
    register.rows[0] = row(1, Status.SUSPENDED)
    sync(register, clock)
    assert of_operator() == []


def test_without_an_address_it_stands_in_the_back_office_only(
    register: Register, clock: Clock, settings: LazySettings
) -> None:
    settings.OPERATOR_EMAIL = ""
    register.error = SourceUnreachable("The register does not answer.")
    sync(register, clock)
    assert of_operator() == [("source_failing", "iscc", "open")]
    assert mails() == []


# ---- duties

DUTIES = dict.fromkeys(("exports", "files", "sources"), timedelta(hours=1))


def test_a_duty_that_missed_its_slot_is_told_once_until_it_was_done(register: Register) -> None:
    Duty.objects.create(name="exports", last=NOON - timedelta(hours=1), next=NOON)
    Duty.objects.create(name="of another version", next=NOON - timedelta(days=9))
    for minutes in (4, 5, 6, 7):
        operator_notices.look(NOON + timedelta(minutes=minutes, seconds=1), DUTIES)
    assert of_operator() == [("duty_missed", "exports", "open")]
    assert mails() == [f"op:missed:exports:{NOON.isoformat()}"]
    Duty.objects.filter(name="exports").update(last=NOON + timedelta(minutes=9), next=NOON + timedelta(hours=1))
    operator_notices.look(NOON + timedelta(minutes=10), DUTIES)
    assert of_operator() == [("duty_missed", "exports", "solved")]
    operator_notices.look(NOON + timedelta(hours=1, minutes=6), DUTIES)
    assert len(of_operator()) == 2  # another slot


def test_a_duty_that_goes_on_failing_is_told_once_until_it_ends_well(register: Register) -> None:
    duty = Duty.objects.create(name="exports", last=NOON)
    for hour in range(1, 50):  # it is tried each hour, in time
        now = NOON + timedelta(hours=hour)
        Duty.objects.update(next=now + timedelta(hours=1), error="ValueError: broken")
        operator_notices.look(now + timedelta(minutes=1), DUTIES)
        assert len(of_operator()) == (hour > 1), hour  # one failure mends itself, perhaps
    assert of_operator() == [("duty_missed", "exports", "open")]
    assert mails() == [f"op:missed:exports:good:{NOON.isoformat()}"]
    Duty.objects.update(last=now + timedelta(hours=1), error="")
    operator_notices.look(now + timedelta(hours=1, minutes=1), DUTIES)
    assert of_operator() == [("duty_missed", "exports", "solved")]
    Duty.objects.filter(pk=duty.pk).update(error="ValueError: broken")
    operator_notices.look(now + timedelta(hours=3), DUTIES)
    assert len(of_operator()) == 2  # another failure


def test_a_duty_that_never_ended_well_is_told_too(register: Register) -> None:
    Duty.objects.create(name="exports", next=NOON + timedelta(hours=1), error="ValueError: broken")
    for minutes in range(3):
        operator_notices.look(NOON + timedelta(minutes=minutes), DUTIES)
    assert of_operator() == [("duty_missed", "exports", "open")]


def test_that_no_worker_ran_is_told_once_and_not_for_each_duty(register: Register) -> None:
    Duty.objects.create(name="worker", last=NOON, next=NOON + timedelta(seconds=5))
    for name in ("exports", "sources"):
        Duty.objects.create(name=name, next=NOON + timedelta(minutes=1))
    Duty.objects.create(name="files", next=NOON + timedelta(hours=9))
    operator_notices.woken(NOON + timedelta(minutes=5))
    assert of_operator() == []
    operator_notices.woken(NOON + timedelta(hours=3))
    operator_notices.look(NOON + timedelta(hours=3), DUTIES)
    assert of_operator() == [("duty_missed", "worker", "open")]
    assert Duty.objects.get(name="files").next == NOON + timedelta(hours=9)
    Duty.objects.filter(name="worker").update(last=NOON + timedelta(hours=3, seconds=1))
    operator_notices.look(NOON + timedelta(hours=3, minutes=1), DUTIES)
    assert of_operator() == [("duty_missed", "worker", "solved")]
