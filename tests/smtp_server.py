"""A real SMTP server that keeps what it is given."""

import logging
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from email.parser import BytesParser
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd warns of itself


class Mailbox:
    """`mails` in the order in which they came; `logins` as (user, password)."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.logins: list[tuple[str, str]] = []
        self.port = 0

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(BytesParser(policy=default).parsebytes(content))
        return "250 OK"

    def login(self, _server: object, _session: object, _envelope: object, _way: str, data: object) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=True)

    def last(self, to: str) -> Message:
        return next(mail for mail in reversed(self.mails) if to in mail["to"])

    def link(self, to: str) -> str:
        """The first link of the last mail to this address."""
        found = re.search(r"https?://\S+", text(self.last(to)))
        assert found
        return found[0]


def text(mail: Any) -> str:
    """What stands in it as plain text."""
    return str(mail.get_body(("plain",)).get_content())


class _AtFreePort(Controller):
    """aiosmtpd knocks at the port that it was told, so 0 will not do; a socket that is bound before has one."""

    def __init__(self, box: Mailbox, **options: Any) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        box.port = self._socket.getsockname()[1]
        super().__init__(box, hostname="127.0.0.1", port=box.port, **options)

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self._socket, ssl=self.ssl_context)


@contextmanager
def mailbox(box: Mailbox | None = None, **options: Any) -> Iterator[Mailbox]:
    """A mailbox at a free port of this machine, perhaps one of another kind; `options` as aiosmtpd's."""
    box = box or Mailbox()
    if options.get("auth_required"):
        options["authenticator"] = box.login
    controller = _AtFreePort(box, **options)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
