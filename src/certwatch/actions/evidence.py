"""The evidence of a run: what a register sent, compressed once under its SHA-256 below CERTWATCH_FILES/payloads."""

import gzip
import hashlib
import os
import secrets
from pathlib import Path

from django.conf import settings


def keep(payload: bytes) -> str:
    """Store `payload` unless it is there already; returns its SHA-256 in hex. On disk when this returns."""
    sha256 = hashlib.sha256(payload).hexdigest()
    path = _path(sha256)
    if path.exists():
        return sha256
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{sha256}.{os.getpid()}.{secrets.token_hex(4)}.part")
    with fresh.open("wb") as file:
        file.write(gzip.compress(payload, compresslevel=6, mtime=0))
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    return sha256


def payload(sha256: str) -> bytes | None:
    """What is stored under `sha256`, or None if it is not there or not whole."""
    try:
        content = gzip.decompress(_path(sha256).read_bytes())
    except (OSError, EOFError, gzip.BadGzipFile):
        return None
    return content if hashlib.sha256(content).hexdigest() == sha256 else None


def _path(sha256: str) -> Path:
    return Path(settings.ENV.files) / "payloads" / sha256[:2] / f"{sha256}.gz"
