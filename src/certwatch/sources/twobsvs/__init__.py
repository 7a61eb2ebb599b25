"""2BSvs: four pages with one table each; the page is the status. README.md says how the register behaves."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from urllib.parse import urlsplit

from certwatch.rules.errors import Incomplete, SourceChanged
from certwatch.rules.findings import Finding, Suspension
from certwatch.rules.status import Status
from certwatch.sources.context import TELLING, Answer, Context, Row
from certwatch.sources.pages import has_table, is_whole, what_came
from certwatch.sources.source import Source
from certwatch.sources.text import fold
from certwatch.sources.twobsvs.tables import rows_under

BELOW = "/fr/certificats-bloc-parent/"

HOLDER = "Nom de l’opérateur économique"
ADDRESS, COUNTRY = "Adresse", "Pays"
ACTIVITY = "Type d'activité"
NUMBER = "Numéro de Certificat 2BS"
FIRST_DAY = "Date de début de validité du certificat"
LAST_DAY = "Date de fin de validité du certificat"
SUSPENDED = "Date de suspension du certificat"
WITHDRAWN = "Date de retrait du certificat"
LINK = "Certificat"
DAY = "%d/%m/%Y"


@dataclass(frozen=True, slots=True)
class Page:
    """One of the four pages: `word` is its French one, `day` the heading by which it differs from the others."""

    part: Status
    word: str
    path: str
    day: str
    sure: tuple[str, ...]  # headings without which the page is not what we know


_ALL = (HOLDER, ADDRESS, COUNTRY, ACTIVITY, NUMBER, FIRST_DAY, LINK)
PAGES = (
    Page(Status.VALID, "valides", "certificats-valides/", LAST_DAY, (*_ALL, LAST_DAY)),
    Page(Status.SUSPENDED, "suspendus", "certificats-suspendus/", SUSPENDED, (*_ALL, SUSPENDED)),
    Page(Status.WITHDRAWN, "retirés", "certificats-retires/", WITHDRAWN, (HOLDER, ADDRESS, COUNTRY, NUMBER, WITHDRAWN)),
    Page(Status.TERMINATED, "résiliés", "certificats-resilies/", LAST_DAY, (*_ALL, LAST_DAY)),
)
HEADINGS = (HOLDER, ADDRESS, COUNTRY, ACTIVITY, NUMBER, FIRST_DAY, LAST_DAY, SUSPENDED, WITHDRAWN, LINK)


def crawl(ctx: Context) -> Iterator[Finding]:
    """One finding per row of the four tables. There is no total: a page counts if it ends as it should."""
    lists = {page: _rows(ctx, page, ctx.get(BELOW + page.path, conditional=True)) for page in PAGES}
    _must_differ({page: rows for page, (rows, _) in lists.items()})
    for page, (rows, sha256) in lists.items():
        yield from ctx.each(rows, partial(read, page=page), payload=sha256)
    ctx.check_days()


SOURCE = Source(
    name="twobsvs",
    title="2BSvs",
    schemes=("2BSvs",),
    url="https://www.2bsvs.org",
    page="https://www.2bsvs.org/fr/certificats-bloc-parent/certificats-valides/",
    begins=("2bs",),
    crawl=crawl,
)


def read(ctx: Context, row: Row, *, page: Page) -> Finding:
    """Turn one row into a finding. What is not sure on its page may be missing; what is sure is missed."""
    number = ctx.number(row.pop(NUMBER, ""))
    for heading in page.sure:
        if heading not in row and heading != NUMBER:
            ctx.problem(f"it has no cell under “{heading}”")
    holder = row.pop(HOLDER, "")
    if not holder:
        ctx.problem("it has no holder")
    days = {heading: _day(ctx, row, heading, page) for heading in (FIRST_DAY, LAST_DAY, page.day) if heading in row}
    since = days.get(page.day) if page.day in (SUSPENDED, WITHDRAWN) else None
    activity = row.pop(ACTIVITY, "")
    texts = {ADDRESS: row.pop(ADDRESS, ""), COUNTRY: row.pop(COUNTRY, ""), ACTIVITY: activity}
    return Finding(
        number=number,
        holder=holder,
        word=page.part,
        source_word=page.word,
        part=page.part.value,
        valid_from=days.get(FIRST_DAY),
        valid_until=days.get(LAST_DAY),
        since=since,  # of a suspension or withdrawal; never an end of validity
        suspensions=[Suspension(since, None)] if since and page.part == Status.SUSPENDED else [],
        scopes=[activity] if activity else [],
        place=", ".join(filter(None, (texts[ADDRESS], texts[COUNTRY]))),
        details={name: text for name, text in (texts | ctx.nothing_left(row, ignore={LINK})).items() if text},
    )


def _day(ctx: Context, row: Row, heading: str, page: Page) -> date | None:
    text = row.pop(heading)
    return ctx.day(text, DAY, field=heading) if text or heading in page.sure else None


def _rows(ctx: Context, page: Page, answer: Answer) -> tuple[list[Row], str]:
    """The rows of a page's table that name a number or a holder, and the payload in which they stand."""
    if not urlsplit(answer.url).path.rstrip("/").endswith(page.path.rstrip("/")):
        raise SourceChanged(f"The page of {page.word} sends us on to {answer.url}.")
    text = answer.body.decode("utf-8-sig", errors="replace")
    if not has_table(text):
        raise SourceChanged(f"The page of {page.word} has no table: {what_came(answer.body)}.")
    if not is_whole(text):
        raise Incomplete(f"The page of {page.word} is cut off.")
    if strange := text.count("\ufffd"):
        ctx.problem(f"The page of {page.word} holds {strange} characters that cannot be read.")
    rows = rows_under(text, HEADINGS, page.sure)
    return [row for row in rows if not _repeats_address(row)], answer.sha256


def _repeats_address(row: Row) -> bool:
    """A second row below a certificate holds its address again, and nothing else."""
    return not any(text for heading, text in row.items() if heading not in (ADDRESS, COUNTRY))


def _must_differ(lists: dict[Page, list[Row]]) -> None:
    """Two pages with the same rows: one of them is not the page that was asked for."""
    pages = [page for page, rows in lists.items() if len(rows) >= TELLING]
    for number, page in enumerate(pages):
        for other in pages[number + 1 :]:
            if _numbers(lists[page]) == _numbers(lists[other]):
                raise SourceChanged(f"The pages of {page.word} and of {other.word} list the same certificates.")


def _numbers(rows: list[Row]) -> list[str]:
    return [fold(row.get(NUMBER, "")) for row in rows]
