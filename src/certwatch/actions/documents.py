"""Documents: evidence that people hand in. Files lie below CERTWATCH_FILES and are never changed."""

import hashlib
import os
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from certwatch.actions import audit
from certwatch.models import Certificate, Document, Proposal, User
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
    raise Refused(_("A document must be a PDF, a PNG or a JPEG; by its content this file is none of them."))


def keep(certificate: Certificate, upload: Upload, *, by: User | None, now: datetime) -> Document:
    """Store `upload` with `certificate`, inside the caller's transaction. The file is whole before its row commits."""
    if len(upload.content) > LARGEST:
        raise Refused(_("%(name)s is larger than 20 MB.") % {"name": upload.name})
    kind = content_type(upload.content)
    document: Document = certificate.documents.create(
        org=certificate.org,
        name=shown_name(upload.name),
        content_type=kind,
        size=len(upload.content),
        sha256=hashlib.sha256(upload.content).hexdigest(),
        path=write("documents", upload.content, kind),
        added_at=now,
        added_by=by,
    )
    return document


@transaction.atomic
def add(certificate: Certificate, upload: Upload, *, by: User, now: datetime, address: str | None = None) -> Document:
    """Store `upload` with `certificate` and note who did. Raises `Refused`."""
    document = keep(certificate, upload, by=by, now=now)
    _note("document.added", document, by=by, now=now, address=address)
    return document


@transaction.atomic
def remove(document: Document, *, by: User, now: datetime, address: str | None = None) -> None:
    """Take a document away. Its file goes a day later (`jobs/files.py`)."""
    _note("document.removed", document, by=by, now=now, address=address)
    document.delete()


def content(document: Document | Proposal) -> bytes:
    """What was handed in. Raises `FileNotFoundError` where the file is gone."""
    return (Path(settings.ENV.files) / document.path).read_bytes()


def shown_name(name: str) -> str:
    """A file's name as it may stand on a page and in a header: its end, with nothing that cannot be seen."""
    plain = "".join(c for c in " ".join(name.split()) if unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
    return plain.strip()[-255:] or "document"


def write(folder: str, content: bytes, kind: str) -> str:
    """Where the file of this content type now lies, below CERTWATCH_FILES. The disk has it when this returns."""
    name = secrets.token_hex(16)
    path = f"{folder}/{name[:2]}/{name}.{kind.rpartition('/')[2]}"
    target = Path(settings.ENV.files) / path
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".part")
    with unfinished.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(target)
    around = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(around)
    finally:
        os.close(around)
    return path


def _note(action: str, document: Document, *, by: User, now: datetime, address: str | None) -> None:
    audit.note(
        document.org, action, about=document.name, about_id=document.public_id, by=by, now=now, address=address,
        certificate=document.certificate.number, sha256=document.sha256,
    )  # fmt: skip
