"""The register sync against a row-by-row loader, side by side in one run: `python -m benchmarks.sync`.

Both go from findings in memory to commit, on SQLite, alternating; medians are printed as ratios with their goals
(performance.md). The loader is honest: it keeps entries and versions as we do, with Django's `update_or_create` in
one transaction, and is measured on a part of the rows, for it is slow; its rate does not depend on how many there are.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

ROWS = 120_000
LOADER_ROWS = 2_000
WATCHED = 100_000
ORGS = 100
ROUNDS = 3
START = datetime(2026, 11, 24, 11, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--case", help="one case, in this process")
    options = parser.parse_args()
    if options.case:
        print(json.dumps(CASES[options.case](options.rows)))
        return
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in CASES}
    for _ in range(options.rounds):
        for name in CASES:
            rows = options.rows * 2 if name == "ours, twice the rows" else options.rows
            rounds[name].append(_apart(name, rows))
    _report({name: _medians(results) for name, results in rounds.items()}, options.rows)


def _apart(case: str, rows: int) -> dict[str, float]:
    """Run one case in a process and an installation of its own, so that its peak of memory is its own."""
    with tempfile.TemporaryDirectory(prefix="certwatch-bench-") as home:
        env = {**os.environ, "CERTWATCH_HOME": home, "DJANGO_SETTINGS_MODULE": "certwatch.config.settings"}
        command = [sys.executable, "-m", "benchmarks.sync", "--case", case, "--rows", str(rows)]
        done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def _medians(results: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(result[name] for result in results) for name in results[0]}


def _report(found: dict[str, dict[str, float]], rows: int) -> None:
    ours, loader, twice, fan_out = (found[name] for name in CASES)
    print(f"Register sync, {rows:,} rows, SQLite; rows/s, medians\n")
    print(f"{'':<18}{'ours':>10}{'row by row':>12}{'ratio':>8}{'goal':>7}")
    for name, goal in (("first load", 40), ("nothing changed", 100), ("1 % changed", 80)):
        ratio = ours[name] / loader[name]
        print(f"{name:<18}{ours[name]:>10,.0f}{loader[name]:>12,.0f}{ratio:>8.0f}{goal:>7}  {_met(ratio >= goal)}")
    print(f"\npeak memory        {ours['peak MB']:.0f} MB (goal: below 300)  {_met(ours['peak MB'] < 300)}")
    for name in ("first load", "nothing changed"):
        factor = 2 * ours[name] / twice[name]
        print(f"twice the rows, {name}: {factor:.2f} times the time (goal: 2.2 at most)  {_met(factor <= 2.2)}")
    rate = fan_out["certificates/s"]
    print(
        f"fan-out, 1,000 entries × 100 watchers, changes ({fan_out['changes, s']:.2f} s) and notices"
        f" ({fan_out['notices, s']:.2f} s): {rate:,.0f} certificates/s (goal: 50,000)  {_met(rate >= 50_000)}"
    )
    print(f"sync with {WATCHED:,} watched, nothing changed: {fan_out['nothing changed, s']:.2f} s")


def _met(met: bool) -> str:
    return "met" if met else "MISSED"


def _findings(rows: int, *, worse: int = 0) -> list[Any]:
    """Records as ISCC's cards give them. The first `worse` of them are suspended."""
    from certwatch.rules.findings import Finding, Suspension
    from certwatch.rules.status import Status

    found = []
    for place in range(rows):
        suspended = place < worse
        number = f"EU-ISCC-Cert-DE{100 + place % 900}-{place:08}"
        found.append(
            Finding(
                number=number,
                holder=f"Muster Öle und Fette {place} GmbH & Co. KG",
                word=Status.SUSPENDED if suspended else Status.VALID,
                source_word="suspended" if suspended else "valid",
                part="suspended" if suspended else "valid",
                valid_from=date(2026, 1, 1) + timedelta(days=place % 300),
                valid_until=date(2026, 12, 31) + timedelta(days=place % 300),
                suspensions=[Suspension(date(2026, 11, 20), None)] if suspended else [],
                scopes=["Trader with Storage", "Collecting Point"],
                materials=["UCO", "Rape/canola"],
                place="Musterstadt, Germany",
                certifier="SGS Germany GmbH, Emstek, DE",
                details={"Address": f"Hafenstraße {place % 200}, 20457 Hamburg, Germany", "Add-ons/CTS": "GHG"},
                row={"tag": number, "date": "01.01.26 – 31.12.26", "Scope": "Trader with Storage, Collecting Point"},
                payload="0" * 64,
            )
        )
    return found


def _source(said: list[Any]) -> Any:
    from certwatch.sources.source import Source

    def crawl(ctx: object) -> Iterator[Any]:
        return iter(said)

    return Source("iscc", "ISCC", ("ISCC EU",), "https://register.example", "", ("eu-iscc",), crawl)


def _migrated() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def _run(said: list[Any], day: int) -> float:
    """Seconds of one run on the `day`-th day."""
    from certwatch.actions import syncs

    began = time.perf_counter()
    run = syncs.run(_source(said), clock=lambda: START + timedelta(days=day))
    seconds = time.perf_counter() - began
    if run.state != "good":
        raise SystemExit(f"The run is {run.state}: {run.reasons} {run.error}")
    return seconds


