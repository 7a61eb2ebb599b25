"""`certwatch certificate`."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import time_machine

from certwatch.actions import syncs
from certwatch.models import Certificate, Organisation, OwnVersion, RunState, Sync
from certwatch.rules.status import Status
from certwatch.sources.source import Source
from tests.actions.entered import NUMBER, entry, reading
from tests.conftest import NOON
from tests.management.commands import CommandLine

ORG = ("--org", "nordmuehle")
REDCERT = "REDcert²-929-35291088"


@pytest.fixture
def certwatch(capsys: pytest.CaptureFixture[str], nordmuehle: Organisation) -> Iterator[CommandLine]:
    with time_machine.travel(NOON, tick=False):
        yield CommandLine(capsys)


class TestAdd:
    def test_the_answer_has_a_row_for_each_number(self, certwatch: CommandLine) -> None:
        entry()
        answer = certwatch.good("certificate", "add", *ORG, NUMBER, REDCERT, NUMBER.lower(), "--json").json
        assert list(answer) == ["rows", "counts"]
        assert [list(row) for row in answer["rows"]] == [
            ["row", "number", "verdict", "reason", "candidates", "outcome", "id"]
        ] * 3
        found, unread, repeated = answer["rows"]
        assert found["candidates"] == [
            {
                "number": NUMBER,
                "holder": "Müller GmbH",
                "scheme": "ISCC EU",
                "status": "valid",
                "valid_until": "2026-12-31",
            }
        ]
        assert (found["row"], found["verdict"], found["outcome"]) == (1, "found", "added")
        assert (unread["row"], unread["number"], unread["verdict"]) == (2, REDCERT, "not_read_yet")
        assert (repeated["row"], repeated["verdict"], repeated["outcome"], repeated["id"]) == (
            3, "repeated", "left_out", None,
        )  # fmt: skip
        assert answer["counts"] == {
            "found": 1, "not_read_yet": 1, "repeated": 1, "added": 2, "left_out": 1,
        }  # fmt: skip

    def test_what_is_watched_is_told_and_no_error(self, certwatch: CommandLine) -> None:
        certwatch.good("certificate", "add", *ORG, NUMBER)
        again = certwatch.good("certificate", "add", *ORG, NUMBER, "--supplier", "Müller", "--json").json
        assert [(r["verdict"], r["outcome"]) for r in again["rows"]] == [("already_watched", "updated")]
        assert "already watched" in certwatch.good("certificate", "add", *ORG, NUMBER).out

    def test_one_of_no_known_scheme_is_left_out_and_the_others_are_added(
        self, certwatch: CommandLine, nordmuehle: Organisation
    ) -> None:
        answer = certwatch("certificate", "add", *ORG, "KZR 27/22", NUMBER, "--json")
        assert answer.code == 1
        assert [(r["verdict"], r["outcome"]) for r in answer.json["rows"]] == [
            ("by_hand", "left_out"),
            ("not_read_yet", "added"),
        ]
        assert answer.err == (
            "certwatch: Left out: KZR 27/22. Name the scheme (--scheme), or use certwatch certificate enter.\n"
        )
        assert nordmuehle.certificates.count() == 1

    def test_what_can_be_no_number_is_left_out(self, certwatch: CommandLine) -> None:
        answer = certwatch("certificate", "add", *ORG, "", "--json")
        assert answer.code == 1
        assert answer.json["rows"][0]["number"] is None

    def test_the_scheme_is_named_in_any_letter_case(self, certwatch: CommandLine, nordmuehle: Organisation) -> None:
        certwatch.good("certificate", "add", *ORG, "929-1", "--scheme", "redCERT²")
        certwatch.good("certificate", "add", *ORG, "17", "--scheme", "TWOBSVS")
        assert list(nordmuehle.certificates.order_by("id").values_list("source", "scheme")) == [
            ("redcert", "REDcert²"),
            ("twobsvs", "2BSvs"),
        ]
        assert "no scheme “ISO”" in certwatch.refused("certificate", "add", *ORG, "17", "--scheme", "ISO")

    def test_wrong_usage(self, certwatch: CommandLine) -> None:
        certwatch.wrong("certificate", "add", *ORG)
        certwatch.wrong("certificate", "add", NUMBER)
        certwatch.wrong("certificate", "add", *ORG, NUMBER, "--supplier", "x" * 301)
        assert "no organisation" in certwatch.refused("certificate", "add", "--org", "nix", NUMBER)


class TestEnter:
    def test_a_certificate_is_entered_with_its_evidence(
        self, certwatch: CommandLine, nordmuehle: Organisation, tmp_path: Path
    ) -> None:
        scan = tmp_path / "scan.pdf"
        scan.write_bytes(b"%PDF-1.7")
        certwatch.good(
            "certificate", "enter", *ORG, "KZR 27/22", "--status", "valid", "--valid-until", "2026-12-31",
            "--valid-from", "2026-01-01", "--evidence", str(scan),
        )  # fmt: skip
        certificate = nordmuehle.certificates.get()
        assert (certificate.kind, certificate.valid_from, certificate.valid_until) == (
            "nis", date(2026, 1, 1), date(2026, 12, 31),
        )  # fmt: skip
        assert certificate.documents.get().name == "scan.pdf"

    def test_the_status_is_told_as_it_is_today(self, certwatch: CommandLine) -> None:
        entered = ("certificate", "enter", *ORG, "A", "--status", "valid", "--valid-until", "2026-11-23")
        assert certwatch.good(*entered).out == "A: expired\n"

    def test_a_second_person_is_waited_for(self, certwatch: CommandLine, nordmuehle: Organisation) -> None:
        nordmuehle.four_eyes = True
        nordmuehle.save()
        answer = certwatch("certificate", "enter", *ORG, "A", "--status", "valid")
        assert (answer.code, answer.out) == (0, "A: unknown\n")
        assert answer.err == "It waits for a second person's approval.\n"

    def test_what_cannot_be_is_refused(self, certwatch: CommandLine, tmp_path: Path) -> None:
        certwatch.good("certificate", "add", *ORG, NUMBER)
        assert "automatically" in certwatch.refused("certificate", "enter", *ORG, NUMBER, "--status", "valid")
        late = ("--valid-from", "2027-01-02", "--valid-until", "2027-01-01")
        assert "lies after" in certwatch.refused("certificate", "enter", *ORG, "A", "--status", "valid", *late)
        missing = ("--evidence", str(tmp_path / "nix.pdf"))
        assert "No such file" in certwatch.refused("certificate", "enter", *ORG, "A", "--status", "valid", *missing)
        assert "number" in certwatch.refused("certificate", "enter", *ORG, " ", "--status", "valid")
        assert not OwnVersion.objects.exists()

    @pytest.mark.parametrize(
        "words",
        [
            ["A"],
            ["--status", "valid"],
            ["A", "--status", "not_found"],
            ["A", "--status", "gültig"],
            ["A", "--status", "valid", "--valid-until", "31.12.2026"],
            ["A", "--status", "valid", "--valid-until", "2026-02-30"],
        ],
    )
    def test_wrong_usage(self, certwatch: CommandLine, words: list[str]) -> None:
        certwatch.wrong("certificate", "enter", *ORG, *words)


class TestImport:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "list.csv"
        path.write_text(
            f'Zert-Nr;Lieferant;Region\n{NUMBER};Müller;Nord\n\n;;\n{NUMBER};;\n"";Meier;\nKZR 27/22;Młyn;Ost\n',
            "utf-8",
        )
        return path

    def test_rows_are_named_by_their_line(self, certwatch: CommandLine, file: Path, nordmuehle: Organisation) -> None:
        answer = certwatch("certificate", "import", *ORG, str(file), "--json")
        assert answer.code == 0
        assert [(r["row"], r["verdict"], r["outcome"]) for r in answer.json["rows"]] == [
            (2, "not_read_yet", "added"),
            (5, "repeated", "left_out"),
            (6, "unreadable", "left_out"),
            (7, "by_hand", "added"),
        ]
        assert answer.json["counts"] == {
            "not_read_yet": 1, "repeated": 1, "unreadable": 1, "by_hand": 1, "added": 2, "left_out": 2,
        }  # fmt: skip
        assert answer.err == "Ignored columns: Region\n"
        assert nordmuehle.suppliers.count() == 2

    def test_a_dry_run_changes_nothing(self, certwatch: CommandLine, file: Path, nordmuehle: Organisation) -> None:
        answer = certwatch("certificate", "import", *ORG, str(file), "--dry-run", "--json").json
        assert {(r["outcome"], r["id"]) for r in answer["rows"]} == {(None, None)}
        assert answer["counts"] == {"not_read_yet": 1, "repeated": 1, "unreadable": 1, "by_hand": 1}
        assert not nordmuehle.certificates.exists()

    def test_for_people_it_is_counted(self, certwatch: CommandLine, file: Path) -> None:
        assert certwatch("certificate", "import", *ORG, str(file)).out.endswith("2 added, 2 left out\n")

    def test_a_file_without_rows_is_read(self, certwatch: CommandLine, tmp_path: Path) -> None:
        (tmp_path / "empty.csv").write_text("number\n")
        answer = certwatch.good("certificate", "import", *ORG, str(tmp_path / "empty.csv"), "--json")
        assert answer.json == {"rows": [], "counts": {}}

    def test_what_cannot_be_read_is_refused(self, certwatch: CommandLine, tmp_path: Path) -> None:
        assert "There is no file" in certwatch.refused("certificate", "import", *ORG, str(tmp_path / "nix.csv"))
        assert "cannot be read" in certwatch.refused("certificate", "import", *ORG, str(tmp_path))
        (tmp_path / "list.csv").write_text("supplier\nMüller\n")
        refused = certwatch.refused("certificate", "import", *ORG, str(tmp_path / "list.csv"), "--json")
        assert "no column of certificate numbers" in refused
        certwatch.wrong("certificate", "import", *ORG)


class TestLooking:
    @pytest.fixture(autouse=True)
    def _three(self, certwatch: CommandLine) -> None:
        run = reading()
        entry(run=run)
        entry("EU-ISCC-Cert-DE100-2", run=run, word=Status.SUSPENDED)
        entry("EU-ISCC-Cert-DE100-3", run=run, valid_until=date(2027, 1, 24))
        certwatch("certificate", "add", *ORG, NUMBER, "EU-ISCC-Cert-DE100-2", "EU-ISCC-Cert-DE100-3", "--supplier", "M")
        certwatch("certificate", "enter", *ORG, "A", "--status", "withdrawn")

    def test_the_list_is_that_of_the_manual(self, certwatch: CommandLine) -> None:
        rows = certwatch.good("certificate", "list", *ORG, "--json").json
        assert len(rows) == 4
        assert {key: value for key, value in rows[0].items() if key != "id"} == {
            "number": NUMBER,
            "scheme": "ISCC EU",
            "source": "iscc",
            "kind": "automatic",
            "status": "valid",
            "valid_from": "2026-01-01",
            "valid_until": "2026-12-31",
            "last_checked": "2026-11-24T11:00:00Z",
            "holder": "Müller GmbH",
            "supplier": "M",
        }
        assert (rows[3]["kind"], rows[3]["last_checked"], rows[3]["holder"]) == ("nis", None, None)

    @pytest.mark.parametrize(
        ("status", "count"),
        [("valid", 2), ("suspended", 1), ("withdrawn", 1), ("expiring", 1), ("not_found", 0), ("unknown", 0)],
    )
    def test_a_status_is_filtered(self, certwatch: CommandLine, status: str, count: int) -> None:
        assert len(certwatch.good("certificate", "list", *ORG, "--status", status, "--json").json) == count

    def test_an_unknown_status_is_wrong_usage(self, certwatch: CommandLine) -> None:
        assert "'gültig' is not one of" in certwatch.wrong("certificate", "list", *ORG, "--status", "gültig")

    def test_one_is_shown(self, certwatch: CommandLine) -> None:
        shown = certwatch.good("certificate", "show", *ORG, "eu-iscc-cert-de100-2", "--json").json
        listed = certwatch.good("certificate", "list", *ORG, "--status", "suspended", "--json").json[0]
        assert list(shown) == [*listed, "word", "suspensions", "details", "candidates"]
        assert {key: shown[key] for key in listed} == listed
        assert shown["suspensions"] == [{"from": "2026-11-01", "until": None}]
        text = certwatch.good("certificate", "show", *ORG, "EU-ISCC-Cert-DE100-2").out
        assert "suspended: 2026-11-01 to …" in text
        assert "Issuing CB: SGS" in text

    def test_its_history_is_told(self, certwatch: CommandLine) -> None:
        (period,) = certwatch.good("certificate", "history", *ORG, NUMBER, "--json").json
        assert list(period) == ["from", "to", "word", "valid_from", "valid_until", "suspensions", "holder", "run"]
        assert (period["from"], period["to"], period["word"]) == ("2026-11-24T11:00:00Z", None, "valid")
        assert "Müller GmbH" in certwatch.good("certificate", "history", *ORG, NUMBER).out

    @pytest.mark.parametrize("command", ["show", "history", "check"])
    def test_what_is_not_watched_is_refused(self, certwatch: CommandLine, command: str) -> None:
        assert "does not watch “B”" in certwatch.refused("certificate", command, *ORG, "B")
        certwatch.wrong("certificate", command, *ORG)

    def test_tables_are_for_people(self, certwatch: CommandLine) -> None:
        heading, *lines = certwatch.good("certificate", "list", *ORG).out.splitlines()
        assert heading.split()[:3] == ["number", "scheme", "status"]
        assert len(lines) == 4
        assert "by hand" in lines[3]


class TestCheck:
    def asked(
        self, monkeypatch: pytest.MonkeyPatch, *, found: bool, state: RunState = RunState.GOOD, error: str = ""
    ) -> list[tuple[str, str]]:
        """Let the register answer so; what it was asked for."""
        asked = []

        def check(source: Source, number: str, **_: object) -> tuple[Sync, bool]:
            asked.append((source.name, number))
            began = NOON + timedelta(hours=1)
            run = Sync(source=source.name, state=state, error=error, own_address=True, began=began)
            if found:
                Certificate.across_orgs.update(word=Status.VALID, valid_until=date(2026, 12, 31), checked_at=began)
            return run, found

        monkeypatch.setattr(syncs, "check", check)
        return asked

    def test_what_is_found_is_told_as_it_is_now(self, certwatch: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
        certwatch("certificate", "add", *ORG, f" {NUMBER}")
        asked = self.asked(monkeypatch, found=True)
        answer = certwatch.good("certificate", "check", *ORG, NUMBER.lower(), "--json").json
        assert answer == {
            "number": NUMBER, "found": True, "status": "valid", "last_checked": "2026-11-24T12:00:00Z",
        }  # fmt: skip
        assert asked == [("iscc", NUMBER)]

    def test_what_is_not_found_is_no_error(self, certwatch: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
        certwatch("certificate", "add", *ORG, NUMBER)
        self.asked(monkeypatch, found=False)
        answer = certwatch("certificate", "check", *ORG, NUMBER, "--json")
        assert answer.code == 0
        assert answer.json == {"number": NUMBER, "found": False, "status": "unknown", "last_checked": None}
        assert "Only a whole reading proves" in answer.err

    def test_a_register_that_does_not_answer_is_refused(
        self, certwatch: CommandLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        certwatch("certificate", "add", *ORG, NUMBER)
        self.asked(monkeypatch, found=False, state=RunState.FAILED, error="It answers 500.")
        assert certwatch.refused("certificate", "check", *ORG, NUMBER) == "iscc: failed: It answers 500."

    def test_one_entered_by_hand_is_refused(self, certwatch: CommandLine) -> None:
        certwatch("certificate", "enter", *ORG, "A", "--status", "valid")
        assert "entered by hand" in certwatch.refused("certificate", "check", *ORG, "A")


def test_json_is_written_as_it_comes_and_is_json(certwatch: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("number\n" + "\n".join(f"2BS{place:06}" for place in range(1200)))
    answer = certwatch.good("certificate", "import", *ORG, str(path), "--json")
    assert json.loads(answer.out)["counts"] == {"not_read_yet": 1200, "added": 1200}
    assert len(certwatch.good("certificate", "list", *ORG, "--json").json) == 1200
