"""The list's address."""

from datetime import date
from urllib.parse import parse_qs, urlencode

from hypothesis import given
from hypothesis import strategies as st

from certwatch.rules.listing import MOST_VALUES, SORTS, STATUSES, Filter, read
from certwatch.rules.shown import BY_SEVERITY

TEXTS = (
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
    .map(str.strip)
    .filter(bool)
)
FILTERS = st.builds(
    Filter,
    q=st.one_of(st.just(""), TEXTS),
    status=st.lists(st.sampled_from(sorted(STATUSES)), unique=True).map(tuple),
    scheme=st.lists(TEXTS, unique=True, max_size=3).map(tuple),
    tag=st.lists(TEXTS, unique=True, max_size=3).map(tuple),
    kind=st.sampled_from(["", "automatic", "nis"]),
    expires_within=st.one_of(st.none(), st.integers(0, 3650)),
    ends_from=st.one_of(st.none(), st.dates(date(2000, 1, 1))),
    sort=st.sampled_from([*SORTS, *(f"-{sort}" for sort in SORTS)]),
)


@given(FILTERS)
def test_a_filter_survives_its_address(wanted: Filter) -> None:
    address = urlencode(wanted.pairs())
    assert read(parse_qs(address, keep_blank_values=True)) == wanted


def test_what_makes_no_sense_is_left_out() -> None:
    asked = {"status": ["lost", "valid"], "kind": ["x"], "expires_within": ["-3"], "ends_to": ["soon"], "sort": ["id"]}
    assert read(asked) == Filter(status=("valid",))


def test_every_key_of_the_pages_can_be_asked_for() -> None:
    assert {key for keys in STATUSES.values() for key in keys} == set(BY_SEVERITY)


def test_one_condition_can_be_taken_away() -> None:
    wanted = Filter(q="x", status=("valid", "expired"), ends_to=date(2027, 1, 1))
    assert wanted.without("status", "valid") == Filter(q="x", status=("expired",), ends_to=date(2027, 1, 1))
    assert wanted.without("ends_to", "2027-01-01") == Filter(q="x", status=("valid", "expired"))


def test_what_no_database_takes_is_left_out() -> None:
    assert read({"q": ["a\0b"], "tag": ["\0"]}) == Filter(q="ab")
    assert len(read({"supplier": [str(place) for place in range(2_000)]}).supplier) == MOST_VALUES
