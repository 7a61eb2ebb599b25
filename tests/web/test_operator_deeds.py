"""What operators change in the back office."""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client

from certwatch.actions import keys, orgs, syncs
from certwatch.jobs import releases
from certwatch.models import (
    AuditEntry,
    Certificate,
    ContactMessage,
    Organisation,
    RunState,
    Sync,
    User,
)
from certwatch.sources import SOURCES
from certwatch.web import office
from tests.actions.registers import Register
from tests.conftest import NOON
from tests.web.back_office import DAY, held_run, let_in, text

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def noon() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


def change(client: Client, org: Organisation, **fields: Any) -> Any:
    data = {"rate_limit": org.rate_limit, "last_day": "", **fields}
    return client.post(f"/operator/certwatch/organisation/{org.pk}/change/", data)


def test_the_rate_limit_is_changed_with_a_note(office_of_kim: Client, kim: User, nordmuehle: Organisation) -> None:
    assert change(office_of_kim, nordmuehle, rate_limit=5_000).status_code == 302
    nordmuehle.refresh_from_db()
    assert nordmuehle.rate_limit == 5_000
    note = nordmuehle.audit_entries.get()
    assert (note.action, note.by, note.source_address) == ("organisation.rate_limit", kim, "127.0.0.1")
    assert note.details == {"was": 100, "becomes": 5_000}


def test_a_trial_goes_on_through_its_new_last_day(office_of_kim: Client, nordmuehle: Organisation) -> None:
    Organisation.objects.filter(pk=nordmuehle.pk).update(trial_ends=NOON + DAY)
    page = office_of_kim.get(f"/operator/certwatch/organisation/{nordmuehle.pk}/change/").content.decode()
    assert 'type="date" name="last_day" value="2026-11-25"' in page
    change(office_of_kim, nordmuehle, last_day="2026-12-31")
    nordmuehle.refresh_from_db()
    assert nordmuehle.trial_ends == datetime.fromisoformat("2026-12-31T23:00:00Z")  # midnight in Berlin
    assert nordmuehle.audit_entries.get().action == "organisation.trial"


def test_a_trial_that_was_not_touched_ends_at_the_same_second(office_of_kim: Client, nordmuehle: Organisation) -> None:
    ends = NOON + DAY
    Organisation.objects.filter(pk=nordmuehle.pk).update(trial_ends=ends)
    change(office_of_kim, nordmuehle, last_day="2026-11-25", rate_limit=7)
    nordmuehle.refresh_from_db()
    assert (nordmuehle.trial_ends, nordmuehle.rate_limit) == (ends, 7)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"rate_limit": 0}, "greater than or equal to 1"),
        ({"rate_limit": 10_000_001}, "less than or equal to 10000000"),
        ({"last_day": "9999-12-31"}, "ten years at most"),
        ({"last_day": "soon"}, "Enter a valid date."),
    ],
)
def test_what_cannot_be_is_refused(
    office_of_kim: Client, nordmuehle: Organisation, fields: dict[str, Any], error: str
) -> None:
    assert error in text(change(office_of_kim, nordmuehle, **fields))
    assert not AuditEntry.objects.exists()


def test_a_trial_is_not_ended_by_emptying_its_field(office_of_kim: Client, nordmuehle: Organisation) -> None:
    Organisation.objects.filter(pk=nordmuehle.pk).update(trial_ends=NOON + DAY)
    assert "use the button that opens for good" in text(change(office_of_kim, nordmuehle, last_day=""))


def deed(client: Client, row: Any, name: str) -> Any:
    return client.post(f"/operator/certwatch/{row._meta.model_name}/{row.pk}/{name}/")


def test_an_organisation_is_closed_and_opened_after_a_question(
    office_of_kim: Client, kim: User, nordmuehle: Organisation
) -> None:
    address = f"/operator/certwatch/organisation/{nordmuehle.pk}"
    assert f'href="{address}/close/"' in office_of_kim.get(f"{address}/change/").content.decode()
    assert "The API answers 403" in text(office_of_kim.get(f"{address}/close/"))
    nordmuehle.refresh_from_db()
    assert nordmuehle.closed_at is None  # a GET changes nothing
    deed(office_of_kim, nordmuehle, "close")
    nordmuehle.refresh_from_db()
    assert nordmuehle.closed_at == NOON
    deed(office_of_kim, nordmuehle, "open")
    nordmuehle.refresh_from_db()
    assert nordmuehle.state(NOON) == "open"
    notes = nordmuehle.audit_entries.order_by("id").values_list("action", "by", "source_address")
    assert list(notes) == [
        ("organisation.closed", kim.pk, "127.0.0.1"),
        ("organisation.opened", kim.pk, "127.0.0.1"),
    ]


