"""What people decide about certificates: approved, chosen, let go."""

from datetime import date, timedelta

import pytest

from certwatch.actions import certificates, watched
from certwatch.models import AuditEntry, Certificate, Organisation, User
from certwatch.rules.errors import Refused
from certwatch.rules.status import Status
from tests.actions.entered import NUMBER, entry, reading
from tests.actions.test_certificates import LATER, changes, enter, watch
from tests.conftest import NOON


class TestApproving:
    @pytest.fixture(autouse=True)
    def _four_eyes(self, nordmuehle: Organisation) -> None:
        nordmuehle.four_eyes = True
        nordmuehle.save()

    def certificate(self, org: Organisation) -> Certificate:
        return certificates.named(org, "KZR 27/22")

    def test_a_second_person_lets_it_count(self, nordmuehle: Organisation, mia: User, anna: User) -> None:
        version = enter(nordmuehle, by=mia, holder="Muster GmbH")
        certificates.approve(self.certificate(nordmuehle), NOON, by=anna, now=LATER, address="192.0.2.7")
        version.refresh_from_db()
        assert (version.known_from, version.approved_at, version.approved_by) == (LATER, LATER, anna)
        certificate = self.certificate(nordmuehle)
        assert (certificate.word, certificate.valid_until) == (Status.VALID, date(2027, 3, 31))
        assert certificate.holder == "Muster GmbH"
        assert changes(nordmuehle)[1:] == [
            (2, "status_changed", "own", "unknown", "valid"),
            (3, "data_changed", "own", "unknown", "valid"),
        ]
        note = AuditEntry.objects.latest("id")
        assert (note.action, note.by, note.source_address) == ("certificate.approved", anna, "192.0.2.7")
        assert certificates.waiting(certificate) == []

    def test_who_entered_it_is_no_second_person(self, nordmuehle: Organisation, mia: User, anna: User) -> None:
        version = enter(nordmuehle, by=mia)
        certificate = self.certificate(nordmuehle)
        assert not certificates.may_approve(nordmuehle, version, mia)
        assert certificates.may_approve(nordmuehle, version, anna)
        with pytest.raises(Refused, match="second person"):
            certificates.approve(certificate, NOON, by=mia, now=LATER)
        assert certificates.waiting(certificate) == [version]

    def test_where_four_eyes_are_wanted_no_more_anybody_approves(self, nordmuehle: Organisation, mia: User) -> None:
        version = enter(nordmuehle, by=mia)
        nordmuehle.four_eyes = False
        nordmuehle.save()
        assert certificates.may_approve(nordmuehle, version, mia)
        certificates.approve(self.certificate(nordmuehle), NOON, by=mia, now=LATER)
        assert self.certificate(nordmuehle).word == Status.VALID

    def test_an_approved_change_takes_the_place_of_the_former_values(
        self, nordmuehle: Organisation, mia: User, anna: User
    ) -> None:
        enter(nordmuehle, by=mia)
        certificates.approve(self.certificate(nordmuehle), NOON, by=anna, now=NOON)
        enter(nordmuehle, by=mia, valid_until=date(2028, 3, 31), now=LATER)
        certificates.approve(self.certificate(nordmuehle), LATER, by=anna, now=LATER + timedelta(days=1))
        certificate = self.certificate(nordmuehle)
        assert certificate.valid_until == date(2028, 3, 31)
        assert [(h["from"], h["to"], h["valid_until"]) for h in watched.history(certificate)] == [
            (NOON, LATER + timedelta(days=1), date(2027, 3, 31)),
            (LATER + timedelta(days=1), None, date(2028, 3, 31)),
        ]

    def test_a_change_for_the_worse_counts_already_and_tells_nothing_more(
        self, nordmuehle: Organisation, mia: User, anna: User
    ) -> None:
        enter(nordmuehle, by=mia)
        certificates.approve(self.certificate(nordmuehle), NOON, by=anna, now=NOON)
        worse = enter(nordmuehle, Status.SUSPENDED, by=mia, now=LATER)
        better = enter(nordmuehle, by=mia, now=LATER + timedelta(days=1))
        certificate = self.certificate(nordmuehle)
        assert certificates.waiting(certificate) == [better, worse]
        told = changes(nordmuehle)
        certificates.approve(certificate, LATER, by=anna, now=LATER + timedelta(days=2))
        assert changes(nordmuehle) == told
        worse.refresh_from_db()
        assert (worse.known_from, worse.approved_by) == (LATER, anna)
        assert self.certificate(nordmuehle).word == Status.SUSPENDED
        assert certificates.waiting(certificate) == [better]

    def test_what_was_corrected_meanwhile_cannot_be_approved(
        self, nordmuehle: Organisation, mia: User, anna: User
    ) -> None:
        enter(nordmuehle, by=mia)
        enter(nordmuehle, by=mia, valid_until=date(2029, 1, 1), now=LATER)
        with pytest.raises(Refused, match="does not wait"):
            certificates.approve(self.certificate(nordmuehle), NOON, by=anna, now=LATER)


class TestDescribingWhatIsEntered:
    def test_holder_scheme_and_review_stay_where_nothing_is_said(self, nordmuehle: Organisation) -> None:
        enter(nordmuehle, holder="Muster GmbH", scheme="KZR INiG", review_on=date(2027, 1, 1))
        enter(nordmuehle, now=LATER)
        certificate = certificates.named(nordmuehle, "KZR 27/22")
        assert (certificate.holder, certificate.scheme) == ("Muster GmbH", "KZR INiG")
        assert certificate.review_on == date(2027, 1, 1)
        enter(nordmuehle, holder="Other AG", scheme="SURE", review_on=date(2027, 2, 2), now=LATER)
        certificate.refresh_from_db()
        assert (certificate.holder, certificate.scheme) == ("Other AG", "SURE")
        assert certificate.review_on == date(2027, 2, 2)


