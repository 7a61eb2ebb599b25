"""The alerts in a real browser: found, read, acknowledged with and without script."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.axe import findings
from tests.browser.conftest import CERTWATCH, Command, NewPage
from tests.browser.make_alerts import LONG

pytestmark = pytest.mark.browser

SLUG, EMAIL, OTHER, PASSWORD = "alerted", "lena@alerted.example", "max@alerted.example", "ein ganzer Satz als Kennwort"
LIST = f"/o/{SLUG}/alerts/"
ROOT = Path(__file__).parents[2]

SignedIn = Callable[..., Page]


@pytest.fixture(scope="module")
def alert(certwatch: Command, environment: dict[str, str], site: str) -> str:
    """The address of an alert that was told; there are many more."""
    certwatch("org", "create", "Alerted", "--slug", SLUG)
    for email, role in ((EMAIL, "owner"), (OTHER, "auditor")):
        subprocess.run(
            [CERTWATCH, "user", "create", email, "--org", SLUG, "--role", role],
            env=environment, input=PASSWORD, text=True, check=True, capture_output=True,
        )  # fmt: skip
    made = subprocess.run(
        [sys.executable, "-m", "tests.browser.make_alerts", SLUG, EMAIL],
        env=environment, cwd=ROOT, text=True, check=True, capture_output=True,
    )  # fmt: skip
    return f"{LIST}{made.stdout.strip()}/"


@pytest.fixture
def signed_in(new_page: NewPage, alert: str) -> SignedIn:
    """A page of somebody who has logged in and looks at the list."""

    def make(width: int = 1440, email: str = EMAIL, **options: object) -> Page:
        page = new_page(width, **options)
        page.goto(LIST)
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page).to_have_url(LIST)
        return page

    return make


def rows(page: Page) -> Locator:
    return page.locator("#result tbody tr")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")])
def test_axe_finds_nothing_and_nothing_is_cut(signed_in: SignedIn, alert: str, width: int, scheme: str) -> None:
    page = signed_in(width, color_scheme=scheme, bypass_csp=True)
    rows(page).get_by_role("checkbox").first.check()
    page.locator("summary", has_text="What happened").click()
    assert findings(page) == []
    certificate = page.get_by_role("link", name=LONG, exact=True).first.get_attribute("href")
    for address in (alert, f"{LIST}?state=all", f"{LIST}?q=nothing", f"{LIST}?state=skipped", certificate):
        page.goto(str(address))
        assert findings(page) == []
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width, address


def test_chosen_rows_are_acknowledged_with_a_comment(signed_in: SignedIn) -> None:
    page = signed_in()
    bar = page.get_by_role("group", name="Selected alerts")
    expect(bar).to_be_hidden()
    first = rows(page).first.locator("a[data-row]").get_attribute("href")
    rows(page).nth(0).get_by_role("checkbox").check()
    rows(page).nth(1).get_by_role("checkbox").check()
    expect(bar).to_contain_text("2 selected")
    bar.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Acknowledge 2 alerts")
    page.get_by_label("Comment").fill("Asked the mill")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("2 alerts are acknowledged.")).to_be_visible()
    page.goto(str(first))
    expect(page.get_by_text("Asked the mill").first).to_be_visible()
    page.get_by_role("button", name="Open it again").click()
    expect(page.get_by_text("It is open again.", exact=True)).to_be_visible()


def test_without_script_it_is_a_form(signed_in: SignedIn) -> None:
    page = signed_in(java_script_enabled=False)
    page.locator("summary", has_text="Severity").click()
    page.get_by_role("checkbox", name="Critical").check()
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(f"{LIST}?q=&severity=critical&supplier=&sort=newest")
    rows(page).first.get_by_role("checkbox").check()
    page.get_by_role("button", name="Acknowledge").click()
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("1 alert is acknowledged.")).to_be_visible()


def test_filters_act_at_once_and_pages_lead_on(signed_in: SignedIn) -> None:
    told: list[str] = []
    page = signed_in()
    page.on("console", lambda message: told.append(message.text))
    expect(rows(page)).to_have_count(50)
    page.get_by_role("link", name="Next").click()
    page.get_by_role("link", name="Previous").click()
    page.locator("summary", has_text="What happened").click()
    page.get_by_role("checkbox", name="Withdrawn", exact=True).check()
    expect(rows(page)).to_have_count(1)
    expect(page).to_have_url(f"{LIST}?kind=withdrawn")
    page.keyboard.press("Escape")
    page.locator("#views").get_by_role("link", name="All").click()
    expect(page).to_have_url(f"{LIST}?state=all&kind=withdrawn")
    page.get_by_role("link", name="Remove filter Withdrawn").click()
    expect(page).to_have_url(f"{LIST}?state=all")
    page.get_by_role("searchbox", name="Search in this list").fill("no such thing")
    expect(page.get_by_role("heading", name="No alert matches these filters")).to_be_visible()
    expect(page).to_have_url(f"{LIST}?q=no+such+thing&state=all")  # what became of them stays
    assert told == []


def test_the_list_is_worked_with_single_keys(signed_in: SignedIn) -> None:
    page = signed_in()
    links = page.locator("#result tbody a[data-row]")
    links.first.focus()
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(links.nth(2)).to_be_focused()
    page.keyboard.press("k")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("x")
    expect(page.get_by_role("group", name="Selected alerts")).to_contain_text("1 selected")


def test_an_auditor_reads_and_decides_nothing(signed_in: SignedIn, alert: str) -> None:
    page = signed_in(email=OTHER)
    expect(page.get_by_role("checkbox", name="Select all on this page")).to_have_count(0)
    page.goto(alert)
    expect(page.get_by_text("Cannot be reached")).to_be_visible()
    expect(page.get_by_text("Delivered: the server took it")).to_be_visible()
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
