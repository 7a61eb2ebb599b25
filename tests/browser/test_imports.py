"""Adding certificates in a real browser: pasted with the keyboard alone, and from a spreadsheet of 1,000 rows."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.axe import findings
from tests.browser.conftest import CERTWATCH, Command, NewPage

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
EMAIL, PASSWORD = "iris@importe.example", "a good long sentence"
ROWS = 1_000
REGISTER = """
import django; django.setup()
from tests.actions.entered import entry, reading
run = reading("iscc")
for place in range(1000):
    entry(f"EU-ISCC-Cert-DE901-{place:08}", f"Muster Holding {place} GmbH", run=run)
"""


@pytest.fixture(scope="module")
def org(site: str, certwatch: Command, environment: dict[str, str]) -> Iterator[str]:
    """Where the pages of an organisation begin that has a register to look in, and a worker."""
    certwatch("org", "create", "Importe")
    person = [CERTWATCH, "user", "create", EMAIL, "--org", "importe", "--role", "member"]
    subprocess.run(person, env=environment, input=PASSWORD, text=True, check=True, capture_output=True)
    env = {**environment, "DJANGO_SETTINGS_MODULE": "certwatch.config.settings"}
    subprocess.run([sys.executable, "-c", REGISTER], env=env, cwd=ROOT, check=True)
    nowhere = {f"CERTWATCH_SOURCE_{name}_URL": "http://127.0.0.1:9" for name in ("ISCC", "REDCERT", "TWOBSVS")}
    with (Path(environment["CERTWATCH_HOME"]) / "worker.log").open("w") as log:
        worker = subprocess.Popen([CERTWATCH, "worker"], env={**environment, **nowhere}, stdout=log, stderr=log)
    try:
        yield f"{site}/o/importe"
    finally:
        worker.terminate()
        worker.wait(10)


def logged_in(page: Page, org: str) -> Page:
    page.goto(f"{org}/add/")
    page.fill("[name=login]", EMAIL)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    expect(page).to_have_url(f"{org}/add/")
    return page


def spreadsheet() -> bytes:
    """A thousand rows as a buyer has them: most are found; some are similar, missing, repeated, of no scheme, empty."""
    lines = ["Zertifikatsnummer;Lieferant;Warengruppe;Interne Nr"]
    for place in range(ROWS):
        number = {
            17: f"DE901-{place:08}",
            27: f"AGRO-CERT-PL-{place:05}",
            37: f"EU-ISCC-Cert-SE999-{place:08}",
            47: "",
            57: f"EU-ISCC-Cert-DE901-{place - 1:08}",
        }.get(place % 100, f"EU-ISCC-Cert-DE901-{place:08}")
        lines.append(f"{number};Oderbruch Öl {place % 40} GmbH;FAME, Weizen;{place}")
    return "\n".join(lines).encode("cp1252")


def file(name: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": "text/csv", "buffer": content}


def fits_and_is_accessible(page: Page) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert findings(page) == []
    width = page.viewport_size["width"] if page.viewport_size else 0
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_a_thousand_rows_find_their_way_into_the_list(new_page: NewPage, org: str) -> None:
    page = logged_in(new_page(bypass_csp=True), org)
    fits_and_is_accessible(page)
    page.set_input_files("[name=file]", files=file("list.csv", spreadsheet()))
    page.click("button[value=upload]")
    expect(page.locator("h1")).to_have_text("Match the columns")
    expect(page.get_by_label("Goes to, for column Zertifikatsnummer")).to_have_value("number")
    expect(page.get_by_label("Goes to, for column Interne Nr")).to_have_value("")
    fits_and_is_accessible(page)
    page.click("button[value=columns]")
    expect(page.locator("h1")).to_have_text("980 of 1,000 rows are ready to add", timeout=30_000)
    fits_and_is_accessible(page)
    page.select_option("[name=pick-19]", "0")
    page.click("button[value=confirm]")
    expect(page.locator("h1")).to_have_text("980 certificates added", timeout=30_000)
    fits_and_is_accessible(page)
    with page.expect_download() as download:
        page.click("text=Download (CSV)")
    told = download.value.path().read_text("utf-8-sig").splitlines()
    assert told[0] == "Zertifikatsnummer,Lieferant,Warengruppe,Interne Nr,verdict,reason,outcome"
    assert (len(told), told[1].endswith("found,,added")) == (ROWS + 1, True)
    page.goto(f"{org}/imports/")
    expect(page.get_by_role("link", name="list.csv")).to_be_visible()
    fits_and_is_accessible(page)
    page.goto(f"{org}/certificates/?q=DE901-00000017")
    expect(page.locator("main")).to_contain_text("DE901-00000017")
    expect(page.locator("main")).to_contain_text("Muster Holding 17 GmbH")


def test_a_number_is_pasted_and_added_with_the_keyboard_alone(new_page: NewPage, org: str) -> None:
    page = logged_in(new_page(390, bypass_csp=True), org)
    page.focus("[name=text]")
    page.keyboard.insert_text("Zertifikat Nr. 44073_EU-ISCC-Cert-DE901-00000057.pdf, gültig bis 31.12.2026")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Muster Holding 57 GmbH").first).to_be_visible()
    fits_and_is_accessible(page)
    page.focus("[name=pick-1]")
    page.keyboard.press("ArrowDown")
    while page.evaluate("() => document.activeElement.value") != "confirm":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("1 certificate added")
    fits_and_is_accessible(page)


def test_it_works_without_script(new_page: NewPage, org: str) -> None:
    page = logged_in(new_page(java_script_enabled=False), org)
    content = b"Certificate number\nEU-ISCC-Cert-DE901-77777777\n"
    page.set_input_files("[name=file]", files=file("one.csv", content))
    page.click("button[value=upload]")
    page.click("button[value=columns]")
    expect(page.locator("h1")).to_have_text("1 of 1 row is ready to add", timeout=30_000)  # the page renews itself
    page.click("button[value=confirm]")
    expect(page.locator("h1")).to_have_text("1 certificate added")
