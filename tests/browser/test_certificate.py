"""One certificate in a real browser, with a practice register and a worker: a check, a choice, documents, printing."""

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.axe import findings
from tests.browser.conftest import CERTWATCH, Command, NewPage, _free_port

pytestmark = pytest.mark.browser

SLUG, PASSWORD = "einzeln", "ein ganzer Satz als Kennwort"
MEMBER, AUDITOR = "erna@einzeln.example", "axel@einzeln.example"
PLAIN, SHARED, BY_HAND = "EU-ISCC-Cert-DE901-00000001", "EU-ISCC-Cert-DE901-00000002", "KZR 27/22"
PDF: FilePayload = {"name": "Zertifikat 2026.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7\n..."}
HEAD = "number,holder,status,valid_from,valid_until,Scope\n"


@dataclass
class Register:
    """The practice register's file."""

    file: Path

    def say(self, status: str) -> None:
        """PLAIN has this status; SHARED names two holders."""
        today = datetime.now(UTC).date()
        days = f"{today - timedelta(days=100)},{today + timedelta(days=264)}"
        self.file.write_text(
            f"{HEAD}{PLAIN},Oderbruch Biodiesel GmbH,{status},{days},Trader\n"
            f"{SHARED},One GmbH,valid,{days},Trader\n{SHARED},Other AG,suspended,{days},Trader\n",
            encoding="utf-8",
        )


@pytest.fixture(scope="module")
def register(
    site: str, certwatch: Command, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Register]:
    """An organisation with three certificates, its register, and a worker that asks it."""
    folder, port = tmp_path_factory.mktemp("registers"), _free_port()
    register = Register(folder / "iscc.csv")
    register.say("valid")
    env = {
        **environment,
        "CERTWATCH_SOURCES": "iscc",
        "CERTWATCH_SOURCE_ISCC_URL": f"http://127.0.0.1:{port}/iscc",
    }
    log = (folder / "log").open("w")
    practice = [CERTWATCH, "practice-registers", "--port", str(port), "--data", str(folder)]
    processes = [subprocess.Popen(practice, env=env, stdout=log, stderr=log)]
    try:
        certwatch("org", "create", "Einzeln", "--slug", SLUG)
        for email, role in ((MEMBER, "member"), (AUDITOR, "auditor")):
            person = [CERTWATCH, "user", "create", email, "--org", SLUG, "--role", role]
            subprocess.run(person, env=environment, input=PASSWORD, text=True, check=True, capture_output=True)
        certwatch("certificate", "add", "--org", SLUG, PLAIN, SHARED)
        certwatch("certificate", "enter", "--org", SLUG, BY_HAND, "--status", "valid", "--valid-until", "2099-12-31")
        _sync(env)
        processes.append(subprocess.Popen([CERTWATCH, "worker"], env=env, stdout=log, stderr=log))
        yield register
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(10)
        log.close()


def _sync(env: dict[str, str]) -> None:
    """Read the register once it answers."""
    until = time.monotonic() + 30
    while True:
        done = subprocess.run([CERTWATCH, "source", "sync", "iscc"], env=env, capture_output=True, text=True)
        if done.returncode == 0:
            return
        assert time.monotonic() < until, done.stderr


Opened = Callable[..., Page]


@pytest.fixture
def opened(new_page: NewPage, register: Register) -> Opened:
    """The page of the certificate with this number, in the browser of somebody who has logged in."""

    def make(number: str, email: str = MEMBER, width: int = 1440, **options: object) -> Page:
        page = new_page(width, **options)
        page.goto(f"/o/{SLUG}/certificates/")
        page.fill("[name=login]", email)
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
        page.get_by_role("link", name=number, exact=True).first.click()
        expect(page.locator("h1")).to_contain_text(number)
        return page

    return make


@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing_and_nothing_is_cut(opened: Opened, width: int) -> None:
    page = opened(SHARED, width=width, bypass_csp=True)
    paths = [page.url, f"{page.url}describe/", f"{page.url}remove/", f"/o/{SLUG}/enter/"]
    for path in paths:
        page.goto(path)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert findings(page) == [], path
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width, path


def test_a_check_now_shows_what_the_register_says_without_a_reload(opened: Opened, register: Register) -> None:
    page = opened(PLAIN)
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    expect(page.locator("#status .cw-stamp")).to_have_text("Valid")
    register.say("suspended")
    page.get_by_role("button", name="Check now").click()
    expect(page.locator("#check")).to_contain_text("A check is under way")
    expect(page.locator("#check")).to_contain_text("The register answered", timeout=30_000)
    expect(page.locator("#status .cw-stamp")).to_have_text("Suspended")
    expect(page.locator("#history")).to_contain_text("Valid to Suspended")
    page.get_by_role("button", name="Check now").click()
    expect(page.locator("main")).to_contain_text("less than a minute ago")
    assert told == []


def test_a_holder_is_chosen_with_the_keyboard_and_taken_back(opened: Opened) -> None:
    page = opened(SHARED)
    page.get_by_role("button", name="This one: Other AG").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#status .cw-stamp")).to_have_text("Suspended")
    page.get_by_role("button", name="Take the choice back").click()
    expect(page.locator("#status .cw-stamp")).to_have_text("Unclear")


def test_a_document_comes_back_as_a_download(opened: Opened) -> None:
    page = opened(BY_HAND, java_script_enabled=False)
    page.set_input_files("[name=document]", files=PDF)
    page.get_by_role("button", name="Add", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Zertifikat 2026.pdf", exact=True).click()
    assert download.value.suggested_filename == "Zertifikat 2026.pdf"
    assert download.value.path().read_bytes() == PDF["buffer"]


def test_an_auditor_sees_everything_and_can_change_nothing(opened: Opened) -> None:
    page = opened(PLAIN, AUDITOR)
    expect(page.locator("#history")).to_contain_text("Run")
    expect(page.locator("main form")).to_have_count(0)
    expect(page.locator("main").get_by_role("button", name="More actions")).to_have_count(0)


def test_it_is_printed_light_with_its_evidence_and_without_buttons(opened: Opened) -> None:
    page = opened(PLAIN, color_scheme="dark")
    page.emulate_media(media="print")
    expect(page.locator(".cw-printonly")).to_be_visible()
    expect(page.get_by_role("button", name="Check now")).to_be_hidden()
    expect(page.locator(".cw-evid").last).to_be_visible()
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