def test_a_deed_that_came_too_late_is_told(office_of_kim: Client, nordmuehle: Organisation) -> None:
    deed(office_of_kim, nordmuehle, "close")
    answer = deed(office_of_kim, nordmuehle, "close")
    assert "This is not possible any more." in text(office_of_kim.get(answer["Location"]))
    assert nordmuehle.audit_entries.count() == 1


def test_an_unknown_deed_or_row_is_nothing(office_of_kim: Client, nordmuehle: Organisation) -> None:
    assert deed(office_of_kim, nordmuehle, "burn").status_code == 404
    assert deed(office_of_kim, Organisation(pk=0), "close").status_code == 404


def test_a_deed_needs_its_token(kim: User, nordmuehle: Organisation) -> None:
    client = let_in(Client(enforce_csrf_checks=True), kim)
    assert deed(client, nordmuehle, "close").status_code == 403


def test_a_person_whose_account_is_closed_is_signed_out_and_back_when_it_is_opened(
    office_of_kim: Client, anna: User
) -> None:
    hers = Client()
    hers.force_login(anna)
    deed(office_of_kim, anna, "deactivate")
    assert hers.get("/o/")["Location"].startswith("/accounts/login/")
    deed(office_of_kim, anna, "reactivate")
    anna.refresh_from_db()
    assert anna.is_active
    notes: Any = AuditEntry.objects.order_by("id").values_list("action", "about", "org")
    assert list(notes) == [("user.deactivated", anna.email, None), ("user.reactivated", anna.email, None)]


def test_operators_are_made_and_removed_on_the_command_line_only(office_of_kim: Client, kim: User, anna: User) -> None:
    page = office_of_kim.get(f"/operator/certwatch/user/{anna.pk}/change/").content.decode()
    assert "is_staff" not in page
    assert 'name="_save"' not in page
    office_of_kim.post(f"/operator/certwatch/user/{anna.pk}/change/", {"is_staff": "on"})
    anna.refresh_from_db()
    assert not anna.is_staff
    deed(office_of_kim, kim, "deactivate")  # nor can one lock out oneself
    kim.refresh_from_db()
    assert kim.is_active


def test_a_held_run_shows_why_what_and_its_evidence(office_of_kim: Client, nordmuehle: Organisation) -> None:
    held = held_run(nordmuehle)
    Sync.objects.filter(pk=held.pk).update(
        asked=[
            {"method": "POST", "url": "https://register.example/list", "status": 200, "bytes": 17, "sha256": "ab12"}
        ],
        totals={"valid": 20},
        problems=["A date that is none: soon"],
    )
    shown = text(office_of_kim.get(f"/operator/certwatch/sync/{held.pk}/change/"))
    for words in (
        *held.reasons,
        "EU-ISCC-Cert-XX999-00000003 Muster 3 GmbH valid suspended",
        "POST https://register.example/list 200 17 ab12",
        "valid 20",
        "A date that is none: soon",
    ):
        assert words in shown


