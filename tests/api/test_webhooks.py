"""`/api/v1/webhooks` over HTTP, on SQLite and PostgreSQL."""

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from certwatch.models import AuditEntry, Change, Delivery, Organisation, WebhookEndpoint
from tests.servers import (
    Installation,
    Reply,
    Server,
    installation,
    postgres_installation,
    sqlite_installation,
    valkey_url,
)

__all__ = ["installation", "postgres_installation", "sqlite_installation", "valkey_url"]

HOOKS = "/api/v1/webhooks"
URL = "http://127.0.0.1:9/hooks"  # nobody is called by this door, so nobody need answer
HOUR = timedelta(hours=1)
SCOPES = ["webhooks:manage"]
AT = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def server(installation: Installation) -> Iterator[Server]:
    """Two processes where counters are shared, so that claims are seen across them."""
    allowed = {"CERTWATCH_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.1/32"}
    with Server(installation, processes=2 if installation.valkey_url else 1, settings=allowed) as running:
        yield running
        assert "Traceback" not in running.log()


@pytest.fixture
def org(installation: Installation) -> Organisation:
    return installation.org(rate_limit=1_000)


@pytest.fixture
def key(installation: Installation, org: Organisation) -> str:
    return installation.key(org, scopes=SCOPES)


def call(
    server: Server, key: str, path: str = "", body: Any = None, *headers: tuple[str, str], method: str = ""
) -> Reply:
    sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = (("Content-Type", "application/json"),) if sent and "Content-Type" not in dict(headers) else ()
    method = method or ("POST" if body is not None else "GET")
    reply = server.ask(HOOKS + path, *headers, *kind, key=key, body=sent, method=method)
    assert reply["x-ratelimit-limit"] is not None
    assert reply["x-ratelimit-remaining"] is not None
    assert reply["ratelimit"] is not None
    assert reply["retry-after"] is None
    return reply


def made(server: Server, key: str, **wanted: Any) -> dict[str, Any]:
    reply = call(server, key, "", {"url": URL, **wanted})
    assert reply.status == 201, reply.body
    return said(reply)


def said(reply: Reply) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(reply.body)
    return answer


def problem(reply: Reply, status: int, code: str) -> dict[str, Any]:
    assert reply.status == status, reply.body
    assert reply["content-type"] == "application/problem+json"
    told = said(reply)
    assert list(told)[:4] == ["type", "title", "status", "detail"]
    assert (told["status"], told["code"]) == (status, code)
    assert told["type"].endswith(f"/api-docs#{status}")
    assert told["request_id"] == reply["x-request-id"]
    return told


