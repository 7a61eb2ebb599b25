"""The history that a certificate's page shows."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from certwatch.actions import certificates, history
from certwatch.actions.history import History, What
from certwatch.models import Certificate, Entry, Organisation, RunState, Sync, User
from certwatch.rules.status import Status
from tests.actions.entered import NUMBER, entry, reading, say
from tests.actions.test_certificates import enter, watch
from tests.conftest import NOON

DAY = timedelta(days=1)


def read(began: datetime, **facts: Any) -> Sync:
    """A believed run of ISCC."""
    run = reading(began=began)
    run.applied_at = began + timedelta(minutes=2)
    run.save()
    return run


def attempt(began: datetime, state: RunState, **facts: Any) -> Sync:
    return Sync.objects.create(source="iscc", state=state, address="x", own_address=True, began=began, **facts)


def told(lived: History) -> list[tuple[str, int]]:
    """What each step is, newest first, and how many days after noon of the first day."""
    return [(step.what.value, (step.at - NOON).days) for step in lived.steps]


@pytest.fixture
def listed(db: None) -> Entry:
    return entry(run=read(NOON - DAY))


@pytest.fixture
def certificate(nordmuehle: Organisation, listed: Entry) -> Certificate:
    (certificate,) = watch(nordmuehle, NUMBER)
    certificate.org = nordmuehle
    return certificate


def later(certificate: Certificate, days: float = 40) -> History:
    certificate.refresh_from_db(fields=["word", "valid_from", "valid_until", "entry", "removed_at", "ambiguous"])
    return history.of(certificate, NOON + days * DAY)


class TestSteps:
    def test_each_new_word_is_a_step_with_its_run_and_quiet_checks_stand_between(
        self, certificate: Certificate, listed: Entry
    ) -> None:
        read(NOON + DAY)
        read(NOON + 2 * DAY)
        run = read(NOON + 3 * DAY)
        say(listed, run, Status.SUSPENDED)
        attempt(NOON + 4 * DAY, RunState.FAILED)
        lived = later(certificate, 5)
        assert told(lived) == [("quiet", 4), ("said", 3), ("quiet", 2), ("added", 0), ("said", -1)]
        failed, said, quiet, _, first = lived.steps
        assert (failed.checks, failed.failed) == (0, 1)
        assert (said.was, said.word, said.run) == (Status.VALID, Status.SUSPENDED, run)
        assert (quiet.checks, quiet.at, quiet.until) == (2, NOON + 2 * DAY, NOON + DAY)
        assert (first.was, first.before) == (None, None)
        assert lived.newest == said.version

    def test_what_else_is_new_is_named(self, certificate: Certificate, listed: Entry) -> None:
        version = say(listed, read(NOON + DAY), Status.VALID, date(2027, 12, 31))
        version.scopes, version.holder = ["Trader", "Warehouse"], "Müller AG"
        version.save()
        step = later(certificate).steps[0]
        assert step.what == What.SAID
        assert step.changed == ["valid_until", "holder", "scopes"]

    def test_what_went_and_came_back_names_no_fields(self, certificate: Certificate, listed: Entry) -> None:
        say(listed, read(NOON + DAY), Status.NOT_FOUND, None)
        say(listed, read(NOON + 2 * DAY), Status.VALID)
        back, gone = later(certificate, 5).steps[:2]
        assert (gone.was, gone.word, gone.changed) == (Status.VALID, Status.NOT_FOUND, [])
        assert (back.was, back.word, back.changed) == (Status.NOT_FOUND, Status.VALID, [])

    def test_the_calendar_is_told_too(self, nordmuehle: Organisation, certificate: Certificate) -> None:
        (expired, *_) = later(certificate, 60).steps
        assert (expired.what, expired.was, expired.word) == (What.BY_DATE, Status.VALID, Status.EXPIRED)
        assert expired.at.isoformat() == "2027-01-01T00:00:00+01:00"

    def test_who_chose_among_several_holders_and_took_it_back(self, nordmuehle: Organisation, mia: User) -> None:
        run = read(NOON - DAY)
        entry(run=run, holder="One")
        entry(run=run, holder="Other", word=Status.SUSPENDED)
        (shared,) = watch(nordmuehle, NUMBER)
        assert told(later(shared)) == [("several", 0), ("added", 0)]
        certificates.choose(shared, "Other", by=mia, now=NOON + DAY)
        certificates.choose(shared, None, by=mia, now=NOON + 2 * DAY)
        certificates.choose(shared, "One", by=mia, now=NOON + 3 * DAY)
        lived = later(shared, 5)
        chosen = [step for step in lived.steps if step.what == What.CHOSEN]
        assert [(step.holder, step.by) for step in chosen] == [("One", mia), ("Other", mia)]
        assert [kind for kind, _ in told(lived)] == [
            "chosen", "said", "several", "chosen", "several", "added", "said",
        ]  # fmt: skip

    def test_several_holders_are_seen_with_the_first_reading(self, nordmuehle: Organisation) -> None:
        (shared,) = watch(nordmuehle, NUMBER)
        shared.ambiguous = True
        shared.save()
        read(NOON + DAY)
        assert told(later(shared)) == [("several", 1), ("added", 0)]

    def test_the_end_of_the_watch_ends_it(self, certificate: Certificate, listed: Entry, mia: User) -> None:
        certificates.stop_watching(certificate.org, [certificate], by=mia, now=NOON + 2 * DAY)
        say(listed, read(NOON + 3 * DAY), Status.SUSPENDED)
        assert told(later(certificate)) == [("removed", 2), ("added", 0), ("said", -1)]


class TestNotFound:
    def test_it_is_missed_since_the_first_reading_without_it(self, nordmuehle: Organisation) -> None:
        read(NOON - DAY)
        (missing,) = watch(nordmuehle, NUMBER)
        lived = later(missing)
        assert told(lived) == [("not_listed", 0), ("added", 0)]
        assert lived.first_missed == NOON

    def test_one_that_was_listed_is_missed_since_it_went(self, certificate: Certificate, listed: Entry) -> None:
        say(listed, read(NOON + DAY), Status.NOT_FOUND, None)
        Entry.objects.update(gone_at=NOON + DAY)
        certificate.word = Status.NOT_FOUND
        certificate.save()
        assert later(certificate).first_missed == NOON + DAY

    def test_nothing_is_missed_of_what_is_listed(self, certificate: Certificate) -> None:
        assert later(certificate).first_missed is None


class TestChecks:
    def test_believed_readings_count_and_so_do_checks_of_this_number(self, certificate: Certificate) -> None:
        read(NOON + DAY)
        attempt(NOON + 2 * DAY, RunState.GOOD, number=NUMBER.lower(), unchanged=1)
        attempt(NOON + 2 * DAY, RunState.RELEASED, applied_at=NOON + 3 * DAY)
        lived = later(certificate)
        assert lived.checks.counted == [(Status.VALID, 3)]
        assert lived.checks.failed == []

    @pytest.mark.parametrize(
        ("state", "facts", "failed"),
        [
            (RunState.RUNNING, {}, 0),
            (RunState.FAILED, {}, 1),
            (RunState.HELD, {}, 1),
            (RunState.DISCARDED, {}, 1),
            (RunState.FAILED, {"number": NUMBER}, 1),
            (RunState.GOOD, {"number": NUMBER}, 0),  # asked, and not found by the search: that tells nothing
            (RunState.GOOD, {"number": "EU-ISCC-Cert-DE100-1", "unchanged": 1}, 0),
        ],
    )
    def test_nothing_else_does(
        self, certificate: Certificate, state: RunState, facts: dict[str, Any], failed: int
    ) -> None:
        attempt(NOON + DAY, state, **facts)
        lived = later(certificate)
        assert (len(lived.checks.moments), len(lived.checks.failed)) == (0, failed)

    def test_readings_before_it_was_watched_or_of_another_register_do_not_count(self, certificate: Certificate) -> None:
        reading("redcert", NOON + DAY)
        assert later(certificate).checks.moments == []

    def test_a_check_finds_what_held_on_its_day(self, certificate: Certificate, listed: Entry) -> None:
        read(NOON + DAY)
        say(listed, read(NOON + 2 * DAY), Status.SUSPENDED)
        say(listed, read(NOON + 3 * DAY), Status.VALID)
        read(NOON + 40 * DAY)  # after its last day
        assert [found for _, found in later(certificate).checks.moments] == [
            Status.VALID, Status.SUSPENDED, Status.VALID, Status.EXPIRED,
        ]  # fmt: skip


class TestByHand:
    def test_each_version_is_a_step(self, nordmuehle: Organisation, mia: User, anna: User) -> None:
        nordmuehle.four_eyes = True
        nordmuehle.save()
        certificate = enter(nordmuehle, by=mia).certificate
        certificates.approve(certificate, NOON, by=anna, now=NOON)
        enter(nordmuehle, Status.SUSPENDED, by=mia, now=NOON + DAY)
        enter(nordmuehle, by=anna, now=NOON + 2 * DAY)
        lived = later(certificate)
        assert [(step.what, step.was, step.word, step.by) for step in lived.steps] == [
            (What.ENTERED, Status.SUSPENDED, Status.VALID, anna),
            (What.ENTERED, Status.VALID, Status.SUSPENDED, mia),
            (What.ENTERED, None, Status.VALID, mia),
        ]
        assert [own.known_from is None for own in lived.own] == [True, False, False]

    def test_its_last_day_passes_by_itself(self, nordmuehle: Organisation) -> None:
        certificate = enter(nordmuehle, valid_until=date(2026, 11, 30)).certificate
        assert [step.what for step in later(certificate).steps] == [What.BY_DATE, What.ENTERED]

    def test_a_last_day_at_the_end_of_all_calendars_never_passes(self, nordmuehle: Organisation) -> None:
        certificate = enter(nordmuehle, valid_until=date.max).certificate
        assert [step.what for step in later(certificate).steps] == [What.ENTERED]


def test_it_takes_four_queries_however_long_it_is(
    certificate: Certificate, listed: Entry, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for place in range(1, 21):
        say(listed, read(NOON + place * DAY), Status.SUSPENDED if place % 2 else Status.VALID)
    certificate.entry = listed
    with django_assert_num_queries(4):  # bindings, versions, changes, runs
        lived = history.of(certificate, NOON + 30 * DAY)
    assert len(lived.steps) == 22