def ours(rows: int) -> dict[str, float]:
    _migrated()
    said = _findings(rows)
    first = _run(said, 0)
    same = statistics.median(_run(said, day) for day in (1, 2, 3))
    peak = _peak_mb()  # before there are two lists of findings at once
    changed = _run(_findings(rows, worse=rows // 100), 4)
    return {
        "first load": rows / first,
        "nothing changed": rows / same,
        "1 % changed": rows / changed,
        "peak MB": peak,
    }


def loader(rows: int) -> dict[str, float]:
    """Row by row, on a table that already holds the rest of the rows."""
    _migrated()
    _run(_findings(rows), 0)
    fresh = _findings(rows + LOADER_ROWS)[-LOADER_ROWS:]
    known = _findings(rows, worse=rows // 100)[rows // 100 - LOADER_ROWS // 100 :][:LOADER_ROWS]  # 1 % of these changed
    first = _seconds(lambda: _load(fresh, 1))
    same = _seconds(lambda: _load(fresh, 2))
    changed = _seconds(lambda: _load(known, 3))
    return {
        "first load": LOADER_ROWS / first,
        "nothing changed": LOADER_ROWS / same,
        "1 % changed": LOADER_ROWS / changed,
    }


def _load(said: list[Any], day: int) -> None:
    """What a careful first version would do: look each record up, save it, add a version if it changed."""
    from django.db import transaction

    from certwatch.models import Entry, EntryVersion, Sync
    from certwatch.models.base import as_json
    from certwatch.rules import numbers, schemes

    now = START + timedelta(days=day)
    with transaction.atomic():
        run = Sync.objects.create(source="iscc", address="", own_address=False, began=now)
        for finding in said:
            key = numbers.key(finding.number)
            facts = {
                "word": finding.word,
                "valid_from": finding.valid_from,
                "valid_until": finding.valid_until,
                "suspensions": as_json(finding.suspensions),
            }
            before = Entry.objects.filter(source="iscc", number_key=key).values(*facts).first()
            entry, new = Entry.objects.update_or_create(
                source="iscc",
                number_key=key,
                holder_key=numbers.name_key(finding.holder),
                defaults={"gone_at": None, **facts},
                create_defaults={
                    "number": finding.number,
                    "holder": finding.holder,
                    "scheme": schemes.scheme_of_key(key),
                    "source_word": finding.source_word,
                    "digest": b"",
                    "version": 0,
                    "first_seen": now,
                    **facts,
                },
            )
            if not new and before == facts:
                continue
            entry.version += 1
            entry.save(update_fields=["version"])
            EntryVersion.objects.create(
                entry=entry,
                version=entry.version,
                run=run,
                number=finding.number,
                holder=finding.holder,
                source_word=finding.source_word,
                scopes=finding.scopes,
                materials=finding.materials,
                place=finding.place,
                certifier=finding.certifier,
                details=finding.details,
                row=finding.row,
                first_seen=now,
                known_from=now,
                **facts,
            )


def fan_out(rows: int) -> dict[str, float]:
    """1,000 entries change, each with 100 watchers of as many organisations; all of them are told."""
    _migrated()
    from certwatch.actions import notices
    from certwatch.models import Certificate, Notice, Organisation
    from certwatch.rules import numbers

    orgs = Organisation.objects.bulk_create(
        Organisation(name=f"Org {place}", slug=f"org-{place}", created_at=START) for place in range(ORGS)
    )
    said = _findings(rows)
    keys = [(f.number, numbers.key(f.number)) for f in said[: WATCHED // ORGS]]
    Certificate.across_orgs.bulk_create(
        (
            Certificate(org=org, number=number, number_key=key, match_key=key, source="iscc", added_at=START)
            for number, key in keys
            for org in orgs
        ),
        batch_size=2_000,
    )
    others = [f for f in said if f.number not in {number for number, _ in keys}]
    _run(said, 0)
    same = _run(said, 1)
    notices.make(START)  # the first words are no alerts
    # 1,000 of 1,000 watched numbers that got worse would be held back, so something changes that is not worse
    changed = _findings(rows, worse=0)[: len(keys)]
    for finding in changed:
        finding.materials = ["UCO", "Tallow"]
    moved = _run(changed + others, 2)
    noticed = _seconds(lambda: notices.make(START))
    told = Notice.across_orgs.filter(kind="scope_changed").count()
    if told != len(keys) * ORGS:
        raise SystemExit(f"{told} notices were made, not {len(keys) * ORGS}.")
    changes = max(moved - same, 1e-9)
    return {
        "certificates/s": len(keys) * ORGS / (changes + noticed),
        "changes, s": changes,
        "notices, s": noticed,
        "nothing changed, s": same,
    }


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


CASES: dict[str, Callable[[int], dict[str, float]]] = {
    "ours": ours,
    "loader": loader,
    "ours, twice the rows": ours,
    "fan-out": fan_out,
}

if __name__ == "__main__":
    main()
