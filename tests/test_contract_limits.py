"""The public API contract, line by line: the limit, and answers that the client has already."""

import re

import pytest

from certwatch.models import Certificate, Organisation
from tests.servers import (
    Installation,
    Server,
    installation,
    postgres_installation,
    server,
    sqlite_installation,
    valkey_url,
)
from tests.test_contract import NUMBER, READ, has_pair, key, org, problem

__all__ = ["installation", "key", "org", "postgres_installation", "server", "sqlite_installation", "valkey_url"]


class TestRateLimit:
    def test_a_hundred_a_minute_for_all_keys_of_the_organisation_together(
        self, installation: Installation, server: Server, org: Organisation
    ) -> None:
        installation.certificate(org, NUMBER)
        pair = installation.key(org), installation.key(org)
        replies = [server.look_up(NUMBER, pair[i % 2]) for i in range(103)]
        assert [reply.status for reply in replies] == [200] * 100 + [429] * 3
        assert [reply["x-ratelimit-remaining"] for reply in replies] == [str(max(99 - i, 0)) for i in range(103)]
        assert {reply["x-ratelimit-limit"] for reply in replies} == {"100"}
        assert {reply["ratelimit-policy"] for reply in replies} == {'"org";q=100;w=60'}
        for i, reply in enumerate(replies):
            assert re.fullmatch(rf'"org";r={max(99 - i, 0)};t=([1-9]|[1-5]\d|60)', reply["ratelimit"] or "")
        assert not any(reply["retry-after"] for reply in replies[:100])
        for reply in replies[100:]:
            assert re.fullmatch(r"[1-9]|[1-5]\d|60", reply["retry-after"] or "")
        said = problem(replies[-1])
        assert said["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
        assert set(said) == {"type", "title", "status", "detail"}

    def test_another_organisation_is_not_touched(self, installation: Installation, server: Server, key: str) -> None:
        used_up = installation.key(installation.org(rate_limit=1))
        assert [server.look_up(NUMBER, used_up).status for _ in range(2)] == [404, 429]
        assert server.look_up(NUMBER, key)["x-ratelimit-remaining"] == "99"

    def test_every_other_answer_counts_one_and_a_refused_one_nothing(
        self, installation: Installation, server: Server
    ) -> None:
        org = installation.org(rate_limit=7)
        key, narrow = installation.key(org), installation.key(org, scopes=[])
        installation.certificate(org, NUMBER)
        etag = server.look_up(NUMBER, key)["etag"] or ""
        replies = [
            server.look_up(NUMBER, key, ("If-None-Match", etag)),
            server.look_up(NUMBER, narrow),
            server.look_up("unknown", key),
            server.look_up(NUMBER, key, method="PUT"),
            server.look_up(NUMBER, key, method="HEAD"),
            server.ask("/api/v1/nothing", key=key),
            server.look_up(NUMBER, key),
            server.look_up(NUMBER, narrow),
        ]
        assert [reply.status for reply in replies] == [304, 403, 404, 405, 200, 404, 429, 429]
        assert [reply["x-ratelimit-remaining"] for reply in replies] == ["5", "4", "3", "2", "1", "0", "0", "0"]

    def test_a_bad_key_costs_nothing_and_hears_of_no_limit(
        self, installation: Installation, server: Server, org: Organisation, key: str
    ) -> None:
        revoked = installation.key(org)
        installation.revoke(revoked)
        assert not has_pair(server.look_up(NUMBER, revoked))
        assert server.look_up(NUMBER, key)["x-ratelimit-remaining"] == "99"

    def test_a_new_limit_counts_at_once(self, installation: Installation, server: Server) -> None:
        org = installation.org(rate_limit=2)
        key = installation.key(org)
        assert [server.look_up(NUMBER, key).status for _ in range(3)] == [404, 404, 429]
        for limit, expected in ((4, [404, 404, 429]), (1, [429])):
            installation.change(org, rate_limit=limit)
            replies = [server.look_up(NUMBER, key) for _ in expected]
            assert [reply.status for reply in replies] == expected
            assert replies[0]["x-ratelimit-limit"] == str(limit)

    def test_429_comes_before_403(self, installation: Installation, server: Server) -> None:
        key = installation.key(installation.org(rate_limit=1, closed_at=READ))
        assert [server.look_up(NUMBER, key).status for _ in range(2)] == [403, 429]


class TestConditional:
    @pytest.fixture
    def watched(self, installation: Installation, org: Organisation) -> Certificate:
        return installation.certificate(org, NUMBER)

    @pytest.fixture
    def etag(self, server: Server, watched: Certificate, key: str) -> str:
        tag = server.look_up(NUMBER, key)["etag"]
        assert tag is not None
        assert re.fullmatch(r'"[0-9a-f]{32}"', tag)
        return tag

    @pytest.mark.parametrize("sent", ["{etag}", "W/{etag}", '"x", {etag}', '"x",W/{etag} , "y"', "*"])
    def test_304_where_the_client_has_it(self, server: Server, key: str, etag: str, sent: str) -> None:
        for method in ("GET", "HEAD"):
            reply = server.look_up(NUMBER, key, ("If-None-Match", sent.format(etag=etag)), method=method)
            assert (reply.status, reply.body, reply["etag"]) == (304, b"", etag)
            assert has_pair(reply)
            assert reply["cache-control"] == "private, no-cache"

    @pytest.mark.parametrize("sent", ['"x"', "x", "", '"*"', '"x", *'])
    def test_200_where_it_has_another(self, server: Server, key: str, etag: str, sent: str) -> None:
        assert server.look_up(NUMBER, key, ("If-None-Match", sent)).status == 200

    def test_the_header_may_come_in_two_lines(self, server: Server, key: str, etag: str) -> None:
        assert server.look_up(NUMBER, key, ("If-None-Match", '"x"'), ("If-None-Match", etag)).status == 304

    def test_it_changes_with_the_answer(
        self, installation: Installation, server: Server, watched: Certificate, key: str, etag: str
    ) -> None:
        installation.change(watched, word="suspended")
        reply = server.look_up(NUMBER, key, ("If-None-Match", etag))
        assert reply.status == 200
        assert reply["etag"] != etag

    def test_an_unknown_number_is_404_all_the_same(self, server: Server, key: str) -> None:
        assert server.look_up("unknown", key, ("If-None-Match", "*")).status == 404

    def test_head_answers_as_get_without_a_body(self, server: Server, key: str, etag: str) -> None:
        for number, sent in ((NUMBER, key), ("unknown", key), (NUMBER, "")):
            got, headed = server.look_up(number, sent), server.look_up(number, sent, method="HEAD")
            assert headed.status == got.status
            assert headed.body == b""
            assert headed.told == got.told
            assert headed["content-length"] == str(len(got.body))
