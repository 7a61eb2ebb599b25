"""What is in the demo's database: an organisation, a person, suppliers, certificates, and a new key at each start.

Runs in a process with the demo's own settings: `python -m certwatch.management.demo_filling REGISTERS_FOLDER`
prints what the demo tells its visitor, as JSON.
"""

import csv
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import django
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from certwatch.rules import numbers
from certwatch.rules.sheets import Row
from certwatch.rules.status import Status

ORGANISATION, SLUG = "Nordmühle", "nordmuehle"
EMAIL, NAME = "otto@nordmuehle.example", "Otto"
PASSWORD = "certwatch-demo"  # noqa: S105 - the same for everybody: the demo listens at this machine's own address only
KEY_NAME = "Demo"
RATE_LIMIT = 1000  # requests a minute; the demo itself asks a few
SOURCES = ("iscc", "redcert", "twobsvs")
OF_EACH = 20  # watched certificates of a register,
WITH_A_STORY = 12  # so many of them not simply valid
NOT_LISTED = ("EU-ISCC-Cert-DE999-99999999", "Gibtsnicht Handels GmbH")  # in no register: not published, or forged?
SOON = timedelta(days=30)

Listed = Mapping[str, str]


def fill(registers: Path, *, now: datetime) -> dict[str, Any]:
    """Put into the database what is missing, make a key, and say what there is."""
    from certwatch.actions import imports, keys, orgs, users  # not before Django is set up
    from certwatch.models import Kind, Organisation, Role

    listed = {source: _rows(registers / f"{source}.csv") for source in SOURCES}
    with transaction.atomic():
        org = Organisation.objects.filter(slug=SLUG).first()
        new = org is None
        if org is None:
            org = orgs.create(ORGANISATION, slug=SLUG, rate_limit=RATE_LIMIT, by=None, now=now)
        otto = users.with_address(EMAIL)
        if otto is None:
            otto = users.create(EMAIL, PASSWORD, by=None, now=now)
            otto.name = NAME
            otto.save(update_fields=["name"])
        if not org.memberships.filter(user=otto).exists():
            users.join(otto, org, Role.OWNER, by=None, now=now)
        if not otto.check_password(PASSWORD):  # somebody tried that out, too; what we print must be true
            otto.set_password(PASSWORD)
            otto.save(update_fields=["password"])
        if new:
            wanted = [*_automatic(listed, org.today(now)), *_by_hand(org.today(now))]
            for _ in imports.take(org, wanted, by_hand=True, about="the demo's certificates", by=otto, now=now):
                pass  # taking is what the iterator does
        for key in org.api_keys.filter(name=KEY_NAME, revoked_at=None):
            keys.revoke(key, by=None, now=now)
        _, plaintext = keys.create(org, name=KEY_NAME, by=None, now=now)
        watched = org.certificates.watched().filter(kind=Kind.AUTOMATIC)
        samples = _samples(listed, set(watched.values_list("number_key", flat=True)), org.today(now))
        return {
            "email": EMAIL,
            "password": PASSWORD,
            "key": plaintext,
            "samples": [quote(number, safe="") for number in samples],
            "automatic": watched.count(),
        }


def _rows(path: Path) -> list[Listed]:
    """What a practice register lists; nothing if its file was spoilt meanwhile: then it says so itself."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [row for row in csv.DictReader(file) if row.get("number")]
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def _automatic(listed: Mapping[str, Sequence[Listed]], today: date) -> Iterator[Row]:
    """Certificates of all registers, some with a story, and one that is listed nowhere. Where a number has several
    holders no supplier is named that could decide."""
    for rows in listed.values():
        holders: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            holders[row["number"]].add(row["holder"])
        stories: list[Listed] = []
        plain: list[Listed] = []
        for row in _first_of_each_number(rows):
            shared = len(holders[row["number"]]) > 1
            (stories if shared or not _is_plain(row, today) else plain).append(row)
        stories = stories[:WITH_A_STORY]
        for row in stories + plain[: OF_EACH - len(stories)]:
            shared = len(holders[row["number"]]) > 1
            yield Row(line=0, number=row["number"], supplier="" if shared else row["holder"])
    yield Row(line=0, number=NOT_LISTED[0], supplier=NOT_LISTED[1])


def _by_hand(today: date) -> list[Row]:
    """Certificates of schemes that nobody checks automatically (NIS)."""

    def entered(number: str, scheme: str, supplier: str, status: Status, ends: int) -> Row:
        last = today + timedelta(days=ends)
        first = last - timedelta(days=364)
        return Row(
            line=0,
            number=number,
            scheme=scheme,
            supplier=supplier,
            holder=supplier,
            valid_from=first,
            valid_until=last,
            status=status,
        )

    return [
        entered("MUSTER-COC-999001", "FSC", "Irgendwo Papier GmbH", Status.VALID, 190),
        entered("SMP/99-99-00017", "PEFC", "Påhittad Skogsråvara AB (publ)", Status.VALID, 17),
        entered("SAMPLE-SURE-999/26", "SURE", "Zmyślona Biomasa Sp. z o.o.", Status.SUSPENDED, 120),
        entered("BEISPIEL-RTRS-999-04", "RTRS", "Exemplo Soja, Lda.", Status.EXPIRED, -9),
    ]


def _is_plain(row: Listed, today: date) -> bool:
    """Simply valid: neither another status, nor an odd number, nor a last day that is near."""
    ends = _day(row)
    return row.get("status") == Status.VALID and " " not in row["number"] and ends is not None and ends > today + SOON


def _first_of_each_number(rows: Sequence[Listed]) -> list[Listed]:
    seen: dict[str, Listed] = {}
    for row in rows:
        seen.setdefault(numbers.key(row["number"]), row)
    return list(seen.values())


def _samples(listed: Mapping[str, Sequence[Listed]], watched: set[str], today: date) -> list[str]:
    """One watched certificate of each register, a simply valid one where there is one; the first is for the visitor."""
    samples = []
    for rows in listed.values():
        known = [row["number"] for row in sorted(rows, key=lambda row: not _is_plain(row, today))]
        samples += [number for number in known if numbers.key(number) in watched and known.count(number) == 1][:1]
    return samples


def _day(row: Listed) -> date | None:
    try:
        return date.fromisoformat(row.get("valid_until") or "")
    except ValueError:
        return None


if __name__ == "__main__":
    django.setup()
    call_command("migrate", verbosity=0)
    json.dump(fill(Path(sys.argv[1]), now=timezone.now()), sys.stdout)
