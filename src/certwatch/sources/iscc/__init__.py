"""ISCC (EU, PLUS, CORSIA): cards in HTML inside JSON, one list per status. README.md says how the register behaves.

The card does not say the status: it is known only from the bucket that was asked for. So all five buckets are read.
"""

import json
import unicodedata
from collections.abc import Iterator
from datetime import date
from functools import partial

from certwatch.rules import numbers
from certwatch.rules.belief import Expect
from certwatch.rules.errors import SourceChanged
from certwatch.rules.findings import Finding, Suspension
from certwatch.rules.status import Status
from certwatch.sources.context import TELLING, Context, Row
from certwatch.sources.iscc.buckets import Bucket, Register
from certwatch.sources.source import Source
from certwatch.sources.text import fold, is_dash, words

BUCKETS = {
    "valid": Status.VALID,
    "suspended": Status.SUSPENDED,
    "withdrawn": Status.WITHDRAWN,
    "terminated": Status.TERMINATED,
    "expired": Status.EXPIRED,
}
LABELS = ("Scope", "Processing Unit Type", "Raw Material", "Products", "Add-ons/CTS", "Issuing CB")
SURE = {"number": ".tag", "validity": ".date", "holder": "h3"}  # what every card has, and where
BREAK = ",  "  # between holder and place; company names hold commas, so only two spaces tell
DAYS = ("%d.%m.%y", "%d.%m.%Y")


def crawl(ctx: Context) -> Iterator[Finding]:
    """One finding per card, of all five buckets. Raises `Incomplete` if a bucket lacks cards."""
    register = Register(ctx)
    buckets = [register.bucket(word) for word in BUCKETS]
    for bucket in buckets:
        ctx.totals[bucket.word] = bucket.total
        _must_have_the_labels(bucket.rows(), f" of the bucket “{bucket.word}”")
        if len(bucket.rows()) > 1:  # a single card may have lost something without its neighbours
            _must_have_the_shape(bucket.rows(), f" of the bucket “{bucket.word}”")
    every = [row for bucket in buckets for row in bucket.rows()]
    _must_have_the_shape(every)
    _must_have_the_labels(every)
    _must_part_holders(every)
    _must_differ(buckets)
    for bucket in buckets:
        yield from _findings(ctx, bucket)
    ctx.check_days()


def find(ctx: Context, number: str) -> Iterator[Finding]:
    """The cards with exactly this number (normalised), of all buckets. The search finds what contains the text."""
    register = Register(ctx)
    wanted = numbers.key(number)
    for word in BUCKETS:
        bucket = register.bucket(word, search=_typed(number))
        _must_have_the_shape(bucket.rows(), f" of the bucket “{word}”")
        for page in bucket.pages:
            page.rows = [row for row in page.rows if numbers.key(row.get("number", "")) == wanted]
        yield from _findings(ctx, bucket)


SOURCE = Source(
    name="iscc",
    title="ISCC",
    schemes=("ISCC EU", "ISCC PLUS", "ISCC CORSIA", "ISCC CORSIA PLUS", "ISCC DE", "ISCC"),
    url="https://iscc-system.org",
    page="https://iscc-system.org/certification/all-certificates/",
    begins=("eu-iscc", "iscc", "de-b-ble-bm-"),
    crawl=crawl,
    find=find,
    expect=Expect(at_least=15_500),  # 16,107 valid ones on 2026-05-21, 16,181 on 2026-07-01
)


def read(ctx: Context, row: Row, *, bucket: str) -> Finding:
    """Turn one card into a finding."""
    labels = row.pop("labels")
    known = {fold(label): value for label, value in labels.items()}
    texts = {label: known.pop(fold(label), "") for label in LABELS}
    number = ctx.number(row.pop("number", ""))
    holder, place = _holder(ctx, row.pop("holder", ""), row.get("address", ""))
    first, last = _period(ctx, row.pop("validity", ""))
    new = ctx.nothing_left({label: value for label, value in labels.items() if fold(label) in known})
    return Finding(
        number=number,
        holder=holder,
        word=BUCKETS[bucket],
        source_word=bucket,
        part=bucket,
        valid_from=first,
        valid_until=last,
        suspensions=_suspensions(ctx, row.pop("suspended", [])),
        scopes=_listed(texts["Scope"]),
        materials=_listed(texts["Raw Material"]),
        place=place,
        certifier=row.pop("certifier", "") or _said(texts["Issuing CB"]),
        details={
            label: value for label, value in {**texts, **new, "Address": row.pop("address", "")}.items() if _said(value)
        },
    )


def _findings(ctx: Context, bucket: Bucket) -> Iterator[Finding]:
    seen: set[str] = set()  # the list may move while it is read: a card comes twice, on two pages
    for page in bucket.pages:
        rows = []
        for row in page.rows:
            whole = json.dumps(row, sort_keys=True)
            if whole not in seen:
                seen.add(whole)
                rows.append(row)
        yield from ctx.each(rows, partial(read, bucket=bucket.word), payload=page.sha256)


