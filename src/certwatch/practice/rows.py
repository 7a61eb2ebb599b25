"""The rows that a register lists, from the operator's files or invented."""

import csv
import io
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from certwatch.rules.errors import CertWatchError
from certwatch.rules.status import Status

NEEDED = ("number", "holder", "status", "valid_from", "valid_until")
COLUMNS = (*NEEDED, "suspended_from", "suspended_until")
# A file changed this recently may change again within the same tick of its file system's clock, so what was
# read of it is not kept.
SETTLED_S = 2.0


class UnusableFile(CertWatchError):
    """A register's file cannot be served. The message says what to mend."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a register's file. `more` holds the further columns, as they are headed."""

    number: str
    holder: str
    status: str  # our word, or for REDcert any text
    valid_from: str
    valid_until: str
    suspended_from: str
    suspended_until: str
    more: Mapping[str, str]

    @property
    def word(self) -> Status | None:
        """Our word, or None where the file says something else."""
        try:
            return Status(self.status.lower())
        except ValueError:
            return None


@dataclass(slots=True)
class Table:
    """All rows of a register at one moment. `more` are the further columns, in the file's order."""

    rows: Sequence[Row]
    more: Sequence[str]
    changed_at: float  # seconds since 1970
    _divided: dict[Status | None, list[Row]] | None = None

    def divided(self, merged: Mapping[Status, Status]) -> Mapping[Status | None, Sequence[Row]]:
        """The rows by bucket (or page). `merged`: words whose rows stand in another word's bucket."""
        if self._divided is None:
            divided: dict[Status | None, list[Row]] = {}
            for row in self.rows:
                word = row.word
                divided.setdefault(merged.get(word, word) if word else None, []).append(row)
            self._divided = divided
        return self._divided


class Shelf:
    """Where the registers' rows come from: a folder whose files are read anew when they changed, or memory."""

    def __init__(self, folder: Path | None, invented: Mapping[str, str], say: Callable[[str], None]) -> None:
        """`invented`: source → the text of its file, written where the folder has none yet."""
        self._folder = folder
        self._say = say
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[tuple[int, int, int], Table]] = {}
        self._memory: dict[str, Table] = {}
        if folder is None:
            self._memory = {name: _parse(text, f"{name}.csv", time.time(), say) for name, text in invented.items()}
        else:
            _write_missing(folder, invented)

    def table(self, name: str) -> Table:
        """The rows of register `name` as they are now. Raises `UnusableFile`."""
        if self._folder is None:
            return self._memory[name]
        with self._lock:
            return self._read(name, self._folder / f"{name}.csv")

    def _read(self, name: str, path: Path) -> Table:
        try:
            with path.open("rb") as file:
                about = os.fstat(file.fileno())
                version = (about.st_mtime_ns, about.st_size, about.st_ino)
                if name in self._kept and self._kept[name][0] == version:
                    return self._kept[name][1]
                text = file.read().decode("utf-8-sig")
        except OSError as error:
            raise UnusableFile(f"{path} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise UnusableFile(f"{path} is not UTF-8; save it as UTF-8 with commas.") from error
        table = _parse(text, str(path), about.st_mtime, self._say)
        self._kept.pop(name, None)
        if time.time() - about.st_mtime > SETTLED_S:
            self._kept[name] = (version, table)
        return table


def day(text: str, form: str) -> str:
    """An ISO date in the register's own form; what is no date as it is."""
    try:
        return date.fromisoformat(text).strftime(form) if text else ""
    except ValueError:
        return text


def complain(message: str) -> None:
    """Tell whoever started the registers."""
    print(message, file=sys.stderr, flush=True)  # noqa: T201


def as_csv(rows: Sequence[Mapping[str, str]], more: Sequence[str]) -> str:
    """The text of a register's file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [*COLUMNS, *more], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _write_missing(folder: Path, invented: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in invented.items():
        path = folder / f"{name}.csv"
        if not path.exists():
            path.write_text(text, encoding="utf-8")


def _parse(text: str, where: str, changed_at: float, say: Callable[[str], None]) -> Table:
    lines = csv.reader(io.StringIO(text, newline=""))
    try:
        headings = [cell.strip() for cell in next(lines, [])]
        known = {heading.lower(): place for place, heading in enumerate(headings)}
        missing = [column for column in NEEDED if column not in known]
        if missing:
            raise UnusableFile(
                f"{where} has no column {', '.join(missing)}. "
                f"Its first line must name {', '.join(NEEDED)}, with commas between them."
            )
        places = [known.get(column, -1) for column in COLUMNS]
        more = [(place, name) for place, name in enumerate(headings) if name and name.lower() not in COLUMNS]
        rows = []
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(headings):
                say(f"{where}, line {lines.line_num}: more cells than headings (a comma without quotes?).")
            padded = [*cells, *[""] * (len(headings) - len(cells)), ""]
            fields = {column: padded[place] for column, place in zip(COLUMNS, places, strict=True)}
            fields |= {column: fields[column].strip() for column in COLUMNS[2:]}  # all but number and holder
            rows.append(Row(**fields, more={name: padded[place] for place, name in more}))
    except csv.Error as error:
        raise UnusableFile(f"{where}, line {lines.line_num}: {error}.") from error
    return Table(rows, [name for _, name in more], changed_at)
