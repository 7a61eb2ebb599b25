"""What all tables share."""

import secrets
from typing import Any

import msgspec
from django.db import models

ID_ALPHABET = "0123456789abcdefghijkmnpqrstuvwxyz"  # no l and o, which are misread


_FAIR = 256 - 256 % len(ID_ALPHABET)  # bytes from here on would make the first letters likelier
_LETTERS = bytes(ID_ALPHABET[byte % len(ID_ALPHABET)].encode()[0] for byte in range(256))
_UNFAIR = bytes(range(_FAIR, 256))


def random_id() -> str:
    """A public id: 16 characters, 81 bits. Running numbers would tell how many rows all organisations have."""
    letters = b""
    while len(letters) < 16:  # mostly once
        letters += secrets.token_bytes(24).translate(_LETTERS, _UNFAIR)
    return letters[:16].decode("ascii")


def PublicId() -> "models.CharField[str, str]":  # noqa: N802 - reads like the field that it makes
    """The id that stands in addresses and answers."""
    return models.CharField(max_length=16, unique=True, default=random_id, editable=False)


class OrgOwned(models.Model):
    """A row of one organisation. Its only manager is named `across_orgs` (architecture.md, Tenancy)."""

    org = models.ForeignKey("certwatch.Organisation", on_delete=models.CASCADE)

    class Meta:
        abstract = True


def as_json(value: object) -> Any:
    """`value` (structs, dates and words included) as what a JSONField stores."""
    return msgspec.to_builtins(value)
