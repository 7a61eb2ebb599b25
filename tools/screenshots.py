"""Takes the pictures of docs/images from a running installation: PATH of each page, window of 1440 × 1300 pixels."""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

IMAGES = Path("docs/images")
PICTURES = {"api-docs": "/api-docs"}  # name of the file → address of the page
WINDOW = {"width": 1440, "height": 1300}
CERTWATCH = Path(sys.executable).with_name("certwatch")
READY_S = 30


def main() -> int:
    browser_path = os.environ["CERTWATCH_TEST_CHROMIUM"]
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses its sandbox to root
    with installation() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--disable-gpu", *sandbox])
        page = browser.new_context(viewport=WINDOW, locale="en-GB").new_page()  # type: ignore[arg-type]
        for name, path in PICTURES.items():
            page.goto(f"{url}{path}", wait_until="networkidle")
            page.screenshot(path=IMAGES / f"{name}.png")
        browser.close()
    return 0


@contextmanager
def installation() -> Iterator[str]:
    """The address of an empty installation that ends with the block."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "CERTWATCH_HOME": home}
        web = subprocess.Popen([CERTWATCH, "web", "--port", str(port)], env=env)  # noqa: S603
        try:
            url = f"http://127.0.0.1:{port}"
            wait(f"{url}/healthz")
            yield url
        finally:
            web.terminate()
            web.wait(10)


def wait(url: str) -> None:
    began = time.monotonic()
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()  # noqa: S310 - our own http address
        except OSError:
            if time.monotonic() - began > READY_S:
                raise
            time.sleep(0.1)
        else:
            return


if __name__ == "__main__":
    sys.exit(main())
