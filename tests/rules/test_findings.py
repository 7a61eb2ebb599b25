"""Which of several records under one number and holder counts."""

from datetime import date
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.rules.findings import Finding, Reading, gather, tally
from certwatch.rules.status import Status

TODAY = date(2026, 11, 24)
WORDS = [Status.VALID, Status.EXPIRED, Status.SUSPENDED, Status.TERMINATED, Status.WITHDRAWN, Status.UNKNOWN]


def finding(word: Status, start: str = "2026-03-01", end: str = "2027-02-28", **facts: str) -> Finding:
    return Finding(
        number=facts.get("number", "N-1"),
        holder=facts.get("holder", "Muster GmbH"),
        word=word,
        part=word.value,
        valid_from=date.fromisoformat(start),
        valid_until=date.fromisoformat(end),
    )


def only(findings: list[Finding]) -> Reading:
    (reading,) = gather(findings, TODAY).values()
    return reading


@pytest.mark.parametrize(
    ("one", "other", "counts"),
    [
        (Status.WITHDRAWN, Status.TERMINATED, Status.WITHDRAWN),
        (Status.TERMINATED, Status.SUSPENDED, Status.TERMINATED),
        (Status.SUSPENDED, Status.EXPIRED, Status.SUSPENDED),
        (Status.SUSPENDED, Status.VALID, Status.SUSPENDED),
        (Status.EXPIRED, Status.VALID, Status.EXPIRED),  # with the same last day
        (Status.UNKNOWN, Status.VALID, Status.UNKNOWN),  # a word we do not know must not hide
    ],
)
def test_the_worse_word_counts(one: Status, other: Status, counts: Status) -> None:
    for order in permutations([finding(one), finding(other)]):
        assert only(list(order)).first.word == counts


def test_expired_does_not_beat_a_renewed_period() -> None:
    reading = only([finding(Status.EXPIRED, "2025-03-01", "2026-02-28"), finding(Status.VALID)])
    assert reading.first.word == Status.VALID
    assert [record.word for record in reading.records] == [Status.VALID, Status.EXPIRED]


def test_of_the_same_word_the_one_in_force_counts_else_the_latest() -> None:
    old, now, next_ = (
        finding(Status.VALID, "2025-03-01", "2026-02-28"),
        finding(Status.VALID),
        finding(Status.VALID, "2027-03-01", "2028-02-28"),
    )
    assert only([old, next_, now]).first is now
    assert only([next_, old]).first is next_


def test_number_and_holder_are_compared_folded() -> None:
    records = [finding(Status.VALID), finding(Status.VALID, number="n‑1", holder="MUSTER, GmbH.")]
    assert len(gather(records, TODAY)) == 1
    assert len(gather([*records, finding(Status.VALID, holder="Beispiel GmbH")], TODAY)) == 2


def test_a_record_that_comes_twice_is_one() -> None:
    assert only([finding(Status.VALID), finding(Status.VALID)]).others == []


@given(st.lists(st.tuples(st.sampled_from(WORDS), st.integers(2020, 2028)), min_size=1, max_size=6))
def test_the_order_of_the_records_does_not_matter(periods: list[tuple[Status, int]]) -> None:
    records = [finding(word, f"{year}-01-01", f"{year}-12-31") for word, year in periods]
    digests = {only(list(order)).digest() for order in list(permutations(records))[:24]}
    assert len(digests) == 1


def test_the_digest_changes_with_what_is_said_and_not_with_where_it_stood() -> None:
    said = finding(Status.VALID)
    digest = only([said]).digest()
    said.row, said.payload = {"link": "new"}, "f" * 64
    assert only([said]).digest() == digest
    said.certifier = "SGS"
    assert only([said]).digest() != digest


def test_a_tally_counts_records_by_part_and_last_day() -> None:
    readings = gather([finding(Status.VALID), finding(Status.VALID, number="N-2"), finding(Status.EXPIRED)], TODAY)
    assert tally(readings) == {"expired": {"2027-02-28": 1}, "valid": {"2027-02-28": 2}}
