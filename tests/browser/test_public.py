"""The public pages in a real browser, served by the product itself."""

import json
import sys

import httpx
import pytest
from playwright.sync_api import Page, Request, expect

from certwatch.web import public
from tests.browser.axe import findings
from tests.browser.conftest import Command, NewPage

pytestmark = pytest.mark.browser

PAGES = ["/", "/api-docs", "/nowhere"]
TRANSFERRED = """() => performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'))
    .map(entry => [entry.name, entry.transferSize])"""
SHIFT = """() => new Promise(done => {
    let sum = 0;
    const watcher = new PerformanceObserver(list => { for (const entry of list.getEntries()) sum += entry.value; });
    watcher.observe({ type: 'layout-shift', buffered: true });
    requestAnimationFrame(() => setTimeout(() => done(sum), 100));
})"""


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(new_page: NewPage, path: str, width: int, scheme: str) -> None:
    page = new_page(width, color_scheme=scheme, bypass_csp=True)
    page.goto(path)
    assert findings(page) == []


@pytest.mark.parametrize("width", [1440, 380])
@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_a_page_fits_the_width_of_the_screen(new_page: NewPage, path: str, width: int, locale: str) -> None:
    page = new_page(width, locale=locale)
    page.goto(path)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("path", ["/", "/api-docs"])
def test_the_first_visit_is_light_still_and_ours_alone(new_page: NewPage, site: str, path: str) -> None:
    page = new_page()
    told: list[str] = []
    asked: list[Request] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: asked.append(request))
    page.goto(path, wait_until="networkidle")
    sizes = dict(page.evaluate(TRANSFERRED))
    assert sum(sizes.values()) < 200_000, sizes
    assert page.evaluate(SHIFT) == 0
    assert told == []
    assert [request.url for request in asked if not request.url.startswith((f"{site}/", "data:"))] == []
    cookies = {str(cookie.get("name")) for cookie in page.context.cookies()}
    assert cookies <= {"csrftoken"}


def test_a_second_visit_asks_for_the_page_alone(new_page: NewPage) -> None:
    page = new_page()
    page.goto("/api-docs", wait_until="networkidle")
    page.goto("/", wait_until="networkidle")
    again = {name for name, size in page.evaluate(TRANSFERRED) if size and "/static/" in name}
    assert again == set()


def test_titles_wear_their_own_face_at_the_first_visit(new_page: NewPage) -> None:
    page = new_page()
    page.goto("/api-docs", wait_until="networkidle")
    loaded = page.evaluate("() => [...document.fonts].filter(f => f.status === 'loaded').map(f => f.family)")
    assert {name.strip('"') for name in loaded} >= {"Atkinson Next", "Atkinson Mono", "Besley"}


def test_the_keyboard_reaches_everything(new_page: NewPage) -> None:
    page = new_page()
    page.goto("/api-docs")
    page.keyboard.press("Tab")
    expect(page.locator(".cw-skip")).to_be_focused()
    expect(page.locator(".cw-skip")).to_be_in_viewport()
    reachable = page.evaluate(
        """() => [...document.querySelectorAll('a[href],button,[tabindex="0"]')]
            .filter(e => e.checkVisibility() && e.tabIndex >= 0).length"""
    )
    seen = {"A:Skip to content"}
    for _ in range(reachable - 1):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("() => (e => e.tagName + ':' + e.id + e.textContent.trim())(document.activeElement)"))
        assert page.evaluate(
            "() => document.activeElement.matches(':focus-visible') &&"
            " getComputedStyle(document.activeElement).outlineStyle !== 'none'"
        )
    assert "BUTTON:Dark theme" in seen
    assert "BUTTON:tab-pythonPython" not in seen  # the arrow keys go there
    assert len([name for name in seen if name.startswith("PRE")]) >= 8


