"""Notices of changes: what a register's run tells, once, and what ends or reopens it."""

from datetime import date, timedelta

import pytest
from django.db.models import F

from certwatch.actions import certificates, changes, notices
from certwatch.models import (
    Certificate,
    ChangeCounter,
    ChangeType,
    Delivery,
    EndpointState,
    Notice,
    Organisation,
    User,
    WebhookEndpoint,
)
from certwatch.models.base import ID_ALPHABET
from certwatch.rules.findings import Finding, Suspension
from certwatch.rules.notices import Kind, State
from certwatch.rules.status import Status
from tests.actions.noticed import listening, sent, stands, states, sync, told
from tests.actions.registers import Clock, Register, row, watch
from tests.conftest import NOON

pytestmark = pytest.mark.django_db(transaction=True)


SCOPE = {"scopes": ["Trader"]}


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        (row(1), row(1, Status.SUSPENDED), ["suspended"]),
        (row(1), row(1, Status.WITHDRAWN), ["withdrawn"]),
        (row(1), row(1, Status.TERMINATED), ["terminated"]),
        (row(1), row(1, Status.EXPIRED), ["expired"]),
        (row(1), row(1, Status.UNKNOWN), ["unclear"]),
        (row(1), row(1, valid_until=date(2027, 1, 31)), ["shortened"]),
        (row(1), row(1, valid_until=date(2027, 3, 31)), ["extended"]),
        (row(1), row(1, valid_from=date(2027, 1, 1), valid_until=date(2027, 12, 31)), ["renewed"]),
        (row(1), row(1, holder="Ganz Anders AG"), ["holder_changed"]),
        (row(1), row(1, holder="MUSTER 1, GmbH"), []),  # letter case, spaces and punctuation do not count
        (row(1), row(1, scopes=["Trader"]), ["scope_changed"]),
        (row(1), row(1, materials=["UCO"]), ["scope_changed"]),
        (row(1), row(1, certifier="Another"), []),  # in the feed only
        (row(1), row(1, suspensions=[Suspension(date(2026, 5, 1), date(2026, 5, 9))]), ["suspension_noted"]),
        (row(1, Status.SUSPENDED), row(1), ["suspended", "lifted"]),
        (row(1, Status.WITHDRAWN), row(1), ["withdrawn", "lifted"]),
        (row(1, Status.SUSPENDED), row(1, Status.WITHDRAWN), ["suspended", "withdrawn"]),
        (
            row(1),
            row(1, Status.SUSPENDED, valid_until=date(2027, 1, 31), holder="Ganz Anders AG", **SCOPE),
            ["shortened", "holder_changed", "scope_changed", "suspended"],
        ),
    ],
)
def test_a_run_tells_each_kind_once(
    before: Finding, after: Finding, kinds: list[str], register: Register, clock: Clock, nordmuehle: Organisation
) -> None:
    watch(nordmuehle, 1, NOON)
    register.rows[0] = before
    sync(register, clock)
    register.rows[0] = after
    run = sync(register, clock)
    assert told(nordmuehle) == kinds
    assert set(nordmuehle.notices.filter(change__run=run).values_list("batch", flat=True)) <= {f"run:{run.pk}"}
    for _ in range(2):
        sync(register, clock)
    assert told(nordmuehle) == kinds


def test_a_notice_says_what_it_is_about(register: Register, clock: Clock, watched: Certificate) -> None:
    register.rows[0] = row(1, Status.SUSPENDED)
    run = sync(register, clock)
    notice = Notice.across_orgs.get()
    change = watched.changes.get(type=ChangeType.STATUS, word="suspended")
    assert notice.told_for == f"c{watched.pk}:run:{run.pk}:suspended"
    assert (notice.org, notice.certificate, notice.change) == (watched.org, watched, change)
    assert (notice.severity, notice.state, notice.told_at, notice.made_at) == ("critical", "open", None, clock.now)
    assert len(notice.public_id) == 16
    assert set(notice.public_id) <= set(ID_ALPHABET)
    assert (notice.day, notice.stage, notice.facts, notice.nobody, notice.until) == (None, None, {}, False, None)


