"""Rules, channels and webhook endpoints in a real browser: with script and without, axe in both themes and widths."""

import re
import subprocess

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import findings
from tests.browser.conftest import CERTWATCH, Command, NewPage
from tests.browser.test_accounts import LOOKS, PASSWORD, sign_in

pytestmark = pytest.mark.browser

ADMIN = "/o/informed/admin/"
SLACK = "slack://T0AB1CD2E/B0AB1CD2E/abcdefghijklmnopqrstuvwx"
HOOK = "https://1.2.3.4/hooks"  # a public address, so that it may be saved; there is no worker that calls it


@pytest.fixture(scope="module", autouse=True)
def _people(certwatch: Command, environment: dict[str, str], site: str) -> None:
    """An organisation with an owner and an auditor."""
    certwatch("org", "create", "Informed")
    for role in ("owner", "auditor"):
        subprocess.run(
            [CERTWATCH, "user", "create", f"{role}@informed.example", "--org", "informed", "--role", role],
            env=environment, input=PASSWORD, text=True, check=True, capture_output=True,
        )  # fmt: skip


def owners(page: Page) -> Page:
    sign_in(page, "owner@informed.example")
    page.wait_for_url("**/o/informed/")
    return page


def add_channel(page: Page, name: str) -> None:
    page.goto(f"{ADMIN}notifications/")
    page.get_by_role("link", name="Add channel").click()
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_role("textbox", name="Address").fill(SLACK)
    page.get_by_role("button", name="Add channel").click()


def add_rule(page: Page, name: str) -> None:
    page.goto(f"{ADMIN}notifications/rules/new/")
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_role("checkbox", name="Suspended").check()
    page.get_by_role("checkbox", name="Owners").check()
    page.get_by_role("button", name="Save rule").click()


def test_a_rule_is_previewed_while_it_is_filled_in(new_page: NewPage) -> None:
    page = owners(new_page())
    page.goto(f"{ADMIN}notifications/rules/new/")
    preview = page.locator("#preview")
    expect(preview).to_contain_text("0 alerts of the last 30 days would have fitted.")  # at once
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_role("checkbox", name="Suspended").check()
    page.get_by_role("textbox", name="Name").fill("Suspensions")
    page.get_by_role("checkbox", name="Owners").check()
    expect(preview).to_contain_text("0 alerts")
    page.get_by_role("button", name="Save rule").click()
    expect(page.get_by_text("“Suspensions” is saved.")).to_be_visible()
    row = page.get_by_role("row", name="Suspensions")
    expect(row).to_contain_text("Suspended")
    row.get_by_role("button", name="Switch off the rule Suspensions").click()
    expect(page.get_by_text("“Suspensions” is off: it counts no more.")).to_be_visible()


def test_a_channel_is_added_tried_and_removed_without_script(new_page: NewPage) -> None:
    page = owners(new_page(java_script_enabled=False))
    page.goto(f"{ADMIN}notifications/channels/new/")
    page.get_by_role("textbox", name="Name").fill("#wrong")
    page.get_by_role("textbox", name="Address").fill(f"{SLACK}?redirect=yes")
    page.get_by_role("button", name="Add channel").click()
    expect(page.get_by_role("alert")).to_contain_text("must not hold redirect")
    expect(page.get_by_role("textbox", name="Address")).to_have_value("")
    add_channel(page, "#oils")
    assert "abcdefghijkl" not in page.content()
    page.get_by_role("button", name="Send test to #oils").click()
    expect(page.get_by_role("row", name="#oils")).to_contain_text("On its way")
    page.get_by_role("link", name="Remove #oils").click()
    page.get_by_role("button", name="Remove channel").click()
    expect(page.get_by_role("row", name="#oils")).to_have_count(0)


def test_a_rule_is_previewed_and_saved_without_script(new_page: NewPage) -> None:
    page = owners(new_page(java_script_enabled=False))
    page.goto(f"{ADMIN}notifications/rules/new/")
    page.get_by_role("checkbox", name="Renewed").check()
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview")).to_contain_text("0 alerts of the last 30 days would have fitted.")
    expect(page.get_by_role("checkbox", name="Renewed")).to_be_checked()
    page.get_by_role("textbox", name="Name").fill("Renewals")
    page.get_by_role("button", name="Save rule").click()
    expect(page.get_by_text("It tells nobody, on purpose.")).to_be_visible()


def test_an_endpoint_is_added_its_secret_shown_once_and_a_test_sent(new_page: NewPage) -> None:
    page = owners(new_page())
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{ADMIN}webhooks/")
    page.get_by_role("link", name="Add endpoint").first.click()
    page.get_by_role("textbox", name="Address").fill(HOOK)
    page.get_by_role("textbox", name="Name").fill("ERP")
    page.get_by_role("button", name="Add endpoint").click()
    secret = page.locator("#thekey").inner_text()
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/=]{32,}", secret)
    page.locator(".cw-keyrow").get_by_role("button", name="Copy").click()
    expect(page.locator("#cw-live")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == secret
    page.get_by_role("link", name="I have stored the secret").click()
    assert secret not in page.content()
    page.get_by_role("button", name="Send test").click()
    expect(page.get_by_role("heading", name="webhook.test")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("On its way")
    page.goto(f"{ADMIN}webhooks/")
    page.get_by_role("button", name="Switch off ERP").click()
    expect(page.get_by_text("“ERP” is off: nothing is sent there.")).to_be_visible()
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_role("button", name="Send what was missed")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_axe_finds_nothing_and_no_page_is_too_wide(new_page: NewPage, width: int, scheme: str) -> None:
    page = owners(new_page(width=width, color_scheme=scheme, bypass_csp=True))
    name = f"{scheme} {width}"
    add_rule(page, name)
    add_channel(page, name)
    page.get_by_role("button", name=f"Send test to {name}").click()
    page.goto(f"{ADMIN}webhooks/new/")
    page.get_by_role("textbox", name="Address").fill(HOOK)
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_role("button", name="Add endpoint").click()
    found = {"secret": checked(page)}
    page.get_by_role("link", name="I have stored the secret").click()
    endpoint = page.url
    page.get_by_role("button", name="Send test").click()
    addresses = [f"{ADMIN}notifications/", f"{ADMIN}notifications/rules/new/", f"{ADMIN}notifications/channels/new/",
                 f"{ADMIN}webhooks/", f"{ADMIN}webhooks/new/", page.url, endpoint, f"{endpoint}edit/",
                 f"{endpoint}rotate/", f"{endpoint}remove/"]  # fmt: skip
    for address in addresses:
        page.goto(address)
        found[address] = checked(page)
    page.goto(f"{ADMIN}notifications/")
    page.locator("section[aria-labelledby=rules]").get_by_role("link", name=name).click()
    found["rule"] = checked(page)
    page.get_by_role("link", name="Remove rule").click()
    found["remove rule"] = checked(page)
    assert {address: wrong for address, wrong in found.items() if wrong} == {}


def checked(page: Page) -> list[str]:
    """What axe finds on the page, and whether it is too wide."""
    if page.locator("#preview").count():
        expect(page.locator("#preview")).to_contain_text("would have fitted")  # it has come
    too_wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return findings(page) + (["too wide"] if too_wide else [])
