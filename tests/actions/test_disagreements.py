"""A register that knows a number which was entered by hand, and says otherwise."""

from datetime import date

import pytest

from certwatch.actions import certificates, syncs
from certwatch.models import Certificate, ChangeType, Organisation, User
from certwatch.rules.findings import Finding
from certwatch.rules.status import Status
from tests.actions.noticed import states, sync, told
from tests.actions.registers import Clock, Register, number, row
from tests.conftest import NOON

pytestmark = pytest.mark.django_db(transaction=True)

LAST_DAY = date(2027, 2, 28)


def entered(org: Organisation, by: User, place: int = 1, status: Status = Status.VALID, until: date = LAST_DAY) -> None:
    certificates.enter(
        org, number(place), status=status, valid_from=date(2026, 3, 1), valid_until=until, by=by, now=NOON
    )


def only(org: Organisation) -> Certificate:
    found: Certificate = org.certificates.get()
    return found


@pytest.mark.parametrize(
    ("said", "kinds"),
    [
        (row(1), []),
        (row(1, holder="Another", scopes=["Trader"]), []),  # neither status nor last day
        (row(1, Status.SUSPENDED), ["disagreement"]),
        (row(1, valid_until=date(2027, 3, 1)), ["disagreement"]),
        (row(1, valid_from=date(2026, 4, 1)), []),
        (row(1, valid_from=date(2026, 12, 1)), ["disagreement"]),  # not yet valid there
        (row(1, Status.UNKNOWN), []),
        (row(2, Status.SUSPENDED), []),
    ],
)
def test_a_register_that_says_otherwise_is_told(
    said: Finding, kinds: list[str], register: Register, clock: Clock, nordmuehle: Organisation, anna: User
) -> None:
    entered(nordmuehle, anna)
    register.rows = [said, *register.rows[2:]]
    run = sync(register, clock)
    assert told(nordmuehle) == kinds
    for _ in range(2):
        sync(register, clock)
    assert told(nordmuehle) == kinds
    certificate = only(nordmuehle)
    assert (certificate.word, certificate.valid_until, certificate.entry) == ("valid", LAST_DAY, None)
    if kinds:
        change = certificate.changes.get(type=ChangeType.DATA)
        assert (change.told_by, change.run, change.fields) == (f"run:{run.pk}", run, ["disagreement"])
        assert (change.was, change.word, change.valid_until_was, change.valid_until) == (
            "valid", "valid", LAST_DAY, LAST_DAY,
        )  # fmt: skip
        assert change.facts == {
            "source": "iscc",
            "word": said.word,
            "valid_from": said.valid_from.isoformat() if said.valid_from else None,
            "valid_until": said.valid_until.isoformat() if said.valid_until else None,
        }
        assert change.entry is not None
        assert change.version == change.entry.version


def test_a_new_entry_and_each_other_version_is_told(
    register: Register, clock: Clock, nordmuehle: Organisation, suedoel: Organisation, anna: User
) -> None:
    for org in (nordmuehle, suedoel):
        entered(org, anna, place=90)
    sync(register, clock)
    assert told(nordmuehle) == []
    register.rows.append(row(90, Status.SUSPENDED))
    sync(register, clock)
    register.rows[-1] = row(90, Status.WITHDRAWN)
    sync(register, clock)
    assert told(nordmuehle) == told(suedoel) == ["disagreement", "disagreement"]
    assert [c.number for c in nordmuehle.changes.order_by("number")] == [1, 2, 3]


def test_a_register_that_agrees_again_ends_it(
    register: Register, clock: Clock, nordmuehle: Organisation, anna: User
) -> None:
    entered(nordmuehle, anna)
    register.rows[0] = row(1, Status.SUSPENDED)
    sync(register, clock)
    register.rows[0] = row(1)
    sync(register, clock)
    assert states(nordmuehle) == [("disagreement", "solved", "agrees")]


def test_a_person_who_writes_down_what_the_register_says_ends_it(
    register: Register, clock: Clock, nordmuehle: Organisation, anna: User
) -> None:
    entered(nordmuehle, anna)
    register.rows[0] = row(1, Status.SUSPENDED)
    sync(register, clock)
    entered(nordmuehle, anna, status=Status.SUSPENDED)
    sync(register, clock)
    assert states(nordmuehle) == [("disagreement", "solved", "corrected"), ("suspended", "open", "")]


def test_what_several_holders_have_contradicts_nobody(
    register: Register, clock: Clock, nordmuehle: Organisation, anna: User
) -> None:
    entered(nordmuehle, anna)
    register.rows[0] = row(1, Status.SUSPENDED)
    register.rows.append(row(1, Status.SUSPENDED, holder="Another"))
    sync(register, clock)
    assert told(nordmuehle) == []


def test_who_has_not_said_anything_yet_is_not_contradicted(
    register: Register, clock: Clock, nordmuehle: Organisation, anna: User
) -> None:
    nordmuehle.four_eyes = True
    nordmuehle.save()
    entered(nordmuehle, anna)
    register.rows[0] = row(1, Status.SUSPENDED)
    sync(register, clock)
    assert told(nordmuehle) == []


def test_a_check_of_one_number_tells_it_too(
    register: Register, clock: Clock, nordmuehle: Organisation, anna: User
) -> None:
    entered(nordmuehle, anna)
    sync(register, clock)
    register.rows[0] = row(1, Status.SUSPENDED)
    clock.wait(hours=1)
    run, found = syncs.check(register.source, number(1), clock=clock)
    assert found
    change = only(nordmuehle).changes.get(type=ChangeType.DATA)
    assert (change.told_by, change.facts["word"]) == (f"run:{run.pk}", "suspended")
