"""The whole road, with real processes: a register suspends a certificate; a mail and a signed webhook say so, once."""

import csv
import http.client
import json
import os
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from certwatch.practice.server import PracticeRegisters
from tests.servers import CERTWATCH, ask, free_port
from tests.smtp_server import Mailbox, mailbox, text

WITHIN_S = 60  # of the sync; the work takes three looks, about three seconds


class Receiver:
    """A webhook receiver: keeps what it gets, answers 204."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def mails() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def until(true: Callable[[], Any], what: str) -> Any:
    """What `true` answers once it answers something, within a minute."""
    deadline = time.monotonic() + WITHIN_S
    while not (found := true()):
        assert time.monotonic() < deadline, f"{what}: not within {WITHIN_S} s"
        time.sleep(0.1)
    return found


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_a_suspension_is_mailed_and_sent_once_within_a_minute_of_the_sync(
    tmp_path: Path, mails: Mailbox, receiver: Receiver
) -> None:
    folder, home, port = tmp_path / "registers", tmp_path / "home", free_port()
    with PracticeRegisters(data=folder) as registers:
        addresses = {name: f"{registers.url}/{name}" for name in registers.names}
        env = {
            "PATH": os.environ["PATH"],
            "CERTWATCH_HOME": str(home),
            "CERTWATCH_BASE_URL": f"http://127.0.0.1:{port}",
            "CERTWATCH_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
            "EMAIL_URL": f"smtp://127.0.0.1:{mails.port}",
            **{f"CERTWATCH_SOURCE_{name.upper()}_URL": url for name, url in addresses.items()},
        }

        def certwatch(*arguments: str, said: str = "") -> str:
            return subprocess.run(
                [CERTWATCH, *arguments], env=env, check=True, capture_output=True, text=True, input=said
            ).stdout

        certwatch("migrate")
        certwatch("org", "create", "Nordmühle")
        owner = ("otto@nordmuehle.example", "--org", "nordmuehle", "--role", "owner")
        certwatch("user", "create", *owner, said="a-long-enough-secret-2026\n")
        options = ("--org", "nordmuehle", "--name", "Hooks", "--scope", "webhooks:manage", "--json")
        key = json.loads(certwatch("key", "create", *options))["key"]
        certwatch("source", "sync", "--all")
        rows = rows_of(folder / "iscc.csv")
        chosen = next(row for row in rows if row["status"] == "valid")
        certwatch("certificate", "add", "--org", "nordmuehle", chosen["number"])
        log = (home / "up.log").open("w")
        product = subprocess.Popen([CERTWATCH, "up", "--port", str(port)], env=env, stdout=log, stderr=log)
        try:
            until(lambda: _is_ready(port), "the product")
            made = _post(port, key, "/api/v1/webhooks", {"url": receiver.url, "types": ["certificate.status_changed"]})
            chosen["status"] = "suspended"
            write(folder / "iscc.csv", rows)
            certwatch("source", "sync", "iscc")
            mail = until(lambda: mails.mails, "the mail")[0]
            headers, body = until(lambda: receiver.got, "the webhook")[0]
            _is_right(mail, chosen)
            event = Webhook(made["secret"]).verify(body, headers)
            assert event["data"]["cert_number"] == chosen["number"]
            assert (event["data"]["kind"], event["data"]["was"], event["data"]["status"]) == (
                "suspended", "valid", "suspended",
            )  # fmt: skip
            certwatch("source", "sync", "iscc")
            until(lambda: _is_quiet(home), "silence")
            assert (len(mails.mails), len(receiver.got)) == (1, 1)
        finally:
            product.terminate()
            product.wait(10)
            log.close()
        assert "Traceback" not in (home / "up.log").read_text()


def _is_right(mail: Any, chosen: dict[str, str]) -> None:
    assert mail["to"] == "otto@nordmuehle.example"
    assert mail["subject"] == f"Suspended: {chosen['number']}, {chosen['holder']}"
    for said in (chosen["number"], chosen["holder"], "suspended", "/o/nordmuehle/alerts/"):
        assert said in text(mail)
    assert chosen["number"] in mail.get_body(("html",)).get_content()


def _is_ready(port: int) -> bool:
    try:
        return ask(port, "/readyz").status == 200
    except OSError:
        return False


def _post(port: int, key: str, path: str, said: dict[str, Any]) -> Any:
    body = json.dumps(said).encode()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("POST", path, body, {"X-API-Key": key, "Content-Type": "application/json"})
        answer = connection.getresponse()
        read = answer.read()
    assert answer.status == 201, read
    return json.loads(read)


def _is_quiet(home: Path) -> bool:
    """Nothing is on its way, and everything was looked at."""
    with sqlite3.connect(home / "certwatch.sqlite3") as database:
        waits = "SELECT count(*) FROM certwatch_delivery WHERE state = 'waiting'"
        behind = "SELECT count(*) FROM certwatch_changecounter WHERE noticed < last"
        untold = "SELECT count(*) FROM certwatch_notice WHERE told_at IS NULL AND state = 'open'"
        return all(database.execute(sql).fetchone()[0] == 0 for sql in (waits, behind, untold))
