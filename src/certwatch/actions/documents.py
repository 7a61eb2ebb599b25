"""Documents: evidence that people hand in. Files lie below CERTWATCH_FILES and are never changed."""

import hashlib
import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings

from certwatch.models import Certificate, Document, User
from certwatch.rules.errors import Refused

LARGEST = 20 * 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was handed in."""

    name: str
    content: bytes


def from_path(path: Path) -> Upload:
    """The file at `path`. Raises `Refused` where there is none, or a too large one."""
    try:
        if path.stat().st_size > LARGEST:
            raise Refused(f"{path} is larger than 20 MB.")
        return Upload(path.name, path.read_bytes())
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}.") from error


def content_type(content: bytes) -> str:
    """What the file is by its content, whatever its name says. Raises `Refused` for what we do not take."""
    if content.startswith(b"%PDF-"):
        return "application/pdf"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    raise Refused("A document must be a PDF, a PNG or a JPEG; by its content this file is none of them.")


def keep(certificate: Certificate, upload: Upload, *, by: User | None, now: datetime) -> Document:
    """Store `upload` with `certificate`, inside the caller's transaction. The file is whole before its row commits."""
    if len(upload.content) > LARGEST:
        raise Refused(f"{upload.name} is larger than 20 MB.")
    kind = content_type(upload.content)
    document: Document = certificate.documents.create(
        org=certificate.org,
        name=upload.name[-255:],
        content_type=kind,
        size=len(upload.content),
        sha256=hashlib.sha256(upload.content).hexdigest(),
        path=_write(upload.content, kind.rpartition("/")[2]),
        added_at=now,
        added_by=by,
    )
    return document


def _write(content: bytes, ending: str) -> str:
    """Where the file now lies, below CERTWATCH_FILES. The disk has it when this returns."""
    name = secrets.token_hex(16)
    path = f"documents/{name[:2]}/{name}.{ending}"
    target = Path(settings.ENV.files) / path
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".part")
    with unfinished.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return path
