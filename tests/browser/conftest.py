"""A running installation and a browser, for all tests of this folder."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.smtp_server import Mailbox, mailbox

CHROMIUM = os.environ.get("CERTWATCH_TEST_CHROMIUM") or "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),  # Chromium refuses its sandbox to root
]
CERTWATCH = str(Path(sys.executable).with_name("certwatch"))

Command = Callable[..., str]
NewPage = Callable[..., Page]


@pytest.fixture(scope="session")
def mails() -> Iterator[Mailbox]:
    """What the installation mails, through a real SMTP server."""
    with mailbox() as box:
        yield box


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory, mails: Mailbox) -> dict[str, str]:
    """The environment of the installation, for its commands."""
    home = tmp_path_factory.mktemp("site")
    url = f"http://127.0.0.1:{_free_port()}"
    env = {
        **os.environ,
        "CERTWATCH_HOME": str(home),
        "CERTWATCH_BASE_URL": url,
        "EMAIL_URL": f"smtp://127.0.0.1:{mails.port}",
    }
    env.pop("DATABASE_URL", None)  # the embedded one, whatever the other tests use
    return env


@pytest.fixture(scope="session")
def certwatch(environment: dict[str, str]) -> Command:
    """Runs a command of the installation; the answer is what it printed."""

    def run(*arguments: str) -> str:
        return subprocess.run(
            [CERTWATCH, *arguments], env=environment, check=True, capture_output=True, text=True
        ).stdout

    return run


@pytest.fixture(scope="session")
def site(environment: dict[str, str], certwatch: Command) -> Iterator[str]:
    """The base address of the running installation. What it writes to its log must hold no traceback."""
    home, url = Path(environment["CERTWATCH_HOME"]), environment["CERTWATCH_BASE_URL"]
    certwatch("migrate")
    with (home / "web.log").open("w") as log:
        web = [CERTWATCH, "web", "--port", url.rpartition(":")[2]]
        server = subprocess.Popen(web, env=environment, stdout=log, stderr=log)
    try:
        _wait(url, server, home / "web.log")
        yield url
    finally:
        server.terminate()
        server.wait(10)
    assert "Traceback" not in (home / "web.log").read_text()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and server.poll() is None:
        try:
            httpx.get(f"{url}/healthz", timeout=2)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text())


@pytest.fixture(scope="package")  # while it lives, Playwright's event loop runs, and no test elsewhere can have its own
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def new_page(browser: Browser, site: str) -> Iterator[NewPage]:
    """Makes a page of a browser without history. `width` in px; the rest as Playwright's `new_context`."""
    contexts: list[BrowserContext] = []

    def make(width: int = 1440, **options: object) -> Page:
        viewport = {"width": width, "height": 900}
        contexts.append(browser.new_context(**{"viewport": viewport, "base_url": site, **options}))  # type: ignore[arg-type]
        return contexts[-1].new_page()

    yield make
    for context in contexts:
        context.close()
