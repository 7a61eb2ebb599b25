"""Documents that no row names go, a day later."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings

from certwatch.actions import certificates, documents
from certwatch.actions.documents import Upload
from certwatch.jobs import files
from certwatch.models import Document, Organisation, User
from certwatch.rules.status import Status
from tests.conftest import NOON

DAY = timedelta(days=1)


@pytest.fixture
def document(nordmuehle: Organisation, mia: User) -> Document:
    version = certificates.enter(
        nordmuehle, "KZR 1", status=Status.VALID, valid_from=None, valid_until=None, by=mia, now=NOON
    )
    return documents.add(version.certificate, Upload("scan.pdf", b"%PDF-1.7"), by=mia, now=NOON)


def stored(document: Document) -> Path:
    return Path(settings.ENV.files) / document.path


def test_a_file_goes_a_day_after_its_row(document: Document, mia: User) -> None:
    path = stored(document)
    files.sweep(NOON)
    documents.remove(document, by=mia, now=NOON)
    files.sweep(NOON + DAY)
    assert path.exists()
    files.sweep(NOON + DAY + DAY)
    assert path.exists()  # the day is not quite over
    files.sweep(NOON + DAY + DAY + timedelta(seconds=1))
    assert not path.exists()
    assert [p.name for p in path.parent.iterdir() if p.name.startswith(path.name)] == []


def test_a_row_that_is_back_keeps_its_file(document: Document, mia: User) -> None:
    path = stored(document)
    Document.across_orgs.filter(pk=document.pk).update(path="elsewhere")
    files.sweep(NOON)
    Document.across_orgs.filter(pk=document.pk).update(path=document.path)
    files.sweep(NOON + DAY)
    files.sweep(NOON + 3 * DAY)
    assert path.exists()
    assert not path.with_name(path.name + ".gone").exists()


def test_what_a_dead_upload_left_goes_too(document: Document) -> None:
    part = stored(document).with_suffix(".part")
    part.write_bytes(b"%PDF")
    written = part.stat().st_mtime
    at = NOON.fromtimestamp(written, NOON.tzinfo)
    files.sweep(at + DAY)
    assert part.exists()
    files.sweep(at + DAY + timedelta(seconds=1))
    assert not part.exists()
