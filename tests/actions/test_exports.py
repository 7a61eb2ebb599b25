"""Everything of an organisation in one file: what is in it, what is not, who makes it."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest
from django.apps import apps
from django.conf import settings
from django.core import mail
from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import models

from certwatch.actions import certificates, exports, keys, orgs
from certwatch.actions.documents import Upload
from certwatch.models import (
    AuditEntry,
    Binding,
    Document,
    Export,
    ImportRow,
    Organisation,
    OwnVersion,
    Role,
    Usage,
    User,
)
from certwatch.models.everything import TABLES, Table
from certwatch.rules.errors import Refused
from certwatch.rules.status import Status
from tests.conftest import NOON

# Fields that are in no table of the export, each with its reason.
LEFT_OUT = {
    "id": "numbers over all organisations; the public id stands for it, or what the row belongs to",
    "org": "the export is of one",
    "digest": "recognises a key",
    "token_digest": "recognises a token",
    "number_key": "made from the number",
    "match_key": "made from the number",
    "name_key": "made from the name",
    "claimed_until": "the worker’s",
    "path": "where the file lies on our disk",
    "by": "of the audit log: the address stands in by_label",
    "mailed_at": "the worker’s",
    "last": "the number of the newest change",
    "noticed": "the worker’s",
    "told_for": "made from what it is about",
    "batch": "the worker’s",
    "address": "of a channel: a secret",
    "secret": "of an endpoint",
    "old_secret": "of an endpoint",
    "old_secret_until": "the worker’s",
    "due_at": "the worker’s",
    "leased_until": "the worker’s",
    "host": "the worker’s",
}


@pytest.fixture
def asked(nordmuehle: Organisation, anna: User) -> Export:
    export = exports.ask(nordmuehle, by=anna, now=NOON, address="198.51.100.7")
    assert exports.claim(export, NOON)
    return export


def opened(export: Export) -> ZipFile:
    exports.make(export, clock=lambda: NOON)
    export.refresh_from_db()
    return ZipFile(Path(settings.ENV.files) / export.path)


def rows(archive: ZipFile, table: str) -> list[dict[str, str]]:
    text = archive.read(f"tables/{table}.csv").decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def objects(archive: ZipFile, table: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(archive.read(f"tables/{table}.json"))
    return found


class TestWhatIsInIt:
    def test_each_table_is_there_twice_with_the_same_rows(self, asked: Export, mia: User) -> None:
        org = asked.org
        certificates.enter(
            org,
            "KZR 1",
            status=Status.VALID,
            valid_from=None,
            valid_until=None,
            holder="=HYPERLINK(1)",
            by=mia,
            now=NOON,
        )
        archive = opened(asked)
        assert archive.testzip() is None
        for table in TABLES:
            assert len(rows(archive, table.name)) == len(objects(archive, table.name)), table.name
        (certificate,) = objects(archive, "certificates")
        assert (certificate["number"], certificate["added_by"], certificate["tags"]) == ("KZR 1", mia.email, [])
        assert certificate["holder"] == "=HYPERLINK(1)"
        assert rows(archive, "certificates")[0]["holder"] == "'=HYPERLINK(1)"
        assert {row["email"] for row in rows(archive, "members")} == {mia.email, "anna@nordmuehle.example"}
        assert rows(archive, "audit_log")[0]["action"] == "export.asked"
        assert "tables/certificates: 1" in archive.read("README.txt").decode()

    def test_documents_are_in_it_under_harmless_names(self, asked: Export, mia: User) -> None:
        version = certificates.enter(
            asked.org, "KZR 1", status=Status.VALID, valid_from=None, valid_until=None, by=mia, now=NOON,
            evidence=Upload("../../etc/Zertifikat Süd.pdf", b"%PDF-1.7 here"),
        )  # fmt: skip
        document = version.certificate.documents.get()
        Document.across_orgs.create(
            org=asked.org, certificate=version.certificate, name="lost.pdf", content_type="application/pdf", size=1,
            sha256="0", path="documents/no/such.pdf", added_at=NOON,
        )  # fmt: skip
        archive = opened(asked)
        (name,) = [name for name in archive.namelist() if name.startswith("documents/")]
        assert name.startswith(f"documents/{document.public_id}-")
        assert name.count("/") == 1
        assert archive.read(name) == b"%PDF-1.7 here"
        assert "is missing" in archive.read("README.txt").decode()

    def test_nothing_of_another_organisation_is_in_it(self, asked: Export, suedoel: Organisation, clara: User) -> None:
        certificates.enter(suedoel, "Süd 1", status=Status.VALID, valid_from=None, valid_until=None, by=clara, now=NOON)
        keys.create(suedoel, name="Süd", by=clara, now=NOON)
        archive = opened(asked)
        everything = b"".join(archive.read(name) for name in archive.namelist()).decode()
        assert "Süd" not in everything
        assert clara.email not in everything

    def test_no_secret_is_in_it(self, asked: Export, anna: User) -> None:
        anna.set_password("correct horse battery")
        anna.save()
        key, plaintext = keys.create(asked.org, name="SAP", by=anna, now=NOON)
        invitation = orgs.invite(
            asked.org, "new@nordmuehle.example", Role.MEMBER, base_url="https://cw.example",
            connection=get_connection(), by=anna, now=NOON,
        )  # fmt: skip
        archive = opened(asked)
        everything = b"".join(archive.read(name) for name in archive.namelist()).decode()
        assert key.public_id in everything
        for secret in (plaintext[8:], anna.password, bytes(key.digest).hex(), bytes(invitation.token_digest).hex()):
            assert secret not in everything

    def test_every_field_of_every_table_is_handed_out_or_left_out_on_purpose(self) -> None:
        named = {(field.model, field.name) for table in TABLES for field in _own_fields(table)}
        missing = [
            f"{model.__name__}.{field.name}"
            for model in _tables_of_an_organisation()
            for field in model._meta.concrete_fields
            if (model, field.name) not in named and field.name not in LEFT_OUT
        ]
        assert missing == []


class TestMaking:
    def test_asking_twice_is_asking_once(self, asked: Export, anna: User) -> None:
        assert exports.ask(asked.org, by=anna, now=NOON) == asked
        note = AuditEntry.objects.get(action="export.asked")
        assert (note.about_id, note.source_address) == (asked.public_id, "198.51.100.7")

    def test_three_a_day_are_enough(self, nordmuehle: Organisation, anna: User) -> None:
        for _ in range(3):
            exports.fail(exports.ask(nordmuehle, by=anna, now=NOON))
        with pytest.raises(Refused, match="within a day"):
            exports.ask(nordmuehle, by=anna, now=NOON)
        assert exports.ask(nordmuehle, by=anna, now=NOON + timedelta(days=1))

    def test_a_lease_that_ran_out_lets_another_take_over(self, asked: Export) -> None:
        other = Export.across_orgs.get(pk=asked.pk)
        assert not exports.claim(other, NOON + exports.LEASE)
        later = NOON + exports.LEASE + timedelta(seconds=1)
        assert exports.claim(other, later)
        with pytest.raises(exports.Lost):
            exports.make(asked, clock=lambda: later)
        exports.make(other, clock=lambda: later)
        other.refresh_from_db()
        assert other.ready_at == later
        assert len(list((Path(settings.ENV.files) / "exports").glob("*/*.part"))) == 0

    def test_a_large_table_is_read_in_pieces_and_keeps_the_lease(
        self, asked: Export, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(exports, "RENEW_EVERY", 100)
        key, _ = keys.create(asked.org, name="SAP", by=None, now=NOON)
        Usage.objects.bulk_create(
            Usage(key=key, minute=NOON + timedelta(minutes=place), answered=place) for place in range(2_500)
        )
        ticks = _every(timedelta(seconds=1))
        exports.make(asked, clock=lambda: next(ticks))
        archive = ZipFile(Path(settings.ENV.files) / Export.across_orgs.get(pk=asked.pk).path)
        assert [row["answered"] for row in objects(archive, "api_usage")] == list(range(2_500))
        assert asked.claimed_until is not None
        assert asked.claimed_until > NOON + exports.LEASE

    def test_it_can_be_fetched_for_seven_days(self, asked: Export) -> None:
        exports.make(asked, clock=lambda: NOON)
        assert exports.good(asked.org, asked.public_id, NOON + exports.LASTS - timedelta(seconds=1))
        assert exports.good(asked.org, asked.public_id, NOON + exports.LASTS) is None


class Broken(BaseEmailBackend):
    def send_messages(self, email_messages: object) -> int:
        raise ConnectionRefusedError("nobody listens")


class TestTelling:
    def test_who_asked_gets_one_mail_with_the_way_to_it(self, asked: Export) -> None:
        for _ in range(2):
            exports.tell(asked, base_url="https://cw.example", connection=get_connection(), now=NOON)
        (letter,) = mail.outbox
        assert letter.to == ["anna@nordmuehle.example"]
        assert "https://cw.example/o/nordmuehle/admin/settings/" in letter.body
        assert "7 days" in letter.body

    def test_a_mail_that_failed_is_tried_again(self, asked: Export) -> None:
        with pytest.raises(ConnectionRefusedError):
            exports.tell(asked, base_url="https://cw.example", connection=Broken(), now=NOON)
        exports.tell(asked, base_url="https://cw.example", connection=get_connection(), now=NOON)
        assert len(mail.outbox) == 1


def _own_fields(table: Table) -> "Iterator[models.Field[object, object]]":
    """The fields of the table's own model that its columns hand out, also through what they lead to."""
    model = table.of(Organisation(pk=1)).model
    for path in table.paths:
        name = path.partition("__")[0]
        yield model._meta.pk if name == "pk" else model._meta.get_field(name)


def _tables_of_an_organisation() -> list[type[models.Model]]:
    """All models that lead to an organisation, and the organisation."""
    owned = [model for model in apps.get_app_config("certwatch").get_models() if _has(model, "org")]
    return [Organisation, *owned, Usage, Binding, OwnVersion, ImportRow]


def _has(model: type[models.Model], name: str) -> bool:
    return any(field.name == name for field in model._meta.concrete_fields)


def _every(step: timedelta) -> Iterator[datetime]:
    now = NOON
    while True:
        yield now
        now += step
