"""Sign-up to second factor in a real browser, with mails through a real SMTP server."""

import base64
import hashlib
import hmac
import re
import struct
import subprocess
import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import findings
from tests.browser.conftest import CERTWATCH, Command, NewPage
from tests.smtp_server import Mailbox, text

pytestmark = pytest.mark.browser

PASSWORD = "ein ganzer Satz als Kennwort"
FOR_EVERYBODY = ("login/", "signup/", "password/reset/", "password/reset/done/", "password/reset/key/1-x/")
FOR_THE_PERSON = (
    "/me/",
    "/o/",
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/sessions/",
    "/accounts/logout/",
    "/accounts/reauthenticate/",
    "/accounts/2fa/",
    "/accounts/2fa/totp/activate/",
    "/accounts/2fa/webauthn/",
    "/accounts/2fa/webauthn/add/",
)
WITH_A_SECOND_STEP = (
    "/accounts/2fa/",
    "/accounts/2fa/totp/deactivate/",
    "/accounts/2fa/recovery-codes/",
    "/accounts/2fa/recovery-codes/generate/",
    "/accounts/2fa/reauthenticate/",
)
LOOKS = ((1440, "light"), (390, "dark"))


def code_of(secret: str) -> str:
    """What an authenticator app shows now (RFC 6238)."""
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", int(time.time()) // 30), hashlib.sha1)
    place = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[place : place + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


def sign_in(page: Page, email: str) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def sign_out(page: Page) -> None:
    page.goto("/accounts/logout/")
    page.get_by_role("main").get_by_role("button", name="Sign out").click()


def sign_up(page: Page, mails: Mailbox, email: str, organisation: str) -> None:
    """Through the mail, until he is in."""
    page.goto("/accounts/signup/")
    page.get_by_label("Your name").fill("Nora Neu")
    page.get_by_label("Organisation").fill(organisation)
    page.get_by_label("Work e-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("I accept the Terms of Use").check()
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")
    page.goto(re.sub(r"^https?://[^/]+", "", mails.link(email)))
    page.get_by_role("button", name="Confirm address").click()


def person(certwatch: Command, environment: dict[str, str], email: str, *slugs: str) -> None:
    """A person in organisations that are made for him."""
    for slug in slugs:
        certwatch("org", "create", slug.replace("-", " ").title(), "--slug", slug)
        subprocess.run(
            [CERTWATCH, "user", "create", email, "--org", slug, "--role", "member"],
            env=environment, input=PASSWORD, text=True, check=True, capture_output=True,
        )  # fmt: skip


def give_a_device(page: Page) -> None:
    """One that keeps passkeys, and knows its owner without asking; empty so far."""
    devices: Any = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    device = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": device})


def test_from_sign_up_to_two_steps(new_page: NewPage, mails: Mailbox) -> None:
    page = new_page()
    told: list[str] = []
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("console", lambda line: told.append(line.text) if "Content Security Policy" in line.text else None)
    sign_up(page, mails, "nora@muehle.example", "Mühle & Söhne")
    page.wait_for_url("**/o/muehle-soehne/")
    page.goto("/accounts/2fa/")
    page.get_by_role("link", name="Set up the app").click()
    secret = page.locator("#secret").inner_text()
    page.get_by_label("Code").fill(code_of(secret))
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("10 recovery codes are left")
    assert "An authenticator app was set up" in text(mails.last("nora@muehle.example"))
    recovery = page.locator("#codes").inner_text().split()
    sign_out(page)
    sign_in(page, "nora@muehle.example")
    expect(page.get_by_role("heading", level=1)).to_have_text("Second step")
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_label("Code")).to_have_accessible_description(
        "This code is not right. Wait for the next one and try again."
    )
    page.get_by_label("Code").fill(recovery[0])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/o/muehle-soehne/")
    assert told == []


def test_a_passkey_stands_in_for_the_password(
    new_page: NewPage, site: str, certwatch: Command, environment: dict[str, str]
) -> None:
    person(certwatch, environment, "paul@passkey.example", "passkey")
    page = new_page(base_url=site.replace("127.0.0.1", "localhost"))  # a passkey belongs to a name
    give_a_device(page)
    sign_in(page, "paul@passkey.example")
    page.goto("/accounts/2fa/webauthn/add/")
    page.get_by_label("Sign in with it alone, without the password").check()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("passkey is added")
    page.goto("/accounts/2fa/webauthn/")
    expect(page.get_by_role("row").nth(1)).to_contain_text("In place of the password")
    sign_out(page)
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/o/passkey/")


def test_a_passkey_that_nobody_has_says_so(new_page: NewPage, site: str) -> None:
    page = new_page(base_url=site.replace("127.0.0.1", "localhost"))
    give_a_device(page)
    page.goto("/accounts/login/")
    expect(page.get_by_text("The passkey was not used.")).to_be_hidden()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_text("The passkey was not used.")).to_be_visible()


