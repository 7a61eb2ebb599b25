"""HTML of registers: decoding, trees, and what came instead of data."""

import html
import re
from typing import TYPE_CHECKING

from certwatch.sources.text import clean, words

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_TITLE = re.compile(rb"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_ENDS = re.compile(r"(<br\b[^>]*>|</(?:p|div|li|td|th)\s*>)", re.IGNORECASE)
_OPENS_TABLE = re.compile(r"<table\b", re.IGNORECASE)
_CLOSES_TABLE = re.compile(r"</table\s*>", re.IGNORECASE)
_CLOSES_PAGE = re.compile(r"</html\s*>", re.IGNORECASE)


def tree(text: str) -> "LexborHTMLParser":
    """`text` parsed. Line breaks and ends of paragraphs become white space in the texts of its nodes."""
    from selectolax.lexbor import LexborHTMLParser

    return LexborHTMLParser(_ENDS.sub(r"\1\n", clean(text)))


def text_of(node: "LexborNode | None") -> str:
    """The text below `node` as a page shows it; "" for no node."""
    return words(node.text()) if node is not None else ""


def attribute(node: "LexborNode | None", name: str) -> str:
    """An attribute's text as a page shows it; "" where there is none."""
    return words(node.attributes.get(name) or "") if node is not None else ""


def has_table(text: str) -> bool:
    """Whether a page holds a table at all."""
    return _OPENS_TABLE.search(text) is not None


def is_whole(text: str) -> bool:
    """Whether a page with a table came to its end: cut off, half a list would look like all of it."""
    tables = len(_OPENS_TABLE.findall(text)), len(_CLOSES_TABLE.findall(text))
    return tables[1] >= tables[0] and _CLOSES_PAGE.search(text) is not None


def what_came(body: bytes) -> str:
    """What stands in an answer that holds no data, for the operator: its title, or how it begins."""
    if not body.strip():
        return "nothing"
    if title := _TITLE.search(body[:20_000]):
        return f"a page “{words(html.unescape(title[1].decode(errors='replace')))[:100]}”"
    if b"\0" in body[:1000]:
        return "binary data"
    return f"“{words(body[:200].decode(errors='replace'))[:100]}”"
