"""API keys: their form, their checksum, their digest (api-contract.md)."""

import hashlib
import secrets
import zlib
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PREFIX = "cw_"
SECRET_LENGTH = 34  # characters of 62: 202 bits
CHECK_LENGTH = 6  # 62**6 > 2**32
LENGTH = len(PREFIX) + SECRET_LENGTH + CHECK_LENGTH
SCOPES = ("certificates:read", "certificates:write", "webhooks:manage", "audit:read")

_PAIRS = [high + low for high in ALPHABET for low in ALPHABET]  # digits in base 62², for speed


def make() -> str:
    """A new key. Show it once, keep only its `digest`."""
    secret = "".join(secrets.choice(ALPHABET) for _ in range(SECRET_LENGTH))
    return PREFIX + secret + checksum(secret)


def well_formed(key: str) -> bool:
    """Whether `key` can be a key at all: length, alphabet and checksum. No query is made for what is not."""
    if len(key) != LENGTH or not key.startswith(PREFIX):
        return False
    secret = key[len(PREFIX) : -CHECK_LENGTH]
    return secret.isascii() and secret.isalnum() and checksum(secret) == key[-CHECK_LENGTH:]


def digest(key: str) -> bytes:
    """SHA-256 of the whole key, its prefix included; 32 bytes. All that is stored of a key."""
    return hashlib.sha256(key.encode()).digest()


def begins(key: str) -> str:
    """The first five characters after the prefix, for recognition on pages and in lists."""
    return key[len(PREFIX) : len(PREFIX) + 5]


def ends_at(last_day: date, time_zone: str) -> datetime:
    """The first moment at which a key with this last day is no good: midnight after it in `time_zone`, in UTC."""
    return datetime.combine(last_day + timedelta(days=1), time.min, ZoneInfo(time_zone)).astimezone(UTC)


def checksum(secret: str) -> str:
    """CRC-32 (zlib's) of `secret` in base 62, most significant digit first, padded to six."""
    number = zlib.crc32(secret.encode())
    return _PAIRS[number // 62**4] + _PAIRS[number // 62**2 % 62**2] + _PAIRS[number % 62**2]
