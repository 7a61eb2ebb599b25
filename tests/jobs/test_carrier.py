"""The carrier as it runs in workers: several of them, slow receivers, and the order to end."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.utils import timezone

from certwatch.actions import deliveries, secrets
from certwatch.actions.carrier import Due
from certwatch.jobs.carrier import AT_ONCE, OF_A_HOST, OF_AN_ORG, Carrier
from certwatch.models import Delivery, Organisation, Purpose, WebhookEndpoint
from certwatch.models.base import random_id
from tests.actions.carried import SECRET, means
from tests.receivers import Receiver, receiver
from tests.servers import (
    CERTWATCH,
    Installation,
    installation,
    postgres_installation,
    sqlite_installation,
    valkey_url,
)

__all__ = ["installation", "postgres_installation", "sqlite_installation", "valkey_url"]

ROOT = Path(__file__).parents[2]
WITHIN_S = 60  # of a machine that has much else to do; idle it takes two or three


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def hooks(made: Installation, org: Organisation, urls: Sequence[str], each: int) -> list[str]:
    """`each` messages to every one of `urls`, due now; their ids."""
    now = timezone.now()

    def add() -> list[str]:
        rows = []
        for url in urls:
            endpoint = WebhookEndpoint(org=org, url=url, secret=secrets.encrypt(SECRET), created_at=now)
            endpoint.save(using=made.alias)
            rows += [
                Delivery(
                    org=org, purpose=Purpose.WEBHOOK, told_for=f"test:{random_id()}", host=deliveries.host_of(url),
                    endpoint=endpoint, due_at=now, made_at=now,
                )
                for _ in range(each)
            ]  # fmt: skip
        Delivery.across_orgs.using(made.alias).bulk_create(rows)
        return [f"msg_{row.public_id}" for row in rows]

    return made.ask(add)


def environment(made: Installation) -> dict[str, str]:
    return {
        **made.settings,
        "DJANGO_SETTINGS_MODULE": "certwatch.config.settings",
        "CERTWATCH_SECRET_KEY": settings.SECRET_KEY,
        "CERTWATCH_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
    }


@contextlib.contextmanager
def carriers(made: Installation, count: int = 1) -> Iterator[None]:
    arguments = [sys.executable, "-m", "tests.jobs.carrying", "carry"]
    running = [subprocess.Popen(arguments, cwd=ROOT, env=environment(made)) for _ in range(count)]
    try:
        yield
    finally:
        for one in running:
            one.terminate()
            one.wait(10)


def until(true: Callable[[], bool], why: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < deadline, why()
        time.sleep(0.02)


def state_of(made: Installation, ids: Sequence[str]) -> Counter[tuple[str, int]]:
    """How many are in which state after how many tries."""

    def ask() -> Counter[tuple[str, int]]:
        found = Delivery.across_orgs.using(made.alias).filter(public_id__in=[one.removeprefix("msg_") for one in ids])
        return Counter(found.values_list("state", "tries"))

    return made.ask(ask)


def test_of_two_carriers_one_sends_each_message(installation: Installation, shop: Receiver) -> None:
    org = installation.org()
    sent = hooks(installation, org, [f"http://two{place}.invalid:{shop.port}/" for place in range(5)], 30)
    with carriers(installation, 2):
        until(lambda: state_of(installation, sent)["delivered", 1] == len(sent), lambda: state_of(installation, sent))
    assert Counter(got.headers["webhook-id"] for got in shop.got) == Counter(sent)


def test_the_slow_receivers_of_one_customer_delay_nobody_else(installation: Installation, shop: Receiver) -> None:
    greedy, modest = installation.org(), installation.org()
    with receiver() as slow:
        slow.behave = slow.hangs
        hooks(installation, greedy, [f"http://slow{place}.invalid:{slow.port}/" for place in range(20)], 10)
        with carriers(installation):
            until(lambda: len(slow.got) >= OF_AN_ORG, lambda: len(slow.got))
            held = list(slow.got)
            began = time.monotonic()
            sent = hooks(installation, modest, [f"http://quick.invalid:{shop.port}/"], 20)
            until(lambda: len(shop.got) >= len(sent), lambda: (len(shop.got), len(slow.got)))
            took = time.monotonic() - began
        hosts = Counter(urlsplit(f"//{got.headers['host']}").hostname for got in held)
        installation.ask(lambda: Delivery.across_orgs.using(installation.alias).filter(org=greedy).delete())
    assert len(held) == OF_AN_ORG
    assert max(hosts.values()) <= OF_A_HOST
    assert took < 20, "as long as a slow one is waited for"
    assert {got.headers["webhook-id"] for got in shop.got} == set(sent)


def test_dead_receivers_of_many_customers_leave_threads_to_mails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which messages begin; none is carried here."""
    began: list[Due] = []

    def submit(pool: object, carry: object, one: Due) -> None:
        began.append(one)

    hooks = [Due(10 * org + place, org, f"dead{org}-{place}.example") for org in range(1, 9) for place in range(8)]
    mails = [Due(1_000 + place, 1, deliveries.MAIL) for place in range(5)]
    monkeypatch.setattr("certwatch.jobs.carrier.ThreadPoolExecutor.submit", submit)
    monkeypatch.setattr("certwatch.actions.carrier.due", lambda now: hooks + mails)
    Carrier(means())._turn()
    of_orgs = Counter(one.org for one in began if one.host != deliveries.MAIL)
    assert max(of_orgs.values()) == OF_AN_ORG
    assert (of_orgs.total(), len(began)) == (AT_ONCE - OF_A_HOST, AT_ONCE)


def test_a_worker_that_waits_for_a_receiver_ends_at_once_and_another_one_sends_it_again(
    sqlite_installation: Installation, shop: Receiver
) -> None:
    made = sqlite_installation
    (sent,) = hooks(made, made.org(), [shop.url], 1)
    shop.behave = shop.hangs
    no_register = {"CERTWATCH_SOURCES": "iscc", "CERTWATCH_SOURCE_ISCC_URL": "http://127.0.0.1:1/iscc"}
    log = made.home / "worker.log"
    with log.open("w") as lines:
        env = {**environment(made), **no_register}
        worker = subprocess.Popen([CERTWATCH, "worker"], env=env, stdout=lines, stderr=lines)
        try:
            until(lambda: bool(shop.got) or worker.poll() is not None, log.read_text)
            began = time.monotonic()
            os.kill(worker.pid, signal.SIGTERM)
            assert worker.wait(10) == 0, log.read_text()
            assert time.monotonic() - began < 5
        finally:
            if worker.poll() is None:
                worker.kill()
                worker.wait()
    assert state_of(made, [sent]) == {("waiting", 1): 1}
    made.execute("UPDATE certwatch_delivery SET leased_until = made_at WHERE state = 'waiting'")  # a minute later
    shop.behave = lambda handler: handler.send_error(503)
    shop.let_go.set()
    with carriers(made):
        until(lambda: len(shop.got) >= 2, lambda: state_of(made, [sent]))
    assert {got.headers["webhook-id"] for got in shop.got} == {sent}
