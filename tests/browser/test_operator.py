"""The operator's way into the back office, and its looks."""

import subprocess

import pytest
from playwright.sync_api import expect

from tests.browser.axe import findings
from tests.browser.conftest import CERTWATCH, Command, NewPage
from tests.browser.test_accounts import PASSWORD, code_of, sign_in

pytestmark = pytest.mark.browser

PAGES = ("", "jobs/", "sources/", *(f"certwatch/{name}/" for name in ("organisation", "user", "sync", "auditentry")))


def test_an_operator_sets_up_a_second_factor_and_closes_an_organisation(
    new_page: NewPage, environment: dict[str, str], certwatch: Command
) -> None:
    certwatch("org", "create", "Westkorn")
    subprocess.run(
        [CERTWATCH, "operator", "create", "kim@certwatch.example"],
        env=environment, input=PASSWORD, text=True, check=True, capture_output=True,
    )  # fmt: skip
    page = new_page(bypass_csp=True)
    told: list[str] = []
    page.on("pageerror", lambda error: told.append(str(error)))
    sign_in(page, "kim@certwatch.example")
    page.wait_for_url("**/o/")
    page.goto("/operator/")
    expect(page.get_by_text("Set one up, then come back.")).to_be_visible()
    page.get_by_role("link", name="Set up the app").click()
    page.get_by_label("Code").fill(code_of(page.locator("#secret").inner_text()))
    page.get_by_role("main").get_by_role("button").first.click()
    page.wait_for_url("**/recovery-codes/")
    page.goto("/operator/")
    expect(page.get_by_role("navigation", name="Back office")).to_be_visible()
    for width, scheme in ((1440, "light"), (390, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for path in PAGES:
            page.goto(f"/operator/{path}")
            assert findings(page) == [], path
            assert page.evaluate("() => document.documentElement.scrollWidth") <= width, path
    page.goto("/operator/certwatch/organisation/?q=westkorn")
    page.get_by_role("link", name="Westkorn").click()
    assert findings(page) == []
    page.get_by_role("link", name="Close the organisation").click()
    assert findings(page) == []
    page.get_by_role("button", name="Close the organisation").click()
    expect(page.get_by_text("The organisation is closed.")).to_be_visible()
    assert '"closed"' in certwatch("org", "list", "--json")
    assert told == []
