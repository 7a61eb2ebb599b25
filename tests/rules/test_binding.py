"""Which entry answers for a watched number."""

from datetime import UTC, date, datetime

import pytest

from certwatch.rules.binding import Answer, Candidate, answer
from certwatch.rules.status import Status

FROM, UNTIL, LATER = date(2026, 3, 1), date(2027, 2, 28), date(2027, 5, 31)
GONE, GONE_LATER = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)


def entry(
    id_: int, holder: str, word: Status = Status.VALID, until: date = UNTIL, gone: datetime | None = None
) -> Candidate[int]:
    return Candidate(id_, holder, word, FROM, until, gone)


def ask(*entries: Candidate[int], supplier: str = "", chosen: int | None = None, read: bool = True) -> Answer[int]:
    return answer(entries, supplier=supplier, chosen=chosen, read=read)


def test_no_entry_is_not_found_once_the_register_was_read() -> None:
    assert ask() == Answer(Status.NOT_FOUND)
    assert ask(read=False) == Answer(Status.UNKNOWN)


def test_one_entry_is_bound() -> None:
    assert ask(entry(1, "a")) == Answer(Status.VALID, FROM, UNTIL, 1, "number")


@pytest.mark.parametrize("supplier", ["Muster GmbH", "MUSTER  GmbH.", "muster gmbh"])
def test_the_suppliers_name_decides_between_holders(supplier: str) -> None:
    said = ask(entry(1, "mustergmbh"), entry(2, "beispielag", Status.WITHDRAWN), supplier=supplier)
    assert (said.entry, said.how, said.word) == (1, "holder", Status.VALID)


def test_holders_that_agree_share_their_word_and_dates() -> None:
    assert ask(entry(1, "a"), entry(2, "b")) == Answer(Status.VALID, FROM, UNTIL, ambiguous=True)


def test_valid_holders_with_other_last_days_have_no_word() -> None:
    assert ask(entry(1, "a"), entry(2, "b", until=LATER)) == Answer(Status.UNKNOWN, FROM, None, ambiguous=True)


def test_a_word_that_needs_no_dates_is_shared_without_them() -> None:
    said = ask(entry(1, "a", Status.SUSPENDED), entry(2, "b", Status.SUSPENDED, LATER))
    assert said == Answer(Status.SUSPENDED, FROM, None, ambiguous=True)


def test_entries_that_are_listed_come_before_those_that_are_gone() -> None:
    assert ask(entry(1, "a", Status.NOT_FOUND, gone=GONE), entry(2, "b")).entry == 2
    assert ask(entry(1, "a", gone=GONE), entry(2, "b", gone=GONE_LATER)).entry == 2


def test_a_persons_choice_stands_also_when_its_entry_is_gone() -> None:
    said = ask(entry(1, "a", Status.NOT_FOUND, gone=GONE), entry(2, "b"), chosen=1)
    assert (said.entry, said.how, said.word) == (1, "person", Status.NOT_FOUND)
