"""Takes the pictures of docs/images from the demo, with the log-in that it prints: `make screenshots`."""

import csv
import io
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from certwatch.management.demo_filling import EMAIL, PASSWORD, SLUG

IMAGES = Path("docs/images")
SHARED = Path("src/certwatch/static/preview.png")  # shown where somebody shares a link to a public page
CERTWATCH = Path(sys.executable).with_name("certwatch")
WIDE, SMALL = (1440, 1300), (390, 1300)
USUAL_PORT = 8000  # stands in the pictures
HOME = f"/o/{SLUG}/"
SUSPENDED = f"{HOME}certificates/?status=suspended&scheme=ISCC+EU"


def main() -> int:
    browser_path = os.environ["CERTWATCH_TEST_CHROMIUM"]
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses its sandbox to root
    with tempfile.TemporaryDirectory() as home, demo(home) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--disable-gpu", *sandbox])
        page = signed_in(browser, url)
        preview_of_links(browser, url)
        take(page, "api-docs", "/api-docs")
        take(page, "dashboard", HOME)
        take(page, "certificates", f"{HOME}certificates/")
        page.goto(SUSPENDED)
        take(page, "certificate", page.locator("#result tbody a").first.get_attribute("href") or "")
        preview_import(page, Path(home, "demo", "registers", "iscc.csv"))
        take_alert(page)
        take(signed_in(browser, url, dark=True), "dashboard-dark", HOME)
        take(signed_in(browser, url, size=SMALL), "dashboard-small", HOME)
        browser.close()
    return 0


@contextmanager
def demo(home: str) -> Iterator[str]:
    """The address of a demo in `home`, all of it checked, that ends with the block."""
    port = free_port()
    env = {**os.environ, "CERTWATCH_HOME": home}
    command = [str(CERTWATCH), "demo", "--port", str(port)]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        try:
            if not any("have been checked" in line for line in process.stdout or ()):
                raise SystemExit("The demo ended, or was not checked in time.")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def free_port() -> int:
    for port in (USUAL_PORT, 0):
        try:
            with socket.create_server(("127.0.0.1", port)) as free:
                return int(free.getsockname()[1])
        except OSError:
            continue
    raise SystemExit("No port is free.")


def signed_in(browser: Browser, url: str, *, size: tuple[int, int] = WIDE, dark: bool = False) -> Page:
    context = browser.new_context(
        base_url=url,
        viewport={"width": size[0], "height": size[1]},
        locale="en-GB",
        color_scheme="dark" if dark else "light",
    )
    page = context.new_page()
    page.goto("/accounts/login/")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"**{HOME}")
    return page


def take(page: Page, name: str, path: str) -> None:
    page.goto(path, wait_until="networkidle")
    page.screenshot(path=IMAGES / f"{name}.png")


def take_alert(page: Page) -> None:
    """A suspension that the practice register brought."""
    page.goto(f"{HOME}alerts/?severity=critical", wait_until="networkidle")
    page.get_by_role("link", name="Suspended").first.click()
    page.get_by_role("heading", name="Messages and tries").wait_for()
    page.screenshot(path=IMAGES / "alert.png")


def preview_of_links(browser: Browser, url: str) -> None:
    """The top of the first page, without what one could press."""
    context = browser.new_context(
        viewport={"width": 1200, "height": 630}, locale="en-GB", color_scheme="light", bypass_csp=True
    )
    page = context.new_page()
    page.goto(url, wait_until="networkidle")
    page.add_style_tag(content=".cw-topmenu, .cw-hero .btn { visibility: hidden; }")
    page.screenshot(path=SHARED)


def preview_import(page: Page, register: Path) -> None:
    """A supplier list as people send them: most of it fine, some of it not."""
    page.goto(f"{HOME}add/")
    file = {"name": "suppliers.csv", "mimeType": "text/csv", "buffer": supplier_list(register)}
    page.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]  # wants its own TypedDict
    page.get_by_role("button", name="Match columns").click()
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("heading", name="ready to add").wait_for()
    page.get_by_role("link", name="All").last.click()
    page.get_by_role("heading", name="ready to add").wait_for()
    page.screenshot(path=IMAGES / "import-preview.png")


def supplier_list(register: Path) -> bytes:
    with register.open(encoding="utf-8-sig", newline="") as file:
        listed = list(csv.DictReader(file))
    fine = [(row["holder"], row["number"], row["valid_until"]) for row in listed[15:27]]
    odd = [
        ("Muster Biogas GmbH & Co. KG", listed[0]["number"].replace("0", "O"), ""),  # letters for noughts
        ("Gibtsnicht Handels GmbH", "EU-ISCC-Cert-DE999-88888888", "2027-03-31"),
        ("Irgendwo Papier GmbH", "MUSTER-COC-999002", "2027-06-30"),
        ("Phantasie Rohstoffe SE", "", ""),
    ]
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows([("Supplier", "Certificate number", "Valid until"), *odd, *fine])
    return text.getvalue().encode()


if __name__ == "__main__":
    sys.exit(main())
