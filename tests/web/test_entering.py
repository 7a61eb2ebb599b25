"""Entering by hand, correcting, approving."""

from datetime import date
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import DjangoAssertNumQueries

from certwatch.models import AuditEntry, Certificate, Document, Organisation, User
from certwatch.rules.status import Status
from tests.actions.entered import NUMBER, entry, reading
from tests.actions.test_certificates import watch
from tests.web.test_certificate import address, login, page, post, text

PDF = b"%PDF-1.7\n..."
SAID = {"number": "KZR 27/22", "status": "valid", "valid_from": "1.4.2026", "valid_until": "31. März 2027"}


def enter(user: User, org: Organisation, **said: Any) -> Any:
    return login(user).post(f"/o/{org.slug}/enter/", {**SAID, **said})


def entered(org: Organisation) -> Certificate:
    certificate = org.certificates.watched().get()
    certificate.org = org
    return certificate


class TestEntering:
    def test_all_of_it_is_kept_with_its_evidence(self, nordmuehle: Organisation, mia: User) -> None:
        more = {"scheme": "kzr inig", "holder": "Muster Sp. z o.o.", "supplier": "Muster", "review_on": "16 Dec 2026"}
        answer = enter(mia, nordmuehle, **more, evidence=SimpleUploadedFile("scan.pdf", PDF))
        certificate = entered(nordmuehle)
        assert (answer.status_code, answer["Location"]) == (302, address(certificate))
        assert (certificate.kind, certificate.word, certificate.scheme) == ("nis", "valid", "KZR INiG")
        assert (certificate.valid_from, certificate.valid_until) == (date(2026, 4, 1), date(2027, 3, 31))
        assert (certificate.holder, certificate.review_on) == ("Muster Sp. z o.o.", date(2026, 12, 16))
        assert certificate.supplier is not None
        assert certificate.supplier.name == "Muster"
        assert certificate.added_by == mia
        assert certificate.own_versions.get().evidence == Document.across_orgs.get()

    def test_it_is_shown_as_such_everywhere(self, nordmuehle: Organisation, mia: User) -> None:
        enter(mia, nordmuehle, evidence=SimpleUploadedFile("scan.pdf", PDF))
        html = page(mia, entered(nordmuehle))
        assert "Entered by hand, never checked automatically" in text(html)
        assert "Entered by hand" in text(html, "status")
        assert "Entered as: Valid" in text(html, "history")
        assert "Evidence: scan.pdf" in text(html, "history")
        assert "last_checked" not in html
        assert "Check now" not in html

    def test_days_are_typed_as_people_do_and_what_is_none_is_told(self, nordmuehle: Organisation, mia: User) -> None:
        html = enter(mia, nordmuehle, valid_until="soon").content.decode()
        assert "“soon” is no date. Write it like 31.12.2026." in html
        html = enter(mia, nordmuehle, valid_until="31.3.2026").content.decode()
        assert "It lies before the first day." in html
        assert not nordmuehle.certificates.exists()

    @pytest.mark.parametrize("number", ["", "\u200b", "x" * 201, "a\x07b"])
    def test_what_can_be_no_number_is_told(self, nordmuehle: Organisation, mia: User, number: str) -> None:
        assert enter(mia, nordmuehle, number=number).status_code == 200
        assert not nordmuehle.certificates.exists()

    def test_evidence_of_another_kind_is_told_and_nothing_entered(self, nordmuehle: Organisation, mia: User) -> None:
        answer = enter(mia, nordmuehle, evidence=SimpleUploadedFile("scan.pdf", b"PK\x03\x04"))
        assert "by its content this file is none of them" in answer.content.decode()
        assert not nordmuehle.certificates.exists()

    def test_only_a_register_says_not_found(self, nordmuehle: Organisation, mia: User) -> None:
        assert enter(mia, nordmuehle, status="not_found").status_code == 200
        assert not nordmuehle.certificates.exists()

    def test_one_that_is_there_leads_to_its_correction(self, nordmuehle: Organisation, mia: User) -> None:
        enter(mia, nordmuehle)
        assert enter(mia, nordmuehle, number="kzr  27/22")["Location"] == address(entered(nordmuehle), "correct/")

    def test_one_that_is_watched_leads_to_its_page(self, nordmuehle: Organisation, mia: User) -> None:
        watch(nordmuehle, NUMBER)
        assert enter(mia, nordmuehle, number=NUMBER)["Location"] == address(entered(nordmuehle))

    def test_a_form_can_be_opened_with_a_number(self, nordmuehle: Organisation, mia: User) -> None:
        html = login(mia).get(f"/o/{nordmuehle.slug}/enter/", {"number": "KZR <1>"}).content.decode()
        assert 'value="KZR &lt;1&gt;"' in html
        assert "KZR INiG" in html


