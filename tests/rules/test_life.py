"""The life of a certificate as a picture."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.rules.life import Facts, Life, life
from certwatch.rules.shown import Key

TODAY = date(2026, 11, 24)
FIRST, LAST = date(2026, 3, 15), date(2027, 3, 14)


def drawn(key: Key = Key.VALID, first: date | None = FIRST, last: date | None = LAST, **more: object) -> Life:
    picture = life(Facts(key, first, last, **more), TODAY)  # type: ignore[arg-type]
    assert picture is not None
    return picture


def parts(picture: Life) -> list[tuple[str, bool, bool, float, float]]:
    """Key, pale, hatched, begin and end of each part of the bar, to half a per cent."""
    found = []
    for part in picture.segments:
        begin = float(part.x[:-1])
        end = begin + float(part.width[:-1])
        found.append((part.key.value, part.past, part.hatched, round(begin * 2) / 2, round(end * 2) / 2))
    return found


def test_what_is_over_is_pale_and_what_is_to_come_solid() -> None:
    assert parts(drawn()) == [("valid", True, False, 7.0, 67.0), ("valid", False, False, 67.0, 93.0)]
    assert drawn().today.x == "66.85%"


def test_the_last_day_counts_and_the_axis_ends_with_it() -> None:
    picture = drawn(last=TODAY)
    assert parts(picture)[-1][3:] == (92.5, 93.0)
    assert (picture.today.anchor, picture.last and picture.last.x) == ("end", "93.00%")


def test_from_the_day_of_a_suspension_it_is_striped() -> None:
    assert parts(drawn(Key.SUSPENDED, since=date(2026, 11, 23))) == [
        ("valid", True, False, 7.0, 66.5),
        ("suspended", False, True, 66.5, 93.0),
    ]
    assert parts(drawn(Key.WITHDRAWN, since=date(2026, 1, 1))) == [("withdrawn", False, True, 7.0, 93.0)]


def test_suspensions_that_are_over_stay_in_the_picture() -> None:
    picture = drawn(suspensions=[(date(2026, 6, 1), date(2026, 6, 30)), (date(2025, 1, 1), date(2025, 2, 1))])
    assert parts(picture)[2:] == [("suspended", False, True, 25.5, 32.5)]


def test_an_open_suspension_is_drawn_once() -> None:
    picture = drawn(Key.SUSPENDED, since=date(2026, 11, 23), suspensions=[(date(2026, 11, 23), None)])
    assert len(picture.segments) == 2


def test_what_was_not_confirmed_since_the_last_answer_is_pale() -> None:
    assert parts(drawn(answered=date(2026, 11, 21))) == [
        ("valid", False, False, 7.0, 66.0),
        ("valid", True, False, 66.0, 93.0),
    ]


def test_an_expired_one_is_pale_as_a_whole_and_one_to_come_solid() -> None:
    assert parts(drawn(Key.EXPIRED, date(2025, 1, 1), date(2025, 12, 31)))[0][:3] == ("expired", True, False)
    assert parts(drawn(Key.NOT_YET, date(2027, 1, 1), date(2027, 12, 31)))[0][:3] == ("notyet", False, False)


@pytest.mark.parametrize(("first", "last"), [(FIRST, None), (None, LAST)])
def test_one_end_may_be_unknown(first: date | None, last: date | None) -> None:
    picture = drawn(first=first, last=last)
    assert (picture.first is None, picture.last is None) == (first is None, last is None)
    assert parts(picture)[0][3] == (7.0 if first else 0.0)
    assert parts(picture)[-1][4] == (93.0 if last else 100.0)


def test_without_days_or_with_days_that_cannot_be_there_is_no_picture() -> None:
    assert life(Facts(Key.VALID, None, None), TODAY) is None
    assert life(Facts(Key.VALID, LAST, FIRST), TODAY) is None


def test_a_year_has_its_months_and_more_has_quarters_or_years() -> None:
    assert [tick.day.month for tick in drawn().ticks] == [4, 5, 6, 7, 8, 9, 10, 11, 12, 1, 2, 3]
    assert [tick.minor for tick in drawn().ticks][:4] == [False, True, True, False]
    quarters = drawn(last=date(2029, 3, 14))
    assert {tick.day.month for tick in quarters.ticks} == {1, 4, 7, 10}
    assert quarters.by_month
    years = drawn(first=date(2023, 9, 1), last=date(2028, 8, 31))
    assert [(tick.day, tick.by) for tick in years.ticks] == [(date(y, 1, 1), "year") for y in range(2024, 2029)]
    assert len(drawn(first=date(1950, 1, 1), last=date(2100, 1, 1)).ticks) <= 13


def test_each_week_with_checks_has_a_mark_and_a_bad_one_counts_most() -> None:
    monday = date(2026, 11, 2)
    picture = drawn(
        checks=[(monday, True), (monday + timedelta(days=1), True), (monday + timedelta(days=7), False),
                (monday + timedelta(days=8), True)],
        failed=[monday, monday + timedelta(days=15)],
    )  # fmt: skip
    assert [mark.kind for mark in picture.marks] == ["tick", "tick-x", "tick-o"]
    assert not picture.by_month


def test_checks_outside_the_axis_have_no_mark() -> None:
    assert drawn(checks=[(date(2024, 1, 1), True)]).marks == []


def test_labels_are_neither_cut_nor_crossed_by_today() -> None:
    def anchors(picture: Life) -> tuple[str, str, str]:
        assert picture.first is not None
        assert picture.last is not None
        return picture.first.anchor, picture.today.anchor, picture.last.anchor

    assert anchors(drawn()) == ("start", "middle", "end")
    assert anchors(drawn(first=TODAY - timedelta(days=7))) == ("end", "start", "end")
    assert anchors(drawn(first=date(2025, 12, 11), last=date(2026, 12, 10))) == ("start", "end", "start")
    assert anchors(drawn(Key.NOT_YET, date(2027, 3, 1), date(2027, 3, 14))) == ("end", "start", "end")


days = st.dates(date(1900, 1, 1), date(9999, 12, 31))


@given(
    key=st.sampled_from(list(Key)), first=st.none() | days, last=st.none() | days, since=st.none() | days,
    today=days, answered=st.none() | days, checks=st.lists(st.tuples(days, st.booleans()), max_size=5),
    suspensions=st.lists(st.tuples(st.none() | days, st.none() | days), max_size=3),
)  # fmt: skip
def test_nothing_stands_outside_of_the_picture(
    key: Key, first: date | None, last: date | None, since: date | None, today: date, answered: date | None,
    checks: list[tuple[date, bool]], suspensions: list[tuple[date | None, date | None]],
) -> None:  # fmt: skip
    facts = Facts(key, first, last, since, answered, suspensions, checks)
    picture = life(facts, today)
    if picture is None:
        return
    for part in picture.segments:
        begin, width = float(part.x[:-1]), float(part.width[:-1])
        assert 0 <= begin <= 93.01
        assert 0 < width <= 100.4 - begin
    assert all(5.5 <= float(tick.x[:-1]) <= 94.5 for tick in picture.ticks)
    assert len(picture.ticks) <= 40
    assert all(0 <= float(mark.x[:-1]) <= 93.01 for mark in picture.marks)
    assert 7 <= float(picture.today.x[:-1]) <= 93
