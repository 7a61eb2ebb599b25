"""Server time of the dashboard and the list with 5,000 certificates, on SQLite: `python -m benchmarks.pages`.

Each page is asked for as a browser asks for it, log-in and middleware included, in this process and without a network;
the median and the slowest of twenty are printed with the goal (issue 4, §6), and what is sent.
"""

import argparse
import os
import statistics
import tempfile
import time
import zlib
from datetime import date, datetime, timedelta
from itertools import cycle, islice
from typing import Any

CERTIFICATES = 5_000
TIMES = 20
GOAL_MS = 100
SUPPLIERS = 400
TAGS: tuple[list[str], ...] = (["UCO"], ["FAME", "Raps"], [], ["HVO"], ["Plastics"], [])
WORDS = ("valid",) * 40 + ("suspended", "withdrawn", "terminated", "not_found", "unknown", "valid")
SCHEMES = (("iscc", "ISCC EU"), ("iscc", "ISCC EU"), ("redcert", "REDcert-EU"), ("twobsvs", "2BSvs"))

PAGES = {
    "dashboard": ("dashboard", ""),
    "list": ("certificates", ""),
    "list, by holder": ("certificates", "?sort=holder"),
    "list, by last day downwards": ("certificates", "?sort=-valid_until"),
    "list, one status": ("certificates", "?status=expiring"),
    "list, text": ("certificates", "?q=muster+17"),
    "list, all filters": ("certificates", "?status=valid&scheme=ISCC+EU&supplier=Muster&tag=FAME&kind=automatic"),
    "list, last page": ("certificates", "?sort=-status"),
    "suppliers": ("suppliers", ""),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--certificates", type=int, default=CERTIFICATES)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="certwatch-bench-") as home:
        os.environ.update(CERTWATCH_HOME=home, DJANGO_SETTINGS_MODULE="certwatch.config.settings")
        os.environ.pop("DATABASE_URL", None)
        _measure(options.certificates)


def _measure(certificates: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.test import Client
    from django.urls import reverse
    from django.utils import timezone

    from certwatch.web.static import prepare

    call_command("migrate", verbosity=0)
    prepare()
    org, user = _fill(certificates, timezone.now())
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user)
    print(f"Pages with {certificates:,} certificates, SQLite (goal: {GOAL_MS} ms at the median)\n")
    print(f"{'page':<30}{'median':>8}{'slowest':>9}{'of it CPU':>11}{'sent':>10}{'zipped':>9}")
    for name, (page, query) in PAGES.items():
        address = reverse(page, args=[org.slug]) + query
        taken, busy, content = [], [], b""
        for _ in range(TIMES):
            began, worked = time.perf_counter(), time.process_time()
            response: Any = client.get(address)
            taken.append((time.perf_counter() - began) * 1000)
            busy.append((time.process_time() - worked) * 1000)
            assert response.status_code == 200, (address, response.status_code)
            content = response.content
        median, sizes = statistics.median(taken), (len(content) / 1024, len(zlib.compress(content)) / 1024)
        verdict = "met" if median < GOAL_MS else "MISSED"
        times = f"{median:>5.0f} ms{max(taken):>6.0f} ms{statistics.median(busy):>8.0f} ms"
        print(f"{name:<30}{times}{sizes[0]:>7.0f} kB{sizes[1]:>6.0f} kB  {verdict}")


def _fill(certificates: int, now: datetime) -> tuple[Any, Any]:
    """An organisation as large as a large customer's, its registers read this morning."""
    from certwatch.models import Certificate, Entry, Membership, Organisation, Role, SourceState, Supplier, Sync, User
    from certwatch.rules import numbers

    today = now.date()
    org = Organisation.objects.create(name="Nordmühle", slug="nordmuehle", created_at=now)
    user = User.objects.create_user("otto@nordmuehle.example", name="Otto")
    Membership.across_orgs.create(org=org, user=user, role=Role.OWNER, created_at=now)
    for source in {source for source, _ in SCHEMES}:
        SourceState.objects.create(source=source, read_began=now - timedelta(hours=5))
        for days in range(14):
            Sync.objects.create(
                source=source, state="good", address="x", own_address=True, began=now - timedelta(days=days, hours=5)
            )
    names = [f"Muster Feedstocks {place} GmbH" for place in range(SUPPLIERS)]
    org.suppliers.bulk_create(
        Supplier(org=org, name=name, name_key=numbers.name_key(name), created_at=now) for name in names
    )
    suppliers = list(org.suppliers.order_by("pk"))
    entries = []
    for place, word, (source, scheme) in islice(
        zip(range(certificates), cycle(WORDS), cycle(SCHEMES), strict=False), certificates
    ):
        number, holder = f"EU-ISCC-Cert-DE{place % 300:03}-{place:08}", f"Muster Holding {place % 3000} GmbH & Co. KG"
        last = date.fromordinal(today.toordinal() - 60 + place % 700)
        entries.append(
            Entry(
                source=source, number=number, number_key=numbers.key(number), holder=holder,
                holder_key=numbers.name_key(holder), scheme=scheme, word=word, valid_from=last - timedelta(days=364),
                valid_until=last, digest=b"1" * 16, version=1, first_seen=now,
            )
        )  # fmt: skip
    Entry.objects.bulk_create(entries, batch_size=500)
    org.certificates.bulk_create(
        (
            Certificate(
                org=org, number=e.number, number_key=e.number_key, match_key=e.number_key, source=e.source,
                scheme=e.scheme, word=e.word, valid_from=e.valid_from, valid_until=e.valid_until, entry=e, how="number",
                supplier=supplier, tags=tags, added_at=now - timedelta(days=30),
            )
            for e, supplier, tags in zip(entries, cycle(suppliers), cycle(TAGS), strict=False)
        ),
        batch_size=500,
    )  # fmt: skip
    _tell(org, now)
    return org, user


def _tell(org: Any, now: datetime) -> None:
    """Each certificate was added, and one in seven changed its word since."""
    from certwatch.models import Change, ChangeType

    told = [(c, ChangeType.ADDED) for c in org.certificates.order_by("pk")]
    told += [(c, ChangeType.STATUS) for c, _ in told[::7]]
    org.changes.bulk_create(
        (
            Change(
                org=org, number=number, certificate=c, type=kind, told_by=f"{kind}:{number}", was="valid", word=c.word,
                entry=c.entry, seen_at=now - timedelta(minutes=len(told) - number), created_at=now,
            )
            for number, (c, kind) in enumerate(told, 1)
        ),
        batch_size=500,
    )  # fmt: skip


if __name__ == "__main__":
    main()
