import gzip
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Request as Asked
from werkzeug import Response

from certwatch.net.client import Client, Reply, Request, is_loopback, retry_after_s, user_agent, without_user
from certwatch.rules.errors import SourceChanged, SourceError, SourceUnreachable

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


class Time:
    """A clock that only a sleep moves."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


@contextmanager
def client(base: str, **options: Any) -> Iterator[tuple[Client, Time, list[int]]]:
    time, heard = Time(), []

    def hear(request: Request, reply: Reply | None) -> None:
        heard.append(reply.status if reply else 0)

    made = Client(
        base,
        user_agent="CertificateWatch/1.0 (+https://watch.example)",
        now=lambda: NOW,
        sleep=time.sleep,
        clock=options.pop("clock", time),
        heard=hear,
        **options,
    )
    try:
        yield made, time, heard
    finally:
        made.close()


@contextmanager
def raw_server(*answers: bytes, hold: bool = False) -> Iterator[str]:
    """Answers each connection with the next of `answers`, byte for byte; `hold` keeps it open without a word."""
    listening = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve() -> None:
        for answer in answers:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)
                if hold:
                    done.wait(10)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        done.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        ("ops@watch.example", "CertificateWatch/1.0 (+https://watch.example; ops@watch.example)"),
        ("", "CertificateWatch/1.0 (+https://watch.example)"),
    ],
)
def test_we_tell_our_name_and_how_to_reach_the_operator(email: str, expected: str) -> None:
    assert user_agent("https://watch.example", email) == expected


@given(st.text(), st.text())
def test_our_name_is_always_a_header_that_can_be_sent(base: str, email: str) -> None:
    assert all(" " <= c <= "~" for c in user_agent(base, email))


def test_every_request_carries_our_name(httpserver: HTTPServer) -> None:
    httpserver.expect_request(
        "/list", headers={"User-Agent": "CertificateWatch/1.0 (+https://watch.example)"}
    ).respond_with_data("yes")
    with client(httpserver.url_for("")) as (c, _, _):
        assert c.ask(Request("GET", httpserver.url_for("/list"))).body == b"yes"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:9090/iscc", True),
        ("http://127.8.8.8", True),
        ("http://localhost:1", True),
        ("http://[::1]:9090/", True),
        ("https://iscc-system.org", False),
        ("http://10.0.0.1", False),
        ("http://localhost.example", False),
        ("http://127.0.0.1@register.example", False),
    ],
)
def test_this_machine_is_told_from_others(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected


def test_no_pace_is_kept_at_this_machine(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("yes")
    with client(httpserver.url_for("/")) as (c, time, _):
        for _ in range(3):
            c.ask(Request("GET", httpserver.url_for("/")))
        assert time.slept == []


def test_half_a_second_lies_between_two_requests_to_a_register(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("yes")
    with client("https://register.example") as (c, time, _):  # the pace is the register's, whoever answers here
        for _ in range(3):
            c.ask(Request("GET", httpserver.url_for("/")))
        assert time.slept == [0.5, 0.5]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_register_is_asked_twice_more_after_one_and_two_seconds(httpserver: HTTPServer, status: int) -> None:
    httpserver.expect_request("/").respond_with_data("", status=status)
    with client(httpserver.url_for("/")) as (c, time, heard):
        with pytest.raises(SourceUnreachable, match=rf"the answer was {status} \(tried 3 times\)"):
            c.ask(Request("GET", httpserver.url_for("/")))
        assert time.slept == [1.0, 2.0]
        assert heard == [status] * 3


def test_a_register_that_recovers_is_read(httpserver: HTTPServer) -> None:
    httpserver.expect_ordered_request("/").respond_with_data("", status=502)
    httpserver.expect_ordered_request("/").respond_with_data("yes")
    with client(httpserver.url_for("/")) as (c, time, heard):
        assert c.ask(Request("GET", httpserver.url_for("/"))).body == b"yes"
        assert (time.slept, heard) == ([1.0], [502, 200])


def test_a_short_retry_after_is_waited_for(httpserver: HTTPServer) -> None:
    httpserver.expect_ordered_request("/").respond_with_data("", status=429, headers={"Retry-After": "30"})
    httpserver.expect_ordered_request("/").respond_with_data("yes")
    with client(httpserver.url_for("/")) as (c, time, _):
        c.ask(Request("GET", httpserver.url_for("/")))
        assert time.slept == [30.0]


@pytest.mark.parametrize(
    ("asked", "not_before"),
    [
        ("60", NOW + timedelta(seconds=60)),
        ("Tue, 24 Nov 2026 05:00:00 GMT", NOW + timedelta(hours=2)),
        ("99999999999999999999", NOW + timedelta(days=366)),
    ],
)
def test_a_long_retry_after_ends_the_run_at_once(httpserver: HTTPServer, asked: str, not_before: datetime) -> None:
    httpserver.expect_request("/").respond_with_data("", status=503, headers={"Retry-After": asked})
    with client(httpserver.url_for("/")) as (c, time, heard):
        with pytest.raises(SourceUnreachable) as error:
            c.ask(Request("GET", httpserver.url_for("/")))
        assert error.value.not_before == not_before
        assert (time.slept, heard) == ([], [503])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0.0),
        (" 7 ", 7.0),
        ("Tue, 24 Nov 2026 03:00:09 GMT", 9.0),
        ("Tue, 24 Nov 2026 03:00:09", 9.0),
        ("Mon, 23 Nov 2026 03:00:00 GMT", 0.0),  # already past
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
    ],
)
def test_a_retry_after_is_seconds_or_a_date(text: str, expected: float | None) -> None:
    assert retry_after_s(text, NOW) == expected


@given(st.text())
def test_no_retry_after_can_break_a_run(text: str) -> None:
    wait_s = retry_after_s(text, NOW)
    assert wait_s is None or wait_s >= 0


@pytest.mark.parametrize("status", [201, 204, 206, 304, 401, 403, 404, 410])
def test_any_other_status_is_no_answer_and_not_tried_again(httpserver: HTTPServer, status: int) -> None:
    httpserver.expect_request("/list").respond_with_data("", status=status)
    with client(httpserver.url_for("")) as (c, _, heard):
        with pytest.raises(SourceUnreachable, match=rf"GET http://\S+/list: the answer was {status}"):
            c.ask(Request("GET", httpserver.url_for("/list")))
        assert heard == [status]


def test_a_status_that_the_caller_knows_is_his(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("why", status=403)
    with client(httpserver.url_for("/")) as (c, _, _):
        assert c.ask(Request("GET", httpserver.url_for("/")), also=frozenset({403})).body == b"why"


def test_a_silent_register_is_left_after_the_time_out() -> None:
    with (
        raw_server(b"", hold=True) as base,
        client(base, timeout_s=0.05) as (c, time, heard),
    ):
        with pytest.raises(SourceUnreachable, match=r"no answer within 0\.05 s"):
            c.ask(Request("GET", base))
        assert heard == [0, 0, 0]
        assert time.slept == [1.0, 2.0]


def test_a_register_that_drips_is_left_after_the_time_out() -> None:
    drip = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 999
    ticks = iter(range(0, 10_000, 20))
    with (
        raw_server(drip, drip, drip) as base,
        client(base, clock=lambda: float(next(ticks))) as (c, _, _),
        pytest.raises(SourceUnreachable, match="no answer"),
    ):
        c.ask(Request("GET", base))


def test_a_connection_that_breaks_off_is_no_answer() -> None:
    short = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it"
    with raw_server(short, short, short) as base, client(base) as (c, _, heard):
        with pytest.raises(SourceUnreachable, match="no answer"):
            c.ask(Request("GET", base))
        assert heard == [0, 0, 0]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"what is this\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\n\r\nno gzip!",
        b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://a b\x80/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    ],
)
def test_whatever_comes_no_error_but_ours_gets_out(answer: bytes) -> None:
    with raw_server(answer, answer, answer) as base, client(base) as (c, _, _), pytest.raises(SourceError):
        c.ask(Request("GET", base))


def test_nobody_there_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        base = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with client(base) as (c, _, _), pytest.raises(SourceUnreachable, match="no answer"):
        c.ask(Request("GET", base))


def test_an_address_that_cannot_be_one_is_no_answer() -> None:
    with client("https://register.example") as (c, _, _), pytest.raises(SourceUnreachable):
        c.ask(Request("GET", f"https://{'a' * 300}.example"))


@pytest.fixture
def httpserver_ssl(tmp_path: Path) -> Iterator[HTTPServer]:
    """A server with a certificate that it made itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(made - timedelta(days=1))
        .not_valid_after(made + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.public_bytes(pem) + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    settings = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    settings.load_cert_chain(both)
    with HTTPServer(host="localhost", port=0, ssl_context=settings) as server:
        yield server


def test_a_certificate_that_nobody_vouches_for_is_refused(httpserver_ssl: HTTPServer) -> None:
    url = httpserver_ssl.url_for("/")
    with client(url) as (c, _, _), pytest.raises(SourceUnreachable, match="CERTIFICATE_VERIFY_FAILED"):
        c.ask(Request("GET", url))


def test_an_answer_larger_than_the_cap_is_refused(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data(b"x" * 2_000_000)
    with client(httpserver.url_for("/"), largest=1024 * 1024) as (c, time, _):
        with pytest.raises(SourceChanged, match="larger than 1 MB"):
            c.ask(Request("GET", httpserver.url_for("/")))
        assert time.slept == []  # it will not be smaller in two seconds


def test_an_answer_that_swells_when_unpacked_is_refused(httpserver: HTTPServer) -> None:
    packed = gzip.compress(b"x" * 5_000_000)
    httpserver.expect_request("/").respond_with_data(packed, headers={"Content-Encoding": "gzip"})
    with client(httpserver.url_for("/"), largest=1024 * 1024) as (c, _, _):
        assert len(packed) < 10_000
        with pytest.raises(SourceChanged, match="larger than 1 MB"):
            c.ask(Request("GET", httpserver.url_for("/")))


def test_cookies_are_kept_for_the_session(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/start").respond_with_data("", headers={"Set-Cookie": "session=abc"})
    httpserver.expect_request("/list", headers={"Cookie": "session=abc"}).respond_with_data("yes")
    with client(httpserver.url_for("")) as (c, _, _):
        c.ask(Request("GET", httpserver.url_for("/start")))
        assert c.ask(Request("GET", httpserver.url_for("/list"))).body == b"yes"


@pytest.mark.parametrize(
    ("status", "method", "body"),
    [(301, "GET", b""), (302, "GET", b""), (303, "GET", b""), (307, "POST", b"a=1"), (308, "POST", b"a=1")],
)
def test_a_redirect_within_the_register_is_followed(
    httpserver: HTTPServer, status: int, method: str, body: bytes
) -> None:
    def there(asked: Asked) -> Response:
        return Response(asked.method.encode() + asked.get_data())

    httpserver.expect_request("/old").respond_with_data("", status=status, headers={"Location": "/new"})
    httpserver.expect_request("/new").respond_with_handler(there)
    with client(httpserver.url_for("")) as (c, _, heard):
        reply = c.ask(Request("POST", httpserver.url_for("/old"), {"Content-Type": "text/plain"}, b"a=1"))
        assert reply.body == method.encode() + body
        assert reply.url == httpserver.url_for("/new")
        assert heard == [status, 200]


@pytest.mark.parametrize(
    "there",
    ["http://elsewhere.example/list", "//elsewhere.example/", "http://localhost:1/", "ftp://localhost/", "mailto:a@b"],
)
def test_a_redirect_to_another_place_is_not_followed(httpserver: HTTPServer, there: str) -> None:
    httpserver.expect_request("/").respond_with_data("", status=302, headers={"Location": there})
    with client(httpserver.url_for("/")) as (c, _, heard):
        with pytest.raises(SourceChanged, match="another host"):
            c.ask(Request("GET", httpserver.url_for("/")))
        assert heard == [302]


def test_a_redirect_in_circles_ends(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("", status=302, headers={"Location": "/"})
    with client(httpserver.url_for("/")) as (c, _, heard):
        with pytest.raises(SourceChanged, match="on and on"):
            c.ask(Request("GET", httpserver.url_for("/")))
        assert len(heard) == 6


def test_a_redirect_to_nowhere_is_no_answer(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("", status=302)
    with client(httpserver.url_for("/")) as (c, _, _), pytest.raises(SourceUnreachable, match="was 302"):
        c.ask(Request("GET", httpserver.url_for("/")))


def test_a_password_in_an_address_is_never_shown(httpserver: HTTPServer) -> None:
    url = httpserver.url_for("/").replace("://", "://me:secret@")
    httpserver.expect_request("/").respond_with_data("", status=404)
    assert without_user(url) == httpserver.url_for("/")
    with client(url) as (c, _, _), pytest.raises(SourceUnreachable) as error:
        c.ask(Request("GET", url))
    assert "secret" not in str(error.value)


def test_a_reply_does_not_tell_the_password_it_was_got_with(httpserver: HTTPServer) -> None:
    url = httpserver.url_for("/").replace("://", "://me:secret@")
    httpserver.expect_request("/", headers={"Authorization": "Basic bWU6c2VjcmV0"}).respond_with_data("yes")
    with client(url) as (c, _, _):
        assert c.ask(Request("GET", url)).url == httpserver.url_for("/")


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    httpserver.expect_request("/").respond_with_data("yes")
    with client(httpserver.url_for("/")) as (c, _, _):
        assert c.ask(Request("GET", httpserver.url_for("/"))).body == b"yes"


def test_a_proxy_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "what://proxy")
    with client("https://register.example") as (c, _, _), pytest.raises(SourceUnreachable, match="proxy"):
        c.ask(Request("GET", "https://register.example/"))
