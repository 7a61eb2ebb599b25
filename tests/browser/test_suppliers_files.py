"""A supplier is asked by mail, uploads without an account, and a person accepts; calendars, digests; axe."""

import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.axe import findings
from tests.browser.conftest import CERTWATCH, Command, NewPage
from tests.browser.test_accounts import LOOKS, PASSWORD, sign_in
from tests.smtp_server import Mailbox, text

pytestmark = pytest.mark.browser

SLUG, OWNER, SELLER = "gefragt", "owner@gefragt.example", "sam@supplier.example"
NUMBER = "KZR 77/26"
PDF: FilePayload = {"name": "Zertifikat neu.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7\n..."}
EXE: FilePayload = {"name": "Zertifikat.pdf", "mimeType": "application/pdf", "buffer": b"MZ..."}
UNSUBSCRIBE = f"""
from certwatch.actions import unsubscribe
from certwatch.models import Organisation, User
print(unsubscribe.address(User.objects.get(email={OWNER!r}), Organisation.objects.get(slug={SLUG!r})))
"""


@pytest.fixture(scope="module", autouse=True)
def _people(
    certwatch: Command, environment: dict[str, str], site: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """An organisation with an owner, a certificate, and a worker that sends its mails."""
    certwatch("org", "create", "Gefragt", "--slug", SLUG)
    subprocess.run(
        [CERTWATCH, "user", "create", OWNER, "--org", SLUG, "--role", "owner"],
        env=environment, input=PASSWORD, text=True, check=True, capture_output=True,
    )  # fmt: skip
    certwatch("certificate", "enter", "--org", SLUG, NUMBER, "--status", "valid", "--valid-until", "2099-12-31")
    with (tmp_path_factory.mktemp("worker") / "log").open("w") as log:
        worker = subprocess.Popen([CERTWATCH, "worker"], env=environment, stdout=log, stderr=log)
        yield
        worker.terminate()
        worker.wait(20)


def owners(page: Page) -> Page:
    sign_in(page, OWNER)
    page.wait_for_url(f"**/o/{SLUG}/")
    page.goto(f"/o/{SLUG}/certificates/")
    page.get_by_role("link", name=NUMBER, exact=True).first.click()
    expect(page.locator("h1")).to_contain_text(NUMBER)
    return page


def link_in(mails: Mailbox, to: str) -> str:
    until = time.monotonic() + 60
    while not any(to in mail["to"] for mail in mails.mails):
        assert time.monotonic() < until, "no mail came"
        time.sleep(0.1)
    return next(line for line in text(mails.last(to)).splitlines() if "/upload/" in line)


def test_a_supplier_is_asked_uploads_and_a_person_accepts(new_page: NewPage, mails: Mailbox) -> None:
    page = owners(new_page())
    certificate = page.url
    page.goto(f"{certificate}describe/")
    page.get_by_label("Supplier").fill("Oderbruch")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Oderbruch").first.click()
    page.get_by_role("link", name="Add a contact").click()
    page.get_by_label("Name").fill("Sam Seller")
    page.get_by_label("E-mail").fill(SELLER)
    page.get_by_role("button", name="Save").click()
    page.goto(certificate)
    page.get_by_role("link", name="Ask the supplier").click()
    page.get_by_label("Sam Seller").check()
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_text(f"A mail with a link goes to {SELLER}.")).to_be_visible()

    supplier = new_page(java_script_enabled=False)
    supplier.goto(link_in(mails, SELLER))
    expect(supplier.locator("main")).to_contain_text(NUMBER)
    supplier.get_by_label("The new certificate").set_input_files(EXE)
    supplier.get_by_role("button", name="Upload").click()
    expect(supplier.get_by_text("by its content this file is none of them").first).to_be_visible()
    supplier.get_by_label("The new certificate").set_input_files(PDF)
    supplier.get_by_label("Note").fill("From today")
    supplier.get_by_role("button", name="Upload").click()
    expect(supplier.get_by_text("Received, thank you")).to_be_visible()

    page.goto(certificate)
    expect(page.locator("#supplier")).to_contain_text("From today")
    with page.expect_download() as download:
        page.locator("#supplier").get_by_role("link", name="Zertifikat neu.pdf").click()
    assert download.value.path().read_bytes() == PDF["buffer"]
    page.get_by_role("button", name="Accept Zertifikat neu.pdf").click()
    expect(page.locator("#documents")).to_contain_text("Zertifikat neu.pdf")
    supplier.reload()
    expect(supplier.get_by_role("heading", name="This link is not good any more")).to_be_visible()


def test_a_calendar_is_made_fetched_and_removed(new_page: NewPage) -> None:
    page = owners(new_page())
    page.goto("/me/")
    page.get_by_label("Everything in my organisations").check()
    page.get_by_role("button", name="Make a calendar address").click()
    address = page.locator("#theaddress").inner_text()
    answer = httpx.get(address)
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert b"DTSTART;VALUE=DATE:20991231" in answer.content
    assert httpx.get(address, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    page.get_by_role("link", name="I have stored the address").click()
    assert address not in page.content()
    page.get_by_role("button", name="Remove the calendar").click()
    assert httpx.get(address).status_code == 404


def test_a_digest_is_turned_off_by_link_and_on_again(new_page: NewPage, environment: dict[str, str]) -> None:
    env = {**environment, "DJANGO_SETTINGS_MODULE": "certwatch.config.settings"}
    code = ["-m", "django", "shell", "--verbosity", "0", "-c", UNSUBSCRIBE]
    link = subprocess.run([sys.executable, *code], env=env, check=True, capture_output=True, text=True).stdout.strip()
    reader = new_page(java_script_enabled=False)
    reader.goto(link)
    reader.get_by_role("button", name="Turn it off").click()
    expect(reader.get_by_role("heading", name="The digest is off")).to_be_visible()
    page = owners(new_page())
    page.goto("/me/")
    choice = page.get_by_label("Daily digest")
    expect(choice).to_have_value("off")
    choice.select_option("always")
    page.get_by_role("button", name="Save digest and deputy").click()
    expect(page.get_by_text("Your settings are saved.")).to_be_visible()
    expect(page.get_by_label("Daily digest")).to_have_value("always")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_axe_finds_nothing_and_nothing_is_cut(new_page: NewPage, width: int, scheme: str) -> None:
    page = owners(new_page(width, bypass_csp=True))
    certificate = page.url
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page.goto(f"{certificate}ask/")
    page.get_by_label("show me the link").check()
    page.get_by_role("button", name="Ask").click()
    _looks_well(page, width)
    link = page.locator("#thelink").inner_text()
    for path in (f"{certificate}ask/", "/me/", link, f"{link}?received=1"):
        page.goto(path)
        _looks_well(page, width)
    page.set_input_files("[name=file]", files=EXE)
    page.get_by_role("button", name="Upload").click()
    _looks_well(page, width)
    page.set_input_files("[name=file]", files=PDF)
    page.get_by_role("button", name="Upload").click()
    page.goto(certificate)
    expect(page.get_by_role("button", name="Dismiss Zertifikat neu.pdf").first).to_be_visible()
    _looks_well(page, width)


def _looks_well(page: Page, width: int) -> None:
    assert findings(page) == [], page.url
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width, page.url
