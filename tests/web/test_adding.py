"""Pasting numbers, and handing in a file."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from certwatch.models import Organisation, User
from tests.actions.entered import NUMBER, entry

ADD = "/o/nordmuehle/add/"


@pytest.fixture
def client_of_mia(mia: User) -> Client:
    client = Client()
    client.force_login(mia)
    return client


def paste(client: Client, text: str) -> str:
    """Where pasting leads."""
    return str(client.post(ADD, {"do": "paste", "text": text})["Location"])


def upload(client: Client, content: bytes, name: str = "list.csv") -> str:
    """Where the upload leads; "" if it was refused."""
    return str(client.post(ADD, {"do": "upload", "file": SimpleUploadedFile(name, content)}).get("Location", ""))


def test_the_page_takes_text_and_files(
    client_of_mia: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(3):  # session, person, memberships
        text = client_of_mia.get(ADD).content.decode()
    assert "Paste numbers" in text
    assert 'enctype="multipart/form-data"' in text
    assert "up to 50,000 rows and 20 MB" in text


def test_each_pasted_number_has_its_verdict_before_anything_is_saved(
    client_of_mia: Client, nordmuehle: Organisation
) -> None:
    entry()
    entry("ISCC-PLUS-Cert-DE100-00000009", "Beispiel AG", scheme="ISCC PLUS")
    address = paste(
        client_of_mia, f"{NUMBER}\nEU-ISCC-Cert-DE100-99999999\nsee DE100-00000009, AGRO-CERT-PL-00817\nKind regards"
    )
    assert nordmuehle.certificates.count() == 0
    text = client_of_mia.get(address).content.decode()
    assert "2 of 4 rows are ready to add" in text
    for said in ("Found", "Müller GmbH", "Not in any register", "Similar number", "Beispiel AG", "Enter by hand"):
        assert said in text
    assert text.count('name="pick-3"') == 1


def test_a_watched_number_leads_to_its_certificate(client_of_mia: Client, nordmuehle: Organisation) -> None:
    client_of_mia.post(paste(client_of_mia, NUMBER), {"do": "confirm"})
    certificate = nordmuehle.certificates.get()
    text = client_of_mia.get(paste(client_of_mia, NUMBER.lower())).content.decode()
    assert "Already watched" in text
    assert f"/o/nordmuehle/certificates/{certificate.public_id}/" in text


def test_a_few_are_added_while_one_waits(client_of_mia: Client, nordmuehle: Organisation, mia: User) -> None:
    made = entry()
    address = paste(client_of_mia, f"44073_{NUMBER}.pdf")
    client_of_mia.post(address, {"do": "confirm", "lines": "1", "pick-1": "0"})
    certificate = nordmuehle.certificates.get()
    assert (certificate.number, certificate.entry, certificate.how, certificate.added_by) == (
        f"44073_{NUMBER}.pdf", made, "alias", mia,
    )  # fmt: skip
    assert "1 certificate added" in client_of_mia.get(address).content.decode()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Paste at least one certificate number."),
        ("Kind regards", "No certificate number was found in this text."),
        ("\n".join(f"2BS{place:06}" for place in range(5_001)), "more than 5,000 numbers"),
    ],
)
def test_a_text_without_numbers_stays_there_with_the_reason(
    client_of_mia: Client, nordmuehle: Organisation, text: str, why: str
) -> None:
    response = client_of_mia.post(ADD, {"do": "paste", "text": text})
    assert response.status_code == 200
    assert why in response.content.decode()
    assert text[:40] in response.content.decode()
    assert nordmuehle.imports.count() == 0


def test_a_file_leads_to_its_columns(client_of_mia: Client, nordmuehle: Organisation) -> None:
    address = upload(client_of_mia, f"Certificate number;Supplier\n{NUMBER};Müller\n".encode())
    assert address == f"/o/nordmuehle/imports/{nordmuehle.imports.get().public_id}/"
    assert "Match the columns" in client_of_mia.get(address).content.decode()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "The file is empty."),
        (b"%PDF-1.7 ...", "This is a PDF, not a table."),
        (b"PK\x03\x04 broken", "The workbook cannot be read"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "neither text nor a workbook"),
        (b"a" * (20 * 1024 * 1024 + 1), "The file is larger than 20 MB."),
    ],
)
def test_a_broken_file_gets_a_clear_error_and_changes_nothing(
    client_of_mia: Client, nordmuehle: Organisation, content: bytes, why: str
) -> None:
    response = client_of_mia.post(ADD, {"do": "upload", "file": SimpleUploadedFile("x.xlsx", content)})
    assert (response.status_code, nordmuehle.imports.count()) == (200, 0)
    assert why in response.content.decode()


def test_without_a_file_it_says_so(client_of_mia: Client) -> None:
    assert "Choose a file first." in client_of_mia.post(ADD, {"do": "upload"}).content.decode()
