"""2BSvs' side: four French pages, one table each; the page is the status (sources.md, 4.4)."""

import zlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from html import escape

from certwatch.practice.exchange import HTML, Reply, Request, moved, not_found
from certwatch.practice.rows import Row, Table, day
from certwatch.practice.trouble import Troubles, folded
from certwatch.rules.status import Status

BELOW = "/fr/certificats-bloc-parent/"

OPERATOR = "Nom de l’opérateur économique"
ADDRESS = "Adresse"
COUNTRY = "Pays"
ACTIVITY = "Type d'activité"
NUMBER = "Numéro de Certificat 2BS"
BEGINS = "Date de début de validité du certificat"
ENDS = "Date de fin de validité du certificat"
SUSPENDED = "Date de suspension du certificat"
WITHDRAWN = "Date de retrait du certificat"
FILE = "Certificat"
_ALSO = {  # what else people may call a heading: our columns
    OPERATOR: ("holder",),
    NUMBER: ("number",),
    BEGINS: ("valid from",),
    ENDS: ("valid until",),
    SUSPENDED: ("suspended from",),
    WITHDRAWN: ("suspended from",),
}
_FROM_FILE = (ADDRESS, COUNTRY, ACTIVITY)
_MERGED = {  # 2BSvs has no page of its own for these: the dates tell
    Status.NOT_YET_VALID: Status.VALID,
    Status.EXPIRED: Status.VALID,
}


@dataclass(frozen=True, slots=True)
class Page:
    """One of the four. `last` is the heading of its second date, `last_day` where that comes from."""

    title: str
    last: str
    last_day: Callable[[Row], str]


PAGES = {
    Status.VALID: Page("Certificats valides", ENDS, lambda row: row.valid_until),
    Status.SUSPENDED: Page("Certificats suspendus", SUSPENDED, lambda row: row.suspended_from),
    Status.WITHDRAWN: Page("Certificats retirés", WITHDRAWN, lambda row: row.suspended_from),
    Status.TERMINATED: Page("Certificats résiliés", ENDS, lambda row: row.valid_until),
}
ADDRESSES = {
    f"{BELOW}certificats-valides/": Status.VALID,
    f"{BELOW}certificats-suspendus/": Status.SUSPENDED,
    f"{BELOW}certificats-retires/": Status.WITHDRAWN,
    f"{BELOW}certificats-resilies/": Status.TERMINATED,
}


class Twobsvs:
    name = "twobsvs"

    def buckets(self, request: Request) -> Collection[Status]:
        bucket = ADDRESSES.get(request.path)
        return (bucket,) if bucket else ()

    def lets_in(self, request: Request) -> bool:
        return False  # it has no session that could be had

    def refusal(self) -> Reply:
        return Reply(403, b"<!DOCTYPE html><html><head><title>403 Forbidden</title></head></html>")

    def answer(self, request: Request, table: Table, troubles: Troubles) -> Reply:
        if f"{request.path}/" in ADDRESSES:
            return moved(f"{request.root}{request.path}/")
        bucket = ADDRESSES.get(request.path)
        if bucket is None:
            return not_found()
        if request.method != "GET":
            return Reply(405, b"", headers=[("Allow", "GET, HEAD")])
        rows, _ = troubles.listed(table.divided(_MERGED).get(bucket, ()), bucket)
        return Reply(200, _page(bucket, rows, table.more, troubles).encode(), HTML, changed_at=table.changed_at)

    def unlisted(self, table: Table) -> Sequence[Row]:
        return [row for bucket, rows in table.divided(_MERGED).items() if bucket not in PAGES for row in rows]


def _page(bucket: Status, rows: Sequence[Row], more: Sequence[str], troubles: Troubles) -> str:
    page = PAGES[bucket]
    as_headed = {folded(name): name for name in more}
    from_file = {label: as_headed.get(folded(label), "") for label in _FROM_FILE}
    further = [name for name in more if folded(name) not in {folded(label) for label in _FROM_FILE}]
    labels = [OPERATOR, ADDRESS, COUNTRY, ACTIVITY, NUMBER, BEGINS, page.last, FILE, *further]
    shown = [troubles.label(label, *_ALSO.get(label, ()), bucket=bucket) for label in labels]
    return _PAGE.format(
        title=page.title,
        headings="".join(f"<th>{escape(label, quote=False)}</th>" for label in shown),
        rows="".join(_lines(row, page, bucket, from_file, further) for row in rows),
    )


def _lines(row: Row, page: Page, bucket: Status, from_file: dict[str, str], further: Sequence[str]) -> str:
    """A certificate's line in the table; some have a second one that only repeats the address."""
    address, country, activity = (row.more.get(from_file[label], "") for label in _FROM_FILE)
    in_force = bucket is Status.VALID and row.number
    cells = [
        _broken(row.holder, " (", "<br/>("),
        _address(address, row),
        _text(country),
        _text(activity),
        _text(row.number),
        _text(day(row.valid_from, "%d/%m/%Y")),
        _text(day(page.last_day(row), "%d/%m/%Y")),
        _FILE.format(number=escape(row.number)) if in_force else "",
        *(_text(row.more.get(name, "")) for name in further),
    ]
    lines = _line(cells)
    if address and _chance(row) % 4 == 0:
        lines += _line(["", cells[1], *[""] * (len(cells) - 2)])
    return lines


def _line(cells: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>\n"


def _address(address: str, row: Row) -> str:
    """Street and town, divided by a break or by a no-break space and a dash, as it happens."""
    street, comma, town = address.rpartition(", ")
    if not comma:
        return _text(address)
    between = ("<br/>", "<br />", "&nbsp;– ")[_chance(row) % 3]
    return f"{_text(street)}{between}{_text(town)}"


def _broken(text: str, at: str, line_break: str) -> str:
    return _text(text).replace(at, line_break)


def _text(text: str) -> str:
    return escape(text, quote=False).replace("\n", "<br/>")


def _chance(row: Row) -> int:
    """A number that is always the same for a certificate."""
    return zlib.crc32(row.number.encode())


_FILE = '<a href="https://www.2bsvs.org/scripts/telecharger_certificat.php?certificat={number}">Télécharger</a>'

_PAGE = """<!DOCTYPE html>
<html lang="fr-FR"><head><meta charset="UTF-8"><title>{title} – 2BSvs</title></head><body>
<h1>{title}</h1>
<table class="tablepress">
<thead><tr>{headings}</tr></thead>
<tbody>
{rows}</tbody></table>
</body></html>
"""
