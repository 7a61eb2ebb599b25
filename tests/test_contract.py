"""The public API contract, line by line, over HTTP against running servers: SQLite with counters in memory, and
PostgreSQL with two processes that share their counters in Valkey."""

import json
import re
import zlib
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

from certwatch.models import Organisation
from certwatch.rules import keys
from tests.servers import (
    Installation,
    Reply,
    Server,
    installation,
    postgres_installation,
    server,
    sqlite_installation,
    valkey_url,
)

__all__ = ["installation", "postgres_installation", "server", "sqlite_installation", "valkey_url"]

NUMBER = "ISCC-EU-1234"
READ = datetime(2026, 2, 12, 8, 30, tzinfo=UTC)
FAR = date(2099, 12, 31)
DOCS = "http://127.0.0.1:8000/api-docs"


@pytest.fixture
def org(installation: Installation) -> Organisation:
    installation.source("iscc", READ)
    return installation.org()


@pytest.fixture
def key(installation: Installation, org: Organisation) -> str:
    return installation.key(org)


def problem(reply: Reply) -> dict[str, Any]:
    assert reply["content-type"] == "application/problem+json"
    assert reply["content-length"] == str(len(reply.body))
    said: dict[str, Any] = json.loads(reply.body)
    assert list(said)[:4] == ["type", "title", "status", "detail"]
    assert said["status"] == reply.status
    return said


def has_pair(reply: Reply) -> bool:
    return reply["x-ratelimit-limit"] is not None and reply["x-ratelimit-remaining"] is not None


