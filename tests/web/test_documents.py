"""Documents: handed in by form, handed out as downloads only."""

from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from certwatch.actions import certificates, documents
from certwatch.actions.documents import Upload
from certwatch.models import AuditEntry, Certificate, Document, Organisation, User
from tests.actions.test_certificates import enter
from tests.conftest import NOON
from tests.web.test_certificate import address, login, page

PDF = b"%PDF-1.7\n..."


@pytest.fixture
def certificate(nordmuehle: Organisation) -> Certificate:
    certificate = enter(nordmuehle).certificate
    certificate.org = nordmuehle
    return certificate


def hand_in(user: User, certificate: Certificate, name: str = "scan.pdf", content: bytes = PDF) -> str:
    """What the page says afterwards."""
    file = SimpleUploadedFile(name, content, content_type="text/html")
    answer = login(user).post(address(certificate, "documents/"), {"document": file}, follow=True)
    assert answer.redirect_chain == [(address(certificate), 302)]
    return str(answer.content.decode())


def address_of(document: Document, below: str = "") -> str:
    return address(document.certificate, f"documents/{document.public_id}/{below}")


def test_a_document_is_stored_by_its_content_and_stands_on_the_page(mia: User, certificate: Certificate) -> None:
    html = hand_in(mia, certificate, "Ölmühle & Co.pdf")
    assert "Ölmühle &amp; Co.pdf is stored." in html
    document = Document.across_orgs.get()
    assert (document.content_type, document.added_by) == ("application/pdf", mia)
    assert f'href="{address_of(document)}"' in html
    assert "Added by Mia" in html


def test_it_is_a_download_that_can_do_nothing(ben: User, mia: User, certificate: Certificate) -> None:
    hand_in(mia, certificate, "Ölmühle.pdf")
    answer = login(ben).get(address_of(Document.across_orgs.get()))
    assert answer.content == PDF
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == "attachment; filename*=utf-8''%C3%96lm%C3%BChle.pdf"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"] == "private, no-store"
    assert int(answer["Content-Length"]) == len(PDF)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.pdf", b"<html><script>alert(1)</script></html>"),
        ("picture.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("table.xlsx", b"PK\x03\x04"),
        ("empty.pdf", b"%PDF"),
    ],
)
def test_what_is_no_document_by_its_content_is_refused(
    mia: User, certificate: Certificate, name: str, content: bytes
) -> None:
    assert "by its content this file is none of them" in hand_in(mia, certificate, name, content)
    assert not Document.across_orgs.exists()


def test_what_is_too_large_is_refused_before_it_is_read(
    mia: User, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "LARGEST", len(PDF) - 1)
    assert "scan.pdf is larger than 20 MB." in hand_in(mia, certificate)
    assert not Document.across_orgs.exists()


def test_without_a_file_the_page_says_so(mia: User, certificate: Certificate) -> None:
    client = login(mia)
    assert "Choose a file first." in client.post(address(certificate, "documents/"), follow=True).content.decode()
    with_text = client.post(address(certificate, "documents/"), {"document": "x"}, follow=True)
    assert "Choose a file first." in with_text.content.decode()


def test_it_is_removed_after_a_question(mia: User, certificate: Certificate) -> None:
    hand_in(mia, certificate)
    document = Document.across_orgs.get()
    client = login(mia)
    assert "Remove scan.pdf?" in client.get(address_of(document, "remove/")).content.decode()
    assert Document.across_orgs.exists()
    assert client.post(address_of(document, "remove/")).status_code == 302
    assert not Document.across_orgs.exists()
    assert AuditEntry.objects.latest("id").action == "document.removed"
    assert client.get(address_of(document)).status_code == 404


def test_a_file_that_is_gone_is_not_there(mia: User, certificate: Certificate) -> None:
    hand_in(mia, certificate)
    document = Document.across_orgs.get()
    (Path(settings.ENV.files) / document.path).unlink()
    assert login(mia).get(address_of(document)).status_code == 404


def test_it_stays_readable_when_the_certificate_is_watched_no_more(mia: User, certificate: Certificate) -> None:
    hand_in(mia, certificate)
    document = Document.across_orgs.get()
    certificates.stop_watching(certificate.org, [certificate], by=mia, now=NOON)
    client = login(mia)
    assert client.get(address_of(document)).status_code == 200
    assert client.post(address_of(document, "remove/")).status_code == 404
    assert client.post(address(certificate, "documents/")).status_code == 404


def test_an_auditor_reads_and_has_no_form(ben: User, mia: User, certificate: Certificate) -> None:
    hand_in(mia, certificate)
    html = page(ben, certificate)
    assert "scan.pdf" in html
    assert 'type="file"' not in html
    assert "/remove/" not in html


def test_another_certificates_or_organisations_document_is_not_there(
    mia: User, clara: User, nordmuehle: Organisation, suedoel: Organisation, certificate: Certificate
) -> None:
    other = enter(nordmuehle, number="KZR 2").certificate
    theirs = enter(suedoel, number="KZR 3").certificate
    document = documents.add(other, Upload("a.pdf", PDF), by=mia, now=NOON)
    foreign = documents.add(theirs, Upload("b.pdf", PDF), by=clara, now=NOON)
    client: Client = login(mia)
    for wrong in (document, foreign):
        path = reverse("document", args=[nordmuehle.slug, certificate.public_id, wrong.public_id])
        assert client.get(path).status_code == 404
        assert client.post(f"{path}remove/").status_code == 404


def test_a_download_takes_five_queries(
    mia: User, certificate: Certificate, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    hand_in(mia, certificate)
    document = Document.across_orgs.get()
    client = login(mia)
    client.get(address_of(document))
    with django_assert_num_queries(5):  # session, person, membership, certificate, document
        client.get(address_of(document))