def test_a_held_run_is_released_by_the_worker_after_it_was_asked_for(
    office_of_kim: Client, kim: User, nordmuehle: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = held_run(nordmuehle)
    monkeypatch.setitem(SOURCES, "iscc", Register().source)
    deed(office_of_kim, held, "release")
    held.refresh_from_db()
    assert (held.state, held.release_asked_by) == (RunState.HELD, kim)
    assert "Being released" in text(office_of_kim.get(f"/operator/certwatch/sync/{held.pk}/change/"))
    assert "Release of a held run" in text(office_of_kim.get("/operator/jobs/"))
    assert not Certificate.across_orgs.filter(word="suspended").exists()
    releases.release(NOON)
    held.refresh_from_db()
    assert held.state == RunState.RELEASED
    assert Certificate.across_orgs.filter(word="suspended").count() == 12
    notes: Any = AuditEntry.objects.order_by("id").values_list("action", "by", "source_address")
    assert list(notes) == [("run.release_asked", kim.pk, "127.0.0.1"), ("run.released", kim.pk, None)]


def test_a_release_that_nobody_asked_for_does_not_happen(nordmuehle: Organisation) -> None:
    held = held_run(nordmuehle)
    releases.release(NOON)
    held.refresh_from_db()
    assert held.state == RunState.HELD


def test_a_release_that_fails_waits_until_it_is_asked_for_again(
    office_of_kim: Client, nordmuehle: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = held_run(nordmuehle)
    deed(office_of_kim, held, "release")

    def broken(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setattr(syncs, "release", broken)
    with pytest.raises(RuntimeError):
        releases.release(NOON)
    held.refresh_from_db()
    assert (held.state, held.release_asked_at) == (RunState.HELD, None)


def test_while_its_source_is_being_read_a_release_waits(
    office_of_kim: Client, nordmuehle: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = held_run(nordmuehle)
    deed(office_of_kim, held, "release")

    def busy(*_args: Any, **_kwargs: Any) -> None:
        raise syncs.AlreadyRunning("iscc: already running since 03:12.")

    with monkeypatch.context() as patch:
        patch.setattr(syncs, "release", busy)
        releases.release(NOON)
    releases.release(NOON)
    held.refresh_from_db()
    assert held.state == RunState.RELEASED


def test_a_held_run_is_discarded(office_of_kim: Client, kim: User, nordmuehle: Organisation) -> None:
    held = held_run(nordmuehle)
    deed(office_of_kim, held, "discard")
    held.refresh_from_db()
    assert held.state == RunState.DISCARDED
    note = AuditEntry.objects.get()
    assert (note.action, note.by, note.source_address) == ("run.discarded", kim, "127.0.0.1")


def test_a_message_is_ticked_off_and_removed(office_of_kim: Client) -> None:
    message = ContactMessage.objects.create(
        name="Lee", email="lee@example.org", text="<b>Hello</b>", language="en", created_at=NOON
    )
    page = office_of_kim.get(f"/operator/certwatch/contactmessage/{message.pk}/change/").content.decode()
    assert "&lt;b&gt;Hello&lt;/b&gt;" in page
    deed(office_of_kim, message, "answered")
    message.refresh_from_db()
    assert message.answered_at == NOON
    assert "Lee" not in text(office_of_kim.get("/operator/certwatch/contactmessage/?answered=no"))
    deed(office_of_kim, message, "open")
    answer = deed(office_of_kim, message, "remove")
    assert not ContactMessage.objects.exists()
    assert "The message is removed." in text(office_of_kim.get(answer["Location"]))


def test_the_audit_log_has_the_operators_deeds_and_not_the_customers(
    office_of_kim: Client, nordmuehle: Organisation, anna: User
) -> None:
    keys.create(nordmuehle, name="Secret project", by=anna, now=NOON)
    deed(office_of_kim, nordmuehle, "close")
    nordmuehle.refresh_from_db()
    orgs.reopen(nordmuehle, by=None, now=NOON)  # on the command line
    shown = text(office_of_kim.get("/operator/certwatch/auditentry/"))
    assert "organisation.closed" in shown
    assert "organisation.opened" in shown
    assert "Secret project" not in shown
    hidden = nordmuehle.audit_entries.get(action="key.created")
    assert office_of_kim.get(f"/operator/certwatch/auditentry/{hidden.pk}/change/").status_code == 302


def test_nobody_edits_the_audit_log(office_of_kim: Client, nordmuehle: Organisation) -> None:
    deed(office_of_kim, nordmuehle, "close")
    note = AuditEntry.objects.get()
    page = f"/operator/certwatch/auditentry/{note.pk}/change/"
    assert 'name="_save"' not in office_of_kim.get(page).content.decode()
    assert office_of_kim.post(page, {"action": "nothing"}).status_code == 403


def test_templates_of_the_back_office_are_all_used() -> None:
    folder = Path(office.__file__).parents[1] / "templates" / "operator"
    named = "".join(path.read_text() for path in Path(office.__file__).parent.glob("o*.py"))
    parts = "".join(path.read_text() for path in folder.glob("*.html"))
    for path in folder.glob("*.html"):
        assert f"operator/{path.name}" in named + parts or f'"{path.stem}"' in named


def test_days_of_a_trial_are_the_organisations(nordmuehle: Organisation, kim: User) -> None:
    from certwatch.actions import operator

    nordmuehle.time_zone = "Pacific/Auckland"
    nordmuehle.save()
    operator.set_trial(nordmuehle, date(2026, 12, 31), by=kim, now=NOON, address=None)
    assert nordmuehle.trial_ends == datetime.fromisoformat("2026-12-31T11:00:00Z")
