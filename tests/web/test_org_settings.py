"""Org Admin: settings, export of everything, deletion."""

import io
from datetime import timedelta
from pathlib import Path
from typing import cast
from zipfile import ZipFile

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings as django_settings
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.http import StreamingHttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from certwatch.actions import exports
from certwatch.jobs import exports as worker
from certwatch.models import AuditEntry, Export, Organisation, User
from certwatch.web import org_settings as pages
from tests.conftest import NOON
from tests.logins import log_in

SETTINGS = "/o/nordmuehle/admin/settings/"
GOOD = {
    "name": "Nordmühle", "time_zone": "Europe/Berlin", "language": "en", "expiring_days": "60",
    "reminder_days": "60, 30, 14, 7, 1",
}  # fmt: skip


@pytest.fixture
def annas(client: Client, anna: User) -> Client:
    log_in(client, anna)
    return client


@pytest.fixture
def ottos(otto: User) -> Client:
    client = Client()
    log_in(client, otto)
    return client


def text_of(client: Client, address: str = SETTINGS) -> str:
    return " ".join(client.get(address).content.decode().split())


def save(client: Client, **changes: str) -> str:
    response = client.post(f"{SETTINGS}save/", {**GOOD, **changes}, follow=True)
    return " ".join(response.content.decode().split())


