"""Which scheme a number or a name tells."""

import pytest

from certwatch.rules import schemes


@pytest.mark.parametrize(
    ("number", "scheme"),
    [
        ("EU-ISCC-Cert-DE100-12345678", "ISCC EU"),
        ("eu‑iscc‑cert‑de100‑1", "ISCC EU"),
        ("ISCC-PLUS-Cert-CO222-00000026", "ISCC PLUS"),
        ("ISCC-CORSIA-Cert-IT206-5", "ISCC CORSIA"),
        ("ISCC-CORSIA-PLUS-Cert-IT206-5", "ISCC CORSIA PLUS"),
        ("ISCC-Cert-ES216-20215150", "ISCC"),
        ("DE-B-BLE-BM-10-100-04508121", "ISCC DE"),
        ("EU-REDcert-553-54240001", "REDcert-EU"),
        ("REDcert²-929-35291088", "REDcert²"),
        ("REDcert2-929-35291088", "REDcert"),
        ("2BS010181", "2BSvs"),
        ("BVC/KZR/027/22", ""),
        ("890818", ""),
        ("44073_EU-ISCC-Cert-DK220-88872024", ""),
    ],
)
def test_the_beginning_of_a_number_tells_its_scheme(number: str, scheme: str) -> None:
    assert schemes.scheme_of(number) == scheme


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        ("ISCC EU", "ISCC EU"),
        ("iscc-eu", "ISCC EU"),
        (" Iscc  Plus", "ISCC PLUS"),
        ("REDCERT²", "REDcert²"),
        ("REDcert2", "REDcert²"),
        ("redcert eu", "REDcert-EU"),
        ("iscc", "ISCC"),
        ("fsc", "FSC"),
        ("Better biomass", "Better Biomass"),
        ("ISO 9001", ""),
        ("", ""),
    ],
)
def test_a_scheme_is_known_however_it_is_written(text: str, scheme: str) -> None:
    assert schemes.named(text) == scheme


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("ISCC EU", "ISCC EU", True),
        ("ISCC EU", "ISCC", True),
        ("ISCC", "ISCC PLUS", True),
        ("REDcert", "REDcert²", True),
        ("ISCC EU", "ISCC PLUS", False),
        ("REDcert-EU", "REDcert²", False),
        ("ISCC", "REDcert", False),
        ("2BSvs", "FSC", False),
    ],
)
def test_a_family_agrees_with_its_members_and_these_not_with_each_other(one: str, other: str, agree: bool) -> None:
    assert schemes.agree(one, other) is schemes.agree(other, one) is agree


@pytest.mark.parametrize(
    "usual",
    [
        "EU-ISCC-Cert-DE100-17452019", "EU-ISCC-Cert-IT206-1306", "ISCC-PLUS-Cert-CO222-00000026",
        "ISCC-CORSIA-PLUS-Cert-IT206-5", "DE-B-BLE-BM-10-100-04508121", "EU-REDcert-553-54240001",
        "REDcert²-929-35291088", "2BS010181", "SGS/KZR /0049", "0047 963 11879",
    ],
)  # fmt: skip
def test_usual_numbers_and_those_of_no_known_form_get_no_remark(usual: str) -> None:
    assert schemes.remark(usual) == ""


@pytest.mark.parametrize(
    "unusual",
    [
        "EU-ISCC-Cert-PL214- 80350122", "EU-ISCC-Cert-Cert-IT206-1164", "ISCC-Cert-ES216-20215150",
        "ISCC-PLUS-NL220-Cert-2245613002", "EU-REDcert-999-542-40001", "REDcert2-929-35291088", "2BS10181",
    ],
)  # fmt: skip
def test_an_unusual_form_is_remarked_with_an_example(unusual: str) -> None:
    assert schemes.remark(unusual).startswith("Unusual form: numbers of ")
