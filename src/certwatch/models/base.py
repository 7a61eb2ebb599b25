"""What all tables share."""

import secrets
from typing import Any

import msgspec
from django.db import models

ID_ALPHABET = "0123456789abcdefghijkmnpqrstuvwxyz"  # no l and o, which are misread


def random_id() -> str:
    """A public id: 16 characters, 81 bits. Running numbers would tell how many rows all organisations have."""
    chance, letters = int.from_bytes(secrets.token_bytes(24)), ""  # so many more bits that no letter is likelier
    for _ in range(16):
        chance, place = divmod(chance, len(ID_ALPHABET))
        letters += ID_ALPHABET[place]
    return letters


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