class TestSettings:
    def test_what_is_saved_stands_there(self, annas: Client, nordmuehle: Organisation) -> None:
        text = save(
            annas, name="Nordmühle GmbH", time_zone="Europe/Vienna", language="de", expiring_days="45",
            reminder_days="7; 30, 30", four_eyes="on",
        )  # fmt: skip
        assert "The settings are saved." in text
        assert 'value="30, 7"' in text
        nordmuehle.refresh_from_db()
        assert (nordmuehle.name, nordmuehle.slug) == ("Nordmühle GmbH", "nordmuehle")
        assert (nordmuehle.time_zone, nordmuehle.language) == ("Europe/Vienna", "de")
        assert (nordmuehle.expiring_days, nordmuehle.reminder_days, nordmuehle.four_eyes) == (45, [30, 7], True)
        assert AuditEntry.objects.get(action="settings.changed").source_address == "127.0.0.1"
        assert "Nothing was different." in save(annas, **{**_now(nordmuehle), "four_eyes": "on"})

    @pytest.mark.parametrize(
        ("wrong", "why"),
        [
            ({"name": ""}, "This field is required."),
            ({"time_zone": "Europe/Atlantis"}, "not one of the available choices"),
            ({"language": "tlh"}, "not one of the available choices"),
            ({"expiring_days": "0"}, "greater than or equal to 1"),
            ({"expiring_days": "366"}, "less than or equal to 365"),
            ({"reminder_days": "soon"}, "Whole numbers"),
            ({"reminder_days": "²"}, "Whole numbers"),
            ({"reminder_days": "400"}, "From 0 to 365 days."),
            ({"reminder_days": "1 2 3 4 5 6 7 8 9 10 11"}, "10 reminders at most."),
        ],
    )
    def test_what_is_wrong_is_told_and_nothing_is_saved(
        self, annas: Client, nordmuehle: Organisation, wrong: dict[str, str], why: str
    ) -> None:
        assert why in save(annas, **{"four_eyes": "on", **wrong})
        nordmuehle.refresh_from_db()
        assert not nordmuehle.four_eyes

    def test_no_reminders_are_possible(self, annas: Client, nordmuehle: Organisation) -> None:
        save(annas, reminder_days="")
        nordmuehle.refresh_from_db()
        assert nordmuehle.reminder_days == []

    def test_an_auditor_reads_it(self, client: Client, ben: User) -> None:
        client.force_login(ben)
        text = text_of(client)
        assert 'value="Nordmühle"' in text
        assert text.count(" disabled") == 6
        for part in ("Save</button>", "Export</button>", "Delete</a>"):
            assert part not in text

    def test_it_takes_four_queries(self, annas: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        with django_assert_num_queries(4):  # session, person, memberships; exports
            annas.get(SETTINGS)


class TestExport:
    def test_from_the_button_to_the_file(self, annas: Client, nordmuehle: Organisation) -> None:
        assert annas.post(f"{SETTINGS}export/")["Location"] == SETTINGS
        assert "Being made" in text_of(annas)
        assert 'hx-trigger="every 2s"' in text_of(annas)
        made = nordmuehle.exports.get()
        worker.make(made.pk)
        assert len(mail.outbox) == 1
        text = text_of(annas)
        assert "hx-trigger" not in text
        address = f"{SETTINGS}export/{made.public_id}/"
        assert f'href="{address}"' in text
        response = annas.get(address)
        assert response["Content-Type"] == "application/zip"
        assert response["Content-Disposition"].startswith('attachment; filename="nordmuehle-')
        assert response["Cache-Control"] == "no-store"
        content = _content(response)
        assert len(content) == int(response["Content-Length"])
        assert "README.txt" in ZipFile(io.BytesIO(content)).namelist()

    def test_who_logged_in_long_ago_proves_himself_first(
        self, client: Client, nordmuehle: Organisation, anna: User
    ) -> None:
        anna.set_password("correct horse battery")
        anna.save()
        log_in(client, anna, minutes_ago=6)
        ready = _ready(nordmuehle)
        for asked in (client.post(f"{SETTINGS}export/"), client.get(f"{SETTINGS}export/{ready.public_id}/")):
            assert asked["Location"].startswith("/accounts/reauthenticate/")
        assert nordmuehle.exports.count() == 1

    def test_it_is_possible_where_all_else_rests(self, annas: Client, nordmuehle: Organisation) -> None:
        Organisation.objects.update(closed_at=NOON)
        ready = _ready(nordmuehle)
        text = text_of(annas)
        assert "Export</button>" in text
        assert "Save</button>" not in text
        assert annas.get(f"{SETTINGS}export/{ready.public_id}/").status_code == 200
        assert annas.post(f"{SETTINGS}export/").status_code == 302
        assert annas.post(f"{SETTINGS}save/", GOOD).status_code == 403

    def test_an_old_a_failed_and_a_foreign_one_are_not_to_be_had(
        self, annas: Client, nordmuehle: Organisation, suedoel: Organisation
    ) -> None:
        old, failed, foreign = _ready(nordmuehle), _ready(nordmuehle), _ready(suedoel)
        Export.across_orgs.filter(pk=old.pk).update(ready_at=timezone.now() - exports.LASTS)
        Export.across_orgs.filter(pk=failed.pk).update(path="", ready_at=None, error="stopped")
        for export in (old, failed, foreign):
            assert annas.get(f"{SETTINGS}export/{export.public_id}/").status_code == 404
        text = text_of(annas)
        assert "Its time is over" in text
        assert "It failed. Export again." in text

    def test_too_many_are_told(self, annas: Client, nordmuehle: Organisation) -> None:
        for _ in range(3):
            _ready(nordmuehle)
        annas.post(f"{SETTINGS}export/")
        assert "3 exports were asked for within a day." in text_of(annas)


class TestDeletion:
    def test_it_is_asked_for_told_on_every_page_and_taken_back(
        self, ottos: Client, annas: Client, nordmuehle: Organisation, otto: User, anna: User, mia: User
    ) -> None:
        assert ottos.post(f"{SETTINGS}delete/", {"name": "Nordmühle"})["Location"] == SETTINGS
        assert sorted(letter.to[0] for letter in mail.outbox) == sorted([otto.email, anna.email])
        everybody = Client()
        everybody.force_login(mia)
        for client in (everybody, annas, ottos):
            text = text_of(client, "/o/nordmuehle/")
            assert "Nordmühle will be deleted on" in text
            assert ("Keep the organisation" in text) is (client is ottos)
        assert "Delete</a>" not in text_of(ottos)
        assert ottos.post(f"{SETTINGS}keep/")["Location"] == SETTINGS
        assert "Nordmühle will not be deleted." in text_of(ottos)
        nordmuehle.refresh_from_db()
        assert nordmuehle.delete_after is None

    def test_another_name_is_told(self, ottos: Client, nordmuehle: Organisation) -> None:
        response = ottos.post(f"{SETTINGS}delete/", {"name": "nordmuehle"})
        assert "That is not the organisation’s name." in response.content.decode()
        nordmuehle.refresh_from_db()
        assert nordmuehle.delete_after is None
        assert not mail.outbox

    def test_it_is_possible_where_all_else_rests(self, ottos: Client, nordmuehle: Organisation) -> None:
        Organisation.objects.update(trial_ends=NOON - timedelta(days=3650))
        assert "Delete</a>" in text_of(ottos)
        assert ottos.post(f"{SETTINGS}delete/", {"name": "Nordmühle"}).status_code == 302

    def test_a_mail_server_that_is_away_does_not_stop_it(
        self, ottos: Client, nordmuehle: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Away(EmailBackend):
            def send_messages(self, messages: object) -> int:
                raise ConnectionRefusedError("nobody listens")

        monkeypatch.setattr(pages, "get_connection", Away)
        ottos.post(f"{SETTINGS}delete/", {"name": "Nordmühle"})
        assert "could not be sent. Tell them yourself." in text_of(ottos)
        nordmuehle.refresh_from_db()
        assert nordmuehle.delete_after is not None


def _now(org: Organisation) -> dict[str, str]:
    return {
        "name": org.name, "time_zone": org.time_zone, "language": org.language,
        "expiring_days": str(org.expiring_days), "reminder_days": ", ".join(map(str, org.reminder_days)),
    }  # fmt: skip


def _ready(org: Organisation) -> Export:
    now = timezone.now()
    path = Path(django_settings.ENV.files) / "exports" / "aa" / "made.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"PK")
    made: Export = org.exports.create(asked_at=now, ready_at=now, path="exports/aa/made.zip", size=2)
    return made


def _content(response: object) -> bytes:
    async def all_of(streamed: StreamingHttpResponse) -> bytes:
        return b"".join([piece async for piece in streamed])

    return async_to_sync(all_of)(cast(StreamingHttpResponse, response))
