"""Numbers that an organisation wants watched: verdicts and what is done."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from django.conf import settings
from pytest_django import DjangoAssertNumQueries

from certwatch.actions import certificates, imports
from certwatch.actions.imports import Taken
from certwatch.models import AuditEntry, Binding, Certificate, ChangeCounter, Organisation, OwnVersion, Supplier
from certwatch.rules.errors import UnknownName
from certwatch.rules.sheets import Row
from certwatch.rules.status import Status
from tests.actions.entered import NUMBER, entry, reading
from tests.conftest import NOON

PLUS = "ISCC-PLUS-Cert-DE100-12345678"


def row(number: str = NUMBER, **facts: Any) -> Row:
    return Row(line=facts.pop("line", 2), number=number, **facts)


def take(org: Organisation, *rows: Row, by_hand: bool = True) -> list[Taken]:
    return list(imports.take(org, rows, by_hand=by_hand, about="list.csv", by=None, now=NOON))


def look(org: Organisation, *rows: Row) -> list[Taken]:
    return list(imports.look(org, rows, now=NOON))


def verdicts(taken: Iterable[Taken]) -> list[tuple[str, str | None]]:
    return [(t.verdict.value, t.outcome.value if t.outcome else None) for t in taken]


class TestVerdicts:
    @pytest.mark.parametrize("number", ["", "  ", "\N{ZERO WIDTH SPACE}", "A\0B", "x" * 201])
    def test_what_can_be_no_number_is_left_out(self, nordmuehle: Organisation, number: str) -> None:
        (taken,) = take(nordmuehle, row(number))
        assert verdicts([taken]) == [("unreadable", "left_out")]
        assert (taken.number, taken.id, taken.candidates) == (None, None, [])
        assert taken.reason

    def test_the_same_number_in_another_dress_is_repeated(self, nordmuehle: Organisation) -> None:
        taken = take(nordmuehle, row(), row(f" {NUMBER.lower()} "), row(NUMBER.replace("-", "–")))
        assert verdicts(taken) == [("not_read_yet", "added"), ("repeated", "left_out"), ("repeated", "left_out")]
        assert nordmuehle.certificates.count() == 1
        assert taken[1].number == NUMBER.lower()

    def test_repetition_is_seen_over_all_chunks(self, nordmuehle: Organisation) -> None:
        many = [row(f"2BS{place:06}") for place in range(imports.CHUNK)]
        assert verdicts(take(nordmuehle, *many, many[0]))[-1] == ("repeated", "left_out")

    def test_one_entry_is_found_and_answers_at_once(self, nordmuehle: Organisation) -> None:
        made = entry()
        (taken,) = take(nordmuehle, row())
        assert verdicts([taken]) == [("found", "added")]
        assert taken.reason == ""
        assert [(c.number, c.holder, c.scheme, c.status, c.valid_until) for c in taken.candidates] == [
            (NUMBER, "Müller GmbH", "ISCC EU", "valid", date(2026, 12, 31))
        ]
        certificate = nordmuehle.certificates.get()
        assert taken.id == certificate.public_id
        assert (certificate.entry, certificate.how, certificate.word) == (made, "number", Status.VALID)
        assert (certificate.valid_until, certificate.source, certificate.scheme) == (
            date(2026, 12, 31), "iscc", "ISCC EU",
        )  # fmt: skip
        binding = Binding.objects.get()
        assert (binding.certificate, binding.entry, binding.known_from, binding.known_until) == (
            certificate, made, NOON, None,
        )  # fmt: skip
        change = nordmuehle.changes.get()
        assert (change.type, change.number, change.certificate, change.entry, change.version) == (
            "certificate.added", 1, certificate, made, 1,
        )  # fmt: skip
        assert ChangeCounter.objects.get(org=nordmuehle).last == 1

    def test_several_holders_are_ambiguous_unless_the_supplier_is_one(self, nordmuehle: Organisation) -> None:
        run = reading()
        entry(run=run, holder="One GmbH")
        other = entry(run=run, holder="Other GmbH", word=Status.SUSPENDED)
        (bare,) = look(nordmuehle, row())
        assert (bare.verdict, len(bare.candidates), bare.reason) == ("ambiguous", 2, "")
        (named,) = take(nordmuehle, row(supplier="Other  GMBH"))
        assert named.verdict == "ambiguous"
        assert "it is Other GmbH" in named.reason
        assert nordmuehle.certificates.get().entry == other

    def test_before_the_first_reading_it_is_not_read_yet_and_after_it_not_found(self, nordmuehle: Organisation) -> None:
        assert verdicts(look(nordmuehle, row())) == [("not_read_yet", None)]
        reading("redcert")
        assert verdicts(look(nordmuehle, row())) == [("not_read_yet", None)]
        reading("iscc")
        assert verdicts(take(nordmuehle, row())) == [("not_found", "added")]
        assert nordmuehle.certificates.get().word == Status.NOT_FOUND

    def test_what_its_register_dropped_is_not_found_and_what_had_expired_before_is_found(
        self, nordmuehle: Organisation
    ) -> None:
        run = reading()
        entry(run=run, word=Status.NOT_FOUND, gone_at=NOON)
        entry(PLUS, run=run, scheme="ISCC PLUS", valid_until=date(2026, 6, 30), gone_at=NOON)
        dropped, expired = take(nordmuehle, row(), row(PLUS))
        assert (dropped.verdict, dropped.reason) == ("not_found", "Its register listed it once, but does so no longer.")
        assert expired.verdict == "found"
        assert [c.status for c in expired.candidates] == ["expired"]

    @pytest.mark.parametrize("scheme", ["ISCC PLUS", "iscc-plus", "REDcert²", "FSC", "something"])
    def test_a_row_that_names_another_scheme_is_a_contradiction(self, nordmuehle: Organisation, scheme: str) -> None:
        entry()
        (taken,) = take(nordmuehle, row(scheme=scheme))
        assert verdicts([taken]) == [("contradiction", "added")]
        assert taken.reason.endswith("the number is of ISCC EU.")
        certificate = nordmuehle.certificates.get()
        assert (certificate.scheme, certificate.word) == ("ISCC EU", Status.VALID)

    @pytest.mark.parametrize("scheme", ["", "ISCC EU", "iscc eu", "ISCC-EU", "ISCC", "iscc"])
    def test_a_row_that_names_the_same_scheme_or_its_family_is_none(
        self, nordmuehle: Organisation, scheme: str
    ) -> None:
        entry()
        assert verdicts(look(nordmuehle, row(scheme=scheme))) == [("found", None)]

    @pytest.mark.parametrize(
        ("scheme", "source", "stored"),
        [
            ("iscc plus", "iscc", "ISCC PLUS"),
            ("REDcert2", "redcert", "REDcert²"),
            ("twobsvs", "twobsvs", "2BSvs"),
            ("ISCC", "iscc", "ISCC"),
        ],
    )
    def test_a_number_that_tells_nothing_is_of_the_scheme_named_with_it(
        self, nordmuehle: Organisation, scheme: str, source: str, stored: str
    ) -> None:
        take(nordmuehle, row("DE100-12345678", scheme=scheme))
        certificate = nordmuehle.certificates.get()
        assert (certificate.source, certificate.scheme, certificate.kind) == (source, stored, "automatic")

    def test_else_the_one_register_that_lists_it_answers(self, nordmuehle: Organisation) -> None:
        entry("17/4", source="redcert", scheme="REDcert-EU")
        (taken,) = take(nordmuehle, row("17/4"))
        assert taken.verdict == "found"
        certificate = nordmuehle.certificates.get()
        assert (certificate.source, certificate.scheme) == ("redcert", "REDcert-EU")

    def test_of_several_registers_that_list_it_none_is_guessed(self, nordmuehle: Organisation) -> None:
        entry("17/4", source="redcert", scheme="REDcert-EU")
        entry("17/4", source="twobsvs", scheme="2BSvs")
        (taken,) = look(nordmuehle, row("17/4"))
        assert taken.verdict == "by_hand"
        assert taken.reason == "Several registers list this number (redcert, twobsvs): name the scheme."
        assert look(nordmuehle, row("17/4", scheme="2BSvs"))[0].verdict == "found"

    def test_a_scheme_that_nobody_monitors_is_not_another_ones(self, nordmuehle: Organisation) -> None:
        entry("17/4", source="redcert", scheme="REDcert-EU")
        assert look(nordmuehle, row("17/4", scheme="RSPO"))[0].verdict == "by_hand"

    def test_a_source_that_is_not_monitored_here_does_not_answer(
        self, nordmuehle: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(settings, "ENV", replace(settings.ENV, sources=("redcert",)))
        entry()
        assert verdicts(look(nordmuehle, row(), row("REDcert²-929-35291088"))) == [
            ("by_hand", None),
            ("not_read_yet", None),
        ]

    def test_an_unusual_form_is_a_remark_beside_the_verdict(self, nordmuehle: Organisation) -> None:
        (taken,) = look(nordmuehle, row("EU-ISCC-Cert-PL214- 80350122"))
        assert taken.verdict == "not_read_yet"
        assert taken.reason.startswith("Unusual form")

    def test_another_organisations_certificates_do_not_count(
        self, nordmuehle: Organisation, suedoel: Organisation
    ) -> None:
        take(suedoel, row(supplier="Müller"))
        (taken,) = take(nordmuehle, row(supplier="Müller"))
        assert verdicts([taken]) == [("not_read_yet", "added")]
        assert nordmuehle.suppliers.get() != suedoel.suppliers.get()


class TestComparing:
    def test_what_the_row_says_otherwise_stands_in_the_reason_and_nowhere_else(self, nordmuehle: Organisation) -> None:
        entry()
        (taken,) = take(
            nordmuehle,
            row(
                holder="Meier",
                status=Status.SUSPENDED,
                valid_from=date(2026, 1, 1),
                valid_until=date(2027, 1, 31),
                remarks=("“x” is no date.",),
            ),
        )
        assert taken.verdict == "found"
        assert taken.reason == (
            "“x” is no date. Holder: “Meier” here, “Müller GmbH” in the register. "
            "Status: suspended here, valid in the register. Last day: 2027-01-31 here, 2026-12-31 in the register."
        )
        certificate = nordmuehle.certificates.get()
        assert (certificate.holder, certificate.word, certificate.valid_until) == (
            "", Status.VALID, date(2026, 12, 31),
        )  # fmt: skip

    def test_what_the_row_says_likewise_is_no_difference(self, nordmuehle: Organisation) -> None:
        entry()
        same = row(holder="MÜLLER GmbH.", status=Status.VALID, valid_until=date(2026, 12, 31))
        assert look(nordmuehle, same)[0].reason == ""


class TestByHand:
    def test_a_row_of_no_monitored_scheme_is_entered(self, nordmuehle: Organisation) -> None:
        (taken,) = take(
            nordmuehle,
            row(
                "KZR 27/22",
                scheme="kzr inig",
                holder="Młyn",
                status=Status.VALID,
                valid_from=date(2026, 1, 1),
                valid_until=date(2027, 1, 31),
                tags=("Rye",),
                notes="see mail",
                supplier="Młyn Sp. z o.o.",
            ),
        )
        assert verdicts([taken]) == [("by_hand", "added")]
        certificate = nordmuehle.certificates.get()
        assert (certificate.kind, certificate.source, certificate.scheme) == ("nis", "", "KZR INiG")
        assert (certificate.word, certificate.valid_until, certificate.holder) == (
            Status.VALID, date(2027, 1, 31), "Młyn",
        )  # fmt: skip
        assert (certificate.tags, certificate.notes, str(certificate.supplier)) == (
            ["Rye"], "see mail", "Młyn Sp. z o.o.",
        )  # fmt: skip
        version = OwnVersion.objects.get()
        assert (version.certificate, version.word, version.holder, version.known_from) == (
            certificate, "valid", "Młyn", NOON,
        )  # fmt: skip

    def test_without_a_status_it_is_unknown(self, nordmuehle: Organisation) -> None:
        take(nordmuehle, row("A", valid_until=date(2027, 1, 31)), row("B", status=Status.NOT_FOUND))
        assert set(nordmuehle.certificates.values_list("word", "kind")) == {("unknown", "nis")}

    @pytest.mark.parametrize(
        "facts",
        [
            {"dates_unclear": True, "remarks": ("“soon” is no date.",)},
            {"valid_from": date(2027, 2, 1), "valid_until": date(2027, 1, 31)},
        ],
    )
    def test_what_cannot_be_right_fails_and_its_neighbours_are_kept(
        self, nordmuehle: Organisation, facts: dict[str, Any]
    ) -> None:
        taken = take(nordmuehle, row("A", status=Status.VALID, supplier="X", **facts), row("B", status=Status.VALID))
        assert verdicts(taken) == [("by_hand", "failed"), ("by_hand", "added")]
        assert "not entered" in taken[0].reason
        assert taken[0].id is None
        assert nordmuehle.certificates.get().number == "B"
        assert not Supplier.across_orgs.exists()

    def test_where_four_eyes_are_wanted_it_waits(self, nordmuehle: Organisation) -> None:
        nordmuehle.four_eyes = True
        nordmuehle.save()
        take(nordmuehle, row("A", status=Status.VALID, valid_until=date(2027, 1, 31)))
        certificate = nordmuehle.certificates.get()
        assert (certificate.word, certificate.valid_until) == (Status.UNKNOWN, None)
        assert OwnVersion.objects.get().known_from is None

    def test_a_command_leaves_it_out(self, nordmuehle: Organisation) -> None:
        taken = take(nordmuehle, row("A", supplier="X"), row(), by_hand=False)
        assert verdicts(taken) == [("by_hand", "left_out"), ("not_read_yet", "added")]
        assert taken[0].id is None
        assert not nordmuehle.suppliers.exists()


class TestAgain:
    def test_suppliers_and_tags_are_added_to_what_is_watched(self, nordmuehle: Organisation) -> None:
        take(nordmuehle, row(tags=("Rye",)))
        (taken,) = take(nordmuehle, row(supplier="Müller", supplier_number="70012", tags=("rye", "Oats"), notes="no"))
        assert verdicts([taken]) == [("already_watched", "updated")]
        certificate = nordmuehle.certificates.get()
        assert taken.id == certificate.public_id
        assert (str(certificate.supplier), certificate.tags, certificate.notes) == ("Müller", ["Rye", "Oats"], "")
        assert nordmuehle.suppliers.get().number == "70012"
        assert nordmuehle.changes.count() == 1

    def test_a_supplier_that_stands_there_stays(self, nordmuehle: Organisation) -> None:
        take(nordmuehle, row(supplier="Müller"))
        same, other = take(nordmuehle, row(supplier="MÜLLER")), take(nordmuehle, row(supplier="Meier"))
        assert verdicts([*same, *other]) == [("already_watched", "unchanged")] * 2
        assert other[0].reason == "Its supplier stays Müller."
        assert str(nordmuehle.certificates.get().supplier) == "Müller"

    def test_what_was_entered_by_hand_is_not_entered_again(self, nordmuehle: Organisation) -> None:
        take(nordmuehle, row("A", status=Status.VALID))
        (taken,) = take(nordmuehle, row("a", status=Status.SUSPENDED))
        assert verdicts([taken]) == [("already_watched", "unchanged")]
        assert nordmuehle.certificates.get().word == Status.VALID


class TestSuppliers:
    def test_one_name_is_one_supplier_however_it_is_written(self, nordmuehle: Organisation) -> None:
        take(nordmuehle, row("2BS1", supplier="Müller GmbH"), row("2BS2", supplier="müller  gmbh."))
        assert [s.name for s in nordmuehle.suppliers.all()] == ["Müller GmbH"]
        assert nordmuehle.certificates.filter(supplier__name="Müller GmbH").count() == 2

    def test_a_number_alone_means_the_supplier_that_has_it(self, nordmuehle: Organisation) -> None:
        take(nordmuehle, row("2BS1", supplier="Müller", supplier_number="7"))
        known, unknown = take(nordmuehle, row("2BS2", supplier_number="7"), row("2BS3", supplier_number="8"))
        assert (known.reason, unknown.outcome) == (
            "Unusual form: numbers of 2BSvs mostly look like 2BS012345.",
            "added",
        )
        assert unknown.reason.endswith("No supplier is known under the number 8.")
        assert str(certificates.named(nordmuehle, "2BS2").supplier) == "Müller"

    def test_a_number_that_a_supplier_has_stays(self, nordmuehle: Organisation) -> None:
        take(nordmuehle, row("2BS1", supplier="Müller"), row("2BS2", supplier="Müller", supplier_number="7"))
        take(nordmuehle, row("2BS3", supplier="Müller", supplier_number="8"))
        assert nordmuehle.suppliers.get().number == "7"

    def test_what_is_too_long_is_left_out_and_told(self, nordmuehle: Organisation) -> None:
        (taken,) = take(nordmuehle, row("2BS000001", supplier="x" * 301))
        assert taken.outcome == "added"
        assert taken.reason == "The supplier's name or number is too long, and was left out."


class TestAllTogether:
    def test_a_dry_run_says_the_same_and_changes_nothing(self, nordmuehle: Organisation) -> None:
        entry()
        rows = [row(), row("A"), row(""), row(NUMBER), row(PLUS, supplier="Müller")]
        dry = look(nordmuehle, *rows)
        assert not nordmuehle.certificates.exists()
        assert not nordmuehle.suppliers.exists()
        assert not AuditEntry.objects.exists()
        done = take(nordmuehle, *rows)
        assert dry == [replace(t, outcome=None, id=None) for t in done]

    def test_there_is_one_note_for_all_rows(self, nordmuehle: Organisation) -> None:
        take(nordmuehle, *(row(f"2BS{place:06}") for place in range(imports.CHUNK + 1)))
        assert list(AuditEntry.objects.values_list("action", "about", "org")) == [
            ("certificates.added", "list.csv", nordmuehle.pk)
        ]

    def test_where_nothing_was_done_there_is_none(self, nordmuehle: Organisation) -> None:
        take(nordmuehle, row(""))
        assert not AuditEntry.objects.exists()

    def test_changes_are_numbered_without_gaps(self, nordmuehle: Organisation) -> None:
        take(nordmuehle, *(row(f"2BS{place:06}") for place in range(imports.CHUNK)), row("A"), row(NUMBER))
        numbers = list(nordmuehle.changes.order_by("number").values_list("number", flat=True))
        assert numbers == list(range(1, imports.CHUNK + 3))
        assert ChangeCounter.objects.get(org=nordmuehle).last == imports.CHUNK + 2

    def test_many_rows_take_few_queries(
        self, nordmuehle: Organisation, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        entry()
        with django_assert_max_num_queries(40):
            take(nordmuehle, *(row(f"EU-ISCC-Cert-DE100-{n:08}", supplier=f"S{n}", tags=("x",)) for n in range(500)))
        assert nordmuehle.certificates.count() == 500

    def test_every_row_is_known_to_be_watched_by_a_later_import(self, nordmuehle: Organisation) -> None:
        rows = [row(f"2BS{place:06}", line=place) for place in range(20)]
        take(nordmuehle, *rows)
        assert set(verdicts(take(nordmuehle, *rows))) == {("already_watched", "unchanged")}
        assert Certificate.across_orgs.count() == 20


def test_only_names_of_schemes_and_sources_are_known() -> None:
    for name in ("", "ISCC EU", "redcert²", "twobsvs", "iscc", "FSC"):
        imports.must_be_scheme(name)
    with pytest.raises(UnknownName, match="no scheme “ISO 9001”"):
        imports.must_be_scheme("ISO 9001")
