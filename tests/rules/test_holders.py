"""Supplier and holder: the same company or not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.rules.holders import differ


@pytest.mark.parametrize(
    ("supplier", "holder"),
    [
        ("Oderbruch Biodiesel", "Oderbruch Biodiesel GmbH"),
        ("ODERBRUCH BIODIESEL GMBH & CO. KG", "Oderbruch-Biodiesel GmbH & Co. KG"),
        ("Coop. des Trois Sillons", "Coopérative des Trois Sillons"),
        ("Zmyślona Biomasa", "Zmyślona Biomasa Sp. z o.o."),
        ("Müller", "Mueller Ölmühle GmbH, Werk Süd"),
        ("Bunge Ibérica", "BUNGE IBERICA S.A.U."),
        ("Weiss Öle", "Weiß Öle AG"),
        ("Biodiesel Oderbruch", "Oderbruch Biodiesel GmbH"),
        ("Odrbruch Biodiesel", "Oderbruch Biodiesel GmbH"),
        ("", "Oderbruch Biodiesel GmbH"),
        ("Oderbruch", ""),
        ("–", "Oderbruch Biodiesel GmbH"),
    ],
)
def test_what_may_be_the_same_company_is_no_contradiction(supplier: str, holder: str) -> None:
    assert not differ(supplier, holder)


@pytest.mark.parametrize(
    ("supplier", "holder"),
    [
        ("Oderbruch Biodiesel GmbH", "Donautal Rapsöl GmbH"),
        ("Muster 1 GmbH", "Anders AG"),
        ("Nordmeer Fuels", "Südöl Handels GmbH"),
        ("GmbH", "AG"),
    ],
)
def test_another_company_is_told(supplier: str, holder: str) -> None:
    assert differ(supplier, holder)


@given(st.text(max_size=40), st.text(max_size=40))
def test_it_does_not_matter_which_is_which(one: str, other: str) -> None:
    assert differ(one, other) == differ(other, one)
    assert not differ(one, one)
