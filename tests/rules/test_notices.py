"""Kinds of changes, stages of an end, working days, what is worse than what (alerts.md)."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.rules.notices import (
    FROM_THE_WORST,
    SEVERITY,
    Kind,
    Moved,
    Severity,
    Stages,
    covered_by,
    disagrees,
    ended_by,
    is_working_day,
    kinds_of,
    kinds_of_return,
    may_snooze,
    repeats_due,
    stages_reached,
    working_days_after,
    worse_than,
)
from certwatch.rules.status import Status

FIRST, LAST = date(2026, 3, 1), date(2027, 2, 28)
STAGES = (60, 30, 14, 7, 1)
DAY = timedelta(days=1)
STATUS, DATA, RENEWED = "certificate.status_changed", "certificate.data_changed", "certificate.renewed"


def word(was: str, now: str) -> Moved:
    return Moved(STATUS, was, now, FIRST, FIRST, LAST, LAST)


def data(*fields: str, begins: date | None = FIRST, ends: date | None = LAST, ended: date | None = LAST) -> Moved:
    return Moved(DATA, "valid", "valid", FIRST, begins, ended, ends, fields)


@pytest.mark.parametrize(
    ("kind", "severity"),
    [
        (Kind.SUSPENDED, Severity.CRITICAL),
        (Kind.SHORTENED, Severity.CRITICAL),
        (Kind.CHANNEL_FAILING, Severity.CRITICAL),
        (Kind.EXPIRING, Severity.WARNING),
        (Kind.UNCLEAR, Severity.WARNING),
        (Kind.SOURCE_RECOVERED, Severity.INFORMATION),
        (Kind.RENEWED, Severity.INFORMATION),
        (Kind.RUN_HELD, Severity.OPERATOR),
    ],
)
def test_each_kind_has_its_severity(kind: Kind, severity: Severity) -> None:
    assert SEVERITY[kind] == severity
    assert set(SEVERITY) == set(Kind)


@pytest.mark.parametrize(
    ("was", "now", "kinds"),
    [
        ("valid", "suspended", ["suspended"]),
        ("valid", "withdrawn", ["withdrawn"]),
        ("suspended", "terminated", ["terminated"]),
        ("valid", "not_found", ["not_found"]),
        ("valid", "expired", ["expired"]),
        ("valid", "unknown", ["unclear"]),
        ("suspended", "valid", ["lifted"]),
        ("withdrawn", "valid", ["lifted"]),
        ("terminated", "not_yet_valid", ["lifted"]),
        ("not_found", "valid", ["found_again"]),
        ("not_found", "suspended", ["suspended"]),
        ("unknown", "valid", ["first_word"]),
        ("unknown", "suspended", ["suspended", "first_word"]),
        ("unknown", "not_found", ["not_found", "first_word"]),
        ("valid", "valid", []),
        ("valid", "melted", []),  # of another version of this program
    ],
)
def test_another_word_is_of_a_kind(was: str, now: str, kinds: list[str]) -> None:
    assert list(kinds_of(word(was, now))) == kinds


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (data(ends=LAST - DAY), ["shortened"]),
        (data(ends=LAST + DAY), ["extended"]),
        (data(ends=None), ["extended"]),
        (data(ended=None), ["shortened"]),  # it had no end, and has one now
        (data(begins=FIRST + DAY, ends=LAST + DAY), ["renewed"]),
        (data(begins=FIRST - DAY, ends=LAST + DAY), ["extended"]),
        (data(begins=FIRST + DAY), []),
        (data("holder"), ["holder_changed"]),
        (data("spelling"), []),
        (data("scopes"), ["scope_changed"]),
        (data("materials", "scopes"), ["scope_changed"]),
        (data("suspensions"), ["suspension_noted"]),
        (data("disagreement"), ["disagreement"]),
        (data("certifier", "place", "details"), []),
        (
            data("scopes", "suspensions", "holder", ends=LAST - DAY),
            ["shortened", "holder_changed", "suspension_noted", "scope_changed"],
        ),
        (Moved(RENEWED, "valid", "valid"), ["renewed"]),
        (Moved("certificate.added", "valid", "valid"), []),
        (Moved("certificate.removed", "valid", "valid"), []),
    ],
)
def test_other_data_is_of_its_kinds_in_the_order_of_all(change: Moved, kinds: list[str]) -> None:
    assert list(kinds_of(change)) == kinds
    assert kinds == sorted(kinds, key=[str(kind) for kind in Kind].index)


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (word("valid", "valid"), []),
        (word("valid", "suspended"), ["suspended"]),
        (word("suspended", "valid"), ["lifted"]),
        (Moved(STATUS, "valid", "valid", FIRST, FIRST, LAST, LAST - DAY), ["shortened"]),
        (Moved(STATUS, "valid", "unknown", FIRST, None, LAST, None), ["unclear"]),
    ],
)
def test_what_comes_back_is_told_as_what_it_became_meanwhile(change: Moved, kinds: list[str]) -> None:
    assert list(kinds_of_return(change)) == kinds


@pytest.mark.parametrize(
    ("kind", "change", "by"),
    [
        (Kind.SUSPENDED, word("suspended", "valid"), "lifted"),
        (Kind.SUSPENDED, word("suspended", "withdrawn"), "withdrawn"),
        (Kind.NOT_FOUND, word("not_found", "valid"), "found_again"),
        (Kind.UNCLEAR, word("unknown", "valid"), "first_word"),
        (Kind.EXPIRED, word("expired", "valid"), "valid"),
        (Kind.EXPIRED, word("valid", "suspended"), None),
        (Kind.EXPIRING, word("valid", "terminated"), "terminated"),
        (Kind.EXPIRING, word("valid", "suspended"), None),
        (Kind.EXPIRING, data(ends=LAST + DAY), "extended"),
        (Kind.EXPIRING, data(ends=None), "extended"),
        (Kind.EXPIRING, data(ends=LAST - DAY), "shortened"),
        (Kind.EXPIRING, data(begins=FIRST + DAY, ends=LAST + DAY), "renewed"),
        (Kind.EXPIRED, Moved(RENEWED, "valid", "valid", FIRST, LAST, LAST, LAST + 365 * DAY), "renewed"),
        (Kind.STILL_EXPIRED, data(ends=LAST + DAY), "extended"),
        (Kind.EXPIRED, Moved(STATUS, "not_found", "valid", None, FIRST, None, LAST + DAY), "extended"),
        (Kind.EXPIRED, Moved(STATUS, "not_found", "valid", None, FIRST, None, LAST), None),
        (Kind.EXPIRING, Moved(STATUS, "valid", "not_found", FIRST, None, LAST, None), None),
        (Kind.SHORTENED, data(ends=LAST + DAY), "extended"),
        (Kind.SHORTENED, data(ends=LAST - DAY), None),
        (Kind.SUSPENDED, data("holder"), None),
        (Kind.HOLDER_CHANGED, word("valid", "suspended"), None),
        (Kind.REVIEW_DUE, Moved("certificate.removed", "", ""), "removed"),
    ],
)
def test_what_a_change_ends(kind: Kind, change: Moved, by: str | None) -> None:
    assert ended_by(kind, LAST, change, kinds_of(change)) == by


@pytest.mark.parametrize(
    ("own", "own_until", "said", "said_until", "expected"),
    [
        (Status.VALID, LAST, Status.VALID, LAST, False),
        (Status.VALID, LAST, Status.SUSPENDED, LAST, True),
        (Status.VALID, LAST, Status.VALID, LAST + DAY, True),
        (Status.VALID, None, Status.VALID, LAST, True),
        (Status.VALID, date(2026, 1, 1), Status.EXPIRED, date(2026, 1, 1), False),  # both say that it has ended
        (Status.UNKNOWN, LAST, Status.SUSPENDED, LAST, False),
        (Status.VALID, LAST, Status.NOT_FOUND, None, False),
        (Status.VALID, LAST, Status.UNKNOWN, None, False),
    ],
)
def test_a_register_disagrees_by_status_or_last_day(
    own: Status, own_until: date | None, said: Status, said_until: date | None, expected: bool
) -> None:
    today = date(2026, 11, 24)
    assert disagrees(today, own, None, own_until, said=said, said_from=None, said_until=said_until) == expected


# ---- by the day


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (61, None),
        (60, Stages(60, ())),
        (59, Stages(60, ())),
        (30, Stages(30, (60,))),
        (3, Stages(7, (14, 30, 60))),  # a worker that slept
        (1, Stages(1, (7, 14, 30, 60))),
        (0, Stages(1, (7, 14, 30, 60))),  # the last day still counts
        (-1, None),
    ],
)
def test_the_most_urgent_stage_is_told_and_the_others_are_skipped(left: int, expected: Stages | None) -> None:
    assert stages_reached(STAGES, LAST, LAST - left * DAY) == expected


def test_without_stages_nothing_is_told() -> None:
    assert stages_reached([], LAST, LAST) is None


@given(st.lists(st.integers(0, 400), max_size=6), st.integers(0, 500), st.integers(0, 30))
def test_a_stage_is_never_less_urgent_on_a_later_day(stages: list[int], left: int, later: int) -> None:
    first = stages_reached(stages, LAST, LAST - left * DAY)
    then = stages_reached(stages, LAST, LAST - max(left - later, 0) * DAY)
    if first is not None:
        assert then is not None
        assert then.told <= first.told
        assert {first.told, *first.skipped} <= {then.told, *then.skipped}


@pytest.mark.parametrize(("days", "expected"), [(-3, 0), (0, 0), (6, 0), (7, 1), (13, 1), (14, 2), (30, 4)])
def test_repeats_come_every_week(days: int, expected: int) -> None:
    assert repeats_due(LAST, LAST + days * DAY) == expected


@pytest.mark.parametrize(
    ("day", "count", "expected"),
    [
        (date(2026, 11, 24), 0, date(2026, 11, 24)),
        (date(2026, 11, 24), 3, date(2026, 11, 27)),  # Tuesday to Friday
        (date(2026, 11, 27), 1, date(2026, 11, 30)),  # Friday to Monday
        (date(2026, 11, 28), 1, date(2026, 11, 30)),  # Saturday to Monday
        (date(2026, 11, 24), 7, date(2026, 12, 3)),
    ],
)
def test_working_days_leave_out_the_weekend(day: date, count: int, expected: date) -> None:
    assert working_days_after(day, count) == expected


@given(st.dates(date(2020, 1, 1), date(2040, 1, 1)), st.integers(0, 40))
def test_so_many_working_days_lie_between(day: date, count: int) -> None:
    end = working_days_after(day, count)
    between = [day + n * DAY for n in range(1, (end - day).days + 1)]
    assert sum(map(is_working_day, between)) == count


# ---- states that a person sets


@pytest.mark.parametrize(
    ("kind", "other", "expected"),
    [
        (Kind.WITHDRAWN, Kind.TERMINATED, True),
        (Kind.TERMINATED, Kind.SUSPENDED, True),
        (Kind.SUSPENDED, Kind.EXPIRED, True),
        (Kind.EXPIRED, Kind.EXPIRING, True),
        (Kind.SUSPENDED, Kind.WITHDRAWN, False),
        (Kind.EXPIRING, Kind.EXPIRING, False),
        (Kind.RENEWED, Kind.EXPIRING, False),
        (Kind.WITHDRAWN, Kind.KEY_ENDING, False),
    ],
)
def test_worse_reopens(kind: Kind, other: Kind, expected: bool) -> None:
    assert worse_than(kind, other) == expected


@given(st.sampled_from(Kind), st.sampled_from(Kind))
def test_of_two_one_is_worse_at_most(kind: Kind, other: Kind) -> None:
    assert not (worse_than(kind, other) and worse_than(other, kind))
    if kind in FROM_THE_WORST and other in FROM_THE_WORST and kind != other:
        assert worse_than(kind, other) or worse_than(other, kind)


@pytest.mark.parametrize(
    ("kind", "until", "last_day", "expected"),
    [
        (Kind.EXPIRING, date(2026, 12, 1), LAST, True),
        (Kind.EXPIRING, LAST, LAST, True),
        (Kind.EXPIRING, LAST + DAY, LAST, False),  # never beyond the end
        (Kind.EXPIRING, date(2026, 11, 24), LAST, False),  # today is no later day
        (Kind.EXPIRED, date(2026, 12, 1), date(2026, 11, 1), True),  # the end has passed
        (Kind.HOLDER_CHANGED, date(2030, 1, 1), None, True),
        (Kind.WITHDRAWN, date(2026, 12, 1), LAST, False),
    ],
)
def test_who_may_snooze_how_long(kind: Kind, until: date, last_day: date | None, expected: bool) -> None:
    assert may_snooze(kind, until, last_day, date(2026, 11, 24)) == expected


# ---- successors


@pytest.mark.parametrize(
    ("begins", "scopes", "in_time", "missing"),
    [
        (LAST + DAY, ["Trader", "Storage"], True, ()),
        (LAST + 2 * DAY, ["Trader", "Storage"], False, ()),  # a gap of a day
        (LAST - DAY, ["STORAGE ", "trader", "More"], True, ()),
        (None, ["Trader"], True, ("Storage",)),
    ],
)
def test_a_successor_covers_in_time_and_in_scope(
    begins: date | None, scopes: list[str], in_time: bool, missing: tuple[str, ...]
) -> None:
    covered = covered_by(LAST, ["Trader", "Storage"], begins=begins, its_scopes=scopes)
    assert (covered.in_time, covered.missing, covered.fully) == (in_time, missing, in_time and not missing)