def test_what_is_about_an_end_names_the_last_day(register: Register, clock: Clock, watched: Certificate) -> None:
    register.rows[0] = row(1, valid_until=date(2027, 1, 31))
    sync(register, clock)
    assert Notice.across_orgs.get().day == date(2027, 1, 31)


def test_a_suspension_with_its_days_is_one_alert(
    register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation
) -> None:
    register.rows[0] = row(1, Status.SUSPENDED, suspensions=[Suspension(date(2026, 11, 20), None)])
    sync(register, clock)
    register.rows[0] = row(1, suspensions=[Suspension(date(2026, 11, 20), date(2026, 11, 27))])
    sync(register, clock)
    assert told(nordmuehle) == ["suspended", "lifted"]


def test_other_organisations_hear_of_theirs_only(
    register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation, suedoel: Organisation
) -> None:
    watch(suedoel, 2, NOON)
    hook = listening(suedoel)
    register.rows[0] = row(1, Status.SUSPENDED)
    sync(register, clock)
    assert told(nordmuehle) == ["suspended"]
    assert told(suedoel) == []
    assert sent(hook) == []
    assert not ChangeCounter.objects.exclude(noticed=F("last")).exists()


def test_one_run_tells_all_who_watch(
    register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation, suedoel: Organisation
) -> None:
    watch(suedoel, 1, NOON)
    sync(register, clock)
    register.rows[0] = row(1, Status.SUSPENDED)
    sync(register, clock)
    assert (told(nordmuehle), told(suedoel)) == (["suspended"], ["suspended"])
    assert len(set(Notice.across_orgs.values_list("public_id", flat=True))) == 2


# ---- webhooks


def test_an_endpoint_gets_the_events_that_it_wants(
    register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation
) -> None:
    everything, some, none = listening(nordmuehle), listening(nordmuehle, "certificate.renewed"), listening(nordmuehle)
    WebhookEndpoint.across_orgs.filter(pk=none.pk).update(state=EndpointState.OFF)
    register.rows[0] = row(1, Status.SUSPENDED, scopes=["Trader"])
    sync(register, clock)
    assert sent(everything) == [("data_changed", "valid", "suspended"), ("status_changed", "valid", "suspended")]
    assert sent(some) == sent(none) == []
    hook = everything.deliveries.order_by("pk").last()
    assert hook is not None
    assert hook.told_for == f"hook:e{everything.pk}:{hook.change_id}"
    assert (hook.org, hook.purpose, hook.host, hook.state) == (nordmuehle, "webhook", "erp.example", "waiting")
    assert (hook.due_at, hook.tries, hook.facts, len(hook.public_id)) == (clock.now, 0, {}, 16)


def test_a_row_made_in_sql_is_as_one_made_by_hand(
    register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation
) -> None:
    hook = listening(nordmuehle)
    register.rows[0] = row(1, Status.SUSPENDED)
    sync(register, clock)
    for made, plain in ((Notice.across_orgs.get(), Notice()), (hook.deliveries.get(), Delivery())):
        given = {"id", "public_id", "org", "kind", "severity", "told_for", "batch", "certificate", "change", "made_at"}
        given |= {"purpose", "endpoint", "host", "due_at"}
        for column in made._meta.concrete_fields:
            if column.name not in given:
                assert getattr(made, column.attname) == getattr(plain, column.attname), column.name


def test_what_comes_by_the_calendar_is_sent_but_not_told_again(nordmuehle: Organisation) -> None:
    certificate = watch(nordmuehle, 1, NOON)
    hook = listening(nordmuehle)
    for told_by in ("day:2026-11-24:expired", "source:iscc", "key:1"):
        changes.record(nordmuehle, [certificate], ChangeType.STATUS, told_by=told_by, now=NOON)
    nordmuehle.changes.update(was="valid", word="suspended")
    notices.make(NOON)
    assert told(nordmuehle) == []
    assert len(sent(hook)) == 3


