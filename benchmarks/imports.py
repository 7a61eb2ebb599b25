"""An import of 50,000 rows, from the upload to the last certificate, on SQLite: `python -m benchmarks.imports`.

One register lists 100,000 entries; of the file's rows nine in ten are found, the others are in no register, similar,
repeated, already watched or of no scheme. Each step's rate and the peak of memory are printed with their goals
(performance.md), for the rows and for half of them: memory must not grow with the file.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

ROWS = 50_000
GOAL = 5_000  # rows a second
FLAT = 1.25  # twice the rows may take so many times the memory
START = datetime(2026, 11, 24, 11, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--case", type=int, help="so many rows, in this process")
    options = parser.parse_args()
    if options.case:
        print(json.dumps(_measure(options.case)))
        return
    half, whole = _apart(options.rows // 2), _apart(options.rows)
    print(f"Import of {options.rows:,} rows, SQLite\n")
    for step in ("receive", "verdicts", "apply", "result file"):
        rate = options.rows / whole[step]
        worked = whole[f"{step}, processor"]  # tells how busy the machine is with something else
        print(f"{step:<12}{whole[step]:>7.1f} s{rate:>10,.0f} rows/s   {worked:.1f} s of processor time")
    rate = options.rows / whole["apply"]
    print(f"\napplying: {rate:,.0f} rows/s (goal: {GOAL:,})  {_met(rate >= GOAL)}")
    rate = options.rows / whole["verdicts"]
    print(f"verdicts: {rate:,.0f} rows/s (goal: {GOAL:,})  {_met(rate >= GOAL)}")
    factor = whole["peak MB"] / half["peak MB"]
    print(
        f"peak memory {half['peak MB']:.0f} MB for half of the rows, {whole['peak MB']:.0f} MB for all:"
        f" {factor:.2f} times (goal: {FLAT} at most)  {_met(factor <= FLAT)}"
    )


def _met(met: bool) -> str:
    return "met" if met else "MISSED"


def _apart(rows: int) -> dict[str, float]:
    """Run one case in a process and an installation of its own, so that its peak of memory is its own."""
    with tempfile.TemporaryDirectory(prefix="certwatch-bench-") as home:
        env = {**os.environ, "CERTWATCH_HOME": home, "DJANGO_SETTINGS_MODULE": "certwatch.config.settings"}
        command = [sys.executable, "-m", "benchmarks.imports", "--case", str(rows)]
        done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout))


def _measure(rows: int) -> dict[str, float]:
    import django

    django.setup()
    from django.core.management import call_command
    from django.utils import timezone

    from certwatch.actions import tables, uploads
    from certwatch.models import Organisation

    call_command("migrate", verbosity=0)
    org = Organisation.objects.create(name="Nordmühle", slug="nordmuehle", created_at=START)
    _fill(rows * 2)
    taken: dict[str, float] = {}

    def timed(step: str, do: Callable[[], Any]) -> Any:
        began, worked = time.monotonic(), time.process_time()
        answer = do()
        taken[step] = time.monotonic() - began
        taken[f"{step}, processor"] = time.process_time() - worked
        return answer

    upload = timed("receive", lambda: uploads.receive(org, _file(rows), name="list.csv", by=None, now=START))
    uploads.set_columns(upload, upload.columns)
    timed("verdicts", lambda: uploads.work(upload, clock=timezone.now))
    upload.refresh_from_db()
    uploads.confirm(upload, by=None, now=START, address=None)
    timed("apply", lambda: uploads.work(upload, clock=timezone.now))
    upload.refresh_from_db()
    assert upload.state == "done", upload.error
    assert upload.counts["added"] > rows * 0.9
    pieces = timed("result file", lambda: sum(len(piece) for piece in tables.csv(uploads.result(upload, str))))
    assert pieces > rows * 50
    taken["peak MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return taken


def _fill(entries: int) -> None:
    """A register's entries, as a run would have left them."""
    from certwatch.models import Entry, RunState, SourceState, Sync
    from certwatch.rules import numbers

    run = Sync.objects.create(source="iscc", state=RunState.GOOD, address="x", own_address=True, began=START)
    SourceState.objects.create(source="iscc", last_good=run, read_began=START)
    for start in range(0, entries, 1000):
        Entry.objects.bulk_create(
            Entry(
                source="iscc",
                number=(number := f"EU-ISCC-Cert-DE100-{place:08}"),
                number_key=numbers.key(number),
                holder=f"Muster Holding {place} GmbH",
                holder_key=f"musterholding{place}gmbh",
                scheme="ISCC EU",
                word="valid",
                valid_from=date(2026, 1, 1),
                valid_until=date(2026, 12, 31),
                digest=b"1" * 16,
                version=1,
                first_seen=START,
            )
            for place in range(start, min(start + 1000, entries))
        )


def _file(rows: int) -> Iterator[bytes]:
    yield "Zertifikatsnummer;System;Lieferant;Kreditor;Gültig bis;Warengruppe\n".encode()
    for place in range(rows):
        number = f"EU-ISCC-Cert-DE100-{place:08}"
        if place % 40 == 7:
            number = f"DE100-{place:08}"  # similar
        elif place % 40 == 17:
            number = f"EU-ISCC-Cert-DE999-{place:08}"  # in no register
        elif place % 100 == 27:
            number = f"AGRO-CERT-PL-{place}"  # of no scheme
        yield f"{number};;Oderbruch Biodiesel {place % 700} GmbH;{place % 700};31.12.2026;FAME, Weizen\n".encode()


if __name__ == "__main__":
    main()
