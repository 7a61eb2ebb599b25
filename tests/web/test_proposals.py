"""What suppliers upload, on the pages of the organisation."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.test import Client

from certwatch.actions import upload_links
from certwatch.actions.documents import Upload
from certwatch.models import Certificate, Document, Organisation, Proposal, UploadLink, User
from tests.actions.asked import PDF, certificate
from tests.conftest import NOON
from tests.web.test_certificate import address, login, page, text

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def watched(nordmuehle: Organisation) -> Certificate:
    return certificate(nordmuehle, languages=("de",))


@pytest.fixture
def proposal(watched: Certificate, mia: User) -> Proposal:
    link = upload_links.ask(watched, contact=watched.org.supplier_contacts.get(), by=mia, now=NOON)
    return upload_links.upload(link, Upload("<b>new.pdf", PDF), "See page 2 <script>", now=NOON, address="192.0.2.7")


def below(proposal: Proposal, end: str = "") -> str:
    return address(proposal.certificate, f"proposals/{proposal.public_id}/{end}")


class TestAsking:
    def test_a_link_is_shown_once_and_works(self, mia: User, watched: Certificate) -> None:
        answer = login(mia).post(address(watched, "ask/"), {"to": "link", "language": "de"})
        assert answer["Cache-Control"] == "no-store"
        found = re.search(r"http://127.0.0.1:8000(/upload/[\w-]{43}/)", answer.content.decode())
        assert found
        assert Client().get(found[1]).status_code == 200
        assert UploadLink.across_orgs.get().language == "de"
        assert found[1] not in page(mia, watched)
        assert not watched.org.deliveries.exists()

    def test_a_mail_goes_to_the_contact_and_the_page_says_so(self, mia: User, watched: Certificate) -> None:
        contact = watched.org.supplier_contacts.get()
        answer = login(mia).post(address(watched, "ask/"), {"to": contact.public_id}, follow=True)
        assert "A mail with a link goes to de@supplier.example." in answer.content.decode()
        assert watched.org.deliveries.get().contact == contact
        assert "Sam Seller was asked on 24 Nov 2026, good until 23 Jan 2027" in page_text(mia, watched)

    def test_only_contacts_of_this_supplier_with_an_address_are_offered(
        self, mia: User, watched: Certificate, suedoel: Organisation
    ) -> None:
        other = certificate(suedoel, "EU-ISCC-Cert-DE100-00000044")
        foreign = other.org.supplier_contacts.get()
        answer = login(mia).post(address(watched, "ask/"), {"to": foreign.public_id})
        assert answer.status_code == 200
        assert 'id="to_error"' in answer.content.decode()
        watched.org.supplier_contacts.update(email="")
        form = login(mia).get(address(watched, "ask/")).content.decode()
        assert "No contact of Oderbruch has an e-mail address" in form
        assert not UploadLink.across_orgs.exists()

    def test_without_a_supplier_the_link_alone_is_offered(self, mia: User, watched: Certificate) -> None:
        watched.org.certificates.update(supplier=None)
        form = login(mia).get(address(watched, "ask/")).content.decode()
        assert "No supplier is named" in form
        assert 'value="link" checked' in form

    def test_a_revoked_link_is_gone_from_the_page(self, mia: User, watched: Certificate) -> None:
        link = upload_links.ask(watched, contact=None, by=mia, now=NOON)
        assert "Link made by Mia on 24 Nov 2026" in page_text(mia, watched)
        login(mia).post(address(watched, f"links/{link.public_id}/revoke/"))
        assert "Link made by Mia" not in page_text(mia, watched)
        assert Client().get(upload_links.address_of(link)).status_code == 410

    def test_an_ended_one_too(self, mia: User, watched: Certificate, clock: time_machine.Traveller) -> None:
        upload_links.ask(watched, contact=None, by=mia, now=NOON)
        clock.move_to(NOON + 60 * DAY)
        assert "Link made by Mia" not in page_text(mia, watched)


def page_text(user: User, watched: Certificate) -> str:
    return text(page(user, watched))


class TestDeciding:
    def test_a_file_stands_on_both_pages_with_what_was_written(self, mia: User, proposal: Proposal) -> None:
        html = page(mia, proposal.certificate)
        assert "<script>" not in html.partition("<main")[2]
        assert "&lt;b&gt;new.pdf" in html
        assert "See page 2 &lt;script&gt;" in html
        assert "over the link to Sam Seller" in html
        supplier = proposal.certificate.supplier
        assert supplier
        of_supplier = login(mia).get(f"/o/nordmuehle/suppliers/{supplier.public_id}/").content.decode()
        assert "Uploaded by the supplier" in of_supplier
        assert "&lt;b&gt;new.pdf" in of_supplier

    def test_it_is_a_download_that_can_do_nothing(self, ben: User, proposal: Proposal) -> None:
        answer = login(ben).get(below(proposal))
        assert answer.content == PDF
        assert answer["Content-Disposition"].startswith("attachment")
        assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert answer["X-Content-Type-Options"] == "nosniff"

    def test_accepting_makes_it_a_document(self, mia: User, proposal: Proposal) -> None:
        answer = login(mia).post(below(proposal, "accept/"), follow=True)
        assert "&lt;b&gt;new.pdf is one of the documents now." in answer.content.decode()
        document = Document.across_orgs.get()
        assert document.added_by == mia
        assert Client().get(upload_links.address_of(proposal.link)).status_code == 410
        assert login(mia).get(below(proposal)).status_code == 404

    def test_dismissing_leaves_no_document_and_a_second_decision_is_refused(
        self, mia: User, anna: User, proposal: Proposal
    ) -> None:
        login(anna).post(below(proposal, "dismiss/"))
        assert login(mia).post(below(proposal, "accept/")).status_code == 404
        assert not Document.across_orgs.exists()
        assert Client().get(upload_links.address_of(proposal.link)).status_code == 200

    def test_an_auditor_sees_it_and_decides_nothing(self, ben: User, proposal: Proposal) -> None:
        html = page(ben, proposal.certificate)
        assert "new.pdf" in html
        assert "/accept/" not in html
        assert login(ben).post(below(proposal, "accept/")).status_code == 403

    def test_another_organisation_finds_nothing(self, clara: User, proposal: Proposal, suedoel: Organisation) -> None:
        theirs = certificate(suedoel, "EU-ISCC-Cert-DE100-00000044")
        for path in (below(proposal), address(theirs, f"proposals/{proposal.public_id}/")):
            assert login(clara).get(path).status_code == 404
        for end in (f"proposals/{proposal.public_id}/accept/", f"links/{proposal.link.public_id}/revoke/"):
            assert login(clara).post(address(theirs, end)).status_code == 404
        assert not Document.across_orgs.exists()