def test_first_words_and_added_ones_are_events_only(register: Register, clock: Clock, nordmuehle: Organisation) -> None:
    hook = listening(nordmuehle)
    watch(nordmuehle, 1, NOON)
    sync(register, clock)
    assert told(nordmuehle) == []
    assert sent(hook) == [("status_changed", "unknown", "valid")]


# ---- causes that end


@pytest.mark.parametrize(
    ("kind", "after", "by"),
    [
        (Kind.EXPIRING, row(1, valid_from=date(2027, 1, 1), valid_until=date(2028, 2, 28)), "renewed"),
        (Kind.EXPIRED, row(1, valid_until=date(2028, 2, 28)), "extended"),
        (Kind.STILL_EXPIRED, row(1, valid_until=date(2028, 2, 28)), "extended"),
        (Kind.EXPIRING, row(1, valid_until=date(2027, 1, 28)), "shortened"),
        (Kind.EXPIRING, row(1, Status.WITHDRAWN), "withdrawn"),
        (Kind.SHORTENED, row(1, valid_until=date(2027, 3, 28)), "extended"),
        (Kind.EXPIRING, row(1, Status.SUSPENDED), ""),
        (Kind.EXPIRING, row(1, scopes=["Trader"]), ""),
        (Kind.HOLDER_CHANGED, row(1, Status.SUSPENDED), ""),
    ],
)
def test_what_a_change_ends_is_solved(
    kind: Kind, after: Finding, by: str, register: Register, clock: Clock, watched: Certificate
) -> None:
    notice = stands(watched, kind, day=date(2027, 2, 28))
    register.rows[0] = after
    sync(register, clock)
    notice.refresh_from_db()
    assert (notice.state, notice.solved_by) == ("solved" if by else "open", by)
    assert (notice.solved_at is not None) == bool(by)


def test_unclear_ends_when_a_word_is_known(register: Register, clock: Clock, watched: Certificate) -> None:
    for word in (Status.UNKNOWN, Status.VALID):
        register.rows[0] = row(1, word)
        sync(register, clock)
    assert states(watched.org) == [("unclear", "solved", "first_word")]


def test_all_of_a_certificate_ends_with_its_watch(watched: Certificate, clock: Clock, anna: User) -> None:
    for kind in (Kind.SUSPENDED, Kind.EXPIRING, Kind.HOLDER_CHANGED, Kind.REVIEW_DUE):
        stands(watched, kind)
    certificates.stop_watching(watched.org, [watched], by=anna, now=clock())
    notices.make(clock())
    assert {(state, by) for _, state, by in states(watched.org)} == {("solved", "removed")}


def test_something_worse_opens_again_what_had_been_decided(
    register: Register, clock: Clock, watched: Certificate, anna: User
) -> None:
    worse = stands(watched, Kind.HOLDER_CHANGED, State.ACKNOWLEDGED)
    decided = stands(watched, Kind.EXPIRING, State.SNOOZED)
    Notice.across_orgs.filter(pk=decided.pk).update(
        decided_by=anna, decided_at=NOON, comment="On it", until=date(2026, 12, 1)
    )
    register.rows[0] = row(1, valid_until=date(2027, 2, 28), suspensions=[Suspension(date(2026, 5, 1), None)])
    sync(register, clock)
    decided.refresh_from_db()
    worse.refresh_from_db()
    assert (decided.state, decided.comment, decided.until, decided.decided_by) == ("open", "", None, None)
    assert decided.facts["reopened"] == {
        "by": "suspension_noted", "at": clock.now.isoformat().replace("+00:00", "Z"), "state": "snoozed",
        "decided_at": "2026-11-24T11:00:00Z", "decided_by": "anna@nordmuehle.example", "comment": "On it",
        "until": "2026-12-01",
    }  # fmt: skip
    assert worse.state == "acknowledged"


