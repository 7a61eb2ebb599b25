"""Runs of a register: what they write, what they hold back, what they tell."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from certwatch.actions import locks, sources, syncs
from certwatch.models import (
    AuditEntry,
    Binding,
    Certificate,
    Change,
    Entry,
    EntryVersion,
    HeldReading,
    Organisation,
    RunState,
    SourceState,
    Sync,
)
from certwatch.rules.belief import Expect
from certwatch.rules.errors import Incomplete, Refused, SourceUnreachable
from certwatch.rules.findings import Suspension
from certwatch.rules.status import Status
from certwatch.sources import SOURCES
from tests.actions.registers import Clock, Register, number, row, watch
from tests.conftest import NOON

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Register:
    register = Register([row(place) for place in range(1, 41)])
    monkeypatch.setitem(SOURCES, "iscc", register.source)
    return register


def sync(register: Register, clock: Clock) -> Sync:
    clock.wait(hours=24)
    return syncs.run(register.source, clock=clock)


def word_of(certificate: Certificate) -> tuple[str, date | None]:
    certificate.refresh_from_db()
    return certificate.word, certificate.valid_until


def counts(run: Sync) -> tuple[int, int, int, int]:
    return run.new, run.changed, run.unchanged, run.gone


def test_a_first_reading_answers_all_that_is_watched(
    register: Register, clock: Clock, nordmuehle: Organisation
) -> None:
    listed, missing = watch(nordmuehle, 1, NOON), watch(nordmuehle, 99, NOON)
    run = sync(register, clock)
    assert (run.state, counts(run)) == (RunState.GOOD, (40, 0, 0, 0))
    assert word_of(listed) == (Status.VALID, date(2027, 2, 28))
    assert word_of(missing) == (Status.NOT_FOUND, None)
    assert SourceState.objects.get(source="iscc").read_began == run.began
    entry = Entry.objects.get(number=number(1))
    assert listed.entry == entry
    version = entry.versions.get()
    assert (version.first_seen, version.known_from, version.known_until) == (run.began, run.applied_at, None)
    assert version.records == [["valid", "2026-03-01", "2027-02-28", "valid"]]


def test_the_first_words_are_told_once_in_the_organisations_own_numbers(
    register: Register, clock: Clock, nordmuehle: Organisation, suedoel: Organisation
) -> None:
    for org in (nordmuehle, suedoel):
        for place in (1, 2, 99):
            watch(org, place, NOON)
    sync(register, clock)
    sync(register, clock)
    for org in (nordmuehle, suedoel):
        told = list(org.changes.order_by("number").values_list("number", "type", "was", "word"))
        assert told == [
            (1, "certificate.status_changed", "unknown", "valid"),
            (2, "certificate.status_changed", "unknown", "valid"),
            (3, "certificate.status_changed", "unknown", "not_found"),
        ]


def test_a_run_that_finds_nothing_new_writes_a_handful_of_rows(
    register: Register, clock: Clock, nordmuehle: Organisation
) -> None:
    for place in range(1, 31):
        watch(nordmuehle, place, NOON)
    sync(register, clock)
    versions, told = EntryVersion.objects.count(), Change.across_orgs.count()
    with CaptureQueriesContext(connection) as queries:
        run = sync(register, clock)
    assert counts(run) == (0, 0, 40, 0)
    assert (EntryVersion.objects.count(), Change.across_orgs.count()) == (versions, told)
    written = [q["sql"] for q in queries if q["sql"].startswith(('INSERT INTO "', 'UPDATE "'))]
    assert len(written) <= 8
    assert SourceState.objects.get(source="iscc").read_began == run.began


def test_a_suspension_arrives_with_its_history(register: Register, clock: Clock, nordmuehle: Organisation) -> None:
    certificate = watch(nordmuehle, 1, NOON)
    first = sync(register, clock)
    second = sync(register, clock)
    register.rows[0] = row(1, Status.SUSPENDED, suspensions=[Suspension(date(2026, 11, 20), None)])
    third = sync(register, clock)
    assert counts(third) == (0, 1, 39, 0)
    assert word_of(certificate) == (Status.SUSPENDED, date(2027, 2, 28))
    was, now = Entry.objects.get(number=number(1)).versions.order_by("version")
    assert (was.word, was.first_seen, was.last_seen, was.known_until) == (
        "valid",
        first.began,
        second.began,
        third.applied_at,
    )
    assert (now.word, now.first_seen, now.last_seen) == ("suspended", third.began, None)
    assert now.suspensions == [["2026-11-20", None]]
    told = list(certificate.changes.filter(run=third).values_list("type", "was", "word", "fields"))
    assert ("certificate.status_changed", "valid", "suspended", ["suspensions"]) in told


def test_an_entry_that_is_listed_no_more_is_not_found(
    register: Register, clock: Clock, nordmuehle: Organisation
) -> None:
    certificate = watch(nordmuehle, 1, NOON)
    sync(register, clock)
    dropped = register.rows.pop(0)
    run = sync(register, clock)
    assert counts(run) == (0, 0, 39, 1)
    assert word_of(certificate) == (Status.NOT_FOUND, None)
    assert Entry.objects.get(number=number(1)).gone_at == run.began
    register.rows.append(dropped)
    back = sync(register, clock)
    assert counts(back) == (0, 1, 39, 0)
    assert word_of(certificate) == (Status.VALID, date(2027, 2, 28))
    words = Entry.objects.get(number=number(1)).versions.order_by("version").values_list("word", flat=True)
    assert list(words) == ["valid", "not_found", "valid"]


def test_an_expired_entry_that_is_listed_no_more_keeps_word_and_dates(
    register: Register, clock: Clock, nordmuehle: Organisation
) -> None:
    certificate = watch(nordmuehle, 1, NOON)
    register.rows[0] = row(1, valid_until=date(2026, 11, 25))
    sync(register, clock)
    register.rows.pop(0)
    clock.wait(days=3)
    run = sync(register, clock)
    assert run.gone == 1
    assert word_of(certificate) == (Status.VALID, date(2026, 11, 25))
    assert certificate.status(clock.now) == Status.EXPIRED
    assert Entry.objects.get(number=number(1)).versions.count() == 1


def test_one_gone_and_one_new_under_the_same_number_are_one_entry_with_another_holder(
    register: Register, clock: Clock, nordmuehle: Organisation
) -> None:
    certificate = watch(nordmuehle, 1, NOON)
    sync(register, clock)
    register.rows[0] = row(1, holder="Nachfolger AG")
    run = sync(register, clock)
    assert counts(run) == (0, 1, 39, 0)
    entry = Entry.objects.get(number=number(1))
    assert (entry.holder, entry.versions.count()) == ("Nachfolger AG", 2)
    change = certificate.changes.get(run=run)
    assert (change.type, change.fields) == ("certificate.data_changed", ["holder"])


def test_several_holders_disagree_until_the_suppliers_name_decides(
    register: Register, clock: Clock, nordmuehle: Organisation
) -> None:
    unnamed = watch(nordmuehle, 1, NOON)
    named = watch(nordmuehle, 2, NOON, supplier="zweiter, inhaber!")
    for place in (1, 2):
        register.rows.append(row(place, Status.WITHDRAWN, holder="Zweiter Inhaber"))
    sync(register, clock)
    assert word_of(unnamed) == (Status.UNKNOWN, date(2027, 2, 28))
    assert unnamed.ambiguous
    assert word_of(named) == (Status.WITHDRAWN, date(2027, 2, 28))
    assert Binding.objects.get(certificate=named).how == "holder"


def test_a_persons_choice_is_kept(register: Register, clock: Clock, nordmuehle: Organisation) -> None:
    certificate = watch(nordmuehle, 1, NOON)
    register.rows.append(row(1, holder="Zweiter Inhaber"))
    sync(register, clock)
    certificate.entry, certificate.how = Entry.objects.get(holder="Zweiter Inhaber"), "person"
    certificate.save()
    register.rows[-1] = row(1, Status.TERMINATED, holder="Zweiter Inhaber")
    sync(register, clock)
    assert word_of(certificate)[0] == Status.TERMINATED
    register.rows.pop()
    sync(register, clock)
    assert word_of(certificate)[0] == Status.NOT_FOUND  # never the other company's


def test_a_new_period_under_the_same_number_is_a_renewal(
    register: Register, clock: Clock, nordmuehle: Organisation
) -> None:
    certificate = watch(nordmuehle, 1, NOON)
    sync(register, clock)
    register.rows.append(row(1, valid_from=date(2027, 3, 1), valid_until=date(2028, 2, 28)))
    clock.wait(days=200)
    run = sync(register, clock)
    assert word_of(certificate) == (Status.VALID, date(2028, 2, 28))
    assert [c.type for c in certificate.changes.filter(run=run)] == ["certificate.renewed"]
    newest = Entry.objects.get(number=number(1)).versions.order_by("-version")[0]
    assert newest.records == [
        ["valid", "2027-03-01", "2028-02-28", "valid"],
        ["valid", "2026-03-01", "2027-02-28", "valid"],
    ]


def test_valid_that_turns_expired_after_its_last_day_is_no_change(
    register: Register, clock: Clock, nordmuehle: Organisation
) -> None:
    certificate = watch(nordmuehle, 1, NOON)
    register.rows[0] = row(1, valid_until=date(2026, 11, 25))
    sync(register, clock)
    register.rows[0] = row(1, Status.EXPIRED, valid_until=date(2026, 11, 25))
    clock.wait(days=3)
    run = sync(register, clock)
    assert word_of(certificate)[0] == Status.EXPIRED
    assert not certificate.changes.filter(run=run).exists()


@pytest.mark.parametrize(
    "error", [SourceUnreachable("The register does not answer."), Incomplete("Page 3 of 4 is missing.")]
)
def test_a_run_that_fails_moves_nothing_and_is_tried_again(
    register: Register, clock: Clock, nordmuehle: Organisation, error: Exception
) -> None:
    certificate = watch(nordmuehle, 1, NOON)
    good = sync(register, clock)
    register.rows = [row(1, Status.WITHDRAWN)]
    register.error = error
    failed = sync(register, clock)
    assert (failed.state, failed.error) == (RunState.FAILED, str(error))
    assert word_of(certificate)[0] == Status.VALID
    state = SourceState.objects.get(source="iscc")
    assert (state.read_began, state.tries) == (good.began, 1)
    assert state.next_run is not None
    assert timedelta(minutes=59) < state.next_run - clock.now <= timedelta(hours=1)


def test_an_error_of_ours_fails_the_run_and_is_raised(register: Register, clock: Clock) -> None:
    register.error = ZeroDivisionError("a connector's mistake")
    with pytest.raises(ZeroDivisionError):
        sync(register, clock)
    run = Sync.objects.get()
    assert run.state == RunState.FAILED
    assert "error of ours" in run.error


def test_a_list_without_a_valid_certificate_is_held(register: Register, clock: Clock, nordmuehle: Organisation) -> None:
    certificate = watch(nordmuehle, 1, NOON)
    good = sync(register, clock)
    register.rows = []
    held = sync(register, clock)
    assert held.state == RunState.HELD
    assert "It lists no valid certificate at all." in held.reasons
    assert held.gone == 40  # what it would do
    assert word_of(certificate)[0] == Status.VALID
    assert SourceState.objects.get(source="iscc").read_began == good.began
    assert not Entry.objects.exclude(gone_at=None).exists()


def test_a_list_that_shrank_is_held_released_and_then_applied(
    register: Register, clock: Clock, nordmuehle: Organisation
) -> None:
    certificate = watch(nordmuehle, 1, NOON)
    sync(register, clock)
    register.rows = register.rows[10:]
    held = sync(register, clock)
    assert (held.state, held.gone) == (RunState.HELD, 10)
    assert held.reasons == ["It lists 30 records, 40 before.", "“valid” lists 30 records, 40 before."]
    assert HeldReading.objects.filter(run=held).count() == 30
    review = sources.review(register.source)
    assert review is not None
    assert review["changes"][0] == {
        "number": number(1), "holder": "Muster 1 GmbH", "was": "valid", "is": "not_found",
        "valid_until_was": "2027-02-28", "valid_until": None,
    }  # fmt: skip
    clock.wait(hours=5)
    released = syncs.release(held.pk, by=None, clock=clock)
    assert (released.state, released.gone) == (RunState.RELEASED, 10)
    assert word_of(certificate) == (Status.NOT_FOUND, None)
    assert SourceState.objects.get(source="iscc").read_began == held.began
    assert not HeldReading.objects.exists()
    assert AuditEntry.objects.get(action="run.released").by_label == "command line"
    with pytest.raises(Refused, match="is not held, it is released"):
        syncs.release(held.pk, by=None, clock=clock)
    assert sync(register, clock).state == RunState.GOOD  # the measure is the released run


def test_nine_rows_fewer_are_believed_and_expired_ones_do_not_count(register: Register, clock: Clock) -> None:
    register.rows += [row(place, valid_until=date(2026, 11, 26)) for place in range(100, 120)]
    sync(register, clock)
    register.rows = register.rows[9:40]
    clock.wait(days=3)
    run = sync(register, clock)
    assert (run.state, run.gone) == (RunState.GOOD, 29)


def test_a_shrunk_bucket_is_held_although_the_total_is_the_same(register: Register, clock: Clock) -> None:
    register.rows += [row(place, Status.SUSPENDED) for place in range(100, 112)]
    sync(register, clock)
    register.rows = register.rows[:40] + [row(place) for place in range(200, 212)]
    held = sync(register, clock)
    assert held.reasons == ["“suspended” lists 0 records, 12 before."]


def test_many_watched_certificates_that_get_worse_at_once_are_held(
    register: Register, clock: Clock, nordmuehle: Organisation
) -> None:
    for place in range(1, 31):
        watch(nordmuehle, place, NOON)
    sync(register, clock)
    register.rows = [row(place, valid_until=date(2026, 12, 31)) for place in range(1, 11)] + register.rows[10:]
    held = sync(register, clock)
    assert held.state == RunState.HELD
    assert held.reasons == ["10 of 30 watched certificates would change their status or get an earlier last day."]
    register.rows[0] = row(1)  # nine
    assert sync(register, clock).state == RunState.GOOD
    held.refresh_from_db()
    assert held.state == RunState.SUPERSEDED
    assert not HeldReading.objects.exists()


def test_what_is_known_of_a_register_judges_only_the_first_run_at_its_own_address(
    register: Register, clock: Clock, settings: object
) -> None:
    register.expect = Expect(at_least=9_000)
    held = sync(register, clock)
    assert (held.state, held.reasons) == (
        RunState.HELD,
        ["It is the first reading and lists 40 records; at least 9,000 are known."],
    )
    env = settings.ENV  # type: ignore[attr-defined]
    settings.ENV = replace(env, source_urls={"iscc": "http://127.0.0.1:1/iscc"})  # type: ignore[attr-defined]
    assert sync(register, clock).state == RunState.GOOD
    settings.ENV = env  # type: ignore[attr-defined]
    assert sync(register, clock).state == RunState.HELD  # still the first one there


def test_a_discarded_run_leaves_nothing(register: Register, clock: Clock) -> None:
    sync(register, clock)
    register.rows = register.rows[20:]
    held = sync(register, clock)
    assert syncs.discard(held.pk, by=None, now=clock.now).state == RunState.DISCARDED
    assert not HeldReading.objects.exists()
    assert sources.overview(clock.now)[0]["health"] == "good"
    with pytest.raises(Refused, match="There is no run 4711"):
        syncs.discard(4711, by=None, now=clock.now)


def test_one_run_of_a_source_at_a_time(register: Register, clock: Clock) -> None:
    Sync.objects.create(
        source="iscc", address="x", own_address=False, began=datetime(2026, 11, 24, 2, 12, tzinfo=NOON.tzinfo)
    )
    with locks.only_one("iscc") as ours:
        assert ours
        with pytest.raises(syncs.AlreadyRunning, match="iscc: already running since 03:12"):
            sync(register, clock)
    run = sync(register, clock)
    dead = Sync.objects.exclude(pk=run.pk).get()
    assert (dead.state, dead.error) == (RunState.FAILED, "The program ended in the middle of this run.")


def test_a_check_of_one_number_moves_it_and_nothing_else(
    register: Register, clock: Clock, nordmuehle: Organisation
) -> None:
    asked, other = watch(nordmuehle, 1, NOON), watch(nordmuehle, 2, NOON)
    good = sync(register, clock)
    register.rows[0], register.rows[1] = row(1, Status.SUSPENDED), row(2, Status.SUSPENDED)
    clock.wait(hours=3)
    run, found = syncs.check(register.source, number(1).lower(), clock=clock)
    assert found
    assert (run.state, run.number, counts(run)) == (RunState.GOOD, number(1).lower(), (0, 1, 0, 0))
    assert word_of(asked)[0] == Status.SUSPENDED
    assert asked.checked_at == run.began
    assert word_of(other)[0] == Status.VALID
    assert other.checked_at is None
    assert SourceState.objects.get(source="iscc").read_began == good.began


def test_a_check_that_finds_nothing_moves_nothing(register: Register, clock: Clock, nordmuehle: Organisation) -> None:
    certificate = watch(nordmuehle, 1, NOON)
    sync(register, clock)
    register.rows.pop(0)
    run, found = syncs.check(register.source, number(1), clock=clock)
    assert (found, run.state) == (False, RunState.GOOD)
    assert word_of(certificate)[0] == Status.VALID
    assert certificate.checked_at is None


def test_a_released_reading_does_not_undo_what_a_later_check_saw(
    register: Register, clock: Clock, nordmuehle: Organisation
) -> None:
    certificate = watch(nordmuehle, 1, NOON)
    sync(register, clock)
    everything = list(register.rows)
    register.rows = register.rows[:20]
    held = sync(register, clock)
    register.rows = [row(1, Status.WITHDRAWN), *everything[1:]]
    clock.wait(hours=1)
    syncs.check(register.source, number(1), clock=clock)
    syncs.release(held.pk, by=None, clock=clock)
    assert word_of(certificate)[0] == Status.WITHDRAWN


def test_numbers_that_no_register_can_mean_are_reported_and_their_neighbours_kept(
    register: Register, clock: Clock
) -> None:
    register.rows.append(row(50, number="X" * 300))
    run = sync(register, clock)
    assert (run.state, run.new, run.problem_count) == (RunState.GOOD, 40, 1)
