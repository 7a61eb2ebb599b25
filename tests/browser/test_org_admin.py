"""Org Admin in a real browser: a key made and used, a colleague invited, an auditor who only looks, axe, no script."""

import re
import subprocess

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import findings
from tests.browser.conftest import CERTWATCH, Command, NewPage
from tests.browser.test_accounts import LOOKS, PASSWORD, sign_in
from tests.smtp_server import Mailbox

pytestmark = pytest.mark.browser

ADMIN = "/o/administered/admin/"
PAGES = (
    "members/", "members/invite/", "keys/", "keys/new/", "usage/", "usage/?period=30d", "audit/", "settings/",
    "settings/delete/",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _people(certwatch: Command, environment: dict[str, str], site: str) -> None:
    """An organisation with an owner and an auditor."""
    certwatch("org", "create", "Administered")
    for role in ("owner", "auditor"):
        subprocess.run(
            [CERTWATCH, "user", "create", f"{role}@administered.example", "--org", "administered", "--role", role],
            env=environment, input=PASSWORD, text=True, check=True, capture_output=True,
        )  # fmt: skip


def owners(page: Page) -> Page:
    sign_in(page, "owner@administered.example")
    page.wait_for_url("**/o/administered/")
    return page


def test_a_key_is_made_copied_and_used(new_page: NewPage, site: str) -> None:
    page = owners(new_page())
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{ADMIN}keys/")
    page.get_by_role("link", name="Create API key").first.click()
    page.get_by_label("Name").fill("SAP")
    page.get_by_role("button", name="Create key").click()
    key = page.locator("#thekey").inner_text()
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#cw-live")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == key
    answer = httpx.get(f"{site}/api/v1/certificate/X1", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 404  # a good key; there is no such certificate
    page.get_by_role("link", name="I have stored the key").click()
    assert key not in page.content()
    page.get_by_role("link", name="Revoke SAP").click()
    page.get_by_role("button", name="Revoke key").click()
    expect(page.get_by_text("“SAP” is revoked")).to_be_visible()
    assert httpx.get(f"{site}/api/v1/certificate/X1", headers={"Authorization": f"Bearer {key}"}).status_code == 401


def test_a_colleague_is_invited_without_script_and_comes_in(new_page: NewPage, mails: Mailbox) -> None:
    page = owners(new_page(java_script_enabled=False))
    page.goto(f"{ADMIN}members/")
    page.get_by_role("link", name="Invite").click()
    page.get_by_label("E-mail addresses").fill("colleague@administered.example")
    page.get_by_label("Role").select_option("Auditor")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("1 invitation is sent.")).to_be_visible()
    colleague = new_page(java_script_enabled=False)
    colleague.goto(re.sub(r"^https?://[^/]+", "", mails.link("colleague@administered.example")))
    colleague.get_by_label("Your name").fill("Carl")
    colleague.get_by_label("Password").fill(PASSWORD)
    colleague.get_by_label("I accept the Terms of Use").check()
    colleague.get_by_role("main").get_by_role("button").last.click()
    colleague.goto(f"{ADMIN}members/")
    expect(colleague.get_by_role("row", name="Carl")).to_contain_text("Auditor")
    expect(colleague.get_by_role("link", name="Invite")).to_have_count(0)
    page.goto(f"{ADMIN}audit/?action=member.joined")
    expect(page.get_by_role("cell", name="Accepted an invitation")).to_be_visible()
    expect(page.get_by_role("row").nth(1)).to_contain_text("127.0.0.1")


def test_an_auditor_looks_and_changes_nothing(new_page: NewPage) -> None:
    page = new_page()
    sign_in(page, "auditor@administered.example")
    page.wait_for_url("**/o/administered/")
    for address in ("members/", "keys/", "usage/", "audit/", "settings/"):
        page.goto(ADMIN + address)
        changing = page.get_by_role("main").locator("form[method=post] button:enabled, a.btn-primary")
        assert changing.count() == 0, address
    response = page.goto(f"{ADMIN}keys/new/")
    assert response is not None
    assert response.status == 403


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_axe_finds_nothing_and_no_page_is_too_wide(new_page: NewPage, width: int, scheme: str) -> None:
    page = owners(new_page(width=width, color_scheme=scheme, bypass_csp=True))
    found = {}
    for address in PAGES:
        page.goto(ADMIN + address)
        too_wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        if wrong := findings(page) + (["too wide"] if too_wide else []):
            found[address] = wrong
    assert found == {}
