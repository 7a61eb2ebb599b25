"""Documents: added, removed, noted."""

from pathlib import Path

import pytest
from django.conf import settings

from certwatch.actions import certificates, documents
from certwatch.actions.documents import Upload
from certwatch.models import AuditEntry, Certificate, Document, Organisation, OwnVersion, User
from certwatch.rules.errors import Refused
from certwatch.rules.status import Status
from tests.conftest import NOON

PDF = b"%PDF-1.7\n..."


def enter(org: Organisation, number: str, evidence: Upload | None = None) -> OwnVersion:
    return certificates.enter(
        org, number, status=Status.VALID, valid_from=None, valid_until=None, evidence=evidence, by=None, now=NOON
    )


@pytest.fixture
def certificate(nordmuehle: Organisation) -> Certificate:
    return enter(nordmuehle, "KZR 1").certificate


def test_a_document_is_kept_and_noted(certificate: Certificate, mia: User) -> None:
    document = documents.add(certificate, Upload("scan.pdf", PDF), by=mia, now=NOON, address="192.0.2.7")
    assert documents.content(document) == PDF
    note = AuditEntry.objects.latest("id")
    assert (note.action, note.about, note.by) == ("document.added", "scan.pdf", mia)
    assert note.details == {"certificate": "KZR 1", "sha256": document.sha256}


def test_its_row_goes_at_once_and_its_file_stays_for_the_sweep(certificate: Certificate, mia: User) -> None:
    document = documents.add(certificate, Upload("scan.pdf", PDF), by=mia, now=NOON)
    documents.remove(document, by=mia, now=NOON)
    assert not Document.across_orgs.exists()
    assert (Path(settings.ENV.files) / document.path).read_bytes() == PDF
    assert AuditEntry.objects.latest("id").action == "document.removed"


def test_what_was_evidence_can_go_and_the_version_stays(nordmuehle: Organisation, mia: User) -> None:
    version = enter(nordmuehle, "KZR 2", Upload("a.pdf", PDF))
    assert version.evidence is not None
    documents.remove(version.evidence, by=mia, now=NOON)
    version.refresh_from_db()
    assert version.evidence is None


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\r\nSet-Cookie: x.pdf", "a Set-Cookie: x.pdf"),
        ("x\N{RIGHT-TO-LEFT OVERRIDE}fdp.exe", "xfdp.exe"),
        ("\x00\x07", "document"),
        ("x" * 300 + ".pdf", "x" * 251 + ".pdf"),
        ("Zertifikat für Öl.pdf", "Zertifikat für Öl.pdf"),
    ],
)
def test_a_name_holds_nothing_that_cannot_be_seen(certificate: Certificate, mia: User, name: str, shown: str) -> None:
    assert documents.add(certificate, Upload(name, PDF), by=mia, now=NOON).name == shown


def test_a_file_that_is_too_large_is_refused(
    certificate: Certificate, mia: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "LARGEST", len(PDF))
    assert documents.add(certificate, Upload("a.pdf", PDF), by=mia, now=NOON)
    with pytest.raises(Refused, match="is larger than 20 MB"):
        documents.add(certificate, Upload("a.pdf", PDF + b"."), by=mia, now=NOON)