class TestMonitoredSchemes:
    @pytest.mark.parametrize("said", [{"number": NUMBER}, {"scheme": "iscc eu"}])
    def test_watching_is_offered_first(self, nordmuehle: Organisation, mia: User, said: dict[str, str]) -> None:
        html = enter(mia, nordmuehle, **said).content.decode()
        assert "The register of ISCC is read every day" in html
        assert not nordmuehle.certificates.exists()

    def test_it_is_watched_in_place_of_being_entered(self, nordmuehle: Organisation, mia: User) -> None:
        entry(run=reading())
        answer = enter(mia, nordmuehle, number=NUMBER, supplier="Müller GmbH", watch="1")
        certificate = entered(nordmuehle)
        assert answer["Location"] == address(certificate)
        assert (certificate.kind, certificate.word, certificate.how) == ("automatic", "valid", "number")
        assert certificate.supplier is not None

    def test_it_is_entered_all_the_same_where_somebody_wants_that(self, nordmuehle: Organisation, mia: User) -> None:
        enter(mia, nordmuehle, number=NUMBER, anyway="1")
        assert entered(nordmuehle).kind == "nis"


class TestCorrecting:
    def test_a_correction_is_the_next_version(self, nordmuehle: Organisation, mia: User) -> None:
        enter(mia, nordmuehle)
        certificate = entered(nordmuehle)
        html = login(mia).get(address(certificate, "correct/")).content.decode()
        assert 'value="2027-03-31"' in html
        assert '<option value="valid" selected>' in html
        post(mia, certificate, "correct/", status="withdrawn", valid_until="2027-03-31")
        certificate.refresh_from_db()
        assert certificate.word == Status.WITHDRAWN
        history = text(page(mia, certificate), "history")
        assert "Valid to Withdrawn" in history
        assert "Entered as: Valid" in history

    def test_what_a_register_answers_for_cannot_be_corrected(self, nordmuehle: Organisation, mia: User) -> None:
        (certificate,) = watch(nordmuehle, NUMBER)
        assert login(mia).get(address(certificate, "correct/")).status_code == 404


class TestFourEyes:
    @pytest.fixture(autouse=True)
    def _four_eyes(self, nordmuehle: Organisation) -> None:
        nordmuehle.four_eyes = True
        nordmuehle.save()

    def entered_at(self, certificate: Certificate) -> str:
        return certificate.own_versions.latest("id").entered_at.isoformat()

    def test_it_waits_for_a_second_person(self, nordmuehle: Organisation, mia: User, anna: User, ben: User) -> None:
        enter(mia, nordmuehle, holder="Muster GmbH")
        certificate = entered(nordmuehle)
        own = page(mia, certificate)
        assert "Waits for a second person: what was entered does not count yet." in text(own, "status")
        assert "You entered it: somebody else approves it." in text(own)
        assert "approve/" not in own
        assert "approve/" not in page(ben, certificate)
        other = page(anna, certificate)
        assert "Entered by Mia, " in text(other)
        assert "valid from 1 Apr 2026 to 31 Mar 2027, Muster GmbH" in text(other)
        assert "approve/" in other
        assert '<span class="s">&quot;unknown&quot;</span>' in other

    def test_the_second_person_lets_it_count(self, nordmuehle: Organisation, mia: User, anna: User) -> None:
        enter(mia, nordmuehle)
        certificate = entered(nordmuehle)
        seen = self.entered_at(certificate)
        assert post(mia, certificate, "approve/", entered_at=seen).status_code == 302
        certificate.refresh_from_db()
        assert certificate.word == Status.UNKNOWN
        assert post(anna, certificate, "approve/", entered_at=seen).status_code == 302
        certificate.refresh_from_db()
        assert certificate.word == Status.VALID
        assert "Approved by Anna" in text(page(mia, certificate), "history")
        assert AuditEntry.objects.latest("id").action == "certificate.approved"

    def test_what_was_corrected_meanwhile_is_not_approved_unseen(
        self, nordmuehle: Organisation, mia: User, anna: User
    ) -> None:
        enter(mia, nordmuehle)
        certificate = entered(nordmuehle)
        seen = self.entered_at(certificate)
        post(mia, certificate, "correct/", status="valid", valid_until="2030-12-31")
        client = login(anna)
        answer = client.post(address(certificate, "approve/"), {"entered_at": seen}, follow=True)
        assert "does not wait for a second person any more" in answer.content.decode()
        certificate.refresh_from_db()
        assert certificate.word == Status.UNKNOWN

    def test_a_change_for_the_worse_counts_at_once(self, nordmuehle: Organisation, mia: User, anna: User) -> None:
        enter(mia, nordmuehle)
        certificate = entered(nordmuehle)
        post(anna, certificate, "approve/", entered_at=self.entered_at(certificate))
        post(mia, certificate, "correct/", status="suspended", valid_until="2027-03-31")
        html = page(anna, certificate)
        assert "Suspended, as it was entered by hand." in text(html, "status")
        assert "Counts already, and waits for a second person" in text(html)

    @pytest.mark.parametrize("seen", ["", "yesterday"])
    def test_an_approval_of_nothing_is_not_there(
        self, nordmuehle: Organisation, mia: User, anna: User, seen: str
    ) -> None:
        enter(mia, nordmuehle)
        assert post(anna, entered(nordmuehle), "approve/", entered_at=seen).status_code == 404


def test_the_form_takes_four_queries(
    nordmuehle: Organisation, mia: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = login(mia)
    client.get(f"/o/{nordmuehle.slug}/enter/")
    with django_assert_num_queries(4):  # session, person, membership, suppliers
        client.get(f"/o/{nordmuehle.slug}/enter/")