class TestEndpoints:
    def test_created_it_shows_its_secret_once(
        self, installation: Installation, server: Server, org: Organisation, key: str
    ) -> None:
        reply = call(server, key, "", {"url": URL, "types": ["source.stale", "key.expiring"], "name": "ERP"})
        new = said(reply)
        assert reply.status == 201
        assert list(new) == ["id", "url", "types", "name", "state", "created_at", "secret"]
        assert (new["url"], new["types"], new["name"], new["state"]) == (
            URL, ["source.stale", "key.expiring"], "ERP", "on",
        )  # fmt: skip
        assert new["secret"].startswith("whsec_")
        assert reply["cache-control"] == "no-store"
        assert reply["location"] == f"{HOOKS}/{new['id']}"
        again = call(server, key, f"/{new['id']}")
        assert said(again) == {name: value for name, value in new.items() if name != "secret"}
        assert again["etag"] == reply["etag"]
        note = installation.ask(lambda: AuditEntry.objects.using(installation.alias).get(org=org))
        assert (note.action, note.by_label, note.source_address) == ("webhook.created", "API key SAP", "127.0.0.1")

    def test_without_types_it_gets_all(self, server: Server, key: str) -> None:
        assert len(made(server, key)["types"]) == len(made(server, key, types=None)["types"]) == 9

    def test_the_list_comes_in_pages_the_newest_first(self, server: Server, key: str) -> None:
        ids = [made(server, key)["id"] for _ in range(5)]
        seen, path = list[str](), "?limit=2"
        while path:
            reply = call(server, key, path)
            seen += [item["id"] for item in said(reply)["items"]]
            following = said(reply)["next_cursor"]
            link = reply["link"]
            assert (following is None) == (link is None)
            path = f"?limit=2&cursor={following}" if following else ""
            assert link is None or link == f'<http://127.0.0.1:8000{HOOKS}{path}>; rel="next"'
            if seen[-1] == ids[3]:
                call(server, key, f"/{ids[3]}", method="DELETE")  # the row at which the next page begins
        assert seen == ids[::-1]

    def test_another_lists_cursor_is_refused(self, installation: Installation, server: Server, key: str) -> None:
        other = installation.key(installation.org(), scopes=SCOPES)
        for _ in range(2):
            made(server, other)
        foreign = said(call(server, other, "?limit=1"))["next_cursor"]
        for cursor in (foreign, "x", "ü", foreign[:-1], "AAAAAAAAAAAAAAAAAAAAAA"):
            problem(
                call(server, key, f"?cursor={cursor.encode().hex() if cursor == 'ü' else cursor}"),
                400,
                "cursor_invalid",
            )

    @pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x"])
    def test_a_wrong_parameter_is_named(self, server: Server, key: str, query: str) -> None:
        told = problem(call(server, key, f"?{query}"), 422, "invalid")
        assert [error["parameter"] for error in told["errors"]] == ["limit"]

    def test_what_the_client_has_is_not_sent_again(self, server: Server, key: str) -> None:
        for path in (f"/{made(server, key)['id']}", ""):
            etag = call(server, key, path)["etag"] or ""
            reply = call(server, key, path, None, ("If-None-Match", f'"x", W/{etag}'))
            assert (reply.status, reply.body, reply["etag"]) == (304, b"", etag)
            assert call(server, key, path, None, ("If-None-Match", '"x"')).status == 200

    def test_head_is_get_without_a_body(self, server: Server, key: str) -> None:
        got, head = call(server, key), call(server, key, method="HEAD")
        assert (head.status, head.body, head["content-length"]) == (200, b"", str(len(got.body)))

    def test_changed_it_leaves_the_rest(self, server: Server, key: str) -> None:
        new = made(server, key, name="ERP", types=["key.expiring"])
        reply = call(server, key, f"/{new['id']}", {"name": "New", "state": "off"}, method="PATCH")
        assert reply.status == 200
        assert said(reply) == {**{k: v for k, v in new.items() if k != "secret"}, "name": "New", "state": "off"}
        assert reply["etag"] == call(server, key, f"/{new['id']}")["etag"]
        back = said(call(server, key, f"/{new['id']}", {"types": None, "state": "on"}, method="PATCH"))
        assert (len(back["types"]), back["state"], back["name"]) == (9, "on", "New")
        assert call(server, key, f"/{new['id']}", {"name": None}, method="PATCH").status == 422

    def test_a_stale_etag_changes_and_removes_nothing(self, server: Server, key: str) -> None:
        path = f"/{made(server, key)['id']}"
        etag = call(server, key, path)["etag"] or ""
        assert call(server, key, path, {"name": "One"}, ("If-Match", etag), method="PATCH").status == 200
        problem(call(server, key, path, {"name": "Two"}, ("If-Match", etag), method="PATCH"), 412, "etag_stale")
        problem(call(server, key, path, None, ("If-Match", etag), method="DELETE"), 412, "etag_stale")
        fresh = call(server, key, path)
        assert said(fresh)["name"] == "One"
        gone = call(server, key, path, None, ("If-Match", fresh["etag"] or ""), method="DELETE")
        assert (gone.status, gone.body) == (204, b"")
        problem(call(server, key, path), 404, "not_found")

    def test_a_new_secret_is_shown_once(self, installation: Installation, server: Server, key: str) -> None:
        new = made(server, key)
        reply = call(server, key, f"/{new['id']}/rotate", b"")
        assert reply.status == 200
        assert list(said(reply)) == ["secret"]
        assert said(reply)["secret"] != new["secret"]
        row = installation.ask(lambda: WebhookEndpoint.across_orgs.using(installation.alias).get(public_id=new["id"]))
        assert row.old_secret
        assert row.old_secret_until is not None

    def test_nobody_has_more_than_twenty(self, server: Server, key: str) -> None:
        for _ in range(20):
            made(server, key)
        problem(call(server, key, "", {"url": URL}), 422, "too_many")