class TestFound:
    def test_the_published_answer(
        self, installation: Installation, server: Server, org: Organisation, key: str
    ) -> None:
        installation.certificate(org, NUMBER, valid_until=FAR)
        reply = server.look_up(NUMBER, key)
        assert reply.status == 200
        assert reply["content-type"] == "application/json"
        assert reply.body == (
            b'{"cert_number":"ISCC-EU-1234","status":"valid","valid_until":"31.12.2099",'
            b'"last_checked":"2026-02-12T08:30:00.000Z"}'
        )

    def test_milliseconds_are_cut_not_rounded(
        self, installation: Installation, server: Server, org: Organisation, key: str
    ) -> None:
        installation.certificate(org, NUMBER, checked_at=datetime(2026, 3, 1, 23, 59, 59, 999_999, tzinfo=UTC))
        assert json.loads(server.look_up(NUMBER, key).body)["last_checked"] == "2026-03-01T23:59:59.999Z"

    def test_entered_by_hand_has_no_last_checked(
        self, installation: Installation, server: Server, org: Organisation, key: str
    ) -> None:
        installation.certificate(org, NUMBER, kind="nis", source="", valid_until=FAR)
        assert (
            server.look_up(NUMBER, key).body
            == b'{"cert_number":"ISCC-EU-1234","status":"valid","valid_until":"31.12.2099"}'
        )

    def test_waiting_for_a_second_person_is_unknown_without_a_day(
        self, installation: Installation, server: Server, org: Organisation, key: str
    ) -> None:
        installation.certificate(org, NUMBER, kind="nis", source="", word="unknown")
        assert (
            server.look_up(NUMBER, key).body == b'{"cert_number":"ISCC-EU-1234","status":"unknown","valid_until":null}'
        )

    def test_not_checked_yet_is_null_not_missing(
        self, installation: Installation, server: Server, org: Organisation, key: str
    ) -> None:
        installation.source("never-read", None)
        for source in ("never-read", "without-a-state"):
            installation.certificate(org, source, source=source, word="unknown")
            assert json.loads(server.look_up(source, key).body) == {
                "cert_number": source,
                "status": "unknown",
                "valid_until": None,
                "last_checked": None,
            }

    def test_not_found_in_the_register_is_answered_with_the_time_of_its_reading(
        self, installation: Installation, server: Server, org: Organisation, key: str
    ) -> None:
        installation.certificate(org, NUMBER, word="not_found")
        said = json.loads(server.look_up(NUMBER, key).body)
        assert (said["status"], said["last_checked"]) == ("not_found", "2026-02-12T08:30:00.000Z")

    @pytest.mark.parametrize(
        ("of_the_source", "of_this_number", "expected"),
        [
            ("2026-02-12T08:30:00+00:00", "2026-02-12T09:00:00+00:00", "2026-02-12T09:00:00.000Z"),
            ("2026-02-12T08:30:00+00:00", "2026-02-12T08:00:00+00:00", "2026-02-12T08:30:00.000Z"),
            (None, "2026-02-12T09:00:00.123456+00:00", "2026-02-12T09:00:00.123Z"),
        ],
    )
    def test_last_checked_is_the_later_of_both_readings(
        self,
        installation: Installation,
        server: Server,
        org: Organisation,
        key: str,
        of_the_source: str | None,
        of_this_number: str,
        expected: str,
    ) -> None:
        installation.source("redcert", datetime.fromisoformat(of_the_source) if of_the_source else None)
        installation.certificate(org, NUMBER, source="redcert", checked_at=datetime.fromisoformat(of_this_number))
        assert json.loads(server.look_up(NUMBER, key).body)["last_checked"] == expected

    def test_last_checked_moves_though_nothing_changed(
        self, installation: Installation, server: Server, org: Organisation, key: str
    ) -> None:
        installation.certificate(org, NUMBER, source="twobsvs")
        for hour in (5, 6):
            installation.source("twobsvs", READ.replace(hour=hour))
            assert json.loads(server.look_up(NUMBER, key).body)["last_checked"] == f"2026-02-12T0{hour}:30:00.000Z"

    @pytest.mark.parametrize("word", ["suspended", "withdrawn", "terminated", "not_found", "unknown"])
    def test_other_words_stay_after_the_last_day(
        self, installation: Installation, server: Server, org: Organisation, key: str, word: str
    ) -> None:
        installation.certificate(org, NUMBER, word=word, valid_until=date(2020, 1, 2))
        said = json.loads(server.look_up(NUMBER, key).body)
        assert (said["status"], said["valid_until"]) == (word, "02.01.2020")

    @pytest.mark.parametrize("time_zone", ["Pacific/Kiritimati", "Europe/Berlin", "Pacific/Pago_Pago"])
    def test_days_are_those_of_the_organisation(
        self, installation: Installation, server: Server, time_zone: str
    ) -> None:
        org = installation.org(time_zone=time_zone)
        key = installation.key(org)
        today = datetime.now(ZoneInfo(time_zone)).date()
        day = timedelta(days=1)
        installation.certificate(org, "last-day", valid_until=today)
        installation.certificate(org, "day-after", valid_until=today - day)
        installation.certificate(org, "first-day", valid_from=today, valid_until=FAR)
        installation.certificate(org, "day-before", valid_from=today + day, valid_until=FAR)
        words = {n: json.loads(server.look_up(n, key).body)["status"] for n in ("last-day", "day-after")}
        words |= {n: json.loads(server.look_up(n, key).body)["status"] for n in ("first-day", "day-before")}
        if datetime.now(ZoneInfo(time_zone)).date() != today:
            pytest.xfail("midnight came between")
        assert words == {
            "last-day": "valid",
            "day-after": "expired",
            "first-day": "valid",
            "day-before": "not_yet_valid",
        }


