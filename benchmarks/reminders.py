"""A new day for 100,000 certificates that end soon, of 1,000 organisations: `python -m benchmarks.reminders`.

On SQLite, from the look at the clock to the last commit: first everything is news, then nothing is. With twice the
certificates the peak of memory shows whether it is flat.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path

CERTIFICATES = 100_000
ORGS = 1_000
GOAL_S = 10
FLAT_MB = 20  # what twice as many certificates may take more
NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
ZONES = ("Europe/Berlin", "Europe/London", "America/New_York", "Asia/Kathmandu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--certificates", type=int, default=CERTIFICATES)
    parser.add_argument("--here", action="store_true", help="in this process")
    options = parser.parse_args()
    if options.here:
        print(json.dumps(_measure(options.certificates)))
        return
    once, twice = _apart(options.certificates), _apart(options.certificates * 2)
    print(f"Reminders, {options.certificates:,} certificates that end soon, {ORGS:,} organisations, SQLite\n")
    print(f"all of it is news    {once['news']:6.2f} s (goal: below {GOAL_S})  {_met(once['news'] < GOAL_S)}")
    print(f"the next day         {once['no news']:6.2f} s")
    print(f"twice as many        {twice['news']:6.2f} s")
    more = twice["peak MB"] - once["peak MB"]
    print(f"peak memory          {once['peak MB']:6.0f} MB, twice as many {more:+.0f} MB  {_met(more < FLAT_MB)}")


def _met(met: bool) -> str:
    return "met" if met else "MISSED"


def _apart(certificates: int) -> dict[str, float]:
    """Run in a process and an installation of its own, so that its peak of memory is its own."""
    with tempfile.TemporaryDirectory(prefix="certwatch-bench-") as home:
        env = {**os.environ, "CERTWATCH_HOME": home, "DJANGO_SETTINGS_MODULE": "certwatch.config.settings"}
        env.pop("DATABASE_URL", None)
        command = [sys.executable, "-m", "benchmarks.reminders", "--here", "--certificates", str(certificates)]
        done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def _measure(certificates: int) -> dict[str, float]:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    _fill(certificates)
    from certwatch.actions import reminders
    from certwatch.models import Change, Notice

    before = _memory_mb("VmRSS")
    _reset_peak()
    began = time.perf_counter()
    reminders.look(NOW)
    news = time.perf_counter() - began
    if (told := Notice.across_orgs.filter(state="open").count()) != certificates:
        raise SystemExit(f"{told} alerts were made, not {certificates}.")
    if (told := Change.across_orgs.count()) != certificates:
        raise SystemExit(f"{told} events were made, not {certificates}.")
    began = time.perf_counter()
    reminders.look(NOW + timedelta(days=1))
    return {
        "news": news,
        "no news": time.perf_counter() - began,
        "peak MB": _memory_mb("VmHWM"),
        "before MB": before,
    }


def _fill(certificates: int) -> None:
    """Certificates that end within the next 60 days, as many on each: one stage is told, 0.9 are skipped."""
    from django.db import transaction

    from certwatch.models import Certificate, Organisation, adding
    from certwatch.models.staging import Bulk

    orgs = Organisation.objects.bulk_create(
        Organisation(
            name=f"Org {place}", slug=f"org-{place}", time_zone=ZONES[place % len(ZONES)], created_at=NOW,
            looked_on=date(2026, 11, 1),
        )
        for place in range(ORGS)
    )  # fmt: skip
    added = NOW - timedelta(days=300)

    def made() -> Iterator[Certificate]:
        for place in range(certificates):
            key = f"eu-iscc-cert-de100-{place:08}"
            yield Certificate(
                org=orgs[place % ORGS], number=key, number_key=key, match_key=key, source="iscc", scheme="ISCC EU",
                word="valid", valid_from=date(2025, 12, 1), valid_until=NOW.date() + timedelta(days=place % 61),
                added_at=added,
            )  # fmt: skip

    rows = made()
    while some := list(islice(rows, 5_000)):
        with transaction.atomic():
            adding.add_certificates(Bulk(), some)


def _memory_mb(name: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith(name)).split()[1]) / 1024


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


if __name__ == "__main__":
    main()