class TestChoosing:
    @pytest.fixture
    def certificate(self, nordmuehle: Organisation) -> Certificate:
        """Its number names two holders."""
        run = reading()
        entry(run=run, holder="One GmbH")
        entry(run=run, holder="Other AG", word=Status.SUSPENDED)
        (certificate,) = watch(nordmuehle, NUMBER)
        assert certificate.ambiguous
        return certificate

    def test_the_chosen_holder_answers_and_it_is_noted_who_chose(
        self, nordmuehle: Organisation, certificate: Certificate, mia: User
    ) -> None:
        certificates.choose(certificate, "Other AG", by=mia, now=LATER, address="192.0.2.7")
        certificate.refresh_from_db()
        assert (certificate.word, certificate.how, certificate.ambiguous) == (Status.SUSPENDED, "person", False)
        assert certificate.entry is not None
        assert certificate.entry.holder == "Other AG"
        bound = certificate.bindings.get()
        assert (bound.how, bound.by, bound.known_from, bound.known_until) == ("person", mia, LATER, None)
        assert changes(nordmuehle)[1:] == [(2, "status_changed", "person", "unknown", "suspended")]
        note = AuditEntry.objects.latest("id")
        assert (note.action, note.details) == ("certificate.holder_chosen", {"holder": "Other AG"})

    def test_another_choice_ends_the_first(
        self, nordmuehle: Organisation, certificate: Certificate, mia: User, anna: User
    ) -> None:
        certificates.choose(certificate, "Other AG", by=mia, now=NOON)
        certificates.choose(certificate, "one gmbh", by=anna, now=LATER)
        bound = certificate.bindings.order_by("id").values_list("how", "by", "known_until")
        assert list(bound) == [("person", mia.pk, LATER), ("person", anna.pk, None)]
        assert [(kind, word) for _, kind, _, _, word in changes(nordmuehle)[2:]] == [
            ("status_changed", "valid"),
            ("data_changed", "valid"),
        ]
        assert nordmuehle.changes.latest("number").fields == ["holder"]

    def test_a_choice_can_be_taken_back(self, nordmuehle: Organisation, certificate: Certificate, mia: User) -> None:
        certificates.choose(certificate, "Other AG", by=mia, now=NOON)
        certificates.choose(certificate, None, by=mia, now=LATER)
        certificate.refresh_from_db()
        assert (certificate.word, certificate.ambiguous, certificate.entry) == (Status.UNKNOWN, True, None)
        assert certificate.bindings.get().known_until == LATER
        assert AuditEntry.objects.latest("id").action == "certificate.choice_taken_back"

    def test_a_choice_taken_back_leaves_it_to_the_suppliers_name(self, nordmuehle: Organisation, mia: User) -> None:
        run = reading()
        entry(run=run, holder="One GmbH")
        entry(run=run, holder="Other AG", word=Status.SUSPENDED)
        (certificate,) = watch(nordmuehle, NUMBER, supplier="ONE GmbH")
        certificates.choose(certificate, "Other AG", by=mia, now=NOON)
        certificates.choose(certificate, None, by=mia, now=LATER)
        certificate.refresh_from_db()
        assert (certificate.word, certificate.how) == (Status.VALID, "holder")

    def test_a_holder_that_is_not_listed_is_refused(self, certificate: Certificate, mia: User) -> None:
        with pytest.raises(Refused, match="does not list it under “Nobody”"):
            certificates.choose(certificate, "Nobody", by=mia, now=NOON)
        assert not certificate.bindings.exists()

    def test_by_hand_there_is_nothing_to_choose(self, nordmuehle: Organisation, mia: User) -> None:
        with pytest.raises(Refused, match="nothing to choose"):
            certificates.choose(enter(nordmuehle).certificate, "One GmbH", by=mia, now=NOON)


class TestLettingGo:
    def test_it_is_watched_no_more_and_its_history_stays(self, nordmuehle: Organisation, mia: User) -> None:
        entry()
        (certificate,) = watch(nordmuehle, NUMBER)
        assert certificates.stop_watching(nordmuehle, [certificate], by=mia, now=LATER, address="192.0.2.7") == 1
        certificate.refresh_from_db()
        assert certificate.removed_at == LATER
        assert changes(nordmuehle)[1:] == [(2, "removed", "removed", "valid", "valid")]
        assert [(h["word"], h["to"]) for h in watched.history(certificate)] == [("valid", LATER)]
        note = AuditEntry.objects.latest("id")
        assert (note.action, note.about, note.by) == ("certificate.removed", NUMBER, mia)

    def test_what_is_not_watched_any_more_is_not_told_again(self, nordmuehle: Organisation, mia: User) -> None:
        (certificate,) = watch(nordmuehle, NUMBER)
        for _ in range(2):
            gone = certificates.stop_watching(nordmuehle, [certificate], by=mia, now=LATER)
        assert gone == 0
        assert len(changes(nordmuehle)) == 2

    def test_another_organisations_stays(self, nordmuehle: Organisation, suedoel: Organisation, mia: User) -> None:
        (theirs,) = watch(suedoel, NUMBER)
        assert certificates.stop_watching(nordmuehle, [theirs], by=mia, now=LATER) == 0
        theirs.refresh_from_db()
        assert theirs.removed_at is None
