"""What the worker does with imports: verdicts, applying, going on where another died, tidying up."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings
from pytest_django import DjangoAssertNumQueries

from certwatch.actions import uploads
from certwatch.jobs import imports
from certwatch.models import AuditEntry, Import, ImportState, Organisation, User
from certwatch.models.imports import LEAVE_OUT
from certwatch.rules.errors import Refused
from tests.actions.entered import NUMBER, entry
from tests.conftest import NOON

ROOT = Path(__file__).parents[2]
OTHER = "EU-ISCC-Cert-DE100-12345679"


def received(
    org: Organisation, *lines: str, by: User | None = None, heading: str = "Certificate number;Supplier"
) -> Import:
    text = "\n".join([heading, *lines]).encode()
    return uploads.receive(org, [text], name="list.csv", by=by, now=NOON)


def looked(upload: Import) -> Import:
    uploads.set_columns(upload, upload.columns)
    assert uploads.work(upload, clock=lambda: NOON)
    return fresh(upload)


def fresh(upload: Import) -> Import:
    again: Import = upload.org.imports.get(pk=upload.pk)
    again.org = upload.org
    return again


def taken(upload: Import, **picks: str) -> Import:
    chosen = {int(line.strip("_")): pick for line, pick in picks.items()}
    uploads.choose(upload, picks=chosen, by_hand=upload.by_hand, describe=upload.describe)
    assert uploads.confirm(upload, by=None, now=NOON, address=None)
    assert uploads.work(fresh(upload), clock=lambda: NOON)
    return fresh(upload)


def verdicts(upload: Import) -> list[tuple[int, str, str]]:
    return list(upload.rows.order_by("line").values_list("line", "verdict", "outcome"))


def files() -> list[Path]:
    return [path for path in (Path(settings.ENV.files) / "uploads").rglob("*") if path.is_file()]


class TestLooking:
    def test_each_row_gets_its_verdict_and_nothing_is_saved(self, nordmuehle: Organisation) -> None:
        entry()
        upload = looked(
            received(nordmuehle, f"{NUMBER};Müller", f"{NUMBER.lower()};x", f"{OTHER};x", ";no number", "X-1;x")
        )
        assert upload.state == ImportState.PREVIEW
        assert verdicts(upload) == [
            (2, "found", ""), (3, "repeated", ""), (4, "not_found", ""), (5, "unreadable", ""), (6, "by_hand", ""),
        ]  # fmt: skip
        assert upload.counts == {"found": 1, "repeated": 1, "not_found": 1, "unreadable": 1, "by_hand": 1}
        assert (upload.total, upload.done, nordmuehle.certificates.count()) == (5, 5, 0)

    def test_similar_numbers_are_offered_with_their_holders(self, nordmuehle: Organisation) -> None:
        entry(NUMBER, "Müller GmbH")
        entry(NUMBER.replace("EU-ISCC", "ISCC-PLUS"), "Beispiel AG", scheme="ISCC PLUS")
        (row,) = looked(received(nordmuehle, "DE100-12345678;x")).rows.all()
        assert (row.verdict, row.source) == ("suggestion", "")
        assert [(c["number"], c["holder"]) for c in row.candidates] == [
            (NUMBER, "Müller GmbH"), ("ISCC-PLUS-Cert-DE100-12345678", "Beispiel AG"),
        ]  # fmt: skip

    def test_entries_that_are_gone_are_not_offered(self, nordmuehle: Organisation) -> None:
        entry(gone_at=NOON)
        (row,) = looked(received(nordmuehle, "DE100-12345678;x")).rows.all()
        assert (row.verdict, row.candidates) == ("by_hand", [])

    def test_a_similar_number_that_is_watched_already_is_told(self, nordmuehle: Organisation) -> None:
        entry()
        taken(looked(received(nordmuehle, f"{NUMBER};x")))
        (row,) = looked(received(nordmuehle, f"44073_{NUMBER}.pdf;x")).rows.all()
        assert (row.verdict, row.reason) == ("suggestion", f"You watch {NUMBER} already.")

    def test_repetitions_are_seen_where_another_worker_began(self, nordmuehle: Organisation) -> None:
        upload = looked(received(nordmuehle, f"{NUMBER};x", f"{OTHER};x", f"{NUMBER};x"))
        upload.rows.filter(line__gt=2).delete()
        nordmuehle.imports.update(state=ImportState.LOOKING, claimed_until=NOON)
        assert uploads.work(fresh(upload), clock=lambda: NOON + timedelta(minutes=1))
        assert [verdict for _, verdict, _ in verdicts(upload)] == ["not_read_yet", "not_read_yet", "repeated"]

    def test_a_file_that_has_become_unreadable_fails_with_the_reason(self, nordmuehle: Organisation) -> None:
        upload = received(nordmuehle, f"{NUMBER};x")
        (Path(settings.ENV.files) / upload.path).write_bytes(b"PK\x03\x04")
        upload = looked(upload)
        assert (upload.state, upload.rows.count()) == ("failed", 0)
        assert upload.error.startswith("The workbook cannot be read")


class TestApplying:
    def test_the_result_says_what_became_of_each_row(self, nordmuehle: Organisation) -> None:
        made = entry()
        upload = taken(looked(received(nordmuehle, f"{NUMBER};Müller", f"{NUMBER};x", ";x", "X-1;x")))
        assert [outcome for *_, outcome in verdicts(upload)] == ["added", "left_out", "left_out", "added"]
        assert upload.state == "done"
        assert upload.counts == {
            "found": 1, "repeated": 1, "unreadable": 1, "by_hand": 1, "added": 2, "left_out": 2,
        }  # fmt: skip
        watched = nordmuehle.certificates.get(number=NUMBER)
        assert (watched.entry, watched.supplier and watched.supplier.name) == (made, "Müller")
        assert upload.rows.get(line=2).certificate == watched

    def test_the_result_file_has_the_file_s_own_columns(self, nordmuehle: Organisation) -> None:
        upload = taken(looked(received(nordmuehle, f"{NUMBER};=1+1")))
        assert list(uploads.result(upload, str)) == [
            ["Certificate number", "Supplier", "verdict", "reason", "outcome"],
            [NUMBER, "=1+1", "not_read_yet", "", "added"],
        ]

    def test_a_picked_suggestion_is_an_alias_and_the_number_stays_as_written(
        self, nordmuehle: Organisation, mia: User
    ) -> None:
        made = entry()
        upload = looked(received(nordmuehle, "DE100-12345678;x", by=mia))
        upload.created_by = mia
        taken(upload, _2="0")
        (certificate,) = nordmuehle.certificates.all()
        assert (certificate.number, certificate.match_key) == ("DE100-12345678", made.number_key)
        assert (certificate.number_key, certificate.scheme) == ("de100-12345678", "ISCC EU")
        assert (certificate.how, certificate.entry, certificate.word) == ("alias", made, "valid")
        assert [(b.how, b.by, b.entry) for b in certificate.bindings.all()] == [("alias", mia, made)]

    def test_a_suggestion_that_nobody_picks_is_never_matched(self, nordmuehle: Organisation) -> None:
        entry()
        upload = taken(looked(received(nordmuehle, "44073_EU-ISCC-Cert-DE100-12345678;x", "REDcert-929-1;x")))
        assert [c.entry for c in nordmuehle.certificates.all()] == [None, None]
        assert [outcome for *_, outcome in verdicts(upload)] == ["added", "added"]

    def test_a_picked_holder_decides_among_several(self, nordmuehle: Organisation) -> None:
        entry(NUMBER, "Müller GmbH")
        second = entry(NUMBER, "Beispiel AG")
        upload = looked(received(nordmuehle, f"{NUMBER};x"))
        assert verdicts(upload) == [(2, "ambiguous", "")]
        taken(upload, _2="1")
        certificate = nordmuehle.certificates.get()
        assert (certificate.entry, certificate.how, certificate.ambiguous) == (second, "person", False)

    def test_what_a_person_leaves_out_is_left_out(self, nordmuehle: Organisation) -> None:
        upload = looked(received(nordmuehle, f"{NUMBER};x", f"{OTHER};x"))
        uploads.choose(upload, picks={2: LEAVE_OUT, 3: "7"}, by_hand=True, describe=True)
        assert uploads.ready(upload) == 1
        upload = taken(fresh(upload))
        assert [outcome for *_, outcome in verdicts(upload)] == ["left_out", "added"]

    def test_by_hand_and_descriptions_only_where_wished(self, nordmuehle: Organisation) -> None:
        taken(looked(received(nordmuehle, f"{NUMBER};")))
        upload = looked(received(nordmuehle, f"{NUMBER};Müller", "X-1;x"))
        uploads.choose(upload, picks={}, by_hand=False, describe=False)
        assert uploads.ready(upload) == 0
        upload = taken(upload)
        assert [outcome for *_, outcome in verdicts(upload)] == ["unchanged", "left_out"]
        assert nordmuehle.certificates.get().supplier is None

    def test_one_note_for_one_import(self, nordmuehle: Organisation) -> None:
        upload = looked(received(nordmuehle, f"{NUMBER};x", f"{OTHER};x"))
        taken(upload)
        assert [(note.action, note.about, note.about_id) for note in AuditEntry.objects.filter(org=nordmuehle)] == [
            ("certificates.added", "list.csv", upload.public_id)
        ]
        assert not uploads.confirm(upload, by=None, now=NOON, address=None)

    def test_cancelling_keeps_what_was_added(self, nordmuehle: Organisation) -> None:
        upload = looked(received(nordmuehle, f"{NUMBER};x", f"{OTHER};x"))
        uploads.confirm(upload, by=None, now=NOON, address=None)
        upload.rows.filter(line=2).update(outcome="added")
        uploads.cancel(upload, now=NOON)
        assert (fresh(upload).state, verdicts(upload)) == ("cancelled", [(2, "not_read_yet", "added")])
        assert not uploads.work(fresh(upload), clock=lambda: NOON)

    def test_a_chunk_of_rows_takes_few_queries(
        self, nordmuehle: Organisation, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        upload = looked(received(nordmuehle, *(f"2BS{place:06};Muster {place % 20}" for place in range(400))))
        uploads.confirm(upload, by=None, now=NOON, address=None)
        with django_assert_max_num_queries(45):
            uploads.work(fresh(upload), clock=lambda: NOON)
        assert nordmuehle.certificates.count() == 400


class TestTheWorker:
    def test_it_finds_what_waits_and_what_a_dead_one_left(
        self, nordmuehle: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[int] = []
        monkeypatch.setattr(imports, "work_soon", asked.append)
        upload = received(nordmuehle, f"{NUMBER};x")
        imports.look(NOON)
        assert asked == []
        uploads.set_columns(upload, upload.columns)
        imports.look(NOON)
        assert asked == [upload.pk]
        nordmuehle.imports.update(claimed_until=NOON + uploads.LEASE)
        imports.look(NOON)
        assert asked == [upload.pk]
        imports.look(NOON + uploads.LEASE + timedelta(seconds=1))
        assert asked == [upload.pk] * 2

    def test_it_leaves_what_another_works_on(self, nordmuehle: Organisation) -> None:
        upload = received(nordmuehle, f"{NUMBER};x")
        uploads.set_columns(upload, upload.columns)
        nordmuehle.imports.update(claimed_until=NOON + uploads.LEASE)
        assert not uploads.work(fresh(upload), clock=lambda: NOON)

    def test_what_goes_wrong_is_told_and_can_be_tried_again(
        self, nordmuehle: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = looked(received(nordmuehle, f"{NUMBER};x"))
        uploads.confirm(upload, by=None, now=NOON, address=None)
        with monkeypatch.context() as broken, time_machine.travel(NOON, tick=False):
            broken.setattr("certwatch.actions.imports.apply", lambda *_, **__: 1 / 0)
            imports.work(upload.pk)
        upload = fresh(upload)
        assert (upload.state, upload.error) == ("failed", uploads.STOPPED)
        uploads.go_on(upload)
        imports.work(upload.pk)
        assert (fresh(upload).state, nordmuehle.certificates.count()) == ("done", 1)

    def test_files_go_a_day_after_the_end_and_what_nobody_confirms_is_cancelled(self, nordmuehle: Organisation) -> None:
        before = files()
        upload = taken(looked(received(nordmuehle, f"{NUMBER};x")))
        waiting = received(nordmuehle, f"{OTHER};x")
        imports.tidy(NOON + timedelta(hours=23))
        assert len(files()) == len(before) + 2
        imports.tidy(NOON + timedelta(days=2))
        assert len(files()) == len(before) + 1
        assert (fresh(upload).path, fresh(waiting).state) == ("", "uploaded")
        imports.tidy(NOON + timedelta(days=15))
        assert fresh(waiting).state == "cancelled"


class TestReceiving:
    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"", "empty"),
            (b"%PDF-1.4", "PDF"),
            (b"PK\x03\x04nonsense", "cannot be read"),
            (b"\xd0\xcf\x11\xe0nonsense", "cannot be read"),
            (b"Certificate number;Supplier\n", "no rows"),
        ],
    )
    def test_a_broken_file_is_refused_and_nothing_is_kept(
        self, nordmuehle: Organisation, content: bytes, why: str
    ) -> None:
        before = files()
        with pytest.raises(Refused, match=why):
            uploads.receive(nordmuehle, [content], name="x.xlsx", by=None, now=NOON)
        assert (files(), nordmuehle.imports.count()) == (before, 0)

    def test_a_file_that_is_too_large_is_refused_while_it_comes_in(self, nordmuehle: Organisation) -> None:
        pieces: Iterable[bytes] = (b"x" * 1024 * 1024 for _ in range(25))
        before = files()
        with pytest.raises(Refused, match="larger than 20 MB"):
            uploads.receive(nordmuehle, pieces, name="x.csv", by=None, now=NOON)
        assert files() == before

    def test_the_name_is_no_path(self, nordmuehle: Organisation) -> None:
        upload = uploads.receive(nordmuehle, [b"Certificate\nX1\n"], name="..\\..\\a/b/list\n.csv", by=None, now=NOON)
        assert upload.name == "list .csv"


def python(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "CERTWATCH_HOME": str(home), "DJANGO_SETTINGS_MODULE": "certwatch.config.settings"}
    env.pop("DATABASE_URL", None)  # it is tried where a test can have its own
    command = [sys.executable, "-m", "tests.jobs.killed_import", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, text=True, capture_output=True, check=False)


def everything(home: Path) -> dict[str, list[Any]]:
    with sqlite3.connect(home / "certwatch.sqlite3") as db:
        return {
            "rows": db.execute(
                "SELECT line, number, verdict, outcome FROM certwatch_importrow ORDER BY line"
            ).fetchall(),
            "certificates": db.execute(
                "SELECT number, supplier_id FROM certwatch_certificate ORDER BY number"
            ).fetchall(),
            "changes": db.execute("SELECT number, type FROM certwatch_change ORDER BY number").fetchall(),
            "notes": db.execute("SELECT action, about FROM certwatch_auditentry").fetchall(),
            "import": db.execute("SELECT state, done, counts FROM certwatch_import").fetchall(),
        }


@pytest.mark.slow
def test_a_killed_worker_leaves_nothing_undone_and_nothing_done_twice(tmp_path: Path) -> None:
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    done = python(prepared)
    assert done.returncode == 0, done.stderr
    whole = shutil.copytree(prepared, tmp_path / "whole")
    done = python(whole, "0", "1")
    assert done.stdout.startswith("done"), done.stderr
    wanted = everything(whole)
    assert len(wanted["certificates"]) == len(wanted["changes"]) == 2_299
    statements = int(done.stdout.split()[1])
    for point in range(5, statements, statements // 5):
        home = shutil.copytree(prepared, tmp_path / str(point))
        killed = python(home, str(point), "1")
        assert killed.returncode == -9, (point, killed.stdout, killed.stderr)
        again = python(home, "0", "2")
        assert again.stdout.startswith("done"), (point, again.stdout, again.stderr)
        assert everything(home) == wanted, point