class TestAuthentication:
    @pytest.fixture(autouse=True)
    def watched(self, installation: Installation, org: Organisation) -> None:
        installation.certificate(org, NUMBER)

    def test_the_key_goes_into_either_header(self, server: Server, key: str) -> None:
        for header in (("Authorization", f"Bearer {key}"), ("X-API-Key", key), ("x-api-key", f" {key} ")):
            assert server.look_up(NUMBER, "", header).status == 200

    @pytest.mark.parametrize("scheme", ["bearer", "BEARER", "BeArEr"])
    def test_the_scheme_is_written_in_any_letter_case(self, server: Server, key: str, scheme: str) -> None:
        assert server.look_up(NUMBER, "", ("Authorization", f"{scheme} {key}")).status == 200

    def test_the_same_key_twice_is_fine(self, server: Server, key: str) -> None:
        assert server.look_up(NUMBER, key, ("Authorization", f"Bearer {key}")).status == 200

    def test_two_different_keys_are_refused_though_both_are_good(
        self, installation: Installation, server: Server, org: Organisation, key: str
    ) -> None:
        for other in (installation.key(org), keys.make(), "rubbish"):
            assert server.look_up(NUMBER, key, ("Authorization", f"Bearer {other}")).status == 401
            assert server.look_up(NUMBER, key, ("X-API-Key", other)).status == 401

    def test_a_key_in_the_query_string_is_never_accepted(self, server: Server, key: str) -> None:
        for name in ("key", "api_key", "access_token", "X-API-Key"):
            assert server.ask(f"/api/v1/certificate/{NUMBER}?{name}={key}").status == 401

    def test_a_query_string_does_not_change_the_number(self, server: Server, key: str) -> None:
        assert server.look_up(f"{NUMBER}?x=1", key).status == 200

    def test_what_comes_in_another_scheme_is_no_key(self, server: Server, key: str) -> None:
        assert server.look_up(NUMBER, key, ("Authorization", "Basic dTpw")).status == 200
        for value in ("Basic dTpw", key, f"Token {key}", "Bearer", ""):
            reply = server.look_up(NUMBER, "", ("Authorization", value))
            assert reply.status == 401

    def test_without_a_key(self, server: Server) -> None:
        reply = server.look_up(NUMBER, "")
        assert reply.status == 401
        assert reply["www-authenticate"] == "Bearer"
        assert problem(reply)["type"] == f"{DOCS}#401"
        assert not has_pair(reply)

    def test_malformed_unknown_revoked_and_expired_look_the_same(
        self, installation: Installation, server: Server, org: Organisation
    ) -> None:
        revoked = installation.key(org)
        installation.revoke(revoked)
        expired = installation.key(org, ends_at=datetime.now(UTC) - timedelta(milliseconds=1))
        bad = ["cw_", keys.make()[:-1] + "!", "x" * 500, keys.make(), revoked, expired, "cw_\xe9"]
        replies = [server.look_up(NUMBER, sent) for sent in bad]
        assert {reply.status for reply in replies} == {401}
        assert {reply["www-authenticate"] for reply in replies} == {'Bearer error="invalid_token"'}
        assert len({(reply.body, reply.headers[:-1]) for reply in map(without_date, replies)}) == 1
        assert not any(map(has_pair, replies))
        assert set(problem(replies[0])) == {"type", "title", "status", "detail"}

    def test_a_key_is_good_until_its_end(self, installation: Installation, server: Server, org: Organisation) -> None:
        assert (
            server.look_up(NUMBER, installation.key(org, ends_at=datetime.now(UTC) + timedelta(hours=1))).status == 200
        )

    def test_the_format_of_a_key(self, server: Server, key: str) -> None:
        assert re.fullmatch(r"cw_[0-9A-Za-z]{40}", key)
        number, digits = zlib.crc32(key[3:37].encode()), ""
        for _ in range(6):
            number, digit = divmod(number, 62)
            digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[digit] + digits
        assert key.endswith(digits)
        assert keys.well_formed("cw_4mRt8WzKq1vNf7Yc0HsJxB2uLdP6eGa9Tb2Aezee")

    def test_a_revoked_key_is_dead_at_the_next_request(
        self, installation: Installation, server: Server, org: Organisation
    ) -> None:
        for _ in range(20):
            key = installation.key(org)
            assert server.look_up(NUMBER, key).status == 200
            installation.revoke(key)
            assert server.look_up(NUMBER, key).status == 401

    def test_no_key_and_no_query_string_is_ever_logged(
        self, installation: Installation, server: Server, org: Organisation, key: str
    ) -> None:
        for sent in (key, keys.make(), "cw_rubbish-4711"):
            server.look_up(f"{NUMBER}?secret=4712", sent)
            server.look_up(f"%FF?secret=4712&key={sent}", sent)
        log = server.log()
        assert "cw_" not in log
        assert "471" not in log


