"""Notices of changes: what a register's run tells, once, and what ends or reopens it."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F

from certwatch.actions import certificates, changes, notices, syncs
from certwatch.models import (
    Absence,
    Certificate,
    ChangeCounter,
    ChangeType,
    Delivery,
    EndpointState,
    Notice,
    Organisation,
    Sync,
    User,
    WebhookEndpoint,
)
from certwatch.models import notices as in_sql
from certwatch.models.base import ID_ALPHABET
from certwatch.models.staging import Bulk
from certwatch.rules.findings import Finding, Suspension
from certwatch.rules.notices import Kind, State
from certwatch.rules.status import Status
from certwatch.sources import SOURCES
from tests.actions.registers import Clock, Register, row, watch
from tests.actions.test_members import at_once
from tests.conftest import NOON

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "_broken", {})


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Register:
    register = Register([row(place) for place in range(1, 41)])
    monkeypatch.setitem(SOURCES, "iscc", register.source)
    return register


@pytest.fixture
def watched(register: Register, clock: Clock, nordmuehle: Organisation) -> Certificate:
    """EU-ISCC-Cert-XX999-00000001, read once and told."""
    certificate = watch(nordmuehle, 1, NOON)
    sync(register, clock)
    assert not told(nordmuehle)
    return certificate


def sync(register: Register, clock: Clock, hours: int = 24) -> Sync:
    """A run some hours later, and what is made of it."""
    clock.wait(hours=hours)
    run = syncs.run(register.source, clock=clock)
    assert run.state == "good"
    notices.make(clock())
    return run


def told(org: Organisation) -> list[str]:
    return list(org.notices.order_by("pk").values_list("kind", flat=True))


def states(org: Organisation) -> list[tuple[str, str, str]]:
    return list(org.notices.order_by("pk").values_list("kind", "state", "solved_by"))


def listening(org: Organisation, *types: str, **more: Any) -> WebhookEndpoint:
    made: WebhookEndpoint = org.webhook_endpoints.create(
        url="https://erp.example/hook", types=list(types), secret="", created_at=NOON, **more
    )
    return made


def sent(endpoint: WebhookEndpoint) -> list[tuple[str, str, str]]:
    """The changes that an endpoint gets: type, word before, word after."""
    rows = endpoint.deliveries.order_by("pk").values_list("change__type", "change__was", "change__word")
    return [(kind.removeprefix("certificate."), was, word) for kind, was, word in rows]


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


# ---- not found


def gone(register: Register) -> Finding:
    return register.rows.pop(0)


def test_not_found_is_told_by_the_second_complete_reading_twelve_hours_later(
    register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation
) -> None:
    hook = listening(nordmuehle)
    gone(register)
    sync(register, clock)
    assert (told(nordmuehle), sent(hook), Absence.objects.count()) == ([], [], 1)
    sync(register, clock, hours=11)
    assert (told(nordmuehle), sent(hook)) == ([], [])
    second = sync(register, clock, hours=2)
    assert told(nordmuehle) == ["not_found"]
    assert sent(hook) == [("status_changed", "valid", "not_found")]
    assert not Absence.objects.exists()
    notice = nordmuehle.notices.get()
    assert notice.batch == f"gone:{second.pk}"  # the run that first missed it was told long ago
    assert notice.change == watched.changes.get(word="not_found")
    sync(register, clock)
    assert (told(nordmuehle), len(sent(hook))) == (["not_found"], 1)


def test_what_comes_back_before_is_told_nobody(
    register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation
) -> None:
    hook = listening(nordmuehle)
    back = gone(register)
    sync(register, clock)
    register.rows.insert(0, back)
    sync(register, clock, hours=11)
    sync(register, clock)
    assert (told(nordmuehle), sent(hook), Absence.objects.count()) == ([], [], 0)
    assert [c.word for c in nordmuehle.changes.order_by("number")] == ["valid", "not_found", "valid"]  # the feed


@pytest.mark.parametrize(
    ("back", "kinds"),
    [
        (row(1, Status.SUSPENDED), ["suspended"]),
        (row(1, valid_until=date(2027, 1, 31)), ["shortened"]),
        (row(1, Status.UNKNOWN), ["unclear"]),
    ],
)
def test_what_comes_back_as_something_else_is_told_as_that(
    back: Finding, kinds: list[str], register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation
) -> None:
    hook = listening(nordmuehle)
    gone(register)
    sync(register, clock)
    register.rows.insert(0, back)
    sync(register, clock, hours=3)
    assert told(nordmuehle) == kinds
    assert sent(hook) == [("status_changed", "not_found", back.word)]


def test_found_again_after_it_was_told(
    register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation
) -> None:
    back = gone(register)
    sync(register, clock)
    sync(register, clock)
    register.rows.insert(0, back)
    sync(register, clock)
    assert states(nordmuehle) == [("not_found", "solved", "found_again"), ("found_again", "open", "")]


def test_an_absence_that_was_confirmed_while_nobody_looked_is_told_with_its_return(
    register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation
) -> None:
    hook = listening(nordmuehle)
    back = gone(register)
    for rows in ([], [], [back]):
        register.rows[:0] = rows
        clock.wait(hours=24)
        syncs.run(register.source, clock=clock)
    notices.make(clock())
    assert states(nordmuehle) == [("not_found", "solved", "found_again"), ("found_again", "open", "")]
    assert [word for _, _, word in sent(hook)] == ["not_found", "valid"]


def test_many_changes_while_nobody_looked_are_told_in_their_order(
    register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation
) -> None:
    for word in (Status.SUSPENDED, Status.VALID, Status.WITHDRAWN):
        register.rows[0] = row(1, word)
        clock.wait(hours=24)
        syncs.run(register.source, clock=clock)
    notices.make(clock())
    assert states(nordmuehle) == [
        ("suspended", "solved", "lifted"),
        ("lifted", "open", ""),
        ("withdrawn", "open", ""),
    ]


def test_an_absence_of_what_is_watched_no_more_is_dropped(
    register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation, anna: User
) -> None:
    gone(register)
    sync(register, clock)
    certificates.stop_watching(nordmuehle, [watched], by=anna, now=clock())
    sync(register, clock)
    assert (told(nordmuehle), Absence.objects.count()) == ([], 0)


def test_a_first_reading_that_does_not_list_a_number_waits_too(
    register: Register, clock: Clock, nordmuehle: Organisation
) -> None:
    watch(nordmuehle, 99, NOON)
    sync(register, clock)
    assert told(nordmuehle) == []
    sync(register, clock)
    assert told(nordmuehle) == ["not_found"]


# ---- causes that end


def stands(certificate: Certificate, kind: Kind, state: State = State.OPEN, **more: Any) -> Notice:
    notice = notices.add(
        certificate.org, kind, told_for=f"{certificate.pk}:{kind}", batch="n", now=NOON, certificate=certificate, **more
    )
    assert notice is not None
    notice.state = state
    notice.save()
    return notice


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


def test_a_notice_is_added_once(nordmuehle: Organisation) -> None:
    first = notices.add(nordmuehle, Kind.TRIAL_ENDING, told_for="o1", batch="n", now=NOON)
    assert first is not None
    assert notices.add(nordmuehle, Kind.TRIAL_ENDING, told_for="o1", batch="n", now=NOON) is None
    assert notices.solve(Notice.across_orgs.all(), by="open", now=NOON) == 1
    assert notices.solve(Notice.across_orgs.all(), by="open", now=NOON) == 0


# ---- trouble


def test_dying_before_the_cursor_moves_loses_and_doubles_nothing(
    register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = listening(nordmuehle)
    register.rows[0] = row(1, Status.SUSPENDED)
    clock.wait(hours=24)
    syncs.run(register.source, clock=clock)
    real = in_sql.go_on
    with monkeypatch.context() as broken:
        broken.setattr(in_sql, "go_on", lambda bulk: 1 / 0)
        notices.make(clock())
    assert (told(nordmuehle), sent(hook)) == ([], [])
    assert in_sql.go_on is real
    clock.wait(minutes=2)
    notices.make(clock())
    notices.make(clock())
    assert told(nordmuehle) == ["suspended"]
    assert sent(hook) == [("status_changed", "valid", "suspended")]


def test_a_broken_organisation_does_not_stop_the_others(
    register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation, suedoel: Organisation,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    watch(suedoel, 1, NOON)
    sync(register, clock)
    register.rows[0] = row(1, Status.SUSPENDED)
    clock.wait(hours=24)
    syncs.run(register.source, clock=clock)
    real = in_sql.fill

    def fill(bulk: Bulk, turns: list[in_sql.Turn]) -> None:
        if nordmuehle.pk in {turn.org for turn in turns}:
            raise ValueError("broken")
        real(bulk, turns)

    with monkeypatch.context() as broken:
        broken.setattr(in_sql, "fill", fill)
        notices.make(clock())
        notices.make(clock())
    assert (told(nordmuehle), told(suedoel)) == ([], ["suspended"])
    assert len([r for r in caplog.records if r.levelname == "ERROR"]) == 1  # not once a second
    clock.wait(minutes=2)
    notices.make(clock())
    assert told(nordmuehle) == ["suspended"]


def test_a_change_that_nobody_understands_does_not_stop_the_others(
    register: Register, clock: Clock, watched: Certificate, nordmuehle: Organisation
) -> None:
    changes.record(nordmuehle, [watched], ChangeType.STATUS, told_by="own:1", now=NOON)
    nordmuehle.changes.filter(told_by="own:1").update(was="valid", word="melted")
    register.rows[0] = row(1, Status.SUSPENDED)
    sync(register, clock)
    assert told(nordmuehle) == ["suspended"]


def test_two_makers_at_once_tell_once(
    register: Register,
    clock: Clock,
    nordmuehle: Organisation,
    suedoel: Organisation,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hook = listening(suedoel)
    for org in (nordmuehle, suedoel):
        for place in range(1, 41):
            watch(org, place, NOON)
    sync(register, clock)
    hook.deliveries.all().delete()
    register.rows = [row(place, scopes=["Trader"]) for place in range(1, 41)]
    clock.wait(hours=24)
    syncs.run(register.source, clock=clock)
    at_once(notices.make, [(clock.now,)] * 4)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    assert told(nordmuehle) == told(suedoel) == ["scope_changed"] * 40
    assert len(sent(hook)) == 40


def test_a_run_is_never_parted(
    register: Register, clock: Clock, nordmuehle: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "AT_ONCE", 10)
    for place in range(1, 41):
        watch(nordmuehle, place, NOON)
    sync(register, clock)
    turns: list[in_sql.Turn] = []
    real = in_sql.fill

    def fill(bulk: Bulk, given: list[in_sql.Turn]) -> None:
        turns.extend(given)
        real(bulk, given)

    monkeypatch.setattr(in_sql, "fill", fill)
    for scope in ("Trader", "Storage"):
        register.rows = [row(place, scopes=[scope]) for place in range(1, 41)]
        clock.wait(hours=24)
        syncs.run(register.source, clock=clock)
    notices.make(clock())
    assert [(turn.first, turn.upto) for turn in turns] == [(40, 80), (80, 120)]
    assert told(nordmuehle) == ["scope_changed"] * 80


def test_nothing_new_costs_a_look(nordmuehle: Organisation, django_assert_num_queries: Callable[[int], Any]) -> None:
    with django_assert_num_queries(2):
        notices.make(NOON)


def test_changes_are_looked_at_only_once_they_are_committed(nordmuehle: Organisation) -> None:
    certificate = watch(nordmuehle, 1, NOON)
    with transaction.atomic():
        changes.record(nordmuehle, [certificate], ChangeType.ADDED, told_by="added", now=NOON)
        transaction.set_rollback(True)
    notices.make(NOON)
    assert not ChangeCounter.objects.filter(org=nordmuehle, noticed__gt=0).exists()
