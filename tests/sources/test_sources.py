import subprocess
import sys

import pytest

from certwatch.rules import numbers
from certwatch.rules.schemes import scheme_of
from certwatch.sources import SOURCES, of_scheme, scheme_name, telling


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("EU-ISCC-Cert-DE100-17452019", "iscc"),
        ("iscc-plus-cert-CO222-00000026", "iscc"),
        ("ISCC–CORSIA–PLUS-Cert-IT206-5", "iscc"),
        ("DE-B-BLE-BM-10-100-04508121", "iscc"),
        ("EU-REDcert-553-54240001", "redcert"),
        ("REDcert²-929-35291088", "redcert"),
        ("2BS010181", "twobsvs"),
        ("KZR INiG/0227", None),
        ("DE-B-BLE-BN-10", None),
        ("", None),
    ],
)
def test_the_beginning_of_a_number_tells_its_register(number: str, expected: str | None) -> None:
    source = telling(numbers.key(number))
    assert (source.name if source else None) == expected


@pytest.mark.parametrize(
    ("name", "source", "written"),
    [
        ("ISCC EU", "iscc", "ISCC EU"),
        ("iscc  plus", "iscc", "ISCC PLUS"),
        ("Iscc Corsia Plus", "iscc", "ISCC CORSIA PLUS"),
        ("iscc de", "iscc", "ISCC DE"),
        ("iscc", "iscc", "ISCC"),
        ("redcert–eu", "redcert", "REDcert-EU"),
        ("REDCERT²", "redcert", "REDcert²"),
        ("redcert", "redcert", "REDcert"),
        ("2bsvs", "twobsvs", "2BSvs"),
        ("TwoBSvs", "twobsvs", "2BSvs"),
        ("REDcert2", None, None),
        ("SURE", None, None),
        ("", None, None),
    ],
)
def test_a_scheme_is_known_by_its_name_in_any_letter_case(name: str, source: str | None, written: str | None) -> None:
    found = of_scheme(name)
    assert (found.name if found else None) == source
    assert scheme_name(name) == written


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_stands_under_its_own_name_and_ends_its_schemes_numbers(name: str) -> None:
    source = SOURCES[name]
    assert source.name == name
    assert source.url == source.url.rstrip("/")
    assert source.page.startswith(f"{source.url}/")
    assert all(begin == numbers.key(begin) for begin in source.begins)
    assert all(scheme_of(begin) in {*source.schemes, source.title} for begin in source.begins)


def test_knowing_the_sources_loads_nothing_that_reads_them() -> None:
    heavy = "{'httpx2', 'selectolax', 'python_calamine', 'django'}"
    code = f"import sys, certwatch.sources; print({heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": "src"}
    )
    assert done.stdout.strip() == "set()"
