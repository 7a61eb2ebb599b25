"""Contact Us: the form, its limits, and the mail that the worker sends."""

import re
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_string
from smtplib import SMTPException

import pytest
import time_machine
from django.conf import LazySettings
from django.core import mail
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from certwatch.actions import contacts
from certwatch.jobs import contacts as duty
from certwatch.models import AuditEntry, ContactMessage, User
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

LETTER = {
    "name": "Kim Müller",
    "email": "kim@example.org",
    "organisation": "Muster GmbH",
    "text": "Hello,\r\n\r\nmay our trial go on?",
    "website": "",
}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def noon() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture(autouse=True)
def operator(settings: LazySettings) -> None:
    settings.OPERATOR_EMAIL = "operator@example.org"
    settings.BASE_URL = "https://watch.example:8443"


def send(client: Client, address: str = "192.0.2.7", **changed: str) -> HttpResponse:
    return client.post("/contact", {**LETTER, **changed}, REMOTE_ADDR=address)  # type: ignore[return-value]


def only() -> ContactMessage:
    return ContactMessage.objects.get()


def test_the_form_costs_no_query_and_sets_no_cookie_but_csrf(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        response = client.get("/contact")
    assert set(response.cookies) == {"csrftoken"}


def test_who_is_logged_in_need_not_say_who_he_is(
    client: Client, anna: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(anna)
    with django_assert_num_queries(2):  # session, person
        page = client.get("/contact").content.decode()
    assert 'value="Anna"' in page
    assert 'value="anna@nordmuehle.example"' in page


def test_a_message_is_kept_as_it_was_written(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(5):  # savepoint, two counts, the message, savepoint
        response = send(client, "2001:db8:1:2:3::4")
    assert (response.status_code, response["Location"]) == (302, "/contact/sent/")
    assert "sessionid" not in response.cookies
    kept = only()
    assert (kept.name, kept.email, kept.organisation) == ("Kim Müller", "kim@example.org", "Muster GmbH")
    assert kept.text == "Hello,\n\nmay our trial go on?"
    assert (kept.language, kept.created_at, kept.came_from) == ("en", NOON, "2001:db8:1:2::/64")
    assert mail.outbox == []  # the worker's work


def test_the_success_page_promises_what_was_done(client: Client) -> None:
    assert "Your message is on its way</h1>" in client.get("/contact/sent/").content.decode()


def test_without_its_token_a_form_is_refused() -> None:
    assert send(Client(enforce_csrf_checks=True)).status_code == 403
    assert not ContactMessage.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("name", "", "This field is required."),
        ("name", "\r\n\x1b", "This field is required."),
        ("name", "x" * 151, "at most 150 characters"),
        ("email", "kim", "Enter a valid email address."),
        ("email", "kim@example.org\r\nBcc: all@example.org", "Enter a valid email address."),
        ("email", "kim@" + "ü" * 63 + ".example", "Mail cannot be sent to this address."),
        ("text", "", "This field is required."),
        ("text", "x" * 5_001, "at most 5000 characters"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(client: Client, field: str, value: str, error: str) -> None:
    response = send(client, **{field: value})
    assert response.status_code == 200
    page = response.content.decode()
    assert error in re.search(rf'id="id_{field}_error">(.*?)</div></div>', page, re.DOTALL)[1]  # type: ignore[index]
    assert "Muster GmbH" in page  # what was filled in is not lost
    assert not ContactMessage.objects.exists()


def test_the_trap_catches_programs_and_loses_no_persons_message(client: Client) -> None:
    response = send(client, website="https://buy.example")
    page = response.content.decode()
    assert "Please send it again" in page
    assert "buy.example" not in page  # so sending again works
    assert "may our trial go on?" in page
    assert not ContactMessage.objects.exists()


def test_the_trap_is_hidden_without_style_from_people_and_screen_readers(client: Client) -> None:
    page = client.get("/contact").content.decode()
    trap = re.search(r'<div class="cw-trap" aria-hidden="true">.*?name="website"[^>]*>', page, re.DOTALL)
    assert trap
    assert 'tabindex="-1"' in trap[0]
    assert 'autocomplete="off"' in trap[0]
    assert " style=" not in page


def test_one_client_may_send_a_few_an_hour_and_some_more_a_day(client: Client, noon: time_machine.Traveller) -> None:
    answers = []
    for _ in range(5):
        answers.append([send(client).status_code for _ in range(6)])
        noon.shift(HOUR)
    assert answers == [[302] * 5 + [429]] * 4 + [[429] * 6]
    noon.shift(DAY - 5 * HOUR)
    assert send(client).status_code == 302


def test_the_refusal_keeps_the_text_and_names_another_way(client: Client) -> None:
    for _ in range(5):
        send(client)
    page = send(client).content.decode()
    assert "Not sent: too many messages" in page
    assert "mailto:operator@example.org" in page
    assert "may our trial go on?" in page
    assert ContactMessage.objects.count() == 5


def test_the_limit_is_each_clients_own_and_one_line_has_all_of_an_ipv6_64(client: Client) -> None:
    for last in range(5):
        assert send(client, f"2001:db8::{last}").status_code == 302
    assert send(client, "2001:db8::ffff:1").status_code == 429
    assert send(client, "2001:db8:0:1::1").status_code == 302
    assert send(client, "192.0.2.8").status_code == 302


def test_the_operator_gets_a_mail_that_he_can_answer(client: Client) -> None:
    send(client, organisation="Müller &amp; Söhne")
    duty.mail(NOON)
    [letter] = mail.outbox
    assert letter.to == ["operator@example.org"]
    assert letter.subject == "Contact Us: Kim Müller, Müller &amp; Söhne"
    assert letter.reply_to == ["=?utf-8?q?Kim_M=C3=BCller?= <kim@example.org>"]
    assert letter.extra_headers["Message-ID"] == f"<contact.{only().public_id}@watch.example>"
    assert "Hello,\n\nmay our trial go on?" in letter.body
    assert f"https://watch.example:8443/operator/certwatch/contactmessage/{only().pk}/change/" in letter.body
    assert only().mailed_at == NOON


def test_nothing_that_is_typed_gets_into_the_head_of_a_mail(client: Client) -> None:
    send(client, name='Kim\r\nBcc: all@example.org"<x@y.example>,', organisation="A\nSubject: B")
    duty.mail(NOON)
    [letter] = mail.outbox
    sent = message_from_string(letter.message().as_string())
    assert sent["Bcc"] is None
    assert sent.get_all("Subject") == ['Contact Us: Kim Bcc: all@example.org"<x@y.example>,, A Subject: B']
    assert letter.recipients() == ["operator@example.org"]
    assert sent["Reply-To"].endswith("<kim@example.org>")


def test_an_address_with_letters_of_its_own_can_be_answered(client: Client) -> None:
    send(client, email="kim@müller.example")
    duty.mail(NOON)
    assert "<kim@xn--mller-kva.example>" in mail.outbox[0].message()["Reply-To"]
    assert only().email == "kim@müller.example"


def test_a_message_is_mailed_once(client: Client) -> None:
    send(client)
    for minute in range(600):
        duty.mail(NOON + timedelta(minutes=minute))
    assert len(mail.outbox) == 1


def test_two_workers_do_not_take_the_same_message(client: Client) -> None:
    send(client)
    message = only()
    assert contacts.claim(message, NOON)
    assert not contacts.claim(message, NOON)


class Down:
    """A mail server that refuses until told otherwise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        self.error: Exception | None = error
        self.tries = 0
        inner = mail.EmailMessage.send

        def attempt(letter: mail.EmailMessage, *args: object) -> int:
            self.tries += 1
            if self.error:
                raise self.error
            return inner(letter)

        monkeypatch.setattr(mail.EmailMessage, "send", attempt)


@pytest.mark.parametrize("error", [ConnectionRefusedError("no"), SMTPException("later"), TimeoutError()])
def test_a_mail_server_that_is_down_loses_nothing_and_is_not_pestered(
    client: Client, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    server = Down(monkeypatch, error)
    send(client)
    for minute in range(24 * 60):
        duty.mail(NOON + timedelta(minutes=minute))
    assert 10 < server.tries < 20
    server.error = None
    for minute in range(2 * 60):
        duty.mail(NOON + DAY + timedelta(minutes=minute))
    assert len(mail.outbox) == 1
    assert only().mailed_at is not None


def test_one_message_that_cannot_be_mailed_does_not_stop_the_others(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(client)
    send(client, name="Second")
    server = Down(monkeypatch, SMTPException("this one not"))
    duty.mail(NOON)
    server.error = None
    duty.mail(NOON + timedelta(minutes=1))
    assert [letter.subject for letter in mail.outbox] == ["Contact Us: Second, Muster GmbH"]


def test_a_worker_that_died_in_the_middle_is_followed_by_the_same_mail(client: Client) -> None:
    send(client)
    contacts.claim(only(), NOON)  # and then kill -9
    duty.mail(NOON + timedelta(minutes=1))
    assert mail.outbox == []
    duty.mail(NOON + timedelta(minutes=5))
    assert mail.outbox[0].extra_headers["Message-ID"] == f"<contact.{only().public_id}@watch.example>"


def test_without_an_operators_address_messages_wait_in_the_back_office(client: Client, settings: LazySettings) -> None:
    settings.OPERATOR_EMAIL = ""
    send(client)
    duty.mail(NOON)
    assert mail.outbox == []
    assert only().mailed_at is None


def test_where_it_came_from_is_forgotten_after_a_day(client: Client) -> None:
    send(client)
    duty.mail(NOON + DAY - timedelta(seconds=1))
    assert only().came_from == "192.0.2.7"
    duty.mail(NOON + DAY)
    assert only().came_from == ""


def test_the_note_of_a_removal_does_not_say_whose_message_it_was(client: Client, anna: User) -> None:
    send(client)
    contacts.remove(only(), by=anna, now=NOON, address="192.0.2.1")
    assert not ContactMessage.objects.exists()
    note = AuditEntry.objects.get()
    assert (note.action, note.org) == ("message.removed", None)
    assert "Kim" not in str(note.__dict__)


def test_a_german_page_makes_a_message_that_says_so(client: Client) -> None:
    client.post("/contact", LETTER, headers={"accept-language": "de"})
    assert only().language == "de"
    duty.mail(NOON)
    assert "page in German" in mail.outbox[0].body
