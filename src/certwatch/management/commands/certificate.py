"""`certwatch certificate`: what an organisation watches."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from django.utils import timezone
from django_typer.management import TyperCommand, command
from typer import Argument, Option

from certwatch.actions import certificates, documents, orgs
from certwatch.management import output, values
from certwatch.management.output import say, show, show_json, table
from certwatch.rules.errors import Refused, UnknownName
from certwatch.rules.imports import Outcome, Verdict
from certwatch.rules.sheets import Row, open_sheet
from certwatch.rules.status import Status

Org = Annotated[str, Option(metavar="SLUG", help="The organisation.")]
Number = Annotated[str, Argument(metavar="NUMBER", help="The certificate's number.")]
Json = Annotated[bool, Option("--json", help="Answer in JSON.")]

Entered = Literal["valid", "not_yet_valid", "expired", "suspended", "withdrawn", "terminated", "unknown"]
Filter = Literal[Entered, "not_found", "expiring"]

EXPIRING_WITHIN_DAYS = 60  # as the pages show it


class Command(TyperCommand):
    help = "What an organisation watches: add, enter, import, list, show, history, check."

    @command(help="Watch certificates automatically.")
    def add(
        self,
        org: Org,
        numbers: Annotated[list[str], Argument(metavar="NUMBER...", help="Certificate numbers.")],
        scheme: Annotated[
            str | None, Option(metavar="S", help="Their scheme (ISCC EU, REDcert², …), where the number does not tell.")
        ] = None,
        supplier: Annotated[
            str | None,
            Option(parser=values.name("A supplier's name", 300), metavar="NAME", help="Who sells under them."),
        ] = None,
        json: Json = False,
    ) -> None:
        from certwatch.actions import imports  # loads the connectors

        organisation = orgs.named(org)
        imports.must_be_scheme(scheme or "")
        rows = [
            Row(line=place, number=number, scheme=scheme or "", supplier=supplier or "")
            for place, number in enumerate(numbers, start=1)
        ]
        about = f"{len(rows)} numbers" if len(rows) > 1 else rows[0].number
        taken = list(imports.take(organisation, rows, by_hand=False, about=about, by=None, now=timezone.now()))
        _show_taken(taken, json=json)
        left = [t.number or f"number {t.row}" for t in taken if t.verdict in (Verdict.BY_HAND, Verdict.UNREADABLE)]
        if left:
            raise Refused(
                f"Left out: {', '.join(left)}. Name the scheme (--scheme), or use certwatch certificate enter."
            )

    @command(help="Enter a certificate by hand that no register is read for, or correct one that was entered.")
    def enter(
        self,
        org: Org,
        number: Number,
        status: Annotated[Entered, Option(help="What it is.")],
        valid_until: Annotated[
            date | None, Option(parser=values.day, metavar="DAY", help="Its last day, like 2026-12-31.")
        ] = None,
        valid_from: Annotated[date | None, Option(parser=values.day, metavar="DAY", help="Its first day.")] = None,
        evidence: Annotated[
            Path | None, Option(metavar="FILE", help="What shows it: a PDF, PNG or JPEG of up to 20 MB.")
        ] = None,
    ) -> None:
        organisation = orgs.named(org)
        version = certificates.enter(
            organisation,
            number,
            status=Status(status),
            valid_from=valid_from,
            valid_until=valid_until,
            evidence=documents.from_path(evidence) if evidence else None,
            by=None,
            now=timezone.now(),
        )
        certificate = version.certificate
        certificate.org = organisation
        show(f"{certificate.number}: {certificate.status(timezone.now())}")
        if version.known_from is None:
            say("It waits for a second person's approval.")
        elif version.approved_at is None:
            say("It counts at once; a second person still approves it.")

    @command(name="import", help="Watch what stands in a CSV, TSV, XLSX, XLS or ODS file.")
    def import_(
        self,
        org: Org,
        file: Annotated[Path, Argument(metavar="FILE")],
        dry_run: Annotated[bool, Option("--dry-run", help="Only tell what each row is.")] = False,
        sheet: Annotated[str, Option(metavar="NAME", help="Which sheet; else the first with a known heading.")] = "",
        json: Json = False,
    ) -> None:
        from certwatch.actions import imports

        organisation = orgs.named(org)
        table_of_file = open_sheet(_content(file), sheet=sheet)
        if table_of_file.ignored:
            say(f"Ignored columns: {', '.join(table_of_file.ignored)}")
        rows = output.progress(table_of_file.rows(), table_of_file.row_count, "rows")
        now = timezone.now()
        if dry_run:
            taken = imports.look(organisation, rows, now=now)
        else:
            taken = imports.take(organisation, rows, by_hand=True, about=file.name, by=None, now=now)
        _show_taken(taken, json=json)

    @command(name="list", help="All certificates and what they are now.")
    def list_(
        self,
        org: Org,
        status: Annotated[Filter | None, Option(help="Only these; expiring: valid, and ends within 60 days.")] = None,
        json: Json = False,
    ) -> None:
        from certwatch.actions import watched

        organisation, now = orgs.named(org), timezone.now()
        rows = _only(watched.overview(organisation, now), status, organisation.today(now))
        if json:
            output.show_json_list(rows)
            return
        headings = ("number", "scheme", "status", "valid_until", "last_checked", "holder", "supplier")
        show(table(headings, [[_in_words(row, name) for name in headings] for row in rows]))

    @command(help="One certificate: what its register says, and all entries that its number may mean.")
    def show(self, org: Org, number: Number, json: Json = False) -> None:
        from certwatch.actions import watched

        certificate = certificates.named(orgs.named(org), number)
        shape = watched.one(certificate, timezone.now())
        if json:
            show_json(shape)
            return
        for name in shape:
            if name not in ("suspensions", "details", "candidates"):
                show(f"{name.replace('_', ' ')}: {_in_words(shape, name)}")
        for days in shape["suspensions"]:
            show(f"suspended: {days['from'] or '…'} to {days['until'] or '…'}")
        for label, text in shape["details"].items():
            show(f"{label}: {text}")
        if len(shape["candidates"]) > 1:
            show("Several holders have this number:")
            headings = ("holder", "scheme", "status", "valid until")
            show(
                table(
                    headings, [[c.holder, c.scheme, c.status, str(c.valid_until or "–")] for c in shape["candidates"]]
                )
            )

    @command(help="What was said about one certificate, oldest first.")
    def history(self, org: Org, number: Number, json: Json = False) -> None:
        from certwatch.actions import watched

        periods = watched.history(certificates.named(orgs.named(org), number))
        if json:
            show_json(periods)
            return
        headings = ("from", "to", "word", "valid_from", "valid_until", "holder", "run")
        show(table(headings, [[_in_words(period, name) for name in headings] for period in periods]))

    @command(name="check", help="Ask the register for this one number now, or read all of it where it cannot be asked.")
    def check_(self, org: Org, number: Number, json: Json = False) -> None:
        from certwatch.actions import checks, sources, syncs, watched

        certificate = certificates.named(orgs.named(org), number)
        if not certificate.source:
            raise Refused(f"“{certificate.number}” was entered by hand; there is no register to ask.")
        run, found = syncs.check(
            sources.monitored(certificate.source), checks.number_to_ask(certificate), clock=timezone.now
        )
        if run.error or run.state == "held":
            raise Refused(f"{run.source}: {run.state}: {run.error or ' '.join(run.reasons)}")
        certificate.refresh_from_db()
        if not found:
            say(f"{run.source} was asked and does not know it. Only a whole reading proves that it is not there.")
        answer = {
            "number": certificate.number,
            "found": found,
            "status": certificate.status(timezone.now()),
            "last_checked": watched.last_checked(certificate),
        }
        if json:
            show_json(answer)
        else:
            show(f"{certificate.number}: {answer['status']}, last checked {_in_words(answer, 'last_checked')}")


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise UnknownName(f"There is no file {file}.") from error
    except OSError as error:
        raise Refused(f"{file} cannot be read: {error.strerror}.") from error


def _show_taken(taken: Iterable[Any], *, json: bool) -> None:
    """The rows as they are done, then how many there were of each kind."""
    counts: Counter[str] = Counter()

    def counted() -> Iterator[Any]:
        for one in taken:
            counts.update(word for word in (one.verdict.value, one.outcome and one.outcome.value) if word)
            yield one

    if json:
        output.show_json_rows(counted(), counts)
        return
    for one in counted():
        if one.reason or one.verdict != Verdict.FOUND:  # what was found, without any remark, need not be read
            words = one.verdict.replace("_", " ")
            show(f"{one.row}: {one.number or '–'}: {words}{'. ' if one.reason else ''}{one.reason}")
    for kind in (Verdict, Outcome):
        if said := [f"{counts[word]:,} {word.replace('_', ' ')}" for word in kind if counts[word]]:
            show(", ".join(said))


def _only(rows: Iterator[dict[str, Any]], wanted: Filter | None, today: date) -> Iterator[dict[str, Any]]:
    for row in rows:
        if wanted is None or row["status"] == wanted or (wanted == "expiring" and _expires_soon(row, today)):
            yield row


def _expires_soon(row: dict[str, Any], today: date) -> bool:
    last = row["valid_until"]
    return bool(row["status"] == Status.VALID and last and (last - today).days <= EXPIRING_WITHIN_DAYS)


def _in_words(row: dict[str, Any], name: str) -> str:
    value = row[name]
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if name == "last_checked" and row.get("kind") == "nis":
        return "by hand"
    return "–" if value is None else str(value)
