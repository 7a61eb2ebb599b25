"""When a complete reading is plausible."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.rules.belief import Expect, Watched, judge

DAY = date(2026, 11, 24)
NOBODY = Watched(0, 0)


def reasons(now: dict[str, dict[str, int]], before: dict[str, dict[str, int]] | None, **facts: object) -> list[str]:
    known: dict[str, object] = {
        "valid": 1, "watched": NOBODY, "expect": Expect(), "first_at_own_address": False, "day": DAY,
    }  # fmt: skip
    return judge(now, before, **{**known, **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("was", "is_", "held"),
    [
        (1000, 970, False),  # exactly 3 %
        (1000, 969, True),
        (100, 91, False),  # 9 %, but fewer than ten rows
        (100, 90, True),
        (10, 0, True),
        (9, 0, False),
    ],
)
def test_a_list_may_lose_three_per_cent_or_nine_rows(was: int, is_: int, held: bool) -> None:
    assert bool(reasons({"valid": {"2027-01-01": is_}}, {"valid": {"2027-01-01": was}})) is held


def test_a_source_may_shrink_by_what_it_says() -> None:
    now, before = {"valid": {"": 800}}, {"valid": {"": 1000}}
    assert reasons(now, before, expect=Expect(may_shrink_by=0.2)) == []
    assert reasons(now, before, expect=Expect(may_shrink_by=0.19)) != []


def test_records_whose_last_day_has_passed_count_in_neither_number() -> None:
    before = {"valid": {"2026-11-23": 500, "2026-11-24": 100}}
    assert reasons({"valid": {"2026-11-24": 100}}, before) == []
    assert reasons({"valid": {"2026-11-23": 500, "2026-11-24": 90}}, before) != []


def test_a_part_that_is_missing_has_shrunk_to_nothing() -> None:
    now, before = {"valid": {"": 120}}, {"valid": {"": 100}, "withdrawn": {"": 20}}
    assert reasons(now, before) == ["“withdrawn” lists 0 records, 20 before."]


def test_no_valid_certificate_is_never_believed() -> None:
    assert reasons({}, None, valid=0) == ["It lists no valid certificate at all."]


@pytest.mark.parametrize(
    ("known", "worse", "held"), [(200, 10, False), (199, 10, True), (20, 9, False), (10, 10, True), (1000, 50, False)]
)
def test_more_than_five_per_cent_and_ten_watched_ones_getting_worse_are_held(
    known: int, worse: int, held: bool
) -> None:
    assert bool(reasons({"valid": {"": 1}}, None, watched=Watched(known, worse))) is held


def test_what_is_known_of_the_register_judges_the_first_reading_at_its_own_address() -> None:
    now = {"valid": {"2020-01-01": 60}}  # its size counts expired ones, too
    few = ["It is the first reading and lists 60 records; at least 9,000 are known."]
    assert reasons(now, None, expect=Expect(at_least=9_000), first_at_own_address=True) == few
    assert reasons(now, now, expect=Expect(at_least=9_000), first_at_own_address=True) == few
    assert reasons(now, None, expect=Expect(at_least=9_000)) == []
    assert reasons(now, None, expect=Expect(at_least=60), first_at_own_address=True) == []


@given(
    st.dictionaries(
        st.sampled_from(["valid", "expired", "x"]), st.dictionaries(st.just("2027-01-01"), st.integers(0, 99))
    )
)
def test_a_list_that_says_the_same_again_is_believed(tally: dict[str, dict[str, int]]) -> None:
    assert reasons(tally, tally) == []
