"""REDcert (EU and ²): one spreadsheet with every certificate. README.md says how the register behaves."""

import re
from collections.abc import Iterator
from pathlib import Path

from certwatch.net.client import LARGEST
from certwatch.rules.errors import SourceChanged, SourceUnreachable
from certwatch.rules.findings import Finding
from certwatch.rules.status import Status
from certwatch.sources.context import Context, Row
from certwatch.sources.pages import attribute, text_of, tree, what_came
from certwatch.sources.redcert.workbook import table
from certwatch.sources.source import Source
from certwatch.sources.text import fold, words

PAGE = "/ZertifikateDatenAnzeige.aspx"
EXPORT = "/ExportZertifikate.aspx"
ENGLISH = "ctl00$languageEnglishLinkButton"
RESULTS = "#ctl00_mainContentPlaceHolder_zertifikateDatenAnzeigeGridView"

HEADINGS = (
    "Identifier", "Name of the certificate holder", "City", "Post code", "Country", "Valid from", "Valid until",
    "Certified as", "Certification body", "Type", "State", "Type of biomass",
)  # fmt: skip
RESULT_HEADINGS = (
    "State", "Identifier", "Name of the certificate holder", "Valid from", "Valid until", "Certified as",
    "Type of biomass", "Certification body", "Type",
)  # fmt: skip

WORDS = {
    "Valid": Status.VALID,  # until 2021
    "valid certificate": Status.VALID,  # this and the following since 2026
    "suspended certificate": Status.SUSPENDED,
    "withdrawn certificate": Status.WITHDRAWN,
    "terminated certificate": Status.TERMINATED,
    "expired certificate": Status.EXPIRED,
}
DAYS = ("%d.%m.%Y", "%Y-%m-%d")  # text; the second is what a real date in a cell reads as

_BIOMASS = re.compile(r"SBG\s/\sSBM|[^,/]+", re.IGNORECASE)  # comma or slash part codes, and one code holds " / "


def crawl(ctx: Context) -> Iterator[Finding]:
    """One finding per row of the export: open a session, turn it to English, fetch the spreadsheet."""
    start = ctx.get(PAGE)
    fields = _hidden_fields(start.body)
    ctx.post_form(PAGE, {**fields, "__EVENTTARGET": ENGLISH, "__EVENTARGUMENT": ""})
    answer = ctx.get(EXPORT)
    yield from _read_export(ctx, answer.body, answer.sha256)


def read_file(ctx: Context, path: Path) -> Iterator[Finding]:
    """The same from the spreadsheet that a person downloaded."""
    try:
        if path.stat().st_size > LARGEST:
            raise SourceChanged(f"{path.name} is larger than {LARGEST // 1024 // 1024} MB.")
        content = path.read_bytes()
    except OSError as error:
        raise SourceUnreachable(f"{path.name} cannot be read: {error.strerror}.") from error
    taken = ctx.take(path.name, content)
    yield from _read_export(ctx, taken.body, taken.sha256)


def read_results(ctx: Context, html: str) -> Iterator[Finding]:
    """The findings of one page of the search form's results: what contains the text that was searched."""
    grid = tree(html).css_first(RESULTS)
    if grid is None:
        raise SourceChanged("The search brought no table of results.")
    lines = [[text_of(cell) for cell in line.css("th, td")] for line in grid.css("tr")]
    yield from ctx.each(_by_heading(lines, RESULT_HEADINGS), read)


SOURCE = Source(
    name="redcert",
    title="REDcert",
    schemes=("REDcert-EU", "REDcert²"),
    url="https://redcert.eu",
    page="https://redcert.eu/ZertifikateDatenAnzeige.aspx",
    begins=("eu-redcert", "redcert"),
    crawl=crawl,
    read_file=read_file,
)


def read(ctx: Context, row: Row) -> Finding:
    """Turn one row into a finding."""
    kinds = row.pop("Certified as")
    biomass = row.pop("Type of biomass")
    state = row.pop("State")
    place: dict[str, str] = {
        heading: row.pop(heading) for heading in ("City", "Post code", "Country") if heading in row
    }
    texts: dict[str, str] = {"Certified as": kinds, "Type of biomass": biomass, "Type": row.pop("Type"), **place}
    holder = row.pop("Name of the certificate holder")
    if not holder:
        ctx.problem("it has no holder")
    return Finding(
        number=ctx.number(row.pop("Identifier")),
        holder=holder,
        word=ctx.look_up(WORDS, state),
        source_word=state,
        part=state,
        valid_from=ctx.day(row.pop("Valid from"), *DAYS, field="Valid from"),
        valid_until=ctx.day(row.pop("Valid until"), *DAYS, field="Valid until"),
        scopes=[code.strip() for code in kinds.split(",") if code.strip()],
        materials=[words(code) for code in _BIOMASS.findall(biomass) if code.strip()],
        place=", ".join(filter(None, (place.get("City"), place.get("Country")))),
        certifier=row.pop("Certification body"),
        details={name: text for name, text in (texts | ctx.nothing_left(row)).items() if text},
    )


def _hidden_fields(page: bytes) -> dict[str, str]:
    """The hidden fields of the form, by which the server knows the session's page again."""
    inputs = tree(page.decode(errors="replace")).css("input[type=hidden]")
    # as sent, not as shown: the state is a long code that white space must not touch
    fields = {attribute(field, "name"): field.attributes.get("value") or "" for field in inputs}
    if "__VIEWSTATE" not in fields:
        raise SourceChanged(f"Instead of the search form came {what_came(page)}.")
    return {name: value for name, value in fields.items() if name}


def _read_export(ctx: Context, content: bytes, sha256: str) -> Iterator[Finding]:
    if not content.startswith(b"PK\x03\x04"):
        raise SourceChanged(f"Instead of a spreadsheet came {what_came(content)}.")
    yield from ctx.each(_by_heading(table(content), HEADINGS), read, payload=sha256)
    ctx.check_days()


def _by_heading(lines: list[list[str]], expected: tuple[str, ...]) -> Iterator[Row]:
    """The rows below the first line, by heading. An unknown column is kept under its own; empty lines are none."""
    headings = [fold(cell) for cell in lines[0]] if lines else []
    missing = [heading for heading in expected if headings.count(fold(heading)) != 1]
    if missing:
        found = ", ".join(f"“{words(cell)}”" for cell in lines[0]) if lines else "nothing"
        raise SourceChanged(
            f"The heading “{missing[0]}” is not there once; there are {found}. If they are German, the list was "
            "not asked for, or downloaded, in English."
        )
    ours = {fold(heading): heading for heading in expected}
    names = [ours.get(folded) or words(cell) for folded, cell in zip(headings, lines[0], strict=True)]
    for line in lines[1:]:
        cells = [*line, *[""] * (len(names) - len(line))]
        row: Row = {}
        for position, cell in enumerate(cells, 1):
            name = names[position - 1] if position <= len(names) else ""
            if not name or name in row:
                name = f"column {position}"
            if cell or name in expected:
                row[name] = cell
        if any(row.values()):
            yield row
