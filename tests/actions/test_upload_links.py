"""Links for suppliers, what they upload, and what people make of it."""

import hashlib
import io
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.management import call_command

from certwatch.actions import documents, upload_links
from certwatch.actions.documents import Upload
from certwatch.jobs import files
from certwatch.models import AuditEntry, Certificate, Decision, Document, Organisation, Proposal, UploadLink, User
from certwatch.rules.errors import Refused
from tests.actions.asked import JPEG, PDF, PNG, certificate
from tests.conftest import NOON

DAY = timedelta(days=1)
HERE = "192.0.2.7"


@pytest.fixture
def watched(nordmuehle: Organisation) -> Certificate:
    return certificate(nordmuehle)


@pytest.fixture
def link(watched: Certificate, mia: User) -> UploadLink:
    return upload_links.ask(watched, contact=None, by=mia, now=NOON)


def token_of(link: UploadLink) -> str:
    return urlsplit(upload_links.address_of(link)).path.split("/")[2]


def hand_in(link: UploadLink, content: bytes = PDF, name: str = "new.pdf", **facts: Any) -> Proposal:
    facts = {"now": NOON, "address": HERE, "note": "", **facts}
    return upload_links.upload(link, Upload(name, content), facts.pop("note"), **facts)


def everything_stored() -> str:
    out = io.StringIO()
    call_command("dumpdata", "certwatch", stdout=out)
    return out.getvalue()


