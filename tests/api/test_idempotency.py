"""`Idempotency-Key`: the same answer for the same call, and one deed, whatever dies in between."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from certwatch.actions import keys
from certwatch.api.rest.answering import Asked
from certwatch.api.rest.door import Request
from certwatch.api.rest.once import Said, once
from certwatch.api.rest.problems import Problem
from certwatch.models import IdempotentCall, Organisation
from tests.api.test_webhooks import HOOKS, SCOPES, URL, call, made, problem, said, server
from tests.conftest import NOON
from tests.servers import (
    Installation,
    Reply,
    Server,
    installation,
    postgres_installation,
    sqlite_installation,
    valkey_url,
)

__all__ = ["installation", "postgres_installation", "server", "sqlite_installation", "valkey_url"]

WANTED = {"url": URL, "name": "ERP"}
ONCE = ("Idempotency-Key", "8c6f-1")
MINUTE, DAY = timedelta(seconds=60), timedelta(days=1)


@pytest.fixture
def org(installation: Installation) -> Organisation:
    return installation.org(rate_limit=1_000)


@pytest.fixture
def key(installation: Installation, org: Organisation) -> str:
    return installation.key(org, scopes=SCOPES)


def create(server: Server, key: str, name: str = ONCE[1], **wanted: Any) -> Reply:
    return call(server, key, "", {**WANTED, **wanted}, (ONCE[0], name))


def endpoints(server: Server, key: str) -> int:
    return len(said(call(server, key))["items"])


def of(installation: Installation, org: Organisation) -> IdempotentCall:
    calls = IdempotentCall.objects.using(installation.alias)
    return installation.ask(lambda: calls.get(key__org=org))


def test_a_repeated_call_gets_the_first_answer_without_the_secret(
    installation: Installation, server: Server, org: Organisation, key: str
) -> None:
    first, again = create(server, key), create(server, key)
    assert (first.status, again.status, endpoints(server, key)) == (201, 201, 1)
    assert (first["idempotent-replayed"], again["idempotent-replayed"]) == (None, "true")
    assert said(again) == {name: value for name, value in said(first).items() if name != "secret"}
    assert (again["location"], again["etag"]) == (first["location"], first["etag"])
    kept = of(installation, org)
    assert said(first)["secret"] not in json.dumps(kept.answer)
    rotated = [call(server, key, f"/{said(first)['id']}/rotate", b"", ONCE) for _ in range(2)]
    assert [list(said(reply)) for reply in rotated] == [["secret"], []]


def test_the_same_name_with_another_body_is_refused(server: Server, key: str) -> None:
    first = create(server, key)
    problem(create(server, key, name=ONCE[1], types=["key.expiring"]), 422, "idempotency_mismatch")
    assert said(create(server, key))["id"] == said(first)["id"]


def test_it_counts_per_key_and_path(installation: Installation, server: Server, org: Organisation, key: str) -> None:
    other = installation.key(org, scopes=SCOPES)
    first, second = said(create(server, key)), said(create(server, other))
    assert first["id"] != second["id"]
    tests = [call(server, key, f"/{hook['id']}/test", b"", ONCE) for hook in (first, second, first)]
    assert [reply["idempotent-replayed"] for reply in tests] == [None, None, "true"]
    assert said(tests[0]) == said(tests[2])
    assert said(tests[0])["id"] != said(tests[1])["id"]


def test_a_refusal_is_repeated_too(server: Server, key: str) -> None:
    first, again = (create(server, key, url="https://10.0.0.1/") for _ in range(2))
    assert (first.status, again.status) == (422, 422)
    assert (first["idempotent-replayed"], again["idempotent-replayed"]) == (None, "true")
    assert again.body == first.body
    assert again["content-type"] == "application/problem+json"
    missing, still = (call(server, key, "/nothing/test", b"", ONCE) for _ in range(2))
    assert (missing.status, still.status, still["idempotent-replayed"]) == (404, 404, "true")


@pytest.mark.parametrize("name", ["", "with space", "x" * 256, "grün"])
def test_a_name_that_cannot_be_one_is_named(server: Server, key: str, name: str) -> None:
    reply = server.ask(
        HOOKS, ("Idempotency-Key", name.encode()), ("Content-Type", "application/json"),
        key=key, method="POST", body=json.dumps(WANTED).encode(),
    )  # fmt: skip
    (error,) = problem(reply, 422, "invalid")["errors"]
    assert error["parameter"] == "Idempotency-Key"
    assert endpoints(server, key) == 0


def test_of_many_at_once_one_does_it(server: Server, key: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: create(server, key), range(8)))
    done = [reply for reply in replies if reply.status == 201]
    assert endpoints(server, key) == 1
    assert len({said(reply)["id"] for reply in done}) == 1
    assert [reply["idempotent-replayed"] for reply in done].count(None) == 1
    for reply in replies:
        if reply.status != 201:
            problem(reply, 409, "idempotency_running")


class TestDeath:
    """A process that dies after the claim, or within the deed's transaction."""

    @pytest.fixture(params=["prepare", "write"])
    def dead(self, request: pytest.FixtureRequest, installation: Installation, org: Organisation, key: str) -> str:
        row = installation.ask(lambda: org.api_keys.using(installation.alias).get())
        program = f"""if True:
            import os
            os.environ["DJANGO_SETTINGS_MODULE"] = "certwatch.config.settings"
            import django; django.setup()
            from certwatch.actions import endpoints
            from certwatch.api.rest import answering, door
            make = endpoints.create
            def die(*args, **kwargs):
                if {request.param!r} == "write":
                    make(*args, **kwargs)
                os._exit(9)
            setattr(endpoints, {{"prepare": "check", "write": "create"}}[{request.param!r}], die)
            headers = [(b"content-type", b"application/json"), ({ONCE[0].lower().encode()!r}, {ONCE[1].encode()!r})]
            scope = {{"type": "http", "method": "POST", "path": {HOOKS!r}, "query_string": b"", "headers": headers,
                     "client": ("127.0.0.1", 1), "org": {org.pk}, "key": {row.pk}, "scopes": frozenset()}}
            answering.respond(door.Request("1", scope, {json.dumps(WANTED).encode()!r}, None))
        """
        env = {**installation.settings, "CERTWATCH_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.1/32"}
        died = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False)
        assert died.returncode == 9, died.stderr
        where: str = request.param
        return where

    def test_nothing_is_done_and_after_a_minute_another_may(
        self, installation: Installation, server: Server, org: Organisation, key: str, dead: str
    ) -> None:
        claim = of(installation, org)
        assert claim.status is None
        assert timedelta(seconds=59) < claim.claimed_until - claim.made_at <= MINUTE
        assert endpoints(server, key) == 0
        problem(create(server, key), 409, "idempotency_running")
        problem(create(server, key, types=["key.expiring"]), 422, "idempotency_mismatch")
        installation.change(claim, claimed_until=datetime.now(UTC))  # a minute later
        assert create(server, key).status == 201
        assert create(server, key)["idempotent-replayed"] == "true"
        assert endpoints(server, key) == 1


