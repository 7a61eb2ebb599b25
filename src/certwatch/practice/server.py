"""The server in front of the registers: HTTP, misbehaviour, and nothing else."""

import email.utils
import hashlib
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from certwatch.practice import invented, rows, trouble
from certwatch.practice.exchange import Register, Reply, Request, not_found
from certwatch.practice.iscc import Iscc
from certwatch.practice.redcert import Redcert
from certwatch.practice.rows import Shelf, Table, UnusableFile
from certwatch.practice.trouble import Trouble, Troubles, Word
from certwatch.practice.twobsvs import Twobsvs
from certwatch.rules.errors import Refused
from certwatch.rules.status import Status

HOST = "127.0.0.1"
PORT = 9090
TROUBLE_FILE = "trouble.txt"
LARGEST_BODY = 1_000_000  # bytes of a request; the registers' forms have a few thousand
IDLE_S = 60.0  # then a connection without a request is closed
LOOK_S = 0.1  # how often a silent register looks whether its visitor has left


class PracticeRegisters:
    """The running server. `with PracticeRegisters(data=folder) as registers: registers.url` or `start` and `stop`."""

    def __init__(
        self,
        *,
        data: Path | None = None,
        troubles: Iterable[Trouble] = (),
        port: int = 0,
        today: date | None = None,
        say: Callable[[str], None] = rows.complain,
    ) -> None:
        """`troubles`: beside those of trouble.txt in `data`. `port` 0: any free one. `today`: about which the invented
        rows lie. `say` hears what is wrong with the files."""
        self._data = data
        self._troubles = list(troubles)
        self._wanted_port = port
        self._today = today or datetime.now(ZoneInfo("Europe/Berlin")).date()
        self._say = say
        self._said: set[str] = set()
        self._registers: dict[str, Register] = {register.name: register for register in (Iscc(), Redcert(), Twobsvs())}
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def names(self) -> Collection[str]:
        return self._registers.keys()

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Address of the server; each register stands below its source's name."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """Write the files that are missing and begin to serve. Raises `Refused` if folder or port cannot be had."""
        try:
            self._shelf = Shelf(self._data, invented.files(self._today), self._say_once)
        except OSError as error:
            raise Refused(f"--data must be a folder that can be written to; {error}.") from error
        try:
            self._server = _Server((HOST, self._wanted_port), _Handler, self.answer)
        except OSError as error:
            raise Refused(
                f"Port {self._wanted_port} is not free ({error.strerror}); choose another with --port."
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        for name in self._registers:
            self._tell_what_is_wrong(name)

    def stop(self) -> None:
        """End everything, also answers that are waited for."""
        if self._server is None or self._thread is None:
            return
        self._server.stop()
        self._thread.join()
        self._server = self._thread = None

    def answer(self, request: Request) -> Reply | None:
        """What the register that is asked says; None: nothing at all."""
        _, name, path = [*request.path.split("/", 2), "", ""][:3]
        register = self._registers.get(name)
        if register is None:
            return self._contents() if request.path == "/" else not_found()
        own = Request(request.method, f"/{path}", request.headers, request.body, f"{request.root}/{name}")
        troubles = Troubles(self._troubles_now(), name)
        buckets = register.buckets(own)
        if not troubles:
            return _conditional(own, self._said_by(register, own, troubles), troubled=False)
        reply = self._misbehaved(register, own, troubles, buckets)
        return reply and _conditional(own, reply, troubled=True)

    def _misbehaved(
        self, register: Register, request: Request, troubles: Troubles, buckets: Collection[Status]
    ) -> Reply | None:
        server = self._server
        assert server is not None
        if slow := troubles.first(Word.SLOW, buckets):
            server.ending.wait(slow.seconds)
        if troubles.first(Word.SILENT, buckets):
            return None
        if troubles.first(Word.OUTAGE, buckets):
            return Reply(500, _OUTAGE)
        if busy := troubles.first(Word.BUSY, buckets):
            return Reply(429, _BUSY, headers=[("Retry-After", busy.value)])
        if troubles.first(Word.REFUSE, buckets) and not register.lets_in(request):
            return register.refusal()
        if troubles.first(Word.MAINTENANCE, buckets):
            reply = Reply(200, _MAINTENANCE)
        elif troubles.first(Word.LOGIN, buckets):
            reply = Reply(200, _LOGIN)
        else:
            reply = self._said_by(register, request, troubles)
        if troubles.first(Word.CUT, buckets):
            reply.body = reply.body[: len(reply.body) // 2]
        return reply

    def _said_by(self, register: Register, request: Request, troubles: Troubles) -> Reply:
        try:
            table = self._shelf.table(register.name)
        except UnusableFile as error:
            self._say_once(str(error))
            return Reply(500, _OUTAGE)
        self._tell_unlisted(register, table)
        return register.answer(request, table, troubles)

    def _troubles_now(self) -> list[Trouble]:
        if self._data is None:
            return self._troubles
        path = self._data / TROUBLE_FILE
        try:
            text = path.read_text(encoding="utf-8-sig", errors="replace")
        except FileNotFoundError:
            return self._troubles
        except OSError as error:
            self._say_once(f"{path} cannot be read: {error.strerror}.")
            return self._troubles
        troubles, complaints = trouble.parse_lines(text)
        for complaint in complaints:
            self._say_once(f"{path}: {complaint}. The line is ignored.")
        return [*self._troubles, *troubles]

    def _tell_what_is_wrong(self, name: str) -> None:
        """At the start, so that a mistake shows before the first visitor comes."""
        self._troubles_now()
        try:
            self._tell_unlisted(self._registers[name], self._shelf.table(name))
        except UnusableFile as error:
            self._say_once(str(error))

    def _tell_unlisted(self, register: Register, table: Table) -> None:
        for row in register.unlisted(table)[:20]:
            self._say_once(
                f"{register.name}.csv: {row.number} is not listed: {register.name} has no status {row.status!r}."
            )

    def _say_once(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            self._say(message)

    def _contents(self) -> Reply:
        entries = "".join(f"<li>/{name}</li>" for name in self._registers)
        return Reply(200, _CONTENTS.replace("ENTRIES", entries).encode())


class _Server(ThreadingHTTPServer):
    """A thread per connection; all of them end with `stop`."""

    daemon_threads = False  # so that they are waited for
    block_on_close = True
    request_queue_size = 128
    allow_reuse_address = sys.platform != "win32"

    def __init__(
        self, address: tuple[str, int], handler: type["_Handler"], answer: Callable[[Request], Reply | None]
    ) -> None:
        self.answer = answer
        self.ending = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, handler)

    def server_bind(self) -> None:
        # HTTPServer's own looks up the machine's name, which can take seconds where there is no name service.
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = HOST, int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A visitor who leaves in the middle is no news; anything else is a mistake of ours and is shown."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def stop(self) -> None:
        self.ending.set()
        self.shutdown()
        with self._lock:
            for connection in self._open:
                _hang_up(connection)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One connection, with as many requests as its visitor likes."""

    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._exchange("GET")

    def do_HEAD(self) -> None:
        self._exchange("GET")

    def do_POST(self) -> None:
        self._exchange("POST")

    def do_PUT(self) -> None:
        self._exchange("PUT")

    def do_DELETE(self) -> None:
        self._exchange("DELETE")

    def do_OPTIONS(self) -> None:
        self._exchange("OPTIONS")

    def version_string(self) -> str:
        return "PracticeRegisters"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name is the base class's)
        """Nothing: the registers' own complaints would drown in it."""

    def _exchange(self, method: str) -> None:
        body = self._body()
        if body is None:
            self.close_connection = True
            self._send(Reply(413, b"", headers=[("Connection", "close")]))
            return
        root = f"http://{self.headers.get('Host') or f'{HOST}:{self.server.server_port}'}"
        request = Request(method, unquote(urlsplit(self.path).path), self.headers, body, root)
        reply = self.server.answer(request)
        if reply is None:
            self._say_nothing()
        else:
            self._send(reply)

    def _body(self) -> bytes | None:
        """What was sent with the request; None if it is too much, or of unknown length."""
        length = self.headers.get("Content-Length", "0")
        if self.headers.get("Transfer-Encoding") or not length.isdigit() or int(length) > LARGEST_BODY:
            return None
        return self.rfile.read(int(length))

    def _say_nothing(self) -> None:
        """Wait until the visitor leaves, or until all ends."""
        self.close_connection = True
        while not self.server.ending.is_set():
            readable, _, _ = select.select([self.connection], [], [], LOOK_S)
            if readable and not self.connection.recv(4096):
                return

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.status != 304:
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD" and reply.status != 304:
            self.wfile.write(reply.body)


def _conditional(request: Request, reply: Reply, *, troubled: bool) -> Reply:
    """`reply`, or 304 if the visitor has it already. A register in trouble tells no date and looks at none: its
    answer does not come from the file alone."""
    if reply.changed_at is None:
        return reply
    tag = f'"{hashlib.sha256(reply.body).hexdigest()[:20]}"'
    reply.headers.append(("ETag", tag))
    modified = email.utils.formatdate(reply.changed_at, usegmt=True)
    # A file changed within this very second may change again under the same date.
    dated = not troubled and time.time() - reply.changed_at > rows.SETTLED_S
    if dated:
        reply.headers.append(("Last-Modified", modified))
    asked_tags = request.headers.get("If-None-Match")
    if asked_tags is not None:
        known = {asked.strip().removeprefix("W/") for asked in asked_tags.split(",")}
        same = tag in known or "*" in known
    else:
        same = dated and request.headers.get("If-Modified-Since") == modified
    return Reply(304, b"", headers=reply.headers) if same else reply


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it has gone already


_CONTENTS = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Practice registers</title></head><body>
<h1>Practice registers</h1><p>Each register stands below its source's name:</p><ul>ENTRIES</ul></body></html>
"""

_OUTAGE = b"""<!DOCTYPE html><html><head><title>500 Internal Server Error</title></head><body>
<h1>Internal Server Error</h1></body></html>
"""

_BUSY = b"<!DOCTYPE html><html><head><title>429 Too Many Requests</title></head><body></body></html>\n"

_MAINTENANCE = b"""<!DOCTYPE html><html><head><title>Maintenance</title></head><body><h1>We&#8217;ll be back soon!</h1>
<p>Briefly unavailable for scheduled maintenance. Check back in a minute.</p></body></html>
"""

_LOGIN = b"""<!DOCTYPE html><html><head><title>Log in</title></head><body><h1>Please log in</h1>
<form method="post" action="/login"><input type="text" name="user"><input type="password" name="password">
<input type="submit" value="Log in"></form></body></html>
"""