class TestLinks:
    def test_the_token_stands_nowhere_and_finds_its_link(
        self, link: UploadLink, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        token = token_of(link)
        assert len(token) == 43
        assert upload_links.named(token) == link
        assert bytes(link.token_digest) == hashlib.sha256(token.encode()).digest()
        assert token not in everything_stored()
        assert token not in caplog.text

    def test_each_try_makes_the_same_address_also_under_a_new_secret_key(self, link: UploadLink, settings: Any) -> None:
        address = upload_links.address_of(link)
        assert upload_links.address_of(UploadLink.across_orgs.get()) == address
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [settings.SECRET_KEY]
        assert upload_links.address_of(UploadLink.across_orgs.get()) == address
        settings.SECRET_KEY_FALLBACKS = []
        with pytest.raises(Refused):
            upload_links.address_of(link)
        assert upload_links.named(urlsplit(address).path.split("/")[2]) == link  # the address stays good

    def test_no_two_links_have_one_token(self, watched: Certificate, mia: User) -> None:
        made = [upload_links.ask(watched, contact=None, by=mia, now=NOON) for _ in range(3)]
        assert len({token_of(link) for link in made}) == 3

    @pytest.mark.parametrize("token", ["", "x", "\ud800", "A" * 43, "\0"])
    def test_a_token_of_nobody_finds_nothing(self, link: UploadLink, token: str) -> None:
        assert upload_links.named(token) is None

    def test_it_is_good_for_sixty_days(self, link: UploadLink) -> None:
        assert upload_links.is_open(link, NOON + 60 * DAY - timedelta(seconds=1))
        assert not upload_links.is_open(link, NOON + 60 * DAY)

    def test_it_is_not_good_once_revoked_unwatched_or_closed(self, link: UploadLink, mia: User) -> None:
        link.org.closed_at = NOON
        assert not upload_links.is_open(link, NOON)
        link.org.closed_at = None
        link.certificate.removed_at = NOON
        assert not upload_links.is_open(link, NOON)
        link.certificate.removed_at = None
        assert upload_links.is_open(link, NOON)
        for _ in range(2):  # once more changes nothing
            upload_links.revoke(link, by=mia, now=NOON)
        link.refresh_from_db()
        assert not upload_links.is_open(link, NOON)
        assert AuditEntry.objects.filter(action="proposal.link_revoked").count() == 1

    def test_asking_by_mail_makes_one_delivery_in_the_contacts_language(
        self, nordmuehle: Organisation, mia: User
    ) -> None:
        wanted = certificate(nordmuehle, languages=("de",))
        contact = nordmuehle.supplier_contacts.get()
        link = upload_links.ask(wanted, contact=contact, language="en", by=mia, now=NOON)
        delivery = nordmuehle.deliveries.get()
        assert (link.language, delivery.contact, delivery.purpose, delivery.host) == ("de", contact, "supplier", "mail")
        assert delivery.facts == {"certificate": wanted.public_id, "link": link.public_id}
        note = AuditEntry.objects.get()
        assert (note.action, note.by, note.details) == ("proposal.asked", mia, {"contact": "de@supplier.example"})

    def test_people_make_a_hundred_links_a_day_at_most(self, watched: Certificate, mia: User) -> None:
        for _ in range(100):
            upload_links.make(watched, contact=None, language="en", by=mia, now=NOON)
        upload_links.make(watched, contact=None, language="en", by=None, now=NOON)  # the duty's do not count
        with pytest.raises(Refused, match="100 links"):
            upload_links.ask(watched, contact=None, by=mia, now=NOON + DAY - timedelta(seconds=1))
        upload_links.ask(watched, contact=None, by=mia, now=NOON + DAY)


class TestUploading:
    @pytest.mark.parametrize(("content", "kind"), [(PDF, "application/pdf"), (PNG, "image/png"), (JPEG, "image/jpeg")])
    def test_a_file_is_kept_by_its_content_and_told(self, link: UploadLink, content: bytes, kind: str) -> None:
        proposal = hand_in(link, content, "new\u202e\r\n one.exe", note="The new one")
        assert (proposal.name, proposal.content_type, proposal.note) == ("new one.exe", kind, "The new one")
        assert (proposal.size, proposal.uploaded_from) == (len(content), HERE)
        path = Path(settings.ENV.files) / proposal.path
        assert path.parent.parent.name == "proposals"
        assert path.read_bytes() == content
        notice = link.org.notices.get()
        assert (notice.kind, notice.told_for, notice.state) == ("proposal", f"p{proposal.pk}:proposal", "open")
        assert (notice.certificate, notice.about_id) == (link.certificate, proposal.public_id)
        note = AuditEntry.objects.get(action="proposal.uploaded")
        assert (note.by, note.by_label, note.source_address) == (None, "supplier", HERE)
        assert not Document.across_orgs.exists()

    @pytest.mark.parametrize("content", [b"", b"<html>", b"PK\x03\x04", b"GIF89a", b" %PDF-1.7", b"MZ"])
    def test_what_is_no_document_by_its_content_is_refused(self, link: UploadLink, content: bytes) -> None:
        with pytest.raises(Refused, match="by its content"):
            hand_in(link, content)
        assert not Proposal.across_orgs.exists()

    def test_ten_megabytes_are_taken_and_not_one_byte_more(self, link: UploadLink) -> None:
        hand_in(link, PDF.ljust(10 * 1024 * 1024, b"."))
        with pytest.raises(Refused, match="larger than 10 MB"):
            hand_in(link, PDF.ljust(10 * 1024 * 1024 + 1, b"."))

    def test_five_files_are_taken_and_the_same_twice_is_one(self, link: UploadLink) -> None:
        made = [hand_in(link, PDF + bytes([place])) for place in range(5)]
        assert hand_in(link, PDF + b"\4") == made[4]
        with pytest.raises(upload_links.Full):
            hand_in(link, PDF + b"sixth")
        assert link.org.notices.count() == 5

    def test_a_link_that_was_revoked_meanwhile_takes_nothing(self, link: UploadLink, mia: User) -> None:
        upload_links.revoke(UploadLink.across_orgs.select_related("org", "certificate").get(), by=mia, now=NOON)
        with pytest.raises(upload_links.Over):
            hand_in(link)
        assert not Proposal.across_orgs.exists()

    def test_one_client_uploads_twenty_an_hour_whatever_the_link(self, watched: Certificate, mia: User) -> None:
        links = [upload_links.ask(watched, contact=None, by=mia, now=NOON) for _ in range(5)]
        for place in range(20):
            hand_in(links[place // 5], PDF + bytes([place]), address=f"2001:db8::{place:x}")
        with pytest.raises(upload_links.TooMany):
            hand_in(links[4], address="2001:db8::ffff")  # of the same /64
        hand_in(links[4], address="2001:db8:1::1")
        hand_in(links[4], PDF + b"later", address="2001:db8::ffff", now=NOON + timedelta(hours=1))


class TestDeciding:
    def test_accepting_attaches_the_file_and_ends_the_link(self, link: UploadLink, mia: User) -> None:
        proposal = hand_in(link)
        document = upload_links.accept(proposal, by=mia, now=NOON + DAY)
        assert (document.certificate, document.name, document.added_by) == (link.certificate, "new.pdf", mia)
        assert documents.content(document) == PDF
        proposal.refresh_from_db()
        assert (proposal.decision, proposal.decided_by, proposal.path) == (Decision.ACCEPTED, mia, "")
        link.refresh_from_db()
        assert link.revoked_at == NOON + DAY
        notice = link.org.notices.get()
        assert (notice.state, notice.solved_by) == ("solved", "accepted")
        assert AuditEntry.objects.filter(action="proposal.accepted", by=mia).count() == 1

    def test_dismissing_keeps_the_link(self, link: UploadLink, mia: User) -> None:
        proposal = hand_in(link)
        upload_links.dismiss(proposal, by=mia, now=NOON)
        link.refresh_from_db()
        assert link.revoked_at is None
        assert not Document.across_orgs.exists()
        assert upload_links.waiting(link.org) == []

    def test_only_one_decides(self, link: UploadLink, mia: User, anna: User) -> None:
        proposal = hand_in(link)
        upload_links.dismiss(Proposal.across_orgs.get(), by=anna, now=NOON)
        for decide in (upload_links.accept, upload_links.dismiss):
            with pytest.raises(Refused, match="decided"):
                decide(proposal, by=mia, now=NOON)
        assert not Document.across_orgs.exists()

    def test_a_file_that_is_gone_is_said_and_decides_nothing(self, link: UploadLink, mia: User) -> None:
        proposal = hand_in(link)
        (Path(settings.ENV.files) / proposal.path).unlink()
        with pytest.raises(Refused, match="gone"):
            upload_links.accept(proposal, by=mia, now=NOON)
        assert [p.decision for p in upload_links.waiting(link.org)] == [Decision.WAITING]

    def test_what_waits_is_named_by_supplier_and_certificate(
        self, link: UploadLink, nordmuehle: Organisation, suedoel: Organisation
    ) -> None:
        proposal = hand_in(link)
        other = certificate(nordmuehle, "EU-ISCC-Cert-DE100-00000043", of="Raps AG")
        assert upload_links.waiting(nordmuehle) == [proposal]
        assert upload_links.waiting(nordmuehle, supplier=link.certificate.supplier_id) == [proposal]
        assert upload_links.waiting(nordmuehle, certificate=link.certificate_id) == [proposal]
        assert upload_links.waiting(nordmuehle, supplier=other.supplier_id) == []
        assert upload_links.waiting(nordmuehle, certificate=other.pk) == []
        assert upload_links.waiting(suedoel) == []

    def test_a_decided_file_goes_a_day_later_and_a_waiting_one_stays(self, link: UploadLink, mia: User) -> None:
        first, second = hand_in(link), hand_in(link, PNG)
        kept = [Path(settings.ENV.files) / proposal.path for proposal in (first, second)]
        upload_links.dismiss(first, by=mia, now=NOON)
        files.sweep(NOON)
        assert all(path.exists() for path in kept)
        files.sweep(NOON + DAY + timedelta(seconds=1))
        assert [path.exists() for path in kept] == [False, True]
