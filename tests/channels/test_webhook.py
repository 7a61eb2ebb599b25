import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from certwatch.channels.webhook import Hook, Reach, headers, send
from certwatch.net.pinned import MOST_READ, Answer
from certwatch.rules.errors import DeliveryFailed
from tests.receivers import THIS_MACHINE, Receiver, answers, certificate_for, drips, drops, never_ends, receiver

NEW, OLD = "whsec_" + "bmV1" * 8, "whsec_" + "YWx0" * 8
BODY = '{"type":"webhook.test","data":{"id":"größer"}}'.encode()


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def post(url: str, *, secrets: Sequence[str] = (NEW,), reach: Reach | None = None) -> Answer:
    now = datetime.now(UTC)
    hook = Hook(url, "msg_1", BODY, secrets)
    above = headers(hook, user_agent="CertificateWatch/1.0", now=now)
    return send(hook, above, reach=reach or Reach(allowed=THIS_MACHINE, timeout_s=5), now=now)


def failure(url: str, reach: Reach | None = None) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as failed:
        post(url, reach=reach)
    return failed.value


def test_what_arrives_is_verified_with_the_public_library(shop: Receiver) -> None:
    assert post(shop.url + "?a=b").status == 204
    (got,) = shop.got
    assert got.path == "/hooks?a=b"
    assert got.body == BODY
    assert Webhook(NEW).verify(got.body, got.headers)["type"] == "webhook.test"
    assert got.headers["webhook-id"] == "msg_1"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"] == "CertificateWatch/1.0"
    assert got.headers["host"] == f"127.0.0.1:{shop.port}"
    with pytest.raises(Exception, match="signature"):
        Webhook(OLD).verify(got.body, got.headers)


def test_while_a_secret_is_rotated_both_sign(shop: Receiver) -> None:
    post(shop.url, secrets=[NEW, OLD])
    for secret in (NEW, OLD):
        Webhook(secret).verify(shop.got[0].body, shop.got[0].headers)


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_other_answers_are_failures_that_are_tried_again(shop: Receiver, status: int) -> None:
    shop.behave = answers(status, b"out of order")
    failed = failure(shop.url)
    assert (failed.status, failed.said, failed.permanent, failed.wish) == (status, "out of order", False, None)


def test_gone_is_final(shop: Receiver) -> None:
    shop.behave = answers(410)
    assert failure(shop.url).permanent


def test_a_redirect_is_a_failure_and_nobody_goes_there(shop: Receiver) -> None:
    with receiver() as elsewhere:
        for status in (301, 302, 303, 307, 308):
            shop.behave = answers(status, location=elsewhere.url)
            failed = failure(shop.url)
            assert (failed.status, failed.permanent) == (status, False)
        assert elsewhere.got == []


@pytest.mark.parametrize(("said", "seconds"), [("120", 120), ("0", 0), ("soon", 0)])
def test_how_long_a_receiver_wants_to_be_left_alone_is_passed_on(shop: Receiver, said: str, seconds: int) -> None:
    shop.behave = answers(503, retry_after=said)
    assert failure(shop.url).wish == (timedelta(seconds=seconds) if seconds else None)


def test_a_receiver_who_hangs_drips_or_hangs_up_is_waited_for_until_the_time_is_over(shop: Receiver) -> None:
    reach = Reach(allowed=THIS_MACHINE, timeout_s=0.5)
    for behave in (shop.hangs, drips(b"HTTP/1.1 200 OK\r\nX-Slow: ")):
        shop.behave = behave
        began = time.monotonic()
        assert str(failure(shop.url, reach)) == "No answer within 0.5 s."
        assert 0.4 < time.monotonic() - began < 3
    shop.behave = drops
    assert str(failure(shop.url)).startswith("No answer: ")


def test_an_answer_that_begins_in_time_counts_though_its_rest_never_comes(shop: Receiver) -> None:
    shop.behave = drips(b"HTTP/1.1 200 OK\r\n\r\n")
    began = time.monotonic()
    assert post(shop.url, reach=Reach(allowed=THIS_MACHINE, timeout_s=0.5)).status == 200
    assert time.monotonic() - began < 3


def test_of_an_answer_without_end_the_beginning_is_read(shop: Receiver) -> None:
    shop.behave = never_ends
    assert post(shop.url).begins == b"x" * MOST_READ


def test_a_closed_port_and_a_host_without_an_address_are_failures() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert not failure(f"http://127.0.0.1:{port}/").permanent

    def nowhere(host: str, port: int) -> Sequence[str]:
        raise OSError

    assert not failure("https://hooks.example.com/", Reach(lookup=nowhere)).permanent


def test_a_name_that_leads_to_a_private_network_is_not_called(shop: Receiver) -> None:
    reach = Reach(lookup=lambda host, port: ["127.0.0.1"])
    assert not failure(f"https://hooks.example.com:{shop.port}/", reach).permanent
    assert not failure("https://hooks.example.com/", reach).permanent
    assert shop.got == []


def test_a_name_is_looked_up_once_and_what_was_checked_is_called(shop: Receiver) -> None:
    asked = []

    def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["203.0.113.9"]

    reach = Reach(allowed=THIS_MACHINE, lookup=rebinding, timeout_s=5)
    assert post(f"http://rebinding.invalid:{shop.port}/", reach=reach).status == 204
    assert asked == ["rebinding.invalid"]
    assert shop.got[0].headers["host"] == f"rebinding.invalid:{shop.port}"


def test_an_address_that_does_not_answer_leaves_time_for_the_next_one(shop: Receiver) -> None:
    reach = Reach(allowed=THIS_MACHINE, lookup=lambda host, port: ["127.0.0.77", "127.0.0.1"], timeout_s=5)
    assert post(f"http://two.invalid:{shop.port}/", reach=reach).status == 204


def test_a_proxy_of_the_environment_is_not_asked(shop: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert post(shop.url).status == 204
        assert proxy.got == []


def test_who_answers_over_tls_must_prove_the_name_and_not_the_address(tmp_path: Path) -> None:
    server, client = certificate_for("hooks.example.com", tmp_path)
    with receiver(server) as shop:
        reach = Reach(allowed=THIS_MACHINE, lookup=lambda host, port: ["127.0.0.1"], timeout_s=5, tls=client)
        assert post(f"https://hooks.example.com:{shop.port}/", reach=reach).status == 204
        assert "certificate" in str(failure(f"https://other.example.com:{shop.port}/", reach))
        assert "certificate" in str(failure(f"https://127.0.0.1:{shop.port}/", reach))
        unknown = Reach(allowed=THIS_MACHINE, lookup=reach.lookup, timeout_s=5, tls=ssl.create_default_context())
        assert "certificate" in str(failure(f"https://hooks.example.com:{shop.port}/", unknown))
        assert len(shop.got) == 1
