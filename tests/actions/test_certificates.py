"""Certificates of an organisation: found, entered by hand, settled again, told."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from certwatch.actions import certificates, documents, imports, watched
from certwatch.actions.documents import Upload
from certwatch.models import AuditEntry, Certificate, Change, Document, Organisation, OwnVersion, User
from certwatch.rules.errors import BadNumber, Refused, UnknownName
from certwatch.rules.sheets import Row
from certwatch.rules.status import Status
from tests.actions.entered import NUMBER, entry, reading, say
from tests.conftest import NOON

PDF = b"%PDF-1.7\n..."
LATER = NOON + timedelta(days=10)


def enter(org: Organisation, status: Status = Status.VALID, number: str = "KZR 27/22", **facts: Any) -> OwnVersion:
    facts = {"valid_from": None, "valid_until": date(2027, 3, 31), "by": None, "now": NOON, **facts}
    return certificates.enter(org, number, status=status, **facts)


def watch(org: Organisation, *numbers: str, supplier: str = "", now: datetime = NOON) -> list[Certificate]:
    rows = [Row(line=1, number=number, supplier=supplier) for number in numbers]
    list(imports.take(org, rows, by_hand=False, about="x", by=None, now=now))
    return [certificates.named(org, number) for number in numbers]


def changes(org: Organisation) -> list[tuple[int, str, str, str, str]]:
    found = org.changes.order_by("number").values_list("number", "type", "told_by", "was", "word")
    return [
        (number, kind.removeprefix("certificate."), by.partition(":")[0], was, word)
        for number, kind, by, was, word in found
    ]


class TestFinding:
    def test_a_number_is_matched_as_in_the_contract(self, nordmuehle: Organisation) -> None:
        watch(nordmuehle, NUMBER)
        for typed in (f" {NUMBER.lower()} ", NUMBER.replace("-", "–"), NUMBER + "\N{ZERO WIDTH SPACE}"):
            assert certificates.named(nordmuehle, typed).number == NUMBER

    def test_one_that_is_not_watched_here_is_refused(self, nordmuehle: Organisation, suedoel: Organisation) -> None:
        watch(suedoel, NUMBER)
        with pytest.raises(UnknownName, match=f"Nordmühle does not watch “{NUMBER}”"):
            certificates.named(nordmuehle, NUMBER)
        with pytest.raises(BadNumber):
            certificates.named(nordmuehle, "")

    def test_one_that_is_watched_no_longer_is_refused_and_can_be_added_anew(self, nordmuehle: Organisation) -> None:
        (first,) = watch(nordmuehle, NUMBER)
        first.removed_at = NOON
        first.save()
        with pytest.raises(UnknownName):
            certificates.named(nordmuehle, NUMBER)
        (again,) = watch(nordmuehle, NUMBER)
        assert again.pk != first.pk


class TestEntering:
    def test_what_is_entered_counts_at_once_and_is_noted_and_told(self, nordmuehle: Organisation, anna: User) -> None:
        version = enter(nordmuehle, valid_from=date(2026, 4, 1), by=anna)
        certificate = certificates.named(nordmuehle, "kzr 27/22")
        assert (certificate.kind, certificate.source, certificate.status(NOON)) == ("nis", "", Status.VALID)
        assert (certificate.valid_from, certificate.valid_until) == (date(2026, 4, 1), date(2027, 3, 31))
        assert (version.known_from, version.approved_at, version.entered_by) == (NOON, NOON, anna)
        assert changes(nordmuehle) == [(1, "added", "added", "valid", "valid")]
        note = AuditEntry.objects.get(org=nordmuehle)
        assert (note.action, note.about, note.about_id) == ("certificate.entered", "KZR 27/22", certificate.public_id)

    def test_a_correction_keeps_the_former_values_in_the_history(self, nordmuehle: Organisation) -> None:
        enter(nordmuehle)
        enter(nordmuehle, Status.SUSPENDED, valid_until=None, now=LATER)
        certificate = certificates.named(nordmuehle, "KZR 27/22")
        assert (certificate.word, certificate.valid_until) == (Status.SUSPENDED, None)
        assert [(h["from"], h["to"], h["word"], h["valid_until"], h["run"]) for h in watched.history(certificate)] == [
            (NOON, LATER, "valid", date(2027, 3, 31), None),
            (LATER, None, "suspended", None, None),
        ]
        assert changes(nordmuehle)[1:] == [
            (2, "status_changed", "own", "valid", "suspended"),
            (3, "data_changed", "own", "valid", "suspended"),
        ]
        assert nordmuehle.certificates.count() == 1

    def test_a_correction_that_changes_nothing_tells_nothing(self, nordmuehle: Organisation) -> None:
        enter(nordmuehle)
        enter(nordmuehle)
        assert len(changes(nordmuehle)) == 1

    def test_one_that_is_watched_automatically_is_refused(self, nordmuehle: Organisation) -> None:
        watch(nordmuehle, NUMBER)
        with pytest.raises(Refused, match="watched automatically"):
            enter(nordmuehle, number=NUMBER.lower())
        assert not OwnVersion.objects.exists()

    def test_the_first_day_does_not_lie_after_the_last(self, nordmuehle: Organisation) -> None:
        with pytest.raises(Refused, match="lies after the last"):
            enter(nordmuehle, valid_from=date(2027, 4, 1))
        assert enter(nordmuehle, valid_from=date(2027, 3, 31))

    def test_only_a_register_says_not_found(self, nordmuehle: Organisation) -> None:
        with pytest.raises(Refused, match="Only a register"):
            enter(nordmuehle, Status.NOT_FOUND)

    def test_what_is_not_yet_valid_becomes_valid_on_its_first_day(self, nordmuehle: Organisation) -> None:
        first = date(2026, 12, 1)
        enter(nordmuehle, Status.NOT_YET_VALID, valid_from=first)
        certificate = certificates.named(nordmuehle, "KZR 27/22")
        assert certificate.status(NOON) == Status.NOT_YET_VALID
        assert certificate.status(LATER) == Status.VALID

    def test_what_is_not_yet_valid_without_a_first_day_stays_so(self, nordmuehle: Organisation) -> None:
        enter(nordmuehle, Status.NOT_YET_VALID)
        assert certificates.named(nordmuehle, "KZR 27/22").status(LATER) == Status.NOT_YET_VALID


class TestFourEyes:
    @pytest.fixture(autouse=True)
    def _four_eyes(self, nordmuehle: Organisation) -> None:
        nordmuehle.four_eyes = True
        nordmuehle.save()

    def approved(self, org: Organisation) -> Certificate:
        """A certificate whose entry a second person has approved."""
        version = enter(org)
        certificate = version.certificate
        certificate.word, certificate.valid_until = version.word, version.valid_until
        certificate.save()
        version.known_from = version.approved_at = NOON
        version.save()
        return certificate

    def test_what_is_entered_waits_as_unknown_without_a_last_day(self, nordmuehle: Organisation) -> None:
        version = enter(nordmuehle)
        assert (version.known_from, version.approved_at) == (None, None)
        certificate = certificates.named(nordmuehle, "KZR 27/22")
        assert (certificate.word, certificate.valid_from, certificate.valid_until) == (Status.UNKNOWN, None, None)
        assert watched.history(certificate) == []
        assert changes(nordmuehle) == [(1, "added", "added", "unknown", "unknown")]

    @pytest.mark.parametrize(
        ("status", "valid_until"),
        [
            (Status.SUSPENDED, date(2028, 12, 31)),
            (Status.UNKNOWN, date(2028, 12, 31)),
            (Status.VALID, date(2027, 3, 30)),
            (Status.VALID, date(2026, 11, 1)),
        ],
    )
    def test_a_change_for_the_worse_counts_at_once(
        self, nordmuehle: Organisation, status: Status, valid_until: date
    ) -> None:
        self.approved(nordmuehle)
        version = enter(nordmuehle, status, valid_until=valid_until, now=LATER)
        assert (version.known_from, version.approved_at) == (LATER, None)
        certificate = certificates.named(nordmuehle, "KZR 27/22")
        assert (certificate.word, certificate.valid_until) == (status, valid_until)

    @pytest.mark.parametrize("valid_until", [date(2027, 4, 1), date(2027, 3, 31), None])
    def test_any_other_change_waits_beside_the_approved_values(
        self, nordmuehle: Organisation, valid_until: date | None
    ) -> None:
        self.approved(nordmuehle)
        version = enter(nordmuehle, valid_until=valid_until, now=LATER)
        assert version.known_from is None
        certificate = certificates.named(nordmuehle, "KZR 27/22")
        assert (certificate.word, certificate.valid_until) == (Status.VALID, date(2027, 3, 31))
        assert len(watched.history(certificate)) == 1

    def test_only_the_newest_change_waits(self, nordmuehle: Organisation) -> None:
        self.approved(nordmuehle)
        first = enter(nordmuehle, valid_until=date(2028, 1, 1), now=LATER)
        second = enter(nordmuehle, valid_until=date(2029, 1, 1), now=LATER)
        first.refresh_from_db()
        assert (first.known_from, first.known_until) == (None, LATER)
        assert (second.known_from, second.known_until) == (None, None)

    def test_a_change_for_the_worse_of_one_that_waits_waits(self, nordmuehle: Organisation) -> None:
        enter(nordmuehle)
        assert enter(nordmuehle, Status.WITHDRAWN).known_from is None
        assert certificates.named(nordmuehle, "KZR 27/22").word == Status.UNKNOWN


class TestEvidence:
    @pytest.mark.parametrize(
        ("content", "kind"),
        [
            (PDF, "application/pdf"),
            (b"\x89PNG\r\n\x1a\n...", "image/png"),
            (b"\xff\xd8\xff\xe0...", "image/jpeg"),
        ],
    )
    def test_it_is_kept_whole_under_another_name(
        self, nordmuehle: Organisation, anna: User, content: bytes, kind: str
    ) -> None:
        version = enter(nordmuehle, evidence=Upload("scan.exe", content), by=anna)
        document = Document.across_orgs.get()
        assert version.evidence == document
        assert (document.name, document.content_type, document.size) == ("scan.exe", kind, len(content))
        assert document.sha256 == hashlib.sha256(content).hexdigest()
        assert (document.org, document.certificate, document.added_by) == (nordmuehle, version.certificate, anna)
        stored = Path(settings.ENV.files) / document.path
        assert stored.read_bytes() == content
        assert "scan" not in document.path
        assert [p.name for p in stored.parent.iterdir() if p.suffix == ".part"] == []

    def test_another_kind_of_file_is_refused_and_nothing_entered(self, nordmuehle: Organisation) -> None:
        with pytest.raises(Refused, match="must be a PDF, a PNG or a JPEG"):
            enter(nordmuehle, evidence=Upload("scan.pdf", b"PK\x03\x04"))
        assert not nordmuehle.certificates.exists()
        assert not Change.across_orgs.exists()

    def test_twenty_megabytes_are_the_most(self, nordmuehle: Organisation, tmp_path: Path) -> None:
        large = tmp_path / "large.pdf"
        large.write_bytes(PDF.ljust(documents.LARGEST + 1))
        with pytest.raises(Refused, match="larger than 20 MB"):
            documents.from_path(large)
        large.write_bytes(PDF.ljust(documents.LARGEST))
        assert enter(nordmuehle, evidence=documents.from_path(large))

    def test_a_file_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(Refused, match="cannot be read: No such file"):
            documents.from_path(tmp_path / "nix.pdf")


class TestHistory:
    def test_it_tells_what_the_register_said_also_before_it_was_watched(self, nordmuehle: Organisation) -> None:
        first = reading(began=NOON - timedelta(days=30))
        said = entry(run=first)
        second = reading(began=NOON - timedelta(days=20))
        say(said, second, Status.SUSPENDED)
        (certificate,) = watch(nordmuehle, NUMBER)
        third = reading(began=LATER)
        say(said, third, Status.VALID, date(2027, 12, 31))
        assert watched.history(certificate) == [
            {
                "from": first.began, "to": second.began, "word": "valid", "valid_from": date(2026, 1, 1),
                "valid_until": date(2026, 12, 31), "suspensions": [], "holder": "Müller GmbH", "run": first.pk,
            },
            {
                "from": second.began, "to": third.began, "word": "suspended", "valid_from": date(2026, 1, 1),
                "valid_until": date(2026, 12, 31), "suspensions": [{"from": "2026-11-01", "until": None}],
                "holder": "Müller GmbH", "run": second.pk,
            },
            {
                "from": third.began, "to": None, "word": "valid", "valid_from": date(2026, 1, 1),
                "valid_until": date(2027, 12, 31), "suspensions": [], "holder": "Müller GmbH", "run": third.pk,
            },
        ]  # fmt: skip

    def test_another_entry_takes_over_where_it_was_bound(self, nordmuehle: Organisation) -> None:
        run = reading()
        one = entry(run=run, holder="One")
        (certificate,) = watch(nordmuehle, NUMBER)
        other = entry(run=run, holder="Other", word=Status.SUSPENDED)
        binding = certificate.bindings.get()
        binding.known_until = LATER
        binding.save()
        certificate.bindings.create(entry=other, how="person", known_from=LATER)
        assert [(h["holder"], h["from"], h["to"]) for h in watched.history(certificate)] == [
            ("One", one.first_seen, LATER),
            ("Other", other.first_seen, None),
        ]


class TestLastChecked:
    def test_it_is_the_later_of_the_sources_reading_and_its_own_check(self, nordmuehle: Organisation) -> None:
        (certificate,) = watch(nordmuehle, NUMBER)
        assert watched.last_checked(certificate) is None
        reading()
        assert watched.last_checked(certificate) == NOON
        certificate.checked_at = LATER
        assert watched.last_checked(certificate) == LATER
        reading(began=LATER + timedelta(days=1))
        assert watched.last_checked(certificate) == LATER + timedelta(days=1)


class TestShapes:
    def test_a_list_has_what_the_manual_says(self, nordmuehle: Organisation) -> None:
        entry()
        (certificate,) = watch(nordmuehle, NUMBER, supplier="Müller")
        assert list(watched.overview(nordmuehle, NOON)) == [
            {
                "id": certificate.public_id, "number": NUMBER, "scheme": "ISCC EU", "source": "iscc",
                "kind": "automatic", "status": "valid", "valid_from": date(2026, 1, 1),
                "valid_until": date(2026, 12, 31), "last_checked": NOON, "holder": "Müller GmbH", "supplier": "Müller",
            }
        ]  # fmt: skip

    def test_a_status_is_of_the_organisations_day(self, nordmuehle: Organisation) -> None:
        entry()
        watch(nordmuehle, NUMBER)
        new_year = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)  # 2027 in Berlin
        assert [row["status"] for row in watched.overview(nordmuehle, new_year)] == ["expired"]
        nordmuehle.time_zone = "America/New_York"
        assert [row["status"] for row in watched.overview(nordmuehle, new_year)] == ["valid"]

    def test_by_hand_there_is_no_time_of_a_check(self, nordmuehle: Organisation) -> None:
        reading()
        enter(nordmuehle)
        (row,) = watched.overview(nordmuehle, NOON)
        assert (row["kind"], row["source"], row["last_checked"]) == ("nis", None, None)

    def test_one_has_the_registers_own_words(self, nordmuehle: Organisation) -> None:
        entry(word=Status.SUSPENDED)
        (certificate,) = watch(nordmuehle, NUMBER)
        one = watched.one(certificate, NOON)
        assert (one["word"], one["status"]) == ("suspended", "suspended")
        assert one["suspensions"] == [{"from": "2026-11-01", "until": None}]
        assert one["details"] == {"Scope": "Trader", "Issuing CB": "SGS", "Place": "Musterstadt"}
        assert [c.holder for c in one["candidates"]] == ["Müller GmbH"]

    def test_an_ambiguous_one_shows_all_candidates(self, nordmuehle: Organisation) -> None:
        run = reading()
        entry(run=run, holder="One")
        entry(run=run, holder="Other", word=Status.SUSPENDED)
        entry(run=run, holder="Gone", gone_at=NOON)
        (certificate,) = watch(nordmuehle, NUMBER)
        one = watched.one(certificate, NOON)
        assert (one["status"], one["holder"], one["word"]) == ("unknown", None, "unknown")
        assert [(c.holder, c.status) for c in one["candidates"]] == [("One", "valid"), ("Other", "suspended")]


def test_a_supplier_that_is_added_later_decides_between_holders(nordmuehle: Organisation) -> None:
    run = reading()
    entry(run=run, holder="One GmbH")
    other = entry(run=run, holder="Other GmbH", word=Status.SUSPENDED)
    (certificate,) = watch(nordmuehle, NUMBER)
    assert certificate.ambiguous
    (certificate,) = watch(nordmuehle, NUMBER, supplier="OTHER gmbh", now=LATER)
    assert (certificate.ambiguous, certificate.entry, certificate.how) == (False, other, "holder")
    assert certificate.word == Status.SUSPENDED
    assert changes(nordmuehle)[1:] == [(2, "status_changed", "supplier", "unknown", "suspended")]
    assert [(b.entry, b.known_from) for b in certificate.bindings.all()] == [(other, LATER)]