def test_after_a_day_the_name_is_free_again(
    installation: Installation, server: Server, org: Organisation, key: str
) -> None:
    first = create(server, key)
    installation.change(of(installation, org), made_at=datetime.now(UTC) - DAY)
    second = create(server, key, types=["key.expiring"])
    assert (second.status, second["idempotent-replayed"]) == (201, None)
    assert said(second)["id"] != said(first)["id"]
    assert said(create(server, key, types=["key.expiring"]))["id"] == said(second)["id"]


def test_without_a_name_each_call_counts(server: Server, key: str) -> None:
    assert made(server, key)["id"] != made(server, key)["id"]


@pytest.mark.django_db(transaction=True)
def test_who_was_too_slow_and_lost_the_claim_has_done_nothing(nordmuehle: Organisation) -> None:
    key, _ = keys.create(nordmuehle, name="SAP", by=None, now=NOON)
    headers = [(b"idempotency-key", b"1")]
    scope = {"type": "http", "method": "POST", "path": HOOKS, "query_string": b"", "headers": headers}
    caller = {"client": ("127.0.0.1", 1), "org": nordmuehle.pk, "key": key.pk, "scopes": frozenset[str]()}
    asked = Asked(Request("1", {**scope, **caller}, b"", None))

    def overtaken() -> None:
        IdempotentCall.objects.update(claimed_until=NOON)

    def write(_: None) -> Said:
        Organisation.objects.filter(pk=nordmuehle.pk).update(name="Written")
        return Said(200, {})

    with pytest.raises(Problem, match="is running") as raised:
        once(asked, overtaken, write)
    assert raised.value.code == "idempotency_running"
    nordmuehle.refresh_from_db()
    assert nordmuehle.name == "Nordmühle"
    assert IdempotentCall.objects.get().status is None


@pytest.mark.django_db(transaction=True)
def test_what_nobody_expected_frees_the_name_at_once(nordmuehle: Organisation) -> None:
    key, _ = keys.create(nordmuehle, name="SAP", by=None, now=NOON)
    scope = {"type": "http", "method": "POST", "path": HOOKS, "query_string": b"", "client": ("127.0.0.1", 1)}
    caller = {"headers": [(b"idempotency-key", b"1")], "org": nordmuehle.pk, "key": key.pk, "scopes": frozenset[str]()}

    def break_down() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        once(Asked(Request("1", {**scope, **caller}, b"", None)), break_down, lambda _: Said(200, {}))
    assert not IdempotentCall.objects.exists()