class TestRefused:
    @pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
    def test_a_key_without_the_scope_hears_that_before_anything_else(
        self, installation: Installation, server: Server, org: Organisation, method: str
    ) -> None:
        key = installation.key(org, scopes=["certificates:read", "certificates:write", "audit:read"])
        for path in ("", "/nothing", "/x/y/z"):
            told = problem(
                call(server, key, path, b"{" if method == "POST" else None, method=method), 403, "scope_missing"
            )
            assert "webhooks:manage" in told["detail"]

    def test_without_a_key_it_is_401_and_when_closed_403(self, installation: Installation, server: Server) -> None:
        assert server.ask(HOOKS).status == 401
        closed = installation.org(closed_at=AT)
        reply = server.ask(HOOKS, key=installation.key(closed, scopes=SCOPES))
        assert (reply.status, said(reply)["code"]) == (403, "organisation_closed")

    def test_what_another_organisation_has_is_not_there(
        self, installation: Installation, server: Server, key: str
    ) -> None:
        other = installation.key(installation.org(), scopes=SCOPES)
        theirs, mine = made(server, other), made(server, key)
        sent = said(call(server, other, f"/{theirs['id']}/test", b""))
        for endpoint in (theirs["id"], "nothing"):
            span = {"from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z"}
            replies = [
                call(server, key, f"/{endpoint}"),
                call(server, key, f"/{endpoint}", {"name": "x"}, method="PATCH"),
                call(server, key, f"/{endpoint}", method="DELETE"),
                call(server, key, f"/{endpoint}/test", b""),
                call(server, key, f"/{endpoint}/rotate", b""),
                call(server, key, f"/{endpoint}/deliveries"),
                call(server, key, f"/{endpoint}/deliveries/{sent['id']}/replay", b""),
                call(server, key, f"/{mine['id']}/deliveries/{sent['id']}/replay", b""),
                call(server, key, f"/{endpoint}/replay", span),
            ]
            for reply in replies:
                problem(reply, 404, "not_found")
        assert said(call(server, other))["items"][0]["id"] == theirs["id"]
        assert [item["id"] for item in said(call(server, key))["items"]] == [mine["id"]]

    @pytest.mark.parametrize(
        ("body", "pointers"),
        [
            ({}, {"/url"}),
            ({"url": 5, "types": ["certificate.exploded", "key.expiring"]}, {"/url", "/types/0"}),
            ({"url": URL, "types": []}, {"/types"}),
            ({"url": URL, "type": ["key.expiring"]}, {"/type"}),
            ({"url": URL, "a/b~": 1}, {"/a~1b~0"}),
            ({"url": URL, "name": "x" * 101}, {"/name"}),
            ([], {""}),
        ],
    )
    def test_bad_input_is_named_field_by_field(self, server: Server, key: str, body: Any, pointers: set[str]) -> None:
        told = problem(call(server, key, "", body), 422, "invalid")
        assert {error["pointer"] for error in told["errors"]} == pointers
        assert all(error["detail"] and error["code"] for error in told["errors"])

    @pytest.mark.parametrize("body", [b"{", b'{"url": NaN}', b"\xff", b'{"url":"x"} {}'])
    def test_broken_json_is_malformed(self, server: Server, key: str, body: bytes) -> None:
        problem(call(server, key, "", body), 400, "malformed")

    def test_another_media_type_is_415(self, server: Server, key: str) -> None:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml; charset=utf-8"):
            problem(call(server, key, "", b"{}", ("Content-Type", kind)), 415, "media_type")
        assert call(server, key, "", b"{}", ("Content-Type", "Application/JSON; charset=UTF-8")).status == 422

    def test_more_than_5_mb_is_413(self, server: Server, key: str) -> None:
        limit = 5 * 1024 * 1024
        problem(call(server, key, "", b" " * (limit + 1)), 413, "too_large")
        problem(call(server, key, "", b" " * limit), 400, "malformed")

    def test_another_method_is_405_and_another_address_404(self, server: Server, key: str) -> None:
        endpoint = made(server, key)["id"]
        for path, allow in (
            ("", "GET, HEAD, POST"),
            (f"/{endpoint}", "DELETE, GET, HEAD, PATCH"),
            (f"/{endpoint}/test", "POST"),
        ):
            reply = call(server, key, path, method="PUT")
            problem(reply, 405, "method_not_allowed")
            assert reply["allow"] == allow
        for path in ("/", f"/{endpoint}/nothing", f"/{endpoint}/", "/a%2Fb/c/d"):
            problem(call(server, key, path), 404, "not_found")
        assert "code" not in said(server.ask("/api/v1/webhooksx", key=key))

    @pytest.mark.parametrize(
        "url",
        [
            "http://10.0.0.1/", "https://192.168.1.1/", "https://169.254.169.254/latest", "https://[::1]/", "https://127.1/",
            "https://0x7f000001/", "https://127.0.0.2/", "https://[::ffff:10.0.0.1]/", "https://user:pass@example.com/",
            "ftp://127.0.0.1/", "https://", "javascript:alert(1)", "", "https://example.com:8443/",
        ],
    )  # fmt: skip
    def test_an_address_that_may_not_be_called_is_refused(self, server: Server, key: str, url: str) -> None:
        (error,) = problem(call(server, key, "", {"url": url}), 422, "invalid")["errors"]
        assert (error["pointer"], error["code"]) == ("/url", "address_refused")
        mine = made(server, key)
        problem(call(server, key, f"/{mine['id']}", {"url": url}, method="PATCH"), 422, "invalid")
        assert said(call(server, key, f"/{mine['id']}"))["url"] == URL

    def test_nobody_is_called_while_an_address_is_saved(self, server: Server, key: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as allowed, socket.create_server(("127.0.0.2", 0)) as forbidden:
            assert call(server, key, "", {"url": f"http://127.0.0.1:{allowed.getsockname()[1]}/"}).status == 201
            assert call(server, key, "", {"url": f"http://127.0.0.2:{forbidden.getsockname()[1]}/"}).status == 422
            for listener in (allowed, forbidden):
                listener.setblocking(False)
                with pytest.raises(BlockingIOError):
                    listener.accept()


class TestMessages:
    @pytest.fixture
    def changes(self, installation: Installation, org: Organisation) -> list[Change]:
        rows = [
            Change(org=org, number=n, type="source.stale", told_by=f"s:{n}", seen_at=AT, created_at=AT + n * HOUR)
            for n in range(4)
        ]  # fmt: skip
        return [installation.add(row) for row in rows]

    def test_a_test_is_on_its_way(self, server: Server, key: str) -> None:
        endpoint = made(server, key)["id"]
        reply = call(server, key, f"/{endpoint}/test", b"")
        assert reply.status == 202
        (item,) = said(call(server, key, f"/{endpoint}/deliveries"))["items"]
        assert item == {**said(reply), "tries": []}
        assert (item["type"], item["change"], item["state"]) == ("webhook.test", None, "waiting")
        assert item["webhook_id"] == f"msg_{item['id']}"

    def test_what_is_off_gets_nothing(self, server: Server, key: str) -> None:
        endpoint = made(server, key)["id"]
        sent = said(call(server, key, f"/{endpoint}/test", b""))
        call(server, key, f"/{endpoint}", {"state": "off"}, method="PATCH")
        (item,) = said(call(server, key, f"/{endpoint}/deliveries?state=dropped"))["items"]
        assert item["id"] == sent["id"]
        problem(call(server, key, f"/{endpoint}/test", b""), 409, "endpoint_off")
        problem(call(server, key, f"/{endpoint}/deliveries/{sent['id']}/replay", {}), 409, "endpoint_off")

    def test_one_is_sent_anew_under_its_id_with_the_tries_in_the_log(
        self, installation: Installation, server: Server, key: str
    ) -> None:
        endpoint = made(server, key)["id"]
        sent = said(call(server, key, f"/{endpoint}/test", b""))

        def give_up() -> None:
            row = Delivery.across_orgs.using(installation.alias).get(public_id=sent["id"])
            row.attempts.create(number=1, began_at=AT, took_ms=12, status=500, said="Oops")
            row.state, row.due_at, row.ended_at, row.error = "given_up", None, AT, "The receiver answered 500."
            row.save(using=installation.alias)

        installation.ask(give_up)
        reply = call(server, key, f"/{endpoint}/deliveries/{sent['id']}/replay", b"")
        assert reply.status == 202
        again = said(reply)
        assert again["id"] != sent["id"]
        assert (again["replay_of"], again["webhook_id"], again["state"]) == (sent["id"], sent["webhook_id"], "waiting")
        newest, first = said(call(server, key, f"/{endpoint}/deliveries"))["items"]
        assert newest["id"] == again["id"]
        assert (first["state"], first["ended_at"], first["error"]) == (
            "given_up", "2026-11-24T11:00:00Z", "The receiver answered 500.",
        )  # fmt: skip
        assert first["tries"] == [
            {"number": 1, "at": "2026-11-24T11:00:00Z", "took_ms": 12, "ok": False, "status": 500, "said": "Oops"}
        ]

    def test_a_range_brings_what_it_never_got(self, server: Server, key: str, changes: list[Change]) -> None:
        endpoint = made(server, key)["id"]
        span = {"from": "2026-11-24T13:00:00+01:00", "to": "2026-11-24T13:00:00.000Z"}
        reply = call(server, key, f"/{endpoint}/replay", span)
        assert (reply.status, said(reply)) == (202, {"count": 2})
        items = said(call(server, key, f"/{endpoint}/deliveries"))["items"]
        assert sorted(item["change"] for item in items) == [1, 2]
        assert {item["type"] for item in items} == {"source.stale"}

    @pytest.mark.parametrize(
        ("span", "pointer"),
        [
            ({"from": "2026-11-24T13:00:00Z"}, "/to"),
            ({"from": "2026-11-24T13:00:00", "to": "2026-11-24T13:00:00Z"}, "/from"),
            ({"from": "2026-11-24", "to": "2026-11-24T13:00:00Z"}, "/from"),
            ({"from": 1700000000, "to": "2026-11-24T13:00:00Z"}, "/from"),
            ({"from": "2026-02-30T13:00:00Z", "to": "2026-11-24T13:00:00Z"}, "/from"),
            ({"from": "2026-11-24T13:00:00Z", "to": "2026-11-24T12:59:59Z"}, "/to"),
            ({"from": "0001-01-01T00:00:00+14:00", "to": "2026-11-24T12:59:59Z"}, "/from"),
        ],
    )
    def test_a_range_is_of_two_times(self, server: Server, key: str, span: Any, pointer: str) -> None:
        endpoint = made(server, key)["id"]
        (error,) = problem(call(server, key, f"/{endpoint}/replay", span), 422, "invalid")["errors"]
        assert error["pointer"] == pointer
