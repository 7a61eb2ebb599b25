"""Numbers in texts that people paste."""

import csv
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.rules import numbers, pasted

NUMBER = "EU-ISCC-Cert-DE100-12345678"
BUYERS = Path(__file__).with_name("numbers_as_buyers_write_them.csv")


def found(text: str) -> list[str]:
    return pasted.read(text).numbers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (NUMBER, [NUMBER]),
        (f"  {NUMBER}\t", [NUMBER]),
        (f"{NUMBER}\nEU-REDcert-929-35293308\r\n2BS010422", [NUMBER, "EU-REDcert-929-35293308", "2BS010422"]),
        (f"{NUMBER}; ISCC-PLUS-Cert-BE202-70119382, 2BS010422", [NUMBER, "ISCC-PLUS-Cert-BE202-70119382", "2BS010422"]),
        (f"{NUMBER} 2BS010422", [NUMBER, "2BS010422"]),
        (f"{NUMBER}/EU-ISCC-Cert-DE100-12345679", [NUMBER, "EU-ISCC-Cert-DE100-12345679"]),
        (f"1. {NUMBER}\n2) 2BS010422\n• 2BS010423\n- 2BS010424", [NUMBER, "2BS010422", "2BS010423", "2BS010424"]),
        (f"Nr.:{NUMBER}, “2BS010422”.", [NUMBER, "2BS010422"]),
        (f"Oderbruch GmbH\t104882\t{NUMBER}\t31.12.2026", [NUMBER]),
        ("Kujawy Rapsolej\tAGRO-CERT-PL-00817\t104882\t2027-04-11", ["AGRO-CERT-PL-00817"]),
        ("Supplier Karpaten Pellets: SURE-EU-305-24118076, valid to 11 Apr 2027", ["SURE-EU-305-24118076"]),
        (f"Dear Anna, our certificate ({NUMBER}) is valid until 31.12.2026. Tel. +49 30 1234567", [NUMBER]),
        ("104882", ["104882"]),  # a number of unusual form is never refused
    ],
)
def test_finds_the_numbers_and_ignores_the_text_around_them(text: str, expected: list[str]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "number",
    [
        "EU-ISCC-Cert-PL214- 10741221",
        "EU ISCC Cert PT218 90311904",
        "KZR INiG CU - 885266/1",
        "URS  015323 /B-0114",
        "REDcert² 929 35291088",
    ],
)
def test_numbers_with_inner_spaces_survive(number: str) -> None:
    assert found(number) == [number]
    assert found(f"- {number}, valid until 31.12.2026") == [number]
    assert found(f"Firma Beispiel GmbH\t{number}\t31.12.2026") == [number]


def test_spaces_inside_are_kept_in_a_sentence() -> None:
    assert found("Certificate no. KZR INiG CU - 885267/1 valid until 2026-12-31") == ["KZR INiG CU - 885267/1"]


@pytest.mark.parametrize("glue", ["EU-ISCC-Cert-\nDE100-12345678", "EU-ISCC-Cert-DE100-  \r\n  12345678"])
def test_a_number_that_a_pdf_broke_in_two_lines_is_one(glue: str) -> None:
    assert found(f"Zertifikat {glue} und mehr") == [NUMBER]


@pytest.mark.parametrize(
    "word",
    [
        "44073_EU-ISCC-Cert-DK220-88872024",
        "44073_EU-ISCC-Cert-DK220-88872024.pdf",
        "https://certificates.iscc-system.org/cert-pdf/EU-ISCC-Cert-DE105-86436004.pdf",
        "SV-2BS010010",
    ],
)
def test_what_stands_in_the_same_word_is_not_cut_off(word: str) -> None:
    """It is a suggestion then, for a person to confirm."""
    assert found(f"see {word} please") == [word]


@pytest.mark.parametrize(
    "text",
    [
        "see attachment",
        "Tel. +49 30 1234567",
        "Hauptstr. 12, 10115 Berlin",
        "https://www.example.com/12345 anna12345@example.com",
        "valid until 31.12.2026, 31 Dec 2026 or 2026-12-31",
        "",
        " \n\t\n",
    ],
)
def test_texts_without_a_number_have_none(text: str) -> None:
    assert found(text) == []


def test_equal_numbers_count_once_and_lines_without_one_are_counted() -> None:
    read = pasted.read(f"{NUMBER}\n{NUMBER.lower()}\n{NUMBER.replace('-', '‑')}\nKind regards\n\n2BS010422")
    assert read == pasted.Pasted([NUMBER, "2BS010422"], empty_lines=1, repeated=2)


def test_finds_each_number_that_buyers_write() -> None:
    with BUYERS.open(encoding="utf-8", newline="") as file:
        typed = [row["typed"] for row in csv.DictReader(file)]
    for number in typed:
        assert [numbers.key(n) for n in found(f"\n{number}\n")] == [numbers.key(number)]
    assert {numbers.key(n) for n in found("\n".join(typed))} == {numbers.key(n) for n in typed}


@given(st.text(max_size=300))
def test_any_text_can_be_read_and_what_is_found_stands_in_it(text: str) -> None:
    read = pasted.read(text)
    assert len({numbers.key(n) for n in read.numbers}) == len(read.numbers)
    assert all(number for number in read.numbers)


@given(
    st.lists(st.integers(0, 99_999_999), min_size=1, max_size=20, unique=True), st.sampled_from(["\n", "; ", "\t", " "])
)
def test_finds_all_of_a_list_however_it_is_divided(serials: list[int], between: str) -> None:
    listed = [f"EU-ISCC-Cert-DE100-{serial:08}" for serial in serials]
    assert found(between.join(listed)) == listed


@pytest.mark.parametrize("piece", ["1 ", "EU-", "ISCC ", "/", "A1- ", "2BS", "a@", "- ", "1/ ", "EU ISCC-"])
def test_a_long_text_is_read_quickly(piece: str) -> None:
    """What is quadratic would take minutes here."""
    began = time.process_time()
    pasted.read(piece * (100_000 // len(piece)))
    assert time.process_time() - began < 2
