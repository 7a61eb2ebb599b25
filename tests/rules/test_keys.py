"""API keys: their form, their checksum, their digest, their end."""

import hashlib
import zlib
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.rules import keys

EXAMPLE = "cw_4mRt8WzKq1vNf7Yc0HsJxB2uLdP6eGa9Tb2Aezee"  # of the contract

secrets_ = st.text(st.sampled_from(keys.ALPHABET), min_size=keys.SECRET_LENGTH, max_size=keys.SECRET_LENGTH)


def test_the_contracts_example_is_well_formed() -> None:
    assert keys.well_formed(EXAMPLE)


def test_a_new_key_has_the_contracts_form() -> None:
    key = keys.make()
    assert len(key) == 43
    assert key.startswith("cw_")
    assert set(key[3:]) <= set(keys.ALPHABET)
    assert keys.well_formed(key)


def test_no_two_new_keys_are_equal() -> None:
    assert len({keys.make() for _ in range(1000)}) == 1000


@given(secrets_)
def test_the_checksum_is_the_crc_in_base_62(secret: str) -> None:
    digits = keys.checksum(secret)
    assert len(digits) == 6
    number = 0
    for digit in digits:
        number = number * 62 + keys.ALPHABET.index(digit)
    assert number == zlib.crc32(secret.encode())


@given(secrets_, st.integers(3, 42), st.sampled_from(keys.ALPHABET))
def test_one_wrong_character_is_seen(secret: str, place: int, letter: str) -> None:
    key = keys.PREFIX + secret + keys.checksum(secret)
    wrong = key[:place] + letter + key[place + 1 :]
    assert keys.well_formed(wrong) is (wrong == key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cw_",
        EXAMPLE[:-1],
        EXAMPLE + "0",
        EXAMPLE.lower(),
        EXAMPLE.upper(),
        " " + EXAMPLE,
        EXAMPLE + "\n",
        "cx_" + EXAMPLE[3:],
        "cw_test_" + EXAMPLE[3:],
        "cw_" + "²" * 40,
        "cw_" + "é" * 40,
    ],
)
def test_what_is_no_key_is_seen_without_a_query(text: str) -> None:
    assert not keys.well_formed(text)


@given(st.text(max_size=60))
def test_anything_may_be_asked(text: str) -> None:
    assert keys.well_formed(text) is False


def test_the_digest_is_that_of_the_whole_key() -> None:
    assert keys.digest(EXAMPLE) == hashlib.sha256(EXAMPLE.encode()).digest()


def test_a_key_is_recognised_by_five_characters() -> None:
    assert keys.begins(EXAMPLE) == "4mRt8"


@pytest.mark.parametrize(
    ("last_day", "zone", "end"),
    [
        (date(2026, 12, 31), "Europe/Berlin", datetime(2026, 12, 31, 23, tzinfo=UTC)),
        (date(2026, 3, 29), "Europe/Berlin", datetime(2026, 3, 29, 22, tzinfo=UTC)),  # the clocks went forward that day
        (date(2026, 10, 25), "Europe/Berlin", datetime(2026, 10, 25, 23, tzinfo=UTC)),  # and back
        (date(2026, 12, 31), "America/Los_Angeles", datetime(2027, 1, 1, 8, tzinfo=UTC)),
        (date(2026, 4, 23), "Africa/Cairo", datetime(2026, 4, 23, 22, tzinfo=UTC)),  # a midnight that is left out
    ],
)
def test_the_last_day_counts_to_its_end(last_day: date, zone: str, end: datetime) -> None:
    assert keys.ends_at(last_day, zone) == end


@given(
    st.dates(date(1970, 1, 1), date(8999, 12, 31)), st.sampled_from(["Europe/Berlin", "Africa/Cairo", "Asia/Tehran"])
)
def test_the_end_is_the_first_moment_of_another_day(last_day: date, zone: str) -> None:
    end = keys.ends_at(last_day, zone)
    here = ZoneInfo(zone)
    assert end.astimezone(here).date() > last_day
    assert datetime.fromtimestamp(end.timestamp() - 1, here).date() <= last_day
