"""Numbers that may be meant though they are not the same."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.rules import numbers, similar

BUYERS = Path(__file__).with_name("numbers_as_buyers_write_them.csv")
# A licence code names its holder's certificate only in FSC's own register, which is not read yet.
NOT_READ_YET = {"FSC-C103661"}


def rows(*same: str) -> list[tuple[str, str]]:
    with BUYERS.open(encoding="utf-8", newline="") as file:
        return [
            (row["typed"], row["published"])
            for row in csv.DictReader(file)
            if row["same_certificate"] in same and row["published"] and row["typed"] not in NOT_READ_YET
        ]


def may_mean(typed: str, published: str) -> bool:
    return similar.sketch(numbers.key(published)) in similar.sketches(typed)


@pytest.mark.parametrize(("typed", "published"), rows("suggest", "ambiguous", "yes"))
def test_what_buyers_write_is_offered(typed: str, published: str) -> None:
    assert may_mean(typed, published)


@pytest.mark.parametrize(("typed", "published"), rows("no"))
def test_another_certificate_is_never_offered(typed: str, published: str) -> None:
    assert not may_mean(typed, published)


@pytest.mark.parametrize(
    ("typed", "published"),
    [
        ("DE100-11775122", "ISCC-PLUS-Cert-DE100-11775122"),
        ("ISCC-Cert-DE100-11775122", "EU-ISCC-Cert-DE100-11775122"),
        ("ISCC EU DE100-11775122", "EU-ISCC-Cert-DE100-11775122"),
        ("ISCC PLUS DE100 11775122", "ISCC-PLUS-Cert-DE100-11775122"),
        ("EU_ISCC_Cert_DE100_11775122 (1).pdf", "EU-ISCC-Cert-DE100-11775122"),
        ("EU-ISCC-Cert-DE100-11775122_signed.pdf", "EU-ISCC-Cert-DE100-11775122"),
        ("https://example.com/a/EU-ISCC-Cert-DE100-11775122.pdf?download=1", "EU-ISCC-Cert-DE100-11775122"),
        ("EU-ISCC-Cert-DE10-12346190", "EU-ISCC-Cert-DE100-12346190"),  # two digits where ISCC has three
        ("EU ISCC Cert PT218 9O311904", "EU-ISCC-Cert-PT218-90311904"),  # letter O
        ("929-35293308", "EU-REDcert-929-35293308"),
        ("929-35293308", "REDcert²-929-35293308"),
        ("REDcert-EU-929-35293308", "EU-REDcert-929-35293308"),
        ("2BSvs 010010", "2BS010010"),
        ("010010", "2BS010010"),
        ("BLE-BM-10-100-12345678", "DE-B-BLE-BM-10-100-12345678"),
    ],
)
def test_a_missing_beginning_or_another_dress_is_offered(typed: str, published: str) -> None:
    assert may_mean(typed, published)


@pytest.mark.parametrize(
    ("typed", "published"),
    [
        ("EU-ISCC-Cert-DE100-11775122", "ISCC-PLUS-Cert-DE100-11775122"),
        ("ISCC PLUS DE100-11775122", "EU-ISCC-Cert-DE100-11775122"),
        ("EU-ISCC-Cert-DE100-1177512", "EU-ISCC-Cert-DE100-11775122"),
        ("EU-REDcert-929-35293308", "REDcert²-929-35293308"),
        ("2BS10010", "2BS010010"),
        ("SGS/KZR/0275", "SGS/KZR /0275"),
    ],
)
def test_digits_and_schemes_are_not_guessed(typed: str, published: str) -> None:
    assert not may_mean(typed, published)


@given(st.text(max_size=100))
def test_any_text_has_a_sketch_and_few_others(text: str) -> None:
    assert 1 <= len(similar.sketches(text)) <= 100
