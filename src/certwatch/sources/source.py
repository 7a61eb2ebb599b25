"""What a source is: a scheme's public register, as we read it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from certwatch.rules.belief import Expect
from certwatch.rules.findings import Finding

if TYPE_CHECKING:
    from certwatch.sources.context import Context


class Covers(StrEnum):
    """What one reading of a source can prove."""

    WHOLE_REGISTER = "whole"  # all of it is read, so a number that is not in it is not_found
    ONE_NUMBER = "number"  # it is asked for one number at a time


@dataclass(frozen=True, slots=True)
class Source:
    """A register and how to read it. `crawl` reads all of it, `find` asks for one number, `read_file` reads a
    file that a person downloaded there; those two are None where the register cannot do that."""

    name: str
    title: str  # as people call the register
    schemes: tuple[str, ...]  # names of sources.md §1
    url: str  # the register's own scheme and host; CERTWATCH_SOURCE_<NAME>_URL stands in its place
    page: str  # address of the page that people look numbers up on
    begins: tuple[str, ...]  # beginnings of numbers that tell this register, normalised
    crawl: "Callable[[Context], Iterator[Finding]]"
    find: "Callable[[Context, str], Iterator[Finding]] | None" = None
    read_file: "Callable[[Context, Path], Iterator[Finding]] | None" = None
    covers: Covers = Covers.WHOLE_REGISTER
    every: timedelta = timedelta(hours=24)
    expect: Expect = field(default_factory=Expect)
