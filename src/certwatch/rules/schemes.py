"""The schemes' names, and which of them a number's beginning tells (sources.md, 1 and 3; operations.md)."""

import re

from certwatch.rules import numbers

# Normalised beginning → scheme. The longest that fits wins. Connectors say which beginnings are theirs.
_BY_BEGINNING = {
    "eu-iscc": "ISCC EU",
    "iscc-plus": "ISCC PLUS",
    "iscc-corsia-plus": "ISCC CORSIA PLUS",
    "iscc-corsia": "ISCC CORSIA",
    "iscc": "ISCC",
    "de-b-ble-bm-": "ISCC DE",
    "eu-redcert": "REDcert-EU",
    "redcert²": "REDcert²",
    "redcert": "REDcert",
    "2bs": "2BSvs",
}


def scheme_of(number: str) -> str:
    """The scheme that `number` (as written) tells by its beginning, or "" if it tells none."""
    return scheme_of_key(numbers.key(number))


def scheme_of_key(number_key: str) -> str:
    """The same for a normalised number."""
    return next((scheme for beginning, scheme in _LONGEST_FIRST if number_key.startswith(beginning)), "")


_LONGEST_FIRST = sorted(_BY_BEGINNING.items(), key=lambda pair: len(pair[0]), reverse=True)


# Names that people use (sources.md, 1). Those in the first line name a family; its members are told apart by name only.
_FAMILIES = ("ISCC", "REDcert")
NAMES = (
    "ISCC EU", "ISCC PLUS", "ISCC CORSIA", "ISCC CORSIA PLUS", "ISCC DE", "REDcert-EU", "REDcert²", "2BSvs",
    "KZR INiG", "SURE", "CertifHy", "SBP", "FSC", "RSPO", "GGL", "PEFC", "RSB", "Bonsucro", "RTRS", "Better Biomass",
    "ENplus", "FSSC 22000", "GLOBALG.A.P.", "French national system",
)  # fmt: skip
_BY_NAME = {numbers.name_key(name): name for name in (*_FAMILIES, *NAMES)}
_BY_NAME |= {"redcert2": "REDcert²", "2bs": "2BSvs", "euiscc": "ISCC EU"}  # keyboards, and what people write


def named(text: str) -> str:
    """The scheme, or family of schemes, that is called `text`, however it is written; "" if none is."""
    return _BY_NAME.get(numbers.name_key(text), "")


def agree(one: str, other: str) -> bool:
    """Whether two names of schemes can mean the same: equal, or one is the family of the other."""
    return one == other or any(
        family in (one, other) and one.startswith(family) and other.startswith(family) for family in _FAMILIES
    )


_USUAL = {  # sources.md, 3: what 98 % look like. The registers themselves misprint: it may warn, never refuse.
    "ISCC": (
        re.compile(r"(eu-iscc|iscc-plus|iscc-corsia(-plus)?)-cert-[a-z]{2}\d{3}-\d{1,12}", re.ASCII),
        "EU-ISCC-Cert-DE100-12345678",
    ),
    "ISCC DE": (re.compile(r"de-b-ble-bm-10-\d{3}-\d{8}", re.ASCII), "DE-B-BLE-BM-10-100-12345678"),
    "REDcert": (re.compile(r"(eu-redcert|redcert²)-\d{3}-\d{8}", re.ASCII), "EU-REDcert-100-12345678"),
    "2BSvs": (re.compile(r"2bs\d{6}", re.ASCII), "2BS012345"),
}


def remark(number: str) -> str:
    """What is unusual about the form of `number`, a sentence, or "": a remark for a person, never a verdict."""
    key = numbers.key(number)
    scheme = scheme_of_key(key)
    usual = _USUAL.get(scheme) or next((_USUAL[f] for f in _FAMILIES if scheme.startswith(f)), None)
    if usual is None or usual[0].fullmatch(key):
        return ""
    return f"Unusual form: numbers of {scheme} mostly look like {usual[1]}."
