"""ISCC's cards: HTML in, one row of texts per card out. Nothing is judged here."""

import re
from typing import TYPE_CHECKING

from certwatch.sources.context import Row
from certwatch.sources.pages import attribute, text_of, tree
from certwatch.sources.text import clean, words

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_CARD = re.compile(r"""<div\b[^>]*\bclass\s*=\s*["']?(?:[^"'>]*\s)?is-certificate[\s"'>]""", re.IGNORECASE)
_OPENS = re.compile(r"<div\b", re.IGNORECASE)
_CLOSES = re.compile(r"</div\s*>", re.IGNORECASE)


def cards(html: str) -> list[Row]:
    """A row for each card. What a card does not have is not in its row."""
    return [_row(card) for card in tree(html).css("div.is-certificate")]


def is_cut(html: str) -> bool:
    """Whether the last card was cut off: more of its boxes stay open than of the cards before it."""
    starts = [match.start() for match in _CARD.finditer(html)]
    if not starts:
        return html.strip() != "" and not html.rstrip().endswith(">")
    open_boxes = [_left_open(html[a:b]) for a, b in zip(starts, [*starts[1:], len(html)], strict=True)]
    return open_boxes[-1] > max([0, *open_boxes[:-1]])


def _left_open(html: str) -> int:
    return len(_OPENS.findall(html)) - len(_CLOSES.findall(html))


def _row(card: "LexborNode") -> Row:
    row: Row = {}
    if (tag := card.css_first(".tag")) is not None:
        row["number"] = clean(tag.text()).strip()
    if (period := card.css_first(".date")) is not None:
        row["validity"] = text_of(period)
    if suspended := [text for node in card.css(".suspend-date") if (text := text_of(node))]:
        row["suspended"] = suspended
    if (holder := card.css_first("h3 span") or card.css_first("h3")) is not None:
        row["holder"] = clean(holder.text()).strip()  # two spaces in it mean something
        row["address"] = attribute(holder, "title")
    row["labels"] = {}
    for item in card.css(".is-certificate-fold-item"):
        _add_label(row, item)
    row["links"] = {text_of(link): attribute(link, "href") for link in card.css("a.custom-button")}
    return row


def _add_label(row: Row, item: "LexborNode") -> None:
    """The first `p.title` is the label, the next `p` the value."""
    title = item.css_first("p.title")
    if title is None:
        return
    value = title.next
    while value is not None and value.tag != "p":
        value = value.next
    label, labels = text_of(title), row["labels"]
    labels[label] = "; ".join(filter(None, (labels.get(label, ""), text_of(value))))
    if value is not None and words(label).casefold() == "issuing cb" and (span := value.css_first("span[title]")):
        row["certifier"] = attribute(span, "title")
