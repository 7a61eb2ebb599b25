"""Which later certificate takes the place of one that ends."""

from datetime import date, timedelta

import pytest

from certwatch.rules.holders import company
from certwatch.rules.status import Status
from certwatch.rules.successors import Listed, is_unrelated, successors

ENDS = date(2026, 12, 31)


def listed(pk: int, begins: date | None = None, ends: date | None = None, *, place: str = "", **more: object) -> Listed:
    known: dict[str, object] = {"number_key": f"number-{pk}", "word": Status.VALID, "gone": False, **more}
    return Listed(id=pk, valid_from=begins, valid_until=ends, place=place, **known)  # type: ignore[arg-type]


def old(pk: int = 1, **more: object) -> Listed:
    return listed(pk, date(2026, 1, 1), ENDS, **more)  # type: ignore[arg-type]


def new(pk: int = 2, begins: date = ENDS + timedelta(days=1), **more: object) -> Listed:
    return listed(pk, begins, date(2027, 12, 31), **more)  # type: ignore[arg-type]


def test_the_later_one_of_a_company_takes_the_place_of_its_only_old_one() -> None:
    assert successors([new(), old()]) == {1: 2}


@pytest.mark.parametrize("word", [Status.EXPIRED, Status.VALID])
def test_an_old_one_that_the_register_has_dropped_has_a_successor_too(word: Status) -> None:
    assert successors([old(word=word, gone=True), new()]) == {1: 2}


@pytest.mark.parametrize(
    "other",
    [
        new(word=Status.SUSPENDED),
        new(gone=True),
        new(number_key="number-1"),  # the same number with another period is the same certificate
        listed(2, date(2027, 1, 1), None),
        listed(2, None, date(2027, 12, 31)),
        listed(2, date(2025, 12, 31), date(2027, 12, 31)),  # began before the old one
        listed(2, date(2026, 6, 1), ENDS),  # ends no later
        new(begins=ENDS - timedelta(days=121)),  # so long beside it: another site's
        new(begins=ENDS + timedelta(days=61)),
    ],
)
def test_what_is_no_successor(other: Listed) -> None:
    assert successors([old(), other]) == {}


@pytest.mark.parametrize("word", [Status.WITHDRAWN, Status.TERMINATED, Status.SUSPENDED])
def test_what_is_not_valid_has_none(word: Status) -> None:
    assert successors([old(word=word), new()]) == {}


def test_two_that_end_and_one_that_begins_leave_a_doubt() -> None:
    assert successors([old(1), old(3), new()]) == {}


def test_one_that_ends_and_two_that_begin_leave_a_doubt() -> None:
    assert successors([old(), new(2), new(3)]) == {}


def test_places_tell_sites_apart() -> None:
    sites = [old(1, place="Hamburg"), old(2, place="Emden"), new(3, place="EMDEN"), new(4, place="Hamburg")]
    assert successors(sites) == {1: 4, 2: 3}
    assert successors([old(1, place="Hamburg"), new(3, place="Emden")]) == {}


def test_a_site_that_is_not_named_may_be_any() -> None:
    assert successors([old(1, place="Hamburg"), new(2)]) == {1: 2}
    assert successors([old(1, place="Hamburg"), old(3, place="Emden"), new(2)]) == {}


def test_who_watches_both_for_long_has_two() -> None:
    assert is_unrelated(ENDS, ENDS - timedelta(days=31))
    assert not is_unrelated(ENDS, ENDS - timedelta(days=30))
    assert is_unrelated(ENDS, None)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Muster Öle GmbH", "MUSTER ÖLE AG"),
        ("Muster Öle GmbH & Co. KG", "Muster-Öle"),
        ("Oleificio Rossi S.p.A.", "Oleificio Rossi SpA"),
        ("Tłuszcze Sp. z o.o.", "Tłuszcze"),
        ("Molino B.V.", "molino  bv"),
    ],
)
def test_the_legal_form_does_not_make_another_company(one: str, other: str) -> None:
    assert company(one) == company(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Muster Öle GmbH", "Muster Oele GmbH"), ("Muster Nord GmbH", "Muster GmbH"), ("AG Holz GmbH", "Holz GmbH")],
)
def test_nothing_else_is_forgiven(one: str, other: str) -> None:
    assert company(one) != company(other)


def test_a_name_that_is_all_legal_form_keeps_a_word() -> None:
    assert company("AG") == "ag"
    assert company("") == ""