class TestNumber:
    @pytest.mark.parametrize(
        "number", ["BM 01/234", "a.b", "REDcert²-929-12", "Zert. Nr. 5", "..", "100%", "a+b", "Müller?#&=1", "x" * 200]
    )
    def test_real_numbers_are_one_percent_encoded_segment(
        self, installation: Installation, server: Server, org: Organisation, key: str, number: str
    ) -> None:
        installation.certificate(org, number)
        reply = server.look_up(quote(number, safe=""), key)
        assert reply.status == 200
        assert json.loads(reply.body)["cert_number"] == number

    @pytest.mark.parametrize(
        "asked",
        [
            "eu-iscc-cert-de100-12 ab²",
            "  EU-ISCC-Cert-DE100-12 \t ab²\xa0",
            "EU–ISCC—Cert‐DE100−12 ab²",
            "\ufeffEU-ISCC-Cert-DE100\u00ad-12\u200b ab²\u200f",
            "EU-ISCC-Cert-DE100-12\u2003 \n ab²",
        ],
    )
    def test_matching_is_exact_after_normalisation(
        self, installation: Installation, server: Server, org: Organisation, key: str, asked: str
    ) -> None:
        installation.certificate(org, " EU-ISCC-Cert-DE100-12 AB² ")
        reply = server.look_up(quote(asked, safe=""), key)
        assert reply.status == 200
        assert json.loads(reply.body)["cert_number"] == "EU-ISCC-Cert-DE100-12 AB²"

    def test_decomposed_and_composed_letters_are_the_same(
        self, installation: Installation, server: Server, org: Organisation, key: str
    ) -> None:
        installation.certificate(org, "MÜHLE-1")
        assert server.look_up(quote("mu\u0308hle-1"), key).status == 200

    def test_superscript_two_is_not_two(
        self, installation: Installation, server: Server, org: Organisation, key: str
    ) -> None:
        installation.certificate(org, "REDcert²-1")
        assert server.look_up("REDcert2-1", key).status == 404
        assert server.look_up("REDcert%C2%B2-1", key).status == 200

    @pytest.mark.parametrize(
        "segment", ["%FF", "%00", "A%1FB", "%7F", "x" * 201, "%20", "%E2%80%8B", "%ED%A0%80", "%zz", "%"]
    )
    def test_what_can_be_no_number_is_the_same_404(self, server: Server, key: str, segment: str) -> None:
        reply, unknown = server.look_up(segment, key), server.look_up("unknown", key)
        assert (reply.status, reply.body, reply.told) == (404, unknown.body, unknown.told)
        assert has_pair(reply)
        assert server.look_up(segment, keys.make()).status == 401

    @pytest.mark.parametrize("tail", ["", "/", "a/b", "a/", "a/../ISCC-EU-1234"])
    def test_other_paths_are_no_look_up(
        self, installation: Installation, server: Server, org: Organisation, key: str, tail: str
    ) -> None:
        for number in ("a", "a/b", NUMBER):
            installation.certificate(org, number)
        reply = server.look_up(tail, key)
        assert reply.status == 404
        assert "address" in problem(reply)["detail"]


class TestErrors:
    def test_all_problems_have_four_members_and_a_section_of_the_documentation(
        self, installation: Installation, server: Server, key: str
    ) -> None:
        closed = installation.key(installation.org(closed_at=READ))
        replies = {
            401: server.look_up(NUMBER, ""),
            403: server.look_up(NUMBER, closed),
            404: server.look_up(NUMBER, key),
            405: server.look_up(NUMBER, key, method="DELETE"),
        }
        for status, reply in replies.items():
            assert reply.status == status
            said = problem(reply)
            assert set(said) == {"type", "title", "status", "detail"}
            assert said["type"] == f"{DOCS}#{status}"
            assert reply["cache-control"] == "no-store"

    @pytest.mark.parametrize("path", ["/api/", "/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v2/x", "/%61pi/v1/x"])
    def test_every_path_below_api_is_behind_the_gate(self, server: Server, key: str, path: str) -> None:
        without = server.ask(path)
        assert (without.status, problem(without)["title"]) == (401, "Unauthorized")
        reply = server.ask(path, key=key)
        assert reply.status == 404
        assert problem(reply)["type"] == f"{DOCS}#404"
        assert has_pair(reply)

    def test_404_tells_nothing_of_other_organisations(
        self, installation: Installation, server: Server, key: str
    ) -> None:
        installation.certificate(installation.org(), "SECRET-1", valid_until=FAR)
        theirs, nobodys = server.look_up("SECRET-1", key), server.look_up("SECRET-2", key)
        assert theirs.status == 404
        assert (theirs.body, theirs.told) == (nobodys.body, nobodys.told)
        assert [name for name, _ in theirs.headers] == [name for name, _ in nobodys.headers]

    def test_what_was_removed_is_not_found_and_may_be_watched_again(
        self, installation: Installation, server: Server, org: Organisation, key: str
    ) -> None:
        installation.certificate(org, NUMBER, removed_at=READ, word="withdrawn")
        assert server.look_up(NUMBER, key).status == 404
        installation.certificate(org, NUMBER)
        assert json.loads(server.look_up(NUMBER, key).body)["status"] == "valid"

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
    def test_other_methods(
        self, installation: Installation, server: Server, org: Organisation, key: str, method: str
    ) -> None:
        installation.certificate(org, NUMBER)
        for number in (NUMBER, "unknown"):
            reply = server.look_up(number, key, method=method)
            assert reply.status == 405
            assert reply["allow"] == "GET, HEAD"
            assert has_pair(reply)
            problem(reply)
        assert server.look_up(NUMBER, "", method=method).status == 401
        assert server.look_up(NUMBER, keys.make(), method=method).status == 401

    def test_a_method_that_sends_a_body_is_answered_and_the_connection_lives_on(
        self, installation: Installation, server: Server, org: Organisation, key: str
    ) -> None:
        import http.client

        installation.certificate(org, NUMBER)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("POST", f"/api/v1/certificate/{NUMBER}", b"x" * 5000, {"X-API-Key": key})
        response = connection.getresponse()
        assert (response.status, len(response.read())) == (405, int(response.headers["content-length"]))
        connection.request("GET", f"/api/v1/certificate/{NUMBER}", headers={"X-API-Key": key})
        assert connection.getresponse().read().startswith(b'{"cert_number"')
        connection.close()


