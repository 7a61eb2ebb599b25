"""Uploading without an account."""

import logging
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from certwatch.actions import upload_links
from certwatch.models import Organisation, Proposal, UploadLink, User
from tests.actions.asked import PDF, certificate
from tests.conftest import NOON

DAY = timedelta(days=1)

pytestmark = pytest.mark.usefixtures("at_noon")


@pytest.fixture
def at_noon() -> Any:
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture
def link(nordmuehle: Organisation, mia: User) -> UploadLink:
    return upload_links.ask(certificate(nordmuehle), contact=None, by=mia, now=NOON)


@pytest.fixture
def path(link: UploadLink) -> str:
    return upload_links.address_of(link).removeprefix("http://127.0.0.1:8000")


def send(client: Client, path: str, content: bytes = PDF, name: str = "new.pdf", note: str = "", **more: Any) -> Any:
    file = SimpleUploadedFile(name, content, content_type="application/pdf")
    return client.post(path, {"file": file, "note": note}, **more)


def test_the_page_says_who_asks_for_what_and_no_status(
    client: Client, path: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):  # the link with all that belongs to it, how many files it took
        answer = client.get(path)
    page = answer.content.decode()
    for said in ("Mia of Nordmühle", "EU-ISCC-Cert-DE100-00000042", "Ölmühle Nord GmbH", "23 Jan 2027", "5 more files"):
        assert said in page, said
    for unsaid in ("Valid", "10 Jan 2027", "Oderbruch", "/o/nordmuehle"):
        assert unsaid not in page, unsaid
    assert "no-store" in answer["Cache-Control"]
    assert answer["Referrer-Policy"] == "same-origin"


def test_a_file_is_received_and_waits(client: Client, path: str, link: UploadLink) -> None:
    answer = send(client, path, note="The new one\r\nfrom today\x07")
    assert (answer.status_code, answer["Location"]) == (302, f"{path}?received=1")
    proposal = Proposal.across_orgs.get()
    assert (proposal.name, proposal.note, proposal.uploaded_from) == ("new.pdf", "The new one\nfrom today", "127.0.0.1")
    page = client.get(answer["Location"]).content.decode()
    assert "Received, thank you" in page
    assert "4 more files" in page


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        (b"<html>", "new.pdf", "by its content this file is none of them"),
        (b"PK\x03\x04", "new.png", "by its content this file is none of them"),
        (b"", "new.pdf", "This file is empty"),
        (PDF.ljust(10 * 1024 * 1024 + 1, b"."), "new.pdf", "new.pdf is larger than 10 MB"),
    ],
)
def test_what_cannot_be_taken_is_said_beside_the_field(
    client: Client, path: str, content: bytes, name: str, why: str
) -> None:
    page = send(client, path, content, name).content.decode()
    assert why in page
    assert 'id="id_file_error"' in page
    assert not Proposal.across_orgs.exists()


def test_without_a_file_nothing_is_sent(client: Client, path: str) -> None:
    assert "Choose a file first." in client.post(path, {"note": "x"}).content.decode()


def test_the_sixth_file_is_refused(client: Client, path: str) -> None:
    for place in range(5):
        assert send(client, path, PDF + bytes([place])).status_code == 302
    answer = send(client, path, PDF + b"sixth")
    assert answer.status_code == 409
    assert "has taken all the files" in answer.content.decode()
    assert "<input" not in client.get(path).content.decode().partition("<footer")[0]
    assert Proposal.across_orgs.count() == 5


def test_one_client_cannot_flood(client: Client, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_links, "A_CLIENT_MAY", ((upload_links.HOUR, 1),))
    assert send(client, path).status_code == 302
    answer = send(client, path, PDF + b"2")
    assert answer.status_code == 429
    assert "Send this one again in an hour" in answer.content.decode()
    assert send(client, path, PDF + b"3", REMOTE_ADDR="192.0.2.9").status_code == 302


@pytest.mark.parametrize("why", ["ended", "revoked", "removed", "closed"])
def test_a_link_that_is_not_good_says_so_and_nothing_else(
    client: Client, path: str, link: UploadLink, mia: User, at_noon: time_machine.Traveller, why: str
) -> None:
    if why == "ended":
        at_noon.move_to(NOON + 60 * DAY)
    elif why == "revoked":
        upload_links.revoke(link, by=mia, now=NOON)
    elif why == "removed":
        link.org.certificates.update(removed_at=NOON)
    else:
        Organisation.objects.update(closed_at=NOON)
    for answer in (client.get(path), send(client, path)):
        page = answer.content.decode()
        assert answer.status_code == 410
        assert "This link is not good any more" in page
        for unsaid in ("Nordmühle", "EU-ISCC", "Mia", "Ölmühle"):
            assert unsaid not in page
    assert not Proposal.across_orgs.exists()


def test_a_link_that_never_was_is_nowhere(client: Client, link: UploadLink) -> None:
    for wrong in ("x", "A" * 43, "%F0%9F%98%80"):
        assert client.get(f"/upload/{wrong}/").status_code == 404


def test_it_speaks_the_links_language_until_the_visitor_chooses(
    client: Client, nordmuehle: Organisation, mia: User
) -> None:
    link = upload_links.ask(certificate(nordmuehle), contact=None, language="de", by=mia, now=NOON)
    path = upload_links.address_of(link)
    assert '<html lang="de">' in client.get(path).content.decode()
    client.cookies["django_language"] = "en"
    assert '<html lang="en">' in client.get(path).content.decode()


def test_programs_need_the_pages_token(path: str) -> None:
    assert send(Client(enforce_csrf_checks=True), path).status_code == 403
    assert not Proposal.across_orgs.exists()


def test_the_token_is_in_no_log(client: Client, path: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    client.get(path)
    send(client, path)
    assert path.split("/")[2] not in caplog.text
