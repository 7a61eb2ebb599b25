"""The schemes' names, and which of them a number's beginning tells (sources.md, 1 and 3; operations.md)."""

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
    fitting = [beginning for beginning in _BY_BEGINNING if number_key.startswith(beginning)]
    return _BY_BEGINNING[max(fitting, key=len)] if fitting else ""
