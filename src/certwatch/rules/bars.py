"""The validity bar of lists: 12 months back, 12 ahead: "today" is one line down the whole table (design.md, 1)."""

from datetime import date, timedelta
from typing import NamedTuple

SPAN = timedelta(days=365)  # on either side of today


class Part(NamedTuple):
    """A piece of the bar: `css` is `e` (elapsed), `r` (remaining) or `h` (stripes: it no longer counts); per cent."""

    css: str
    x: str
    width: str


def validity(today: date, first: date | None, last: date | None, *, counts: bool) -> list[Part]:
    """The bar of a certificate from `first` to `last`, both included; [] where no last day is known.

    Without a first day it begins at the left edge. `counts`: whether it is in force, was, or will be; else striped.
    """
    if last is None:
        return []
    start, end = today - SPAN, today + SPAN
    begin, finish = max(first or start, start), min(last, end)
    if finish <= begin:
        return []
    if not counts:
        return [_part("r", begin, finish, start), _part("h", begin, finish, start)]
    pieces = [("e", begin, min(finish, today)), ("r", max(begin, today), finish)]
    return [_part(css, left, right, start) for css, left, right in pieces if left < right]


def _part(css: str, left: date, right: date, start: date) -> Part:
    share = 100 / (2 * SPAN.days)
    return Part(css, f"{(left - start).days * share:.1f}%", f"{max((right - left).days * share, 0.4):.1f}%")
