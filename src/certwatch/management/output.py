"""What commands print: the answer alone to stdout; progress, log and complaints to stderr."""

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec

Item = TypeVar("Item")

SAY_EVERY_S = 10  # where no terminal shows a progress bar


def show(text: str) -> None:
    """A line of the answer."""
    sys.stdout.write(f"{text}\n")


def show_json(value: object) -> None:
    """The answer for a program: dates ISO, times RFC 3339."""
    show(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def show_json_list(items: Iterable[object]) -> None:
    """A list for a program, written as it comes: it may be long."""
    _write_list(items)
    show("")


def show_json_rows(rows: Iterable[object], counts: Mapping[str, int]) -> None:
    """`{"rows": […], "counts": {…}}`, written as it comes. `counts` is read when all rows were."""
    sys.stdout.write('{"rows": ')
    _write_list(rows)
    show(f', "counts": {msgspec.json.encode(counts).decode()}}}')


def _write_list(items: Iterable[object]) -> None:
    between = "\n"
    sys.stdout.write("[")
    for item in items:
        sys.stdout.write(f"{between}  {msgspec.json.encode(item).decode()}")
        between = ",\n"
    sys.stdout.write("]" if between == "\n" else "\n]")


def say(text: str) -> None:
    """A line beside the answer."""
    sys.stderr.write(f"{text}\n")


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, two spaces apart."""
    lines = [tuple(headings), *map(tuple, rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(headings))]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def progress(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """The same items; meanwhile a bar on a terminal, else a plain line now and then, tells how many are done."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import track

        yield from track(items, what.capitalize(), total=total, console=Console(stderr=True), transient=True)
        return
    said = time.monotonic()
    for done, item in enumerate(items):
        if time.monotonic() - said > SAY_EVERY_S:
            said = time.monotonic()
            say(f"{done:,} of {total:,} {what} …")
        yield item
