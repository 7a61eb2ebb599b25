"""Sentences of the rules, which know no languages, in the reader's language.

Rules and actions say in English what they found: the command line prints it, imports keep it. Here stands each sentence
that the pages show, with names for what varies in it; the translations are the usual ones.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal

from django.utils.formats import number_format
from django.utils.translation import gettext, gettext_noop

from certwatch.rules.status import Status
from certwatch.templatetags.certwatch import day
from certwatch.web.said import KEYS, word

SENTENCES = (
    # numbers
    gettext_noop("There is no certificate number here."),
    gettext_noop("A certificate number has at most {most} characters; this has {count}."),
    gettext_noop("A certificate number holds no control characters."),
    gettext_noop("Unusual form: numbers of {scheme} mostly look like {example}."),
    # rows
    gettext_noop("A spreadsheet keeps 15 digits of a number only: check it, or write it as text."),
    gettext_noop("“{text}” is no date."),
    gettext_noop("“{text}” is no status that we know."),
    gettext_noop("The row names {scheme}, the number is of {other}."),
    gettext_noop("Several registers list this number ({sources}): name the scheme."),
    gettext_noop("Its register listed it once, but does so no longer."),
    gettext_noop("You watch {number} already."),
    gettext_noop("Only a register can say that it does not list a number."),
    gettext_noop("It is not entered: its dates are unclear."),
    gettext_noop("It is not entered: its first day lies after its last."),
    gettext_noop("Several holders: the supplier's name tells that it is {holder}."),
    gettext_noop("Holder: “{here}” here, “{there}” in the register."),
    gettext_noop("Status: {status} here, {listed_status} in the register."),
    gettext_noop("First day: {day} here, none in the register."),
    gettext_noop("First day: {day} here, {listed_day} in the register."),
    gettext_noop("Last day: {day} here, none in the register."),
    gettext_noop("Last day: {day} here, {listed_day} in the register."),
    gettext_noop("Its supplier stays {supplier}."),
    gettext_noop("The supplier's name or number is too long, and was left out."),
    gettext_noop("No supplier is known under the number {number}."),
    # files
    gettext_noop("The file has {size} MB; 20 MB are the most."),
    gettext_noop("The file is larger than 20 MB."),
    gettext_noop("The file is empty."),
    gettext_noop("This is a PDF, not a table. Send a CSV, XLSX, XLS or ODS file."),
    gettext_noop("The file is no table that can be read: neither text nor a workbook (CSV, TSV, XLSX, XLS, ODS)."),
    gettext_noop("Line {line} cannot be read: a quotation mark is not closed."),
    gettext_noop("Line {line} cannot be read: {why}."),
    gettext_noop("There is no sheet “{sheet}”; there are {sheets}."),
    gettext_noop("The workbook cannot be read; it is broken, protected, or of another kind: {why}."),
    gettext_noop("The workbook is too large once it is unpacked."),
    gettext_noop("The workbook cannot be read: it is broken, protected, or was not stored as a whole."),
    gettext_noop("The table spans {rows} rows and {columns} columns: clear the cells far outside of it."),
    gettext_noop("The file has more than {most} rows. Divide it."),
    gettext_noop("The file is too large once it is unpacked."),
    gettext_noop("The file cannot be read: it is broken, or made to do harm."),
    gettext_noop("The name of the sheet is longer than 120 characters."),
    gettext_noop("There are no rows below the headings."),
    gettext_noop("Say which column holds the certificate numbers."),
    gettext_noop("Something went wrong on our side. Try again; what was added is not added twice."),
    # runs
    gettext_noop("It lists no valid certificate at all."),
    gettext_noop("It is the first reading and lists {rows} records; at least {least} are known."),
    gettext_noop("{worse} of {known} watched certificates would change their status or get an earlier last day."),
    gettext_noop("It lists {fewer} records, {many} before."),
    gettext_noop("“{part}” lists {fewer} records, {many} before."),
)


def _status(said: str) -> str:
    return word(KEYS[Status(said)]).lower()


def _day(said: str) -> str:
    return day(date.fromisoformat(said))


def _number(said: str) -> str:
    return number_format(Decimal(said.replace(",", "")), force_grouping=True)


Way = tuple[str, Callable[[str], str]]
STATUS: Way = (r"[a-z_]+", _status)
DAY: Way = (r"\d{4}-\d\d-\d\d", _day)
NUMBER: Way = (r"[\d,]+(?:\.\d+)?", _number)
WAYS: Mapping[str, Way] = {  # how what varies looks and is said, by its name in the sentence; anything else as it is
    **dict.fromkeys(("status", "listed_status"), STATUS),
    **dict.fromkeys(("day", "listed_day"), DAY),
    **dict.fromkeys(("size", "most", "rows", "columns", "least", "worse", "known", "fewer", "many"), NUMBER),
}
AS_IT_IS: Way = (".+?", str)


def spoken(sentence: object) -> str:
    """`sentence` in the reader's language; as it is, if it is none of ours."""
    text = str(sentence)
    for template, pattern in _PATTERNS:
        if found := pattern.fullmatch(text):
            facts = {name: WAYS.get(name, AS_IT_IS)[1](said) for name, said in found.groupdict().items()}
            return gettext(template).format(**facts)
    return text


def _patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    for template in SENTENCES:
        parts = re.split(r"\{(\w+)\}", template)
        yield template, re.compile("".join(_varying(p) if i % 2 else re.escape(p) for i, p in enumerate(parts)))


def _varying(name: str) -> str:
    return f"(?P<{name}>{WAYS.get(name, AS_IT_IS)[0]})"


_PATTERNS = tuple(_patterns())
