import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, Envelope
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend

from certwatch.channels.email import send
from certwatch.rules.errors import DeliveryFailed
from tests.smtp_server import Mailbox, mailbox


class Moody(Mailbox):
    """A server that answers as it is told."""

    rcpt = data = "250 OK"
    sender = "250 OK"

    async def handle_MAIL(self, _server: Any, _session: Any, envelope: Envelope, address: str, options: Any) -> str:
        envelope.mail_from = address
        return self.sender

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Envelope, address: str, options: Any) -> str:
        envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:
        if self.data != "250 OK":
            return self.data
        return await super().handle_DATA(server, session, envelope)


@pytest.fixture
def server() -> Iterator[Moody]:
    box = Moody()
    with mailbox(box):
        yield box


def mail(*to: str) -> EmailMessage:
    return EmailMessage(
        "Suspended", "A certificate is suspended.", "cw@watch.example", to or ["anna@nordmuehle.example"]
    )


def hand_over(port: int, *to: str, timeout_s: int = 5, **options: Any) -> None:
    send(mail(*to), connection=EmailBackend(host="127.0.0.1", port=port, timeout=timeout_s, **options))


def failure(port: int, *to: str, timeout_s: int = 5, **options: Any) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as failed:
        hand_over(port, *to, timeout_s=timeout_s, **options)
    return failed.value


def test_a_mail_that_the_server_takes_is_delivered(server: Moody) -> None:
    hand_over(server.port)
    assert [mail["subject"] for mail in server.mails] == ["Suspended"]


@pytest.mark.parametrize("code", ["550 5.1.1 No such user here", "553 Bad name", "554 5.7.1 Spam"])
@pytest.mark.parametrize("step", ["rcpt", "data"])
def test_what_is_refused_for_its_address_or_text_is_final(server: Moody, step: str, code: str) -> None:
    setattr(server, step, code)
    failed = failure(server.port)
    assert failed.permanent
    assert str(failed) == f"The mail server answered {code[:3]}: {code[4:]}"
    assert server.mails == []


@pytest.mark.parametrize("code", ["450 4.2.1 Mailbox busy", "451 4.7.1 Greylisted", "421 Closing"])
@pytest.mark.parametrize("step", ["rcpt", "data"])
def test_what_is_put_off_is_tried_again(server: Moody, step: str, code: str) -> None:
    setattr(server, step, code)
    assert not failure(server.port).permanent


def test_that_our_own_address_is_refused_says_nothing_of_the_readers(server: Moody) -> None:
    server.sender = "550 Who are you?"
    assert not failure(server.port).permanent


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_a_refused_log_in_is_tried_again() -> None:
    class Closed(Mailbox):
        def login(self, *_: Any) -> Any:
            return AuthResult(success=False, handled=False)

    with mailbox(Closed(), auth_required=True, auth_require_tls=False) as box:
        failed = failure(box.port, username="cw", password="wrong")
    assert (failed.permanent, str(failed)) == (False, "The mail server refused our log-in.")


def test_a_server_that_is_not_there_hangs_up_or_hangs_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert str(failure(port, timeout_s=1)) == "The mail server did not answer in time."
    assert not failure(port).permanent
    with socket.create_server(("127.0.0.1", 0)) as rude:
        threading.Thread(target=lambda: rude.accept()[0].close(), daemon=True).start()
        assert not failure(rude.getsockname()[1]).permanent


@pytest.mark.parametrize("address", ["anna@", "a@b\nc"])
def test_what_is_no_address_is_final(server: Moody, address: str) -> None:
    assert failure(server.port, address).permanent
    assert server.mails == []


def test_a_mail_goes_to_one_reader(server: Moody) -> None:
    with pytest.raises(ValueError, match="one address"):
        hand_over(server.port, "anna@nordmuehle.example", "mia@nordmuehle.example")