class TestForbidden:
    def test_three_bodies_told_apart_by_detail(self, installation: Installation, server: Server) -> None:
        closed = installation.key(installation.org(closed_at=READ))
        over = installation.key(installation.org(trial_ends=datetime.now(UTC) - timedelta(seconds=1)))
        scope = installation.key(installation.org(), scopes=["webhooks:manage"])
        network = installation.key(installation.org(), networks=["192.0.2.0/24"])
        replies = [server.look_up(NUMBER, key) for key in (closed, over, scope, network)]
        assert {reply.status for reply in replies} == {403}
        assert replies[0].body == replies[1].body
        assert len({problem(reply)["detail"] for reply in replies}) == 3
        assert all(map(has_pair, replies))
        assert all(set(problem(reply)) == {"type", "title", "status", "detail"} for reply in replies)

    def test_a_running_trial_is_let_in(self, installation: Installation, server: Server) -> None:
        org = installation.org(trial_ends=datetime.now(UTC) + timedelta(hours=1))
        installation.certificate(org, NUMBER)
        assert server.look_up(NUMBER, installation.key(org)).status == 200

    def test_closing_and_opening_count_at_once(
        self, installation: Installation, server: Server, org: Organisation, key: str
    ) -> None:
        installation.certificate(org, NUMBER)
        for closed_at, expected in ((READ, 403), (None, 200)):
            installation.change(org, closed_at=closed_at)
            assert server.look_up(NUMBER, key).status == expected

    def test_off_the_look_up_403_has_a_code(self, installation: Installation, server: Server) -> None:
        closed = installation.key(installation.org(closed_at=READ))
        network = installation.key(installation.org(), networks=["192.0.2.0/24"], scopes=[])
        assert problem(server.ask("/api/v1/changes", key=closed))["code"] == "organisation_closed"
        assert problem(server.ask("/api/v1/changes", key=network))["code"] == "network_not_allowed"
        assert server.ask("/api/v1/x", key=installation.key(installation.org(), scopes=[])).status == 404

    def test_403_comes_before_404_and_405(self, installation: Installation, server: Server) -> None:
        key = installation.key(installation.org(), scopes=["certificates:write"])
        assert server.look_up("unknown", key).status == 403
        assert server.look_up("%FF", key).status == 403
        assert server.look_up("unknown", key, method="PUT").status == 403

    def test_the_client_is_the_last_address_that_is_no_proxy(
        self, installation: Installation, server: Server, org: Organisation
    ) -> None:
        installation.certificate(org, NUMBER)
        key = installation.key(org, networks=["203.0.113.0/24", "2001:db8::/32"])
        expected = {
            "203.0.113.7": 200,
            "2001:db8::7": 200,
            "198.51.100.1, 203.0.113.7": 200,
            "203.0.113.7, 127.0.0.9": 200,  # a proxy of ours
            "203.0.113.7, 198.51.100.1": 403,  # what stands before was written by a stranger
            "203.0.113.7, nonsense": 403,
            "": 403,
        }
        for forwarded, status in expected.items():
            assert server.look_up(NUMBER, key, ("X-Forwarded-For", forwarded)).status == status, forwarded
        assert server.look_up(NUMBER, key).status == 403
        assert server.look_up(NUMBER, installation.key(org, networks=["127.0.0.0/8"])).status == 200


def without_date(reply: Reply) -> Reply:
    return Reply(reply.status, tuple(sorted(reply.told.items())), reply.body)