def _must_have_the_shape(rows: list[Row], where: str = "") -> None:
    for field, place in SURE.items():
        if rows and not any(field in row for row in rows):
            raise SourceChanged(f"No card{where} has its {field} in “{place}” any more.")


def _must_differ(buckets: list[Bucket]) -> None:
    """A register that no longer looks at the status asked for would make every certificate withdrawn."""
    many = [bucket for bucket in buckets if len(bucket.pages[0].rows) >= TELLING]
    for number, bucket in enumerate(many):
        for other in many[number + 1 :]:
            if bucket.pages[0].rows == other.pages[0].rows:
                raise SourceChanged(f"The buckets “{bucket.word}” and “{other.word}” hold the same cards.")


def _must_have_the_labels(rows: list[Row], where: str = "") -> None:
    """Each of the six labels stands on some card.

    Which labels a card has varies, so in a handful of cards one may be missing by chance; but not in ten,
    and not where an unknown label stands in its place.
    """
    seen = {fold(label): label for row in rows for label in row["labels"]}
    known = [fold(label) for label in LABELS]
    missing = [label for label in LABELS if fold(label) not in seen]
    new = [label for folded, label in seen.items() if folded not in known]
    if missing and rows and (new or len(rows) >= TELLING):
        instead = f"; new: {', '.join(f'“{label}”' for label in new)}" if new else ""
        raise SourceChanged(f"No card{where} has the label “{missing[0]}” any more{instead}.")


def _must_part_holders(rows: list[Row]) -> None:
    """Were the two spaces gone, every holder would seem to have changed."""
    texts = [(row.get("holder", ""), row.get("address", "")) for row in rows]
    unclear = sum(_is_unclear(text, address) for text, address in texts)
    if unclear >= TELLING and not any(BREAK in text for text, _ in texts):
        raise SourceChanged("On no card do two spaces part holder and place any more.")


def _holder(ctx: Context, text: str, address: str) -> tuple[str, str]:
    """Holder and place of `Company,  City, Country`. Where the two spaces come twice, the address decides."""
    pieces = text.split(BREAK)
    if not text:
        ctx.problem("it has no holder")
        return "", ""
    if len(pieces) == 1:
        if _is_unclear(text, address):
            ctx.problem(f"“{text}” does not tell holder and place apart")
        return _plain(text), ""
    cuts = [(_plain(BREAK.join(pieces[:n])), _plain(BREAK.join(pieces[n:]))) for n in range(1, len(pieces))]
    told = [cut for cut in cuts if fold(address).startswith(f"{fold(cut[0])},")]
    return told[-1] if told else cuts[0]


def _is_unclear(text: str, address: str) -> bool:
    """Whether a place may be hidden in a text without the two spaces: not if it has no comma, or is the address."""
    return BREAK not in text and "," in text and fold(text) != fold(address)


def _plain(text: str) -> str:
    return words(text).removeprefix(", ").removesuffix(",")


def _typed(number: str) -> str:
    """A number as one would type it into the register's search: plain dashes, nothing invisible."""
    plain = ("-" if is_dash(char) else char for char in number if unicodedata.category(char) != "Cf")
    return words("".join(plain))


def _period(ctx: Context, text: str) -> tuple[date | None, date | None]:
    """First and last day of `DD.MM.YY – DD.MM.YY`: any dash between them, or none."""
    days = _halves(text)
    if days is None:
        return ctx.day(text, field="valid from"), None
    return ctx.day(days[0], *DAYS, field="valid from"), ctx.day(days[1], *DAYS, field="valid until")


def _suspensions(ctx: Context, texts: list[str]) -> list[Suspension]:
    """The periods out of force. An end that is not told is open."""
    found = []
    for text in texts:
        first, last = _halves(text) or (text, "")
        period = Suspension(
            ctx.day(first, *DAYS, field="suspended from"),
            ctx.day(last, *DAYS, field="suspended until") if last else None,
        )
        if period.start or period.until:
            found.append(period)
    return found


def _halves(text: str) -> tuple[str, str] | None:
    """What stands on the two sides of the dash; None if these are not two."""
    plain = "".join("-" if is_dash(char) else char for char in text)
    if "-" in plain:
        sides = [side.strip() for side in plain.split("-")]
    else:
        sides = plain.split() or [""]
        sides += [""] * (2 - len(sides))
    return (sides[0], sides[1]) if len(sides) == 2 else None


def _listed(text: str) -> list[str]:
    """The parts of a list; commas inside brackets do not part."""
    parts, depth = [""], 0
    for char in _said(text):
        depth += (char == "(") - (char == ")" and depth > 0)
        if char == "," and not depth:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts if part.strip()]


def _said(text: str) -> str:
    """`text`, or "" where the register writes a dash for nothing."""
    return "" if len(text) == 1 and is_dash(text) else text