def test_the_arrow_keys_change_the_example(new_page: NewPage) -> None:
    page = new_page()
    page.goto("/api-docs")
    page.get_by_role("tab", name="curl").focus()
    expect(page.locator("#python")).to_be_hidden()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Python")).to_be_focused()
    expect(page.get_by_role("tab", name="Python")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#python")).to_be_visible()
    expect(page.locator("#curl")).to_be_hidden()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#javascript")).to_be_visible()


def test_copying_takes_what_is_shown_and_says_so(new_page: NewPage, site: str) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto("/api-docs")
    page.get_by_role("tab", name="Python").click()
    page.locator("#example [data-copy]").click()
    expect(page.locator("#cw-live")).to_have_text("Copied")
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied.startswith("import time\nfrom urllib.parse import quote\n")
    assert f'url = "{site}/api/v1/certificate/" + quote(number, safe="")' in copied
    compile(copied, "the example", "exec")


def test_the_python_example_runs_as_it_stands(
    new_page: NewPage, certwatch: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    number = "AT/BIO 301²"
    certwatch("org", "create", "Nordmühle", "--slug", "nordmuehle")
    certwatch("certificate", "enter", "--org", "nordmuehle", number, "--status", "suspended")
    key = json.loads(certwatch("key", "create", "--org", "nordmuehle", "--name", "ERP", "--json"))["key"]
    page = new_page()
    page.goto("/api-docs")
    example = page.locator("#python code").text_content() or ""
    example = example.replace("cw_your_api_key", key).replace(public.EXAMPLE, number)
    monkeypatch.setitem(sys.modules, "requests", httpx)  # the same for a simple GET, and here already
    exec(compile(example, "the example", "exec"), {})
    assert capsys.readouterr().out == "suspended\n"


def test_the_menu_of_a_small_screen_opens_and_closes(new_page: NewPage) -> None:
    page = new_page(390)
    page.goto("/api-docs")
    link = page.get_by_role("navigation", name="Main").get_by_role("link", name="API Documentation")
    expect(link).to_be_hidden()
    button = page.get_by_role("button", name="Menu")
    button.click()
    expect(link).to_be_visible()
    expect(button).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(link).to_be_hidden()
    expect(button).to_be_focused()


def test_the_theme_changes_at_once_and_is_kept(new_page: NewPage) -> None:
    page = new_page(color_scheme="light")
    page.goto("/api-docs")
    with page.expect_response("**/theme/"):
        page.get_by_role("button", name="Dark theme").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    expect(page.get_by_role("button", name="Light theme")).to_be_focused()
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(16, 21, 27)"


def test_the_language_changes_and_is_kept(new_page: NewPage) -> None:
    page = new_page()
    page.goto("/api-docs")
    page.get_by_role("button", name="Deutsch").click()
    expect(page).to_have_url("/api-docs")
    expect(page.get_by_role("heading", level=1)).to_have_text("API-Dokumentation")
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("lang", "de")


def test_the_type_of_a_problem_leads_to_its_row(new_page: NewPage) -> None:
    page = new_page()
    page.goto("/api-docs#429")
    row = page.locator("tr:target")
    expect(row).to_be_in_viewport()
    expect(row).to_contain_text("Retry-After")


def test_the_menu_marks_the_section_that_is_read(new_page: NewPage) -> None:
    page = new_page()
    page.goto("/api-docs")
    current = page.locator("[data-sections] [aria-current]")
    expect(current).to_have_text("Overview")
    page.locator("#errors").scroll_into_view_if_needed()
    page.evaluate("() => document.querySelector('#errors').scrollIntoView()")
    expect(current).to_have_text("Error responses")


class TestWithoutScript:
    """Everything works, it only takes a page more now and then."""

    @pytest.fixture
    def page(self, new_page: NewPage) -> Page:
        return new_page(390, java_script_enabled=False)

    def test_all_examples_are_shown_each_under_its_name(self, page: Page) -> None:
        page.goto("/api-docs")
        for example in ("curl", "python", "power-query", "javascript"):
            expect(page.locator(f"#{example} pre")).to_be_visible()
            expect(page.locator(f"#{example} .cw-codehead")).to_be_visible()
        expect(page.get_by_role("tab")).to_have_count(0)

    def test_what_needs_script_is_not_offered(self, page: Page) -> None:
        page.goto("/api-docs")
        assert page.locator("[data-copy]").count() > 0
        for button in page.locator("[data-copy]").all():
            expect(button).to_be_hidden()
        expect(page.locator("[data-menu]")).to_be_hidden()

    def test_the_menu_stands_open(self, page: Page) -> None:
        page.goto("/")
        link = page.get_by_role("navigation", name="Main").get_by_role("link", name="API Documentation")
        link.click()
        expect(page).to_have_url("/api-docs")

    def test_theme_and_language_are_chosen(self, page: Page) -> None:
        page.goto("/api-docs")
        page.get_by_role("button", name="Dark theme").click()
        expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
        page.get_by_role("button", name="Deutsch").click()
        expect(page.get_by_role("button", name="Helle Ansicht")).to_be_visible()
        expect(page).to_have_url("/api-docs")
