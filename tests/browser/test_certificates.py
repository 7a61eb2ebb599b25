"""The list of certificates and suppliers in a real browser."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.axe import findings
from tests.browser.conftest import CERTWATCH, Command, NewPage

pytestmark = pytest.mark.browser

SLUG, EMAIL, PASSWORD = "lists", "lena@lists.example", "ein ganzer Satz als Kennwort"
LIST = f"/o/{SLUG}/certificates/"
ENTERED = [  # status, last day
    ("suspended", "2099-12-31"),
    ("withdrawn", "2099-12-31"),
    ("valid", "2020-12-31"),
    ("valid", "2099-12-31"),
]

SignedIn = Callable[..., Page]


@pytest.fixture(scope="module")
def _certificates(certwatch: Command, environment: dict[str, str]) -> None:
    """Suspended, withdrawn, expired, valid, each entered by hand; and one of a supplier that waits for its check."""
    certwatch("org", "create", "Lists", "--slug", SLUG)
    subprocess.run(
        [CERTWATCH, "user", "create", EMAIL, "--org", SLUG, "--role", "member"],
        env=environment, input=PASSWORD, text=True, check=True, capture_output=True,
    )  # fmt: skip
    for place, (status, last) in enumerate(ENTERED):
        number = f"MUSTER-COC-88800{place}"
        certwatch("certificate", "enter", "--org", SLUG, number, "--status", status, "--valid-until", last)
    certwatch("certificate", "add", "--org", SLUG, "EU-ISCC-Cert-XX888-00000001", "--supplier", "Oderbruch GmbH")


@pytest.fixture
def signed_in(new_page: NewPage, _certificates: None) -> SignedIn:
    """A page of somebody who has logged in and looks at the list."""

    def make(width: int = 1440, **options: object) -> Page:
        page = new_page(width, **options)
        page.goto(LIST)
        page.get_by_label("E-mail").fill(EMAIL)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page).to_have_url(LIST)
        return page

    return make


def rows(page: Page) -> Locator:
    return page.locator("#result tbody tr")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")])
def test_axe_finds_nothing_and_nothing_is_cut(signed_in: SignedIn, width: int, scheme: str) -> None:
    page = signed_in(width, color_scheme=scheme, bypass_csp=True)
    first = rows(page).get_by_role("checkbox").first
    first.check()
    page.get_by_text("Status", exact=True).locator("visible=true").first.click()
    assert findings(page) == []
    for address in (
        f"{LIST}?status=suspended&q=nothing",
        f"{LIST}views/?status=suspended",
        f"/o/{SLUG}/suppliers/",
        f"/o/{SLUG}/suppliers/add/",
    ):
        page.goto(address)
        assert findings(page) == []
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    page.goto(f"/o/{SLUG}/suppliers/")
    page.get_by_role("link", name="Oderbruch GmbH").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Oderbruch GmbH")
    assert findings(page) == []


def test_the_longest_texts_stay_within_the_panel_at_every_width(signed_in: SignedIn) -> None:
    page = signed_in()
    page.evaluate("""() => {
        const row = document.querySelector('#result tbody tr');
        row.querySelector('.cw-status').lastChild.textContent = 'Not found, unconfirmed';
        row.querySelector('a.cw-num').textContent = 'ISCC-CORSIA-PLUS-Cert-FR999-10001099';
        row.querySelector('.cw-trunc').textContent = 'Zakłady Tłuszczowe Zmyślone Spółka z o.o. '.repeat(3);
        row.querySelector('td.hide-s').textContent = 'ISCC CORSIA PLUS';
        row.querySelector('.cw-tags').innerHTML = '<span class="cw-tag">Tender 2027</span> '.repeat(5);
    }""")
    for width in (390, 760, 900, 1099, 1100, 1280, 1319, 1320, 1440, 1600):
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("""() => {
            const table = document.querySelector('#result table');
            return table.offsetWidth - table.parentElement.clientWidth;
        }""")
        assert wide <= 0, width


def test_filters_act_at_once_and_their_menu_stays_open(signed_in: SignedIn) -> None:
    told: list[str] = []
    page = signed_in()
    page.on("console", lambda message: told.append(message.text))
    expect(rows(page)).to_have_count(5)
    page.locator("summary", has_text="Status").click()
    page.get_by_role("checkbox", name="Suspended 1").check()
    expect(rows(page)).to_have_count(1)
    expect(page).to_have_url(f"{LIST}?status=suspended")
    page.get_by_role("checkbox", name="Withdrawn 1").check()  # it is still there
    expect(rows(page)).to_have_count(2)
    expect(page.locator("#n-status")).to_have_text("2")
    expect(page.locator("#found")).to_have_text("2 certificates in this view")
    csv = page.locator("#export").get_by_role("link", name="CSV", include_hidden=True)
    expect(csv).to_have_attribute("href", f"{LIST}export.csv?status=suspended&status=withdrawn")
    page.keyboard.press("Escape")
    page.get_by_role("searchbox", name="Search in this list").fill("88800 1")
    expect(rows(page)).to_have_count(1)
    page.get_by_role("link", name="Valid until").click()
    expect(page).to_have_url(f"{LIST}?q=88800+1&status=suspended&status=withdrawn&sort=valid_until")
    page.get_by_role("searchbox", name="Search in this list").fill("")
    expect(rows(page)).to_have_count(2)
    expect(page).to_have_url(f"{LIST}?status=suspended&status=withdrawn&sort=valid_until")  # the order stays
    page.get_by_role("link", name="Remove filter Suspended").click()
    expect(rows(page)).to_have_count(1)
    page.go_back()
    expect(rows(page)).to_have_count(2)
    assert told == []
    assert page.evaluate("() => localStorage.length") == 0


def test_without_script_it_is_a_form(signed_in: SignedIn) -> None:
    page = signed_in(java_script_enabled=False)
    page.locator("summary", has_text="Status").click()
    page.get_by_role("checkbox", name="Suspended 1").check()
    page.get_by_role("button", name="Show").click()
    expect(rows(page)).to_have_count(1)
    rows(page).get_by_role("checkbox").check()
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_label("Tags, with commas between").fill("Tender")
    page.get_by_role("button", name="Add tags").click()
    expect(rows(page)).to_contain_text("Tender")


def test_the_list_is_worked_with_single_keys(signed_in: SignedIn) -> None:
    page = signed_in()
    bar = page.get_by_role("group", name="Selected certificates")
    expect(bar).to_be_hidden()
    page.keyboard.press("x")  # the focus is elsewhere
    links = page.locator("#result tbody a.cw-num")
    links.first.focus()
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(links.nth(2)).to_be_focused()
    page.keyboard.press("k")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("x")
    expect(bar).to_contain_text("1 selected")
    page.get_by_role("checkbox", name="Select all on this page").check()
    expect(bar).to_contain_text("5 selected")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search certificates")).to_be_focused()


def test_an_export_is_a_file(signed_in: SignedIn) -> None:
    page = signed_in()
    page.locator("summary", has_text="Export").click()
    for name, beginning in (("CSV", b"\xef\xbb\xbfnumber,"), ("Excel (XLSX)", b"PK")):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        assert Path(download.value.path()).read_bytes().startswith(beginning)
