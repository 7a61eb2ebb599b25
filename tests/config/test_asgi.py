"""The roof: who answers what."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from certwatch.config import environ
from certwatch.config.asgi import Roof
from tests.servers import Installation, Server, sqlite_installation

__all__ = ["sqlite_installation"]


class Pages:
    """Django's place: remembers what it was handed."""

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {}

    async def __call__(self, scope: dict[str, Any], _receive: object, send: Any) -> None:
        self.scope = scope
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": b"a page"})


async def request(roof: Roof, path: str, *headers: tuple[bytes, bytes], peer: str = "127.0.0.1") -> int:
    """The status of the answer."""
    said: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(event: Any) -> None:
        said.append(event)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "headers": headers,
        "client": (peer, 4711),
        "scheme": "http",
    }
    await roof(scope, receive, send)
    status: int = said[0]["status"]
    return status


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.fixture
def roof(pages: Pages) -> Roof:
    return Roof(environ.read({"CERTWATCH_TRUSTED_PROXIES": "127.0.0.0/8"}), gate=True, pages=pages)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 299),
        ("/api-docs", 299),
        ("/api", 299),
        ("/o/x/", 299),
        ("/api/", 401),
        ("/api/v1/x", 401),
        ("/healthz", 200),
    ],
)
async def test_the_gate_has_what_lies_below_api(roof: Roof, path: str, status: int) -> None:
    assert await request(roof, path) == status


async def test_pages_see_the_client_and_the_scheme_before_our_proxies(roof: Roof, pages: Pages) -> None:
    await request(roof, "/", (b"x-forwarded-for", b"203.0.113.7"), (b"x-forwarded-proto", b"https"))
    assert (pages.scope["client"], pages.scope["scheme"]) == (("203.0.113.7", 4711), "https")
    await request(roof, "/", (b"x-forwarded-for", b"203.0.113.7"), (b"x-forwarded-proto", b"gopher"))
    assert (pages.scope["client"], pages.scope["scheme"]) == (("203.0.113.7", 4711), "http")


async def test_what_a_stranger_says_of_others_is_not_believed(roof: Roof, pages: Pages) -> None:
    headers = (b"x-forwarded-for", b"203.0.113.7"), (b"x-forwarded-proto", b"https")
    await request(roof, "/", *headers, peer="198.51.100.1")
    assert (pages.scope["client"], pages.scope["scheme"]) == (("198.51.100.1", 4711), "http")


async def test_without_pages_other_addresses_are_404(pages: Pages) -> None:
    assert await request(Roof(environ.read({}), gate=True, pages=None), "/o/x/") == 404


async def test_pages_alone_have_no_api(pages: Pages) -> None:
    roof = Roof(environ.read({}), gate=False, pages=pages)
    assert await request(roof, "/api/v1/x") == 404
    assert await request(roof, "/") == 299


def test_the_api_alone_never_imports_django(sqlite_installation: Installation) -> None:
    """Nor does the process that starts it: both would be several times as large."""
    program = (
        "import sys; from certwatch.config import asgi, serving; asgi.api();"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'django', 'asyncpg', 'psycopg', 'allauth'}))"
    )
    env = sqlite_installation.settings
    said = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


@pytest.fixture(scope="module")
def everything(sqlite_installation: Installation) -> Iterator[Server]:
    with Server(sqlite_installation, serve="all") as running:
        yield running


def test_pages_and_api_come_from_one_process(everything: Server) -> None:
    assert everything.ask("/").status == 200
    assert everything.ask("/api/v1/x").status == 401


def test_a_foreign_host_is_400_but_not_for_machines(everything: Server) -> None:
    foreign = ("Host", "evil.example")
    assert everything.ask("/", foreign).status == 400
    assert everything.ask("/healthz", foreign).status == 200
    assert json.loads(everything.ask("/readyz", foreign).body)["database"] is True
    assert everything.ask("/api/v1/x", foreign).status == 401
