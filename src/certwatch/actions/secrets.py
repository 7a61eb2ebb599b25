"""Secrets that must be read again (TOTP seeds, webhook secrets, channels' addresses): encrypted at rest with a key made
of the secret key.

Of keys and tokens that are only compared the digest is kept; they are none of this module's.
"""

import base64

from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import transaction
from django.db.models import Model, QuerySet

from certwatch.models import Channel, WebhookEndpoint
from certwatch.rules.errors import Refused


class Unreadable(Refused):
    """A secret was stored under a secret key that this installation does not know."""


def encrypt(text: str) -> str:
    """`text` as it may lie in the database."""
    return _keys().encrypt(text.encode()).decode("ascii")


def decrypt(stored: str) -> str:
    """What `encrypt` was given, with the secret key of now or a former one. Raises `Unreadable`."""
    try:
        return _keys().decrypt(stored.encode()).decode()
    except InvalidToken as error:
        raise Unreadable(
            "A stored secret cannot be read: name the secret key of that time in CERTWATCH_SECRET_KEY_FALLBACKS."
        ) from error


@transaction.atomic
def rotate() -> int:
    """Write every stored secret anew with the newest secret key; how many there were. Then former ones may go."""
    factors = Authenticator.objects.select_for_update().exclude(type=Authenticator.Type.WEBAUTHN)
    count = 0
    for factor in factors.iterator():
        for name in {"secret", "seed"} & factor.data.keys():
            factor.data[name] = encrypt(decrypt(factor.data[name]))
            count += 1
        factor.save(update_fields=["data"])
    count += _written_anew(Channel.across_orgs.select_for_update(), "address")
    return count + _written_anew(WebhookEndpoint.across_orgs.select_for_update(), "secret", "old_secret")


def _written_anew(rows: "QuerySet[Model]", *fields: str) -> int:
    """How many secrets stand in these fields of the rows; what is empty stays empty."""
    count = 0
    for row in list(rows):
        stored = {field: text for field in fields if (text := getattr(row, field))}
        for field, text in stored.items():
            setattr(row, field, encrypt(decrypt(text)))
        if stored:
            row.save(update_fields=stored)
            count += len(stored)
    return count


def _keys() -> MultiFernet:
    return MultiFernet([_key(secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _key(secret: str) -> Fernet:
    derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"certwatch.secrets").derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
