"""`kill -9` at any moment: every notice arrives by mail, every change by webhook; twins have the same id."""

import json
import logging
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from tests.jobs.carrying import CERTIFICATES, ORGS, READERS, SECRET
from tests.receivers import Receiver, receiver
from tests.servers import postgres_database
from tests.smtp_server import Mailbox, mailbox, text

log = logging.getLogger(__name__)

ROOT = Path(__file__).parents[2]
KILLS = 20
EARLY = 5  # of them so soon that notices are still made; the others while messages are on their way
CHANGES = ORGS * CERTIFICATES
PATIENCE_S = 120  # for the next message


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of an installation of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    env = {
        **kept,
        "CERTWATCH_HOME": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "certwatch.config.settings",
        "CERTWATCH_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
    }
    if request.param == "sqlite":
        yield env
    else:
        with postgres_database() as url:
            yield {**env, "DATABASE_URL": url}


class Workers:
    """Starts one worker after the other."""

    def __init__(self, env: dict[str, str], log: Path) -> None:
        self._log = log.open("w")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.jobs.carrying", "serve"], cwd=ROOT, env=env, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
        )  # fmt: skip

    def start(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write("start\n")
        self._process.stdin.flush()
        return int(self._line())

    def ended(self) -> None:
        assert self._line() == "ended"

    def close(self) -> None:
        self._process.communicate(timeout=10)
        self._log.close()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def test_a_worker_that_is_killed_twenty_times_loses_nothing(settings: dict[str, str], tmp_path: Path) -> None:
    seed = int(os.environ.get("CERTWATCH_TEST_SEED") or random.randrange(1_000_000))
    chance = random.Random(seed)
    with mailbox() as mails, receiver() as hooks:
        env = {**settings, "EMAIL_URL": f"smtp://127.0.0.1:{mails.port}"}
        prepare = [sys.executable, "-m", "tests.jobs.carrying", "prepare", hooks.url]
        subprocess.run(prepare, cwd=ROOT, env=env, check=True)
        said = tmp_path / "workers.log"
        workers = Workers(env, said)
        try:
            for _ in range(EARLY):
                worker = workers.start()
                time.sleep(chance.uniform(0.02, 0.6))
                os.kill(worker, signal.SIGKILL)
                workers.ended()
            for point in sorted(chance.sample(range(CHANGES * 9 // 10), KILLS - EARLY)):
                worker = workers.start()
                _wait_for(hooks, mails, point)
                time.sleep(chance.uniform(0, 0.05))
                os.kill(worker, signal.SIGKILL)  # fails where nothing was left to do
                workers.ended()
            workers.start()
            workers.ended()
        finally:
            workers.close()
    assert "Traceback" not in said.read_text(), (seed, said.read_text())
    twins = _every_change_came_by_webhook(hooks, seed), _every_notice_came_by_mail(mails, seed)
    log.info("seed %s: %s twins of %s webhooks, %s of %s mails", seed, twins[0], CHANGES, twins[1], ORGS * READERS)


def _wait_for(hooks: Receiver, mails: Mailbox, messages: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while len(hooks.got) + len(mails.mails) < messages:
        assert time.monotonic() < deadline, (len(hooks.got), len(mails.mails), messages)
        time.sleep(0.002)


def _every_change_came_by_webhook(hooks: Receiver, seed: int) -> int:
    """How many came more than once: the same message under the same id."""
    bodies: dict[str, set[bytes]] = defaultdict(set)
    for got in hooks.got:
        Webhook(SECRET).verify(got.body, got.headers)
        bodies[got.headers["webhook-id"]].add(got.body)
    assert {len(same) for same in bodies.values()} == {1}, seed
    said = Counter(json.loads(body)["data"]["cert_number"] for same in bodies.values() for body in same)
    assert len(bodies) == len(said) == CHANGES, seed
    return len(hooks.got) - CHANGES


def _every_notice_came_by_mail(mails: Mailbox, seed: int) -> int:
    """The same for mails, of which one tells a reader all that a run brought."""
    ids = {mail["message-id"] for mail in mails.mails}
    told: dict[str, set[str]] = defaultdict(set)
    for mail in mails.mails:
        told[mail["to"]] |= set(re.findall(r"EU-ISCC-Cert-XX999-\d{8}", text(mail)))
    assert {len(numbers) for numbers in told.values()} == {CERTIFICATES}, seed
    assert len(told) == len(ids) == ORGS * READERS, seed
    return len(mails.mails) - len(ids)
