"""Checks that somebody asks for: noted, carried out once, told."""

from datetime import timedelta

import pytest

from certwatch.actions import checks, locks
from certwatch.actions.checks import AskedAlready, ask, carry_out
from certwatch.models import AuditEntry, Certificate, CheckRequest, Organisation, RunState, SourceState, Sync, User
from certwatch.rules.errors import Refused, SourceUnreachable
from certwatch.rules.status import Status
from certwatch.sources import SOURCES
from tests.actions.registers import Clock, Register, number, row, watch
from tests.conftest import NOON

pytestmark = pytest.mark.django_db(transaction=True)  # a run opens its own transactions


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Register:
    register = Register([row(place) for place in range(1, 4)])
    monkeypatch.setitem(SOURCES, "iscc", register.source)
    return register


@pytest.fixture
def certificate(nordmuehle: Organisation) -> Certificate:
    return watch(nordmuehle, 1, NOON)


def outcome(request: CheckRequest) -> str:
    carry_out(request, clock=Clock(NOON))
    request.refresh_from_db()
    return request.outcome


def test_what_is_found_moves_the_certificate_and_is_told(
    register: Register, certificate: Certificate, mia: User
) -> None:
    request = ask(certificate, by=mia, now=NOON, address="192.0.2.7")
    assert (request.asked_by, request.ended_at) == (mia, None)
    assert outcome(request) == "found"
    certificate.refresh_from_db()
    assert (certificate.word, certificate.checked_at is not None) == ("valid", True)
    assert (request.ended_at is not None, request.claimed_until) == (True, None)
    note = AuditEntry.objects.get()
    assert (note.action, note.by, note.source_address) == ("certificate.check_asked", mia, "192.0.2.7")
    assert Sync.objects.get().number == number(1)


def test_what_is_not_found_moves_nothing(register: Register, nordmuehle: Organisation, mia: User) -> None:
    certificate = watch(nordmuehle, 9, NOON)
    assert outcome(ask(certificate, by=mia, now=NOON)) == "not_found"
    certificate.refresh_from_db()
    assert (certificate.word, certificate.checked_at) == (Status.UNKNOWN, None)


def test_a_register_that_does_not_answer_is_told(register: Register, certificate: Certificate, mia: User) -> None:
    register.error = SourceUnreachable("No answer.")
    assert outcome(ask(certificate, by=mia, now=NOON)) == "failed"


def test_a_register_that_is_being_read_is_told(register: Register, certificate: Certificate, mia: User) -> None:
    request = ask(certificate, by=mia, now=NOON)
    with locks.only_one("iscc"):
        assert outcome(request) == "busy"
    assert not Sync.objects.exists()


def test_an_error_of_ours_ends_the_wish_too(
    register: Register, certificate: Certificate, mia: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    register.error = ZeroDivisionError()
    request = ask(certificate, by=mia, now=NOON)
    with pytest.raises(ZeroDivisionError):
        carry_out(request, clock=Clock(NOON))
    request.refresh_from_db()
    assert (request.outcome, request.ended_at is not None) == ("failed", True)


def test_nobody_asks_twice_a_minute(register: Register, certificate: Certificate, mia: User, anna: User) -> None:
    first = ask(certificate, by=mia, now=NOON)
    with pytest.raises(AskedAlready):
        ask(certificate, by=anna, now=NOON + timedelta(seconds=59))
    assert outcome(first) == "found"
    second = ask(certificate, by=anna, now=NOON + timedelta(seconds=60))
    assert (second.pk, second.asked_by, second.ended_at, second.outcome) == (first.pk, anna, None, "")
    assert AuditEntry.objects.count() == 2


def test_nobody_asks_while_a_worker_is_at_it_unless_that_is_dead(
    register: Register, certificate: Certificate, mia: User
) -> None:
    request = ask(certificate, by=mia, now=NOON)
    CheckRequest.across_orgs.update(claimed_until=NOON + checks.LEASE)
    assert outcome(request) == ""  # another worker's
    with pytest.raises(AskedAlready):
        ask(certificate, by=mia, now=NOON + timedelta(minutes=5))
    again = ask(certificate, by=mia, now=NOON + checks.LEASE + timedelta(seconds=1))
    assert again.claimed_until is None


def test_an_old_wish_is_not_carried_out_in_place_of_the_new_one(
    register: Register, certificate: Certificate, mia: User
) -> None:
    old = ask(certificate, by=mia, now=NOON)
    ask(certificate, by=mia, now=NOON + timedelta(minutes=2))
    assert outcome(old) == ""
    assert not Sync.objects.exists()


def test_a_list_that_was_read_meanwhile_is_not_read_once_more(
    nordmuehle: Organisation, mia: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    register = Register([row(1)])
    whole = register.source
    object.__setattr__(whole, "find", None)
    monkeypatch.setitem(SOURCES, "iscc", whole)
    one, other = ask(watch(nordmuehle, 1, NOON), by=mia, now=NOON), ask(watch(nordmuehle, 2, NOON), by=mia, now=NOON)
    assert (outcome(one), outcome(other)) == ("found", "not_found")
    assert Sync.objects.count() == 1
    assert SourceState.objects.get().last_good == Sync.objects.get(state=RunState.GOOD)


def test_a_reading_that_is_not_believed_is_told(
    nordmuehle: Organisation, mia: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Register([]).source  # lists no valid certificate at all
    object.__setattr__(source, "find", None)
    monkeypatch.setitem(SOURCES, "iscc", source)
    assert outcome(ask(watch(nordmuehle, 1, NOON), by=mia, now=NOON)) == "held"


def test_what_no_register_answers_for_is_refused(nordmuehle: Organisation, mia: User, certificate: Certificate) -> None:
    by_hand = nordmuehle.certificates.create(
        number="KZR 1", number_key="kzr 1", match_key="kzr 1", kind="nis", added_at=NOON
    )
    with pytest.raises(Refused, match="by hand"):
        ask(by_hand, by=mia, now=NOON)
    certificate.source = "nowhere"
    with pytest.raises(Refused, match="no source nowhere"):
        ask(certificate, by=mia, now=NOON)


def test_a_source_that_is_not_monitored_any_more_ends_it(
    register: Register, certificate: Certificate, mia: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = ask(certificate, by=mia, now=NOON)
    monkeypatch.setattr("certwatch.actions.sources.names", lambda: ())
    assert outcome(request) == "failed"