def test_at_a_number_no_passkey_is_offered(new_page: NewPage) -> None:
    page = new_page()
    page.goto("/accounts/login/")
    expect(page.get_by_role("button", name="Use a passkey")).to_be_hidden()


def test_without_script_one_signs_up_and_in(new_page: NewPage, mails: Mailbox) -> None:
    page = new_page(java_script_enabled=False)
    sign_up(page, mails, "ohne@skript.example", "Ohne Skript")
    page.wait_for_url("**/o/ohne-skript/")
    sign_out(page)
    sign_in(page, "ohne@skript.example")
    page.wait_for_url("**/o/ohne-skript/")


def test_an_invited_colleague_joins(new_page: NewPage, certwatch: Command, mails: Mailbox, site: str) -> None:
    certwatch("org", "create", "Einladend", "--slug", "einladend")
    certwatch("user", "create", "neu@einladend.example", "--org", "einladend", "--role", "auditor", "--invite")
    page = new_page()
    page.goto(mails.link("neu@einladend.example"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Join Einladend")
    page.get_by_label("Your name").fill("Neu Hier")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("I accept the Terms of Use").check()
    page.get_by_role("button", name="Create account and join").click()
    page.wait_for_url("**/o/einladend/")
    page.goto("/me/")
    expect(page.get_by_role("row").nth(1)).to_contain_text("Auditor")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_axe_finds_nothing_on_the_way_in(new_page: NewPage, width: int, scheme: str) -> None:
    page = new_page(width, color_scheme=scheme, bypass_csp=True)
    for path in FOR_EVERYBODY:
        look_at(page, f"/accounts/{path}", width)
    page.goto("/accounts/signup/")
    page.locator("form [name=password1]").fill("kurz")
    page.locator("main form").evaluate("form => { form.noValidate = true; }")
    page.get_by_role("button", name="Create account").click()
    expect(page.locator("[aria-invalid=true]")).to_have_count(5)
    assert findings(page) == []


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_axe_finds_nothing_on_ones_own_pages(
    new_page: NewPage, certwatch: Command, environment: dict[str, str], width: int, scheme: str
) -> None:
    person(certwatch, environment, f"{scheme}@axe.example", f"axe-{scheme}", f"axe-too-{scheme}")
    page = new_page(width, color_scheme=scheme, bypass_csp=True)
    sign_in(page, f"{scheme}@axe.example")
    for path in (*FOR_THE_PERSON, f"/me/leave/axe-{scheme}/"):
        look_at(page, path, width)
    page.goto("/accounts/2fa/totp/activate/")
    page.get_by_label("Code").fill(code_of(page.locator("#secret").inner_text()))
    page.get_by_role("button", name="Turn on").click()
    for path in WITH_A_SECOND_STEP:
        look_at(page, path, width)
    sign_out(page)
    sign_in(page, f"{scheme}@axe.example")
    look_at(page, "/accounts/2fa/authenticate/", width)


def look_at(page: Page, path: str, width: int) -> None:
    page.goto(path)
    assert path in page.url
    assert findings(page) == [], path
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width, path
