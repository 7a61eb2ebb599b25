"""The end of an organisation."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import models

from certwatch.actions import certificates, deletion, exports, keys
from certwatch.actions.documents import Upload
from certwatch.jobs import deletion as duty
from certwatch.jobs import files
from certwatch.models import AuditEntry, Certificate, Organisation, Role, Usage, User
from certwatch.rules.errors import Refused
from certwatch.rules.status import Status
from tests.actions.entered import entry
from tests.actions.test_imports import row, take
from tests.conftest import NOON

THEN = NOON + deletion.DELAY


def fill(org: Organisation, person: User) -> Certificate:
    """A row in nearly every table. The certificate has a document."""
    version = certificates.enter(
        org, "KZR 1", status=Status.VALID, valid_from=None, valid_until=None, by=person, now=NOON,
        evidence=Upload("scan.pdf", b"%PDF-1.7"),
    )  # fmt: skip
    take(org, row())
    key, _ = keys.create(org, name="SAP", by=person, now=NOON)
    Usage.objects.create(key=key, minute=NOON)
    supplier = org.suppliers.create(name="A", name_key="a", created_at=NOON)
    org.supplier_contacts.create(supplier=supplier, name="B")
    org.saved_views.create(owner=person, name="mine", created_at=NOON)
    upload = org.imports.create(name="x.csv", path="uploads/aa/x", sha256="", size=1, created_at=NOON)
    upload.rows.create(line=2)
    org.invitations.create(
        email="x@y.example", role=Role.MEMBER, token_digest=org.slug.encode(), created_at=NOON, ends_at=NOON
    )
    export = exports.ask(org, by=person, now=NOON)
    exports.claim(export, NOON)
    exports.make(export, clock=lambda: NOON)
    return version.certificate


class TestAsking:
    def test_the_name_must_be_typed(self, nordmuehle: Organisation, otto: User) -> None:
        with pytest.raises(Refused, match="not the organisation’s name"):
            deletion.ask(nordmuehle, "Südöl", by=otto, now=NOON)
        deletion.ask(nordmuehle, " Nordmühle ", by=otto, now=NOON, address="198.51.100.7")
        nordmuehle.refresh_from_db()
        assert nordmuehle.delete_after == THEN
        assert nordmuehle.state(NOON) == "open"  # until then it works as before
        note = AuditEntry.objects.get(org=nordmuehle)
        assert (note.action, note.source_address) == ("organisation.deletion_asked", "198.51.100.7")
        with pytest.raises(Refused, match="already"):
            deletion.ask(nordmuehle, "Nordmühle", by=otto, now=NOON + timedelta(days=1))

    def test_it_can_be_taken_back_until_it_begins(self, nordmuehle: Organisation, otto: User) -> None:
        assert not deletion.take_back(nordmuehle, by=otto, now=NOON)
        deletion.ask(nordmuehle, "Nordmühle", by=otto, now=NOON)
        assert not deletion.take_back(nordmuehle, by=otto, now=THEN)
        assert deletion.take_back(nordmuehle, by=otto, now=THEN - timedelta(seconds=1))
        nordmuehle.refresh_from_db()
        assert nordmuehle.delete_after is None
        assert deletion.due(THEN) == []

    def test_owners_and_admins_are_told(
        self, nordmuehle: Organisation, otto: User, anna: User, mia: User, ben: User
    ) -> None:
        deletion.ask(nordmuehle, "Nordmühle", by=otto, now=NOON)
        nordmuehle.refresh_from_db()
        letters = deletion.letters(nordmuehle, by=otto, base_url="https://cw.example", now=NOON)
        assert sorted(letter.to[0] for letter in letters) == sorted([otto.email, anna.email])
        assert "24 Dec 2026, 11:00 UTC" in letters[0].body
        assert "https://cw.example/o/nordmuehle/admin/settings/" in letters[0].body


class TestCarryingOut:
    def test_nothing_of_it_is_left_and_nothing_else_is_touched(
        self, nordmuehle: Organisation, suedoel: Organisation, otto: User, clara: User
    ) -> None:
        entry()
        fill(suedoel, clara)
        before = _counts()
        fill(nordmuehle, otto)
        deletion.ask(nordmuehle, "Nordmühle", by=otto, now=NOON)
        duty.carry_out(THEN - timedelta(seconds=1))
        assert Organisation.objects.filter(pk=nordmuehle.pk).exists()
        duty.carry_out(THEN)
        after = _counts()
        assert after.pop("Organisation") == before.pop("Organisation") - 1
        assert after.pop("AuditEntry") == before.pop("AuditEntry") + 1  # that it was removed
        assert after.pop("Membership") == before.pop("Membership") - 1
        assert after == before
        note = AuditEntry.objects.get(action="organisation.deleted")
        assert (note.org, note.about, note.by_label) == (None, "Nordmühle", "deletion")
        assert User.objects.filter(pk=otto.pk).exists()

    def test_files_follow_their_rows_a_day_later(self, nordmuehle: Organisation, otto: User) -> None:
        document = fill(nordmuehle, otto).documents.get()
        export = nordmuehle.exports.get()
        paths = [Path(settings.ENV.files) / path for path in (document.path, export.path)]
        deletion.ask(nordmuehle, "Nordmühle", by=otto, now=NOON)
        duty.carry_out(THEN)
        files.sweep(THEN)
        assert all(path.exists() for path in paths)
        files.sweep(THEN + timedelta(days=1, seconds=1))
        assert not any(path.exists() for path in paths)

    def test_it_goes_on_where_it_ended(
        self, nordmuehle: Organisation, otto: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(deletion, "CHUNK", 1)
        fill(nordmuehle, otto)
        deletion.ask(nordmuehle, "Nordmühle", by=otto, now=NOON)
        done: list[object] = []

        def removed(rows: "models.QuerySet[models.Model]") -> None:
            if len(done) == 3:
                raise RuntimeError("the disk is full")
            done.append(rows)
            rows.delete()

        with monkeypatch.context() as broken:
            broken.setattr(deletion, "_remove", removed)
            with pytest.raises(RuntimeError, match="could not be removed"):
                duty.carry_out(THEN)
        assert nordmuehle.certificates.exists()
        assert Organisation.objects.get(pk=nordmuehle.pk).state(THEN) == "closed"
        duty.carry_out(THEN + duty.LOOK_EVERY)
        assert not Organisation.objects.filter(pk=nordmuehle.pk).exists()


def _counts() -> dict[str, int]:
    return {model.__name__: model._base_manager.count() for model in apps.get_app_config("certwatch").get_models()}
