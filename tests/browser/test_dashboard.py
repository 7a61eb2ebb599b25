"""The dashboard in a real browser."""

import subprocess
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import findings
from tests.browser.conftest import CERTWATCH, Command, NewPage

pytestmark = pytest.mark.browser

SLUG, EMAIL, PASSWORD = "dashboards", "dora@dashboards.example", "ein ganzer Satz als Kennwort"
HOME = f"/o/{SLUG}/"
ENTERED = [  # status, last day
    ("suspended", "2099-12-31"),
    ("suspended", "2099-12-31"),
    ("withdrawn", "2099-12-31"),
    ("valid", "2020-12-31"),
    ("valid", "2099-12-31"),
]

SignedIn = Callable[..., Page]


@pytest.fixture(scope="module")
def _certificates(certwatch: Command, environment: dict[str, str]) -> None:
    """Two suspended, one withdrawn, one expired, one valid, one that waits for its first check."""
    certwatch("org", "create", "Dashboards", "--slug", SLUG)
    subprocess.run(
        [CERTWATCH, "user", "create", EMAIL, "--org", SLUG, "--role", "member"],
        env=environment, input=PASSWORD, text=True, check=True, capture_output=True,
    )  # fmt: skip
    for place, (status, last) in enumerate(ENTERED):
        number = f"MUSTER-COC-99900{place}"
        certwatch("certificate", "enter", "--org", SLUG, number, "--status", status, "--valid-until", last)
    certwatch("certificate", "add", "--org", SLUG, "2BS999999")  # of a register that no test of this folder reads


@pytest.fixture
def signed_in(new_page: NewPage, _certificates: None) -> SignedIn:
    """A page of somebody who has logged in and looks at the dashboard."""

    def make(width: int = 1440, **options: object) -> Page:
        page = new_page(width, **options)
        page.goto(HOME)
        page.get_by_label("E-mail").fill(EMAIL)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page).to_have_url(HOME)
        return page

    return make


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")])
def test_axe_finds_nothing_and_nothing_is_cut(signed_in: SignedIn, width: int, scheme: str) -> None:
    page = signed_in(width, color_scheme=scheme, bypass_csp=True)
    expect(page.get_by_role("heading", level=1)).to_have_text("4 certificates need attention")
    for twin in page.get_by_text("As a table").all():
        twin.click()
    assert findings(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("script", [True, False])
def test_a_tab_shows_one_status_with_and_without_script(signed_in: SignedIn, script: bool) -> None:
    told: list[str] = []
    page = signed_in(java_script_enabled=script)
    page.on("console", lambda message: told.append(message.text))
    rows = page.locator("#attention tbody tr")
    expect(rows).to_have_count(4)
    page.get_by_role("navigation", name="Needs attention, by status").get_by_role("link", name="Suspended 2").click()
    expect(rows).to_have_count(2)
    expect(page).to_have_url(f"{HOME}?attention=suspended")
    expect(page.get_by_role("heading", level=1)).to_have_text("4 certificates need attention")
    page.go_back()
    expect(rows).to_have_count(4)
    assert told == []


def test_each_number_leads_to_as_many_rows_of_the_list(signed_in: SignedIn) -> None:
    page = signed_in()
    for link, rows in (("Show all 4", 4), ("Withdrawn 1", 1), ("Valid 1", 1)):
        page.goto(HOME)
        page.get_by_role("link", name=link, exact=True).first.click()
        expect(page.locator("#result tbody tr")).to_have_count(rows)


def test_a_printed_dashboard_says_who_printed_it(signed_in: SignedIn) -> None:
    page = signed_in()
    line = page.get_by_text("Certificate Watch, Dashboards. Printed")
    expect(line).to_be_hidden()
    page.emulate_media(media="print")
    expect(line).to_be_visible()
    expect(page.locator(".cw-top")).to_be_hidden()
    expect(page.locator("#attention tbody tr").first).to_be_visible()
