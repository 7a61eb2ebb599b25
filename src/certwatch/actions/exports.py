"""Everything of an organisation in one file: asked for by a person, made by the worker, kept for some days."""

import json
import os
import re
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import msgspec
from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from certwatch.actions import audit, tables
from certwatch.models import Export, Organisation, User
from certwatch.models.everything import TABLES, Table, in_pieces
from certwatch.rules.errors import Refused

LASTS = timedelta(days=7)  # so long it can be downloaded
MOST_A_DAY = 3  # each may fill gigabytes
LEASE = timedelta(minutes=5)  # longer than the largest document takes on a slow disk
RENEW_EVERY = 20_000  # rows; a second or so
IN_MEMORY = 4 * 1024 * 1024  # bytes of a table; a larger one goes through a file
PIECE = 1024 * 1024  # bytes that are copied at once
STOPPED = "stopped"  # the only error there is; the log knows more


class Lost(Exception):
    """Another worker has taken over."""


@transaction.atomic
def ask(org: Organisation, *, by: User, now: datetime, address: str | None = None) -> Export:
    """The export that the worker is to make, or is making already."""
    Organisation.objects.select_for_update().get(pk=org.pk)
    waiting: Export | None = org.exports.filter(ready_at=None, error="").first()
    if waiting is not None:
        return waiting
    if org.exports.filter(asked_at__gt=now - timedelta(days=1)).count() >= MOST_A_DAY:
        raise Refused(_("%(most)s exports were asked for within a day. Go on tomorrow.") % {"most": MOST_A_DAY})
    export: Export = org.exports.create(asked_at=now, asked_by=by)
    audit.note(org, "export.asked", about=org.name, about_id=export.public_id, by=by, now=now, address=address)
    return export


def claim(export: Export, now: datetime) -> bool:
    """Whether it is the caller's to make. If he dies, another takes it over when the lease has run out."""
    free = export.org.exports.filter(Q(claimed_until=None) | Q(claimed_until__lt=now), ready_at=None, error="")
    export.claimed_until = now + LEASE
    return free.filter(pk=export.pk).update(claimed_until=export.claimed_until) == 1


def make(export: Export, *, clock: Callable[[], datetime]) -> None:
    """Write the file of a claimed export. What stands in memory does not grow with the organisation."""
    name = secrets.token_hex(16)
    path = f"exports/{name[:2]}/{name}.zip"
    target = Path(settings.ENV.files) / path
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".part")
    try:
        with unfinished.open("xb") as file:
            with ZipFile(file, "w", ZIP_DEFLATED) as archive:
                _fill(archive, export, clock)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(target)
    finally:
        unfinished.unlink(missing_ok=True)
    ready = {"path": path, "size": target.stat().st_size, "ready_at": clock(), "claimed_until": None}
    if not _ours(export).update(**ready):
        target.unlink()


def fail(export: Export) -> None:
    """Give up; who asked sees it and can ask again."""
    export.org.exports.filter(pk=export.pk, ready_at=None).update(error=STOPPED, claimed_until=None)


def good(org: Organisation, public_id: str, now: datetime) -> Export | None:
    """The export with this id, if it can be downloaded."""
    found = org.exports.filter(public_id=public_id, ready_at__gt=now - LASTS).exclude(path="")
    return found.first()


def tell(export: Export, *, base_url: str, connection: BaseEmailBackend, now: datetime) -> None:
    """Mail once to who asked that it is ready. Raises `OSError` where that fails; then it may be tried again."""
    untold = export.org.exports.filter(pk=export.pk, mailed_at=None)
    if export.asked_by is None or not untold.update(mailed_at=now):
        return
    link = f"{base_url}/o/{export.org.slug}/admin/settings/#data"
    words = {"org": export.org, "link": link, "days": LASTS.days}
    with translation.override(export.asked_by.language or export.org.language):
        letter = EmailMessage(
            subject=" ".join(render_to_string("emails/export.subject.txt", words).split()),
            body=render_to_string("emails/export.txt", words).strip() + "\n",
            to=[export.asked_by.email],
            connection=connection,
        )
    try:
        letter.send()
    except OSError:  # what smtplib raises is one, too
        export.org.exports.filter(pk=export.pk).update(mailed_at=None)
        raise


def _ours(export: Export) -> Any:
    return export.org.exports.filter(pk=export.pk, claimed_until=export.claimed_until)


def _renew(export: Export, now: datetime) -> None:
    until = now + LEASE
    if not _ours(export).update(claimed_until=until):
        raise Lost
    export.claimed_until = until


def _fill(archive: ZipFile, export: Export, clock: Callable[[], datetime]) -> None:
    began, counts = clock(), {}
    for table in TABLES:
        counts[table.name] = _write_table(archive, table, export, clock)
        _renew(export, clock())
    missing = _write_documents(archive, export, clock)
    words = {"org": export.org, "began": began, "counts": counts.items(), "missing": missing}
    with translation.override(export.org.language), timezone.override(UTC):
        readme = render_to_string("emails/export_readme.txt", words).strip() + "\n"
    archive.writestr(_named("README.txt", began), readme)


def _write_table(archive: ZipFile, table: Table, export: Export, clock: Callable[[], datetime]) -> int:
    """Write the table as CSV and as JSON in one reading of it; how many rows it has."""
    count, now = 0, clock()

    def cells(as_json: IO[bytes]) -> Iterator[list[str]]:
        nonlocal count
        yield table.headings
        for row in table.rows(export.org):
            as_json.write(b",\n" if count else b"[\n")
            as_json.write(msgspec.json.encode(dict(zip(table.headings, row, strict=True))))
            count += 1
            if count % RENEW_EVERY == 0:
                _renew(export, clock())
            yield [_cell(value) for value in row]
        as_json.write(b"\n]\n" if count else b"[]\n")

    with SpooledTemporaryFile(IN_MEMORY) as as_json:
        with archive.open(_named(f"tables/{table.name}.csv", now), "w", force_zip64=True) as file:
            for piece in tables.csv(cells(as_json)):
                file.write(piece)
        as_json.seek(0)
        with archive.open(_named(f"tables/{table.name}.json", now), "w", force_zip64=True) as file:
            while piece := as_json.read(PIECE):
                file.write(piece)
    return count


def _write_documents(archive: ZipFile, export: Export, clock: Callable[[], datetime]) -> list[str]:
    """Put each document in; the ids of those whose file is gone."""
    missing, root = [], Path(settings.ENV.files)
    for public_id, name, path in in_pieces(export.org.documents.all(), "public_id", "name", "path"):
        try:
            info = ZipInfo.from_file(root / path, f"documents/{public_id}-{_harmless(name)}")
            info.compress_type = ZIP_STORED  # PDFs and pictures are compressed already
            with (root / path).open("rb") as source, archive.open(info, "w", force_zip64=True) as file:
                while piece := source.read(PIECE):
                    file.write(piece)
        except FileNotFoundError:
            missing.append(public_id)
        _renew(export, clock())
    return missing


def _named(name: str, now: datetime) -> ZipInfo:
    info = ZipInfo(name, now.timetuple()[:6])
    info.compress_type = ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


def _harmless(name: str) -> str:
    """A file's name without what leads out of a folder or is refused by some system."""
    return re.sub(r"[^\w.()-]+", "_", name).lstrip(".")[-100:]


def _cell(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)
