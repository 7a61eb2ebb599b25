"""Contact Us, and the texts beside it, in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.browser.axe import findings
from tests.browser.conftest import NewPage

pytestmark = pytest.mark.browser

PAGES = ("/contact", "/contact/sent/", "/terms", "/privacy", "/imprint")
LOOKS = ((1440, "light"), (390, "dark"))


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_axe_finds_nothing_and_every_page_fits(new_page: NewPage, width: int, scheme: str) -> None:
    page = new_page(width, color_scheme=scheme, bypass_csp=True)
    for path in PAGES:
        page.goto(path)
        assert findings(page) == [], path
        page.set_viewport_size({"width": 380, "height": 900})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 380, path
        page.set_viewport_size({"width": width, "height": 900})
    page.goto("/contact")
    page.get_by_role("button", name="Send message").click()
    expect(page.get_by_text("This field is required.")).to_have_count(3)
    assert findings(page) == []


def test_a_message_is_sent_by_keyboard_and_without_script(new_page: NewPage) -> None:
    page = new_page(java_script_enabled=False)
    page.goto("/contact")
    page.get_by_label("Your name").focus()
    for words in ("Lee", "lee@example.org", "Muster GmbH", "May our trial go on?"):
        page.keyboard.type(words)
        page.keyboard.press("Tab")  # and never into the trap
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your message is on its way")
    assert {str(cookie.get("name")) for cookie in page.context.cookies()} == {"csrftoken"}


def test_what_is_wrong_is_tied_to_its_field(new_page: NewPage) -> None:
    page = new_page()
    page.goto("/contact")
    page.get_by_label("E-mail").fill("lee")
    page.get_by_role("button", name="Send message").click()
    field = page.get_by_label("E-mail")
    expect(field).to_have_attribute("aria-invalid", "true")
    error = page.locator(f"#{(field.get_attribute('aria-describedby') or '').split()[-1]}")
    expect(error).to_contain_text("Enter a valid email address.")
