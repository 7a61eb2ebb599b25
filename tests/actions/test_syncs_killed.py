"""`kill -9` at any moment leaves a state from which the next run completes."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SETUP = """
import django; django.setup()
from datetime import UTC, datetime
from django.core.management import call_command
from certwatch.models import Organisation
from tests.actions.registers import watch
call_command("migrate", verbosity=0)
now = datetime(2026, 11, 24, 11, tzinfo=UTC)
for slug in ("nordmuehle", "suedoel"):
    org = Organisation.objects.create(name=slug, slug=slug, created_at=now)
    for place in (1, 2, 3, 4, 70):
        watch(org, place, now)
"""


def python(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "CERTWATCH_HOME": str(home), "DJANGO_SETTINGS_MODULE": "certwatch.config.settings"}
    env.pop("DATABASE_URL", None)  # the promise is made for both; it is tried where a test can have its own
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=env, text=True, capture_output=True, check=False)


def sync(home: Path, after: int, hours: int, rows: str) -> subprocess.CompletedProcess[str]:
    return python(home, "-m", "tests.actions.killed_sync", str(after), str(hours), rows)


def everything(home: Path) -> dict[str, list[Any]]:
    """What counts in the end, without ids of runs and times."""
    with sqlite3.connect(home / "certwatch.sqlite3") as db:
        return {
            "certificates": db.execute(
                "SELECT org_id, number, word, valid_until, ambiguous FROM certwatch_certificate ORDER BY id"
            ).fetchall(),
            "versions": db.execute(
                """SELECT e.number, v.version, v.word, v.holder, v.known_until IS NULL FROM certwatch_entryversion v
                   JOIN certwatch_entry e ON e.id = v.entry_id ORDER BY e.number, v.version"""
            ).fetchall(),
            "changes": db.execute(
                "SELECT org_id, number, type, was, word FROM certwatch_change ORDER BY org_id, number"
            ).fetchall(),
            "bindings": db.execute(
                "SELECT certificate_id, entry_id, how, known_until IS NULL FROM certwatch_binding ORDER BY id"
            ).fetchall(),
            "good": db.execute("SELECT count(*) FROM certwatch_sync WHERE state = 'good'").fetchall(),
        }


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation that has read the register once."""
    home = tmp_path_factory.mktemp("prepared")
    assert python(home, "-c", SETUP).returncode == 0
    first = sync(home, 0, 0, "as they were")
    assert first.stdout.startswith("good"), first.stderr
    return home


def copy(prepared: Path, home: Path) -> None:
    with sqlite3.connect(prepared / "certwatch.sqlite3") as old, sqlite3.connect(home / "certwatch.sqlite3") as new:
        old.backup(new)


def test_a_killed_run_loses_nothing_and_doubles_nothing(prepared: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    copy(prepared, whole)
    done = sync(whole, 0, 24, "changed")
    assert done.stdout.startswith("good"), done.stderr
    wanted = everything(whole)
    assert len(wanted["changes"]) > 10
    statements = int(done.stdout.split()[1])
    points = [*range(4, statements, max(1, statements // 10)), statements]
    for point in points:
        home = tmp_path / str(point)
        home.mkdir()
        copy(prepared, home)
        killed = sync(home, point, 24, "changed")
        assert killed.returncode == -9, (point, killed.stdout, killed.stderr)
        again = sync(home, 0, 25, "changed")
        assert again.stdout.startswith("good"), (point, again.stderr)
        assert everything(home) == wanted, point
