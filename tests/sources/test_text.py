import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.sources.pages import is_whole, text_of, tree, what_came
from certwatch.sources.text import clean, fold, words


@given(st.text())
def test_cleaned_text_can_be_stored_everywhere(text: str) -> None:
    cleaned = clean(text)
    assert "\x00" not in cleaned
    assert cleaned.encode().decode() == cleaned
    assert json.loads(json.dumps(cleaned)) == cleaned


@given(st.text(alphabet=st.characters(codec=None)))
def test_halves_of_a_pair_are_dropped(text: str) -> None:
    clean(text).encode()


@given(st.text())
def test_words_have_one_blank_between_them_and_none_outside(text: str) -> None:
    assert words(words(text)) == words(text)
    assert "  " not in words(text) and words(text) == words(text).strip()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Nom de l’opérateur économique", " NOM  DE L'OPÉRATEUR\u00a0ÉCONOMIQUE "),
        ("Type d'activité", "type d´activite\u0301"),
        ("Valid until", "valid\nuntil"),
    ],
)
def test_headings_are_the_same_but_for_case_apostrophe_and_space(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_headings_differ_in_anything_else() -> None:
    assert fold("Valid from") != fold("Validfrom")
    assert fold("REDcert²") != fold("REDcert2")


@pytest.mark.parametrize("cell", ["a<br>b", "a<br/>b", "<p>a</p><p>b</p>", "<div>a</div>b", "a&nbsp; b", "a\n\tb"])
def test_a_break_in_a_cell_is_a_blank(cell: str) -> None:
    assert text_of(tree(f"<table><tr><td>{cell}</td></tr></table>").css_first("td")) == "a b"


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<html><table></table></html>", True),
        ("<HTML><TABLE></TABLE ></HTML>\n<!-- cached -->", True),
        ("<html><table></table>", False),
        ("<html><table></html>", False),
        ("<html><table><tr><td>half", False),
    ],
)
def test_a_page_is_whole_if_it_and_its_tables_end(page: str, expected: bool) -> None:
    assert is_whole(page) is expected


@given(st.binary())
def test_what_came_instead_of_data_can_always_be_told(body: bytes) -> None:
    assert what_came(body)


def test_what_is_no_text_is_not_shown_as_text() -> None:
    assert what_came(b"\x82\xe9\x00\x01 and so on") == "binary data"
    assert what_came(b"\x1b[31mred\x07") == "“[31mred”"  # nothing that a terminal would obey


def test_a_page_is_told_by_its_title() -> None:
    assert what_came(b"<html><title>\n Log in &amp; out </title>") == "a page “Log in & out”"
    assert what_came(b" \n") == "nothing"
