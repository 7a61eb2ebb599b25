"""Terms, privacy, imprint: built-in texts that the operator replaces by files (operations.md, `texts/`)."""

import logging
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import translation
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _
from django.views.decorators.http import require_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

logger = logging.getLogger(__name__)

BUILT_IN = Path(__file__).parents[1] / "texts"
TITLES = {"terms": _("Terms of Use"), "privacy": _("Privacy"), "imprint": _("Imprint")}  # of texts without a heading


class Text(NamedTuple):
    """What is shown, and the language in which it is written."""

    title: str
    html: SafeString
    language: str


@require_safe
def text(request: HttpRequest, name: str) -> HttpResponse:
    wanted = translation.get_language() or "en"
    found = find(name, wanted)
    facts = {"text": found, "reader_language": wanted, "foreign": found.language != wanted}
    return render(request, "texts/text.html", facts)


def find(name: str, language: str) -> Text:
    """The operator's text in `language`, else in another; else the built-in one."""
    languages = [language, *(code for code, _name in settings.LANGUAGES if code != language)]
    for folder in (settings.ENV.home / "texts", BUILT_IN):
        for written_in in languages:
            file = folder / f"{name}.{written_in}.md"
            try:
                stat = file.stat()
                title, html = _read(file, stat.st_mtime_ns, stat.st_size)
            except FileNotFoundError:
                continue
            except OSError:  # a folder, or not ours to read: the page must not fail for that
                logger.warning("%s cannot be read.", file, exc_info=True)
                continue
            return Text(title or gettext(TITLES[name]), html, written_in)
    raise FileNotFoundError(BUILT_IN / f"{name}.{language}.md")


@lru_cache(maxsize=32)
def _read(file: Path, _changed_ns: int, _size: int) -> tuple[str, SafeString]:
    """Title and HTML of `file`. Its first heading of the first rank is the title, later ones become second."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = markdown.parse(file.read_text(encoding="utf-8-sig", errors="replace"))
    title = ""
    if tokens and tokens[0].tag == "h1":
        title, tokens = _plain(tokens[1].children or []), tokens[3:]
    for token in tokens:
        if token.tag == "h1":
            token.tag = "h2"
    html = markdown.renderer.render(tokens, markdown.options, {})
    return title, mark_safe(html)  # noqa: S308 - raw HTML is off, and links are checked by markdown-it


def _plain(parts: list[Token]) -> str:
    return "".join(part.content for part in parts if part.type in ("text", "code_inline"))


urls: list[URLPattern] = [path(name, text, {"name": name}, name=name) for name in TITLES]
