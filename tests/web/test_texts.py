"""Terms, privacy and imprint, built in or the operator's own."""

import itertools
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import Resolver404, resolve

from certwatch.web import texts

NAMES = list(texts.TITLES)
Write = Callable[[str, str], None]
LATER = itertools.count(1_000_000_000)


@pytest.fixture
def write() -> Iterator[Write]:
    """Writes a file of the operator."""
    folder: Path = settings.ENV.home / "texts"
    folder.mkdir(parents=True)

    def file(name: str, text: str) -> None:
        (folder / name).write_text(text, encoding="utf-8")
        moment = next(LATER)  # whatever the file system's clock can tell apart
        os.utime(folder / name, ns=(moment, moment))

    yield file
    shutil.rmtree(folder)


def page(client: Client, name: str, language: str = "en") -> str:
    response = client.get(f"/{name}", headers={"accept-language": language})
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", ["en", "de"])
def test_each_text_is_built_in_in_both_languages(client: Client, name: str, language: str) -> None:
    shown = page(client, name, language)
    assert texts.find(name, language).language == language
    assert len(re.findall(r"<h1[ >]", shown)) == 1
    assert f'<html lang="{language}"' in shown


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_say_the_same_in_the_same_order(name: str) -> None:
    english, german = (
        re.findall(r"<(h2|table|tr|code)>", texts.find(name, language).html) for language in ("en", "de")
    )
    assert [tag for tag in english if tag != "code"] == [tag for tag in german if tag != "code"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", ["en", "de"])
def test_links_of_the_built_in_texts_lead_somewhere(name: str, language: str) -> None:
    for link in re.findall(r'href="([^"]+)"', texts.find(name, language).html):
        try:
            resolve(link)
        except Resolver404:
            pytest.fail(link)


@pytest.mark.parametrize("cookie", ["sessionid", "csrftoken", "django_language", "theme"])
def test_privacy_names_every_cookie(client: Client, cookie: str) -> None:
    for language in ("en", "de"):
        assert f"<code>{cookie}</code>" in page(client, "privacy", language)


def test_the_terms_say_that_the_register_prevails_and_nothing_is_guaranteed(client: Client) -> None:
    assert "authoritative" in page(client, "terms")
    assert "without warranty" in page(client, "terms")
    assert "ohne Gewähr" in page(client, "terms", "de")


def test_the_operators_own_text_is_shown_and_changes_with_the_file(client: Client, write: Write) -> None:
    write("terms.en.md", "# Our rules\n\nBe *kind*.\n")
    shown = page(client, "terms")
    assert "<title>Our rules · Certificate Watch</title>" in shown
    assert "Be <em>kind</em>." in shown
    write("terms.en.md", "# Our rules\n\nBe *brief*.\n")
    assert "Be <em>brief</em>." in page(client, "terms")


def test_a_text_in_one_language_only_is_shown_to_readers_of_the_other(client: Client, write: Write) -> None:
    write("imprint.de.md", "# Impressum\n\nMuster GmbH, Musterstraße 1\n")
    shown = page(client, "imprint", "en")
    assert "Musterstraße 1" in shown
    assert '<h1 class="cw-display cw-display-s" lang="de">Impressum</h1>' in shown
    assert "available in another language only" in shown
    assert "available in another language only" not in page(client, "imprint", "de")


def test_a_text_without_a_heading_has_the_pages_own(client: Client, write: Write) -> None:
    write("privacy.en.md", "We store little.\n")
    assert '<h1 class="cw-display cw-display-s">Privacy</h1>' in page(client, "privacy")


def test_a_page_has_one_heading_of_the_first_rank(client: Client, write: Write) -> None:
    write("terms.en.md", "# One\n\n# Two\n\nText\n")
    shown = page(client, "terms")
    assert re.findall(r"<(h[12])[^>]*>(One|Two)<", shown) == [("h1", "One"), ("h2", "Two")]


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        "[here](javascript:alert(1))",
        "[here](data:text/html,hello)",
        "![](https://tracker.example/pixel.png)",
        "<a href='https://x.example' onclick='alert(1)'>x</a>",
    ],
)
def test_a_text_brings_no_script_and_nothing_from_elsewhere(client: Client, write: Write, evil: str) -> None:
    write("terms.en.md", f"# Terms\n\n{evil}\n")
    body = texts.find("terms", "en").html
    assert not re.search(r"<(script|img)|(href=\"(javascript|data))|src=|<a[^>]* on", body)


def test_a_title_is_text(client: Client, write: Write) -> None:
    write("terms.en.md", "# A & B <b>\n")
    assert "A &amp; B &lt;b&gt;</h1>" in page(client, "terms")


def test_a_file_that_cannot_be_read_leaves_the_built_in_text(client: Client, write: Write) -> None:
    (settings.ENV.home / "texts" / "terms.en.md").mkdir()
    (settings.ENV.home / "texts" / "terms.de.md").mkdir()
    assert "API notice" in page(client, "terms")


def test_what_is_not_utf_8_is_shown_as_far_as_it_can_be(client: Client, write: Write) -> None:
    (settings.ENV.home / "texts" / "terms.en.md").write_bytes(b"\xef\xbb\xbf# Terms\n\nM\xfchle\n")
    shown = page(client, "terms")
    assert "M�hle" in shown
    assert "\ufeff" not in shown


def test_the_addresses_have_no_slash_at_the_end(client: Client) -> None:
    assert client.get("/terms/").status_code == 404
