"""A million certificates: 1,000 organisations with a key and 1,000 certificates each, for the look-up's benchmark.

Usage: python -m benchmarks.million FILE, with DATABASE_URL and CERTWATCH_HOME set; writes look-ups ("number<TAB>key")
of which 5 % miss, in an order by chance, to FILE.
"""

import os
import random
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

ORGANISATIONS = 1_000
CERTIFICATES = 1_000
LOOK_UPS = 100_000
MISSES = 0.05
SEED = 20261124
READ = datetime(2026, 11, 24, 4, 30, tzinfo=UTC)
FIRST_DAY, DAYS = date(2026, 7, 1), 730  # last days of certificates are spread over two years
NUMBER = "EU-ISCC-Cert-DE100-"
FIRST = 10_000_000


def main(file: Path) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "certwatch.config.settings"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    write_look_ups(file, fill())


def fill() -> list[tuple[int, str]]:
    """The organisations' ids, each with its key."""
    from django.db import connection, transaction

    from certwatch.models import ApiKey, Certificate, Organisation, SourceState
    from certwatch.rules import keys

    with transaction.atomic():
        SourceState.objects.create(source="iscc", read_began=READ)
        orgs = Organisation.objects.bulk_create(
            Organisation(name=f"Org {n}", slug=f"org-{n}", rate_limit=10_000_000, created_at=READ)
            for n in range(ORGANISATIONS)
        )
        plain = [keys.make() for _ in orgs]
        ApiKey.across_orgs.bulk_create(
            ApiKey(
                org=org, name="SAP", digest=keys.digest(key), begins=keys.begins(key), scopes=["certificates:read"],
                created_at=READ,
            )
            for org, key in zip(orgs, plain, strict=True)
        )  # fmt: skip
        patterns = [
            Certificate(
                org=orgs[0], number=f"pattern-{n}", number_key=f"pattern-{n}", match_key=f"pattern-{n}",
                source="iscc", word="valid" if n % 50 else "suspended", valid_from=FIRST_DAY + timedelta(n - 364),
                valid_until=FIRST_DAY + timedelta(n), added_at=READ,
            )
            for n in range(DAYS)
        ]  # fmt: skip
        Certificate.across_orgs.bulk_create(patterns)
        number = f"({FIRST} + o.id * {CERTIFICATES} + n.i)"
        made = {
            "org_id": "o.id",
            "public_id": f"CAST({number} AS text)",
            "number": f"'{NUMBER}' || {number}",
            "number_key": f"'{NUMBER.lower()}' || {number}",
            "match_key": f"'{NUMBER.lower()}' || {number}",
        }
        columns = [str(field.column) for field in Certificate._meta.local_fields if not field.primary_key]
        values = [made.get(column, f"c.{column}") for column in columns]
        with connection.cursor() as cursor:
            cursor.execute(
                f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {CERTIFICATES - 1})"
                f" INSERT INTO certwatch_certificate ({', '.join(columns)}) SELECT {', '.join(values)}"
                " FROM certwatch_organisation o CROSS JOIN n JOIN certwatch_certificate c"
                f" ON c.org_id = %s AND c.number_key = 'pattern-' || (n.i %% {DAYS}) AND c.removed_at IS NULL",
                [orgs[0].pk],
            )
            cursor.execute("DELETE FROM certwatch_certificate WHERE number_key LIKE 'pattern-%%'", [])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return [(org.pk, key) for org, key in zip(orgs, plain, strict=True)]


def write_look_ups(file: Path, orgs: list[tuple[int, str]]) -> None:
    chance = random.Random(SEED)
    with file.open("w", encoding="ascii") as lines:
        for _ in range(LOOK_UPS):
            org, key = chance.choice(orgs)
            if chance.random() < MISSES:
                org += 1  # another organisation's number; the last one's neighbour does not exist
            lines.write(f"{NUMBER}{FIRST + org * CERTIFICATES + chance.randrange(CERTIFICATES)}\t{key}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
