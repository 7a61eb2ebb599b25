"""From the gate to the rest of the API: what the door itself answers."""

import asyncio
import json
import threading
from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any

import pytest

from certwatch.api.answers import Answer
from certwatch.api.rest import door as doors
from certwatch.api.rest.door import Door, Request

NOTHING: Answer = (404, (), b"nothing")
FINE: Answer = (200, (), b"fine")


def scope(path: str = "/api/v1/webhooks", *, org: int = 1, **more: Any) -> dict[str, Any]:
    scopes = frozenset({"webhooks:manage"})
    return {
        "path": path,
        "method": "POST",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "org": org,
        "scopes": scopes,
        **more,
    }


def receiving(events: Iterable[dict[str, Any]]) -> Any:
    waiting = iter(events)

    async def receive() -> dict[str, Any]:
        for event in waiting:
            return event
        await asyncio.Event().wait()  # nothing more ever comes
        raise AssertionError

    return receive


def door(respond: Any) -> Door:
    return Door(lambda: respond, nothing=NOTHING, docs="https://watch.example/api-docs", trusted_proxies=())


def code_of(answer: Answer) -> tuple[int, str]:
    status, headers, body = answer
    assert dict(headers)[b"content-length"] == str(len(body)).encode()
    return status, json.loads(body)["code"]


WHOLE: list[dict[str, Any]] = [
    {"type": "http.request", "body": b"{", "more_body": True},
    {"type": "http.request", "body": b"}"},
]


async def test_what_nobody_expected_is_a_500_that_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def break_down(_request: Request) -> Answer:
        raise RuntimeError("the secret is 42")

    answer = await door(break_down)(scope(), receiving(WHOLE))
    assert code_of(answer) == (500, "broken")
    assert b"42" not in answer[2]
    assert json.loads(answer[2])["request_id"] in caplog.text


async def test_the_part_behind_is_loaded_only_for_its_own_addresses() -> None:
    def load() -> Any:
        raise AssertionError

    closed = Door(load, nothing=NOTHING, docs="", trusted_proxies=())
    for path in ("/api/v1/x", "/api/v1/webhooksx", "/api/v1/"):
        assert await closed(scope(path), receiving([])) == NOTHING
    assert (await closed(scope(scopes=frozenset()), receiving([])))[0] == 403


async def test_the_body_comes_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = list[bytes]()

    def note(request: Request) -> Answer:
        bodies.append(request.body)
        return FINE

    assert await door(note)(scope(), receiving(WHOLE)) == FINE
    assert bodies == [b"{}"]
    cut = [WHOLE[0], {"type": "http.disconnect"}]
    assert code_of(await door(note)(scope(), receiving(cut))) == (400, "malformed")
    monkeypatch.setattr(doors, "BODY_WITHIN_S", 0.01)
    assert code_of(await door(note)(scope(), receiving(WHOLE[:1]))) == (408, "too_slow")
    endless = ({"type": "http.request", "body": b" " * 1024 * 1024, "more_body": True} for _ in iter(int, 1))
    monkeypatch.setattr(doors, "BODY_WITHIN_S", 30)
    assert code_of(await door(note)(scope(), receiving(endless))) == (413, "too_large")
    assert len(bodies) == 1


async def test_an_organisation_that_waits_does_not_hold_up_another() -> None:
    go = threading.Event()

    def wait(request: Request) -> Answer:
        if request.scope["org"] == 1:
            go.wait(20)
        return FINE

    one = door(wait)
    slow = [asyncio.create_task(one(scope(org=1), receiving(WHOLE))) for _ in range(doors.THREADS + 1)]
    try:
        assert await asyncio.wait_for(one(scope(org=2), receiving(WHOLE)), 10) == FINE
        assert not any(task.done() for task in slow)
    finally:
        go.set()
    assert await asyncio.gather(*slow) == [FINE] * len(slow)


async def test_the_client_is_the_one_before_our_proxies() -> None:
    seen = list[str | None]()

    def note(request: Request) -> Answer:
        seen.append(request.client)
        return FINE

    headers = [(b"x-forwarded-for", b"198.51.100.7")]
    await door(note)(scope(headers=headers), receiving(WHOLE))
    behind = Door(lambda: note, nothing=NOTHING, docs="", trusted_proxies=[ip_network("127.0.0.0/8")])
    await behind(scope(headers=headers), receiving(WHOLE))
    assert seen == ["127.0.0.1", "198.51.100.7"]