def test_what_is_added_opens_again_what_is_less_bad(watched: Certificate) -> None:
    expiring = stands(watched, Kind.EXPIRING, State.ACKNOWLEDGED)
    stands(watched, Kind.EXPIRED)
    expiring.refresh_from_db()
    assert expiring.state == "open"
    assert expiring.facts["reopened"]["by"] == "expired"


# ---- who is not told


@pytest.mark.parametrize("column", ["closed_at", "trial_ends"])
def test_a_resting_organisation_is_told_nothing(
    column: str, register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation
) -> None:
    hook = listening(nordmuehle)
    Organisation.objects.filter(pk=nordmuehle.pk).update(**{column: NOON})
    register.rows[0] = row(1, Status.SUSPENDED)
    gone_later = watch(nordmuehle, 90, NOON)
    sync(register, clock)
    sync(register, clock)
    nordmuehle.refresh_from_db()
    assert nordmuehle.rested
    assert states(nordmuehle) == [("suspended", "resting", "")]
    assert nordmuehle.notices.filter(told_at=None).count() == 0
    assert sent(hook) == []
    assert gone_later.notices.count() == 0


def test_what_is_added_to_a_closed_organisation_rests(nordmuehle: Organisation) -> None:
    nordmuehle.closed_at = NOON
    notice = notices.add(nordmuehle, Kind.TRIAL_ENDING, told_for="o1", batch="n", now=NOON)
    assert notice is not None
    assert (notice.state, nordmuehle.rested) == ("resting", True)


@pytest.mark.parametrize(("begins", "expected"), [(-1, []), (30, ["withdrawn"])])
def test_an_old_certificate_is_told_about_no_more_once_its_successor_is_in_force(
    register: Register, clock: Clock, watched: Certificate, begins: int, expected: list[str]
) -> None:
    register.rows[:2] = [row(1), row(2, valid_from=NOON.date() + timedelta(days=begins))]
    new = watch(watched.org, 2, NOON)
    Certificate.across_orgs.filter(pk=new.pk).update(predecessor=watched)
    sync(register, clock)
    before = told(watched.org)
    register.rows[0] = row(1, Status.WITHDRAWN)
    sync(register, clock)
    assert told(watched.org) == [*before, *expected]


@pytest.mark.parametrize(("zone", "expected"), [("Pacific/Auckland", []), ("Europe/Berlin", ["withdrawn"])])
def test_a_successor_is_in_force_when_its_first_day_has_come_in_the_organisation_s_zone(
    register: Register, clock: Clock, watched: Certificate, zone: str, expected: list[str]
) -> None:
    Organisation.objects.filter(pk=watched.org.pk).update(time_zone=zone)
    day = NOON.date() + timedelta(days=4)  # three readings after noon it is the day before; in Auckland it has begun
    register.rows[:2] = [row(1), row(2, valid_from=day)]
    new = watch(watched.org, 2, NOON)
    Certificate.across_orgs.filter(pk=new.pk).update(predecessor=watched)
    sync(register, clock)
    before = told(watched.org)
    register.rows[0] = row(1, Status.WITHDRAWN)
    sync(register, clock)
    assert told(watched.org) == [*before, *expected]


def test_a_notice_is_added_once(nordmuehle: Organisation) -> None:
    first = notices.add(nordmuehle, Kind.TRIAL_ENDING, told_for="o1", batch="n", now=NOON)
    assert first is not None
    assert notices.add(nordmuehle, Kind.TRIAL_ENDING, told_for="o1", batch="n", now=NOON) is None
    assert notices.solve(Notice.across_orgs.all(), by="open", now=NOON) == 1
    assert notices.solve(Notice.across_orgs.all(), by="open", now=NOON) == 0
