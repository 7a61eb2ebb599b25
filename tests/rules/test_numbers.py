"""Certificate numbers and names: what is the same, and what only looks so."""

import csv
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.rules.errors import BadNumber
from certwatch.rules.numbers import LONGEST, key, name_key, written

NUMBER = "EU-ISCC-Cert-DE100-06909122"
AS_TYPED = [
    (row["typed"], row["published"], row["same_certificate"])
    for row in csv.DictReader(
        Path(__file__).with_name("numbers_as_buyers_write_them.csv").read_text(encoding="utf-8").splitlines()
    )
]
EVERY_CHARACTER = [chr(point) for point in range(sys.maxunicode + 1)]
DASHES = [c for c in EVERY_CHARACTER if unicodedata.category(c) == "Pd"] + ["\N{MINUS SIGN}"]
INVISIBLE = [c for c in EVERY_CHARACTER if unicodedata.category(c) == "Cf"]
SPACES = [c for c in EVERY_CHARACTER if c.isspace() and not "\x1c" <= c <= "\x1f"]
CONTROLS = [c for c in EVERY_CHARACTER if unicodedata.category(c) == "Cc" and c not in SPACES]

texts = st.text(st.characters() | st.sampled_from([*DASHES, *INVISIBLE, *SPACES, *"²2³ßİıſK", "\u0308"]), max_size=40)


@pytest.mark.parametrize(("typed", "published", "same"), AS_TYPED)
def test_what_buyers_type_matches_only_where_it_is_the_same(typed: str, published: str, same: str) -> None:
    assert (key(typed) == key(published)) is (same == "yes")


@pytest.mark.parametrize("dash", DASHES, ids=unicodedata.name)
def test_every_dash_is_a_dash(dash: str) -> None:
    assert key(NUMBER.replace("-", dash)) == key(NUMBER)


def test_invisible_characters_do_not_count_wherever_they_stand() -> None:
    for char in INVISIBLE:
        assert key(f"{char}EU-{char}ISCC-Cert-DE100-06909122{char}") == key(NUMBER)


@pytest.mark.parametrize("space", SPACES, ids=ascii)
def test_a_run_of_white_space_is_one_space_and_none_at_the_ends(space: str) -> None:
    assert key(f"{space}URS{space}{space}015323{space} /B-0114{space}") == "urs 015323 /b-0114"
    assert key("URS015323 /B-0114") != "urs 015323 /b-0114"


def test_composed_and_decomposed_letters_are_the_same() -> None:
    assert key("ÖL-1") == key("O\u0308L-1")


def test_superscript_two_is_not_two() -> None:
    assert key("REDcert²-929-35291088") != key("REDcert2-929-35291088")


def test_letter_case_is_folded_not_lowered() -> None:
    assert key("STRASSE") == key("straße")


@given(texts)
def test_a_key_is_its_own_key(text: str) -> None:
    assert key(key(text)) == key(text)


@given(texts)
def test_composition_makes_no_difference(text: str) -> None:
    assert key(unicodedata.normalize("NFD", text)) == key(unicodedata.normalize("NFC", text)) == key(text)


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=40))
def test_the_short_way_of_plain_numbers_gives_the_same(text: str) -> None:
    """A number of ASCII takes a short way; with an invisible character it takes the long one."""
    assert key(text) == key(text + "\N{ZERO WIDTH SPACE}")


@given(texts)
def test_what_is_shown_is_what_was_written_without_its_outer_space(text: str) -> None:
    try:
        shown = written(text)
    except BadNumber:
        return
    assert shown in text
    assert key(shown) == key(text)
    assert written(shown) == shown


@pytest.mark.parametrize("empty", ["", " ", "\t\n", "\N{NO-BREAK SPACE}", "\N{ZERO WIDTH SPACE}", "\N{SOFT HYPHEN} "])
def test_nothing_is_no_number(empty: str) -> None:
    with pytest.raises(BadNumber, match="no certificate number here"):
        written(empty)


@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
def test_control_characters_are_no_number(control: str) -> None:
    with pytest.raises(BadNumber, match="control characters"):
        written(f"EU{control}ISCC")


def test_half_a_surrogate_is_no_number() -> None:
    with pytest.raises(BadNumber):
        written("EU\ud800ISCC")


def test_two_hundred_characters_are_a_number_and_one_more_is_none() -> None:
    assert written(f" {'x' * LONGEST} ") == "x" * LONGEST
    with pytest.raises(BadNumber, match="at most 200 characters; this has 201"):
        written("x" * (LONGEST + 1))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Müller & Söhne GmbH", "MÜLLER&SÖHNE  GmbH."),
        ("Müller", "Mu\u0308ller"),
        ("UAB „Saulė“", "uab saulė"),
        ("C&D (HAINAN) CO., LTD", "c d hainan co ltd"),
    ],
)
def test_names_are_the_same_without_case_punctuation_and_space(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(("one", "other"), [("Müller", "Mueller"), ("Müller GmbH", "Müller"), ("REDcert²", "REDcert2")])
def test_names_that_differ_in_more_are_not_the_same(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)
