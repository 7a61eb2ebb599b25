"""Runs the tests: what lies near the database on PostgreSQL, then everything on SQLite.

Started by `tools/with-servers`, which says in CERTWATCH_TEST_POSTGRES where PostgreSQL is.
"""

import os
import subprocess
import sys

import psycopg

NEAR_THE_DATABASE = ("tests/models", "tests/actions", "tests/jobs")


def main() -> int:
    pytest = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "worksteal", "-rfEs"]
    codes, notes = [], []
    reason = why_no_postgres(os.environ["CERTWATCH_TEST_POSTGRES"])
    if not reason:
        say(f"On PostgreSQL: {' '.join(NEAR_THE_DATABASE)}")
        on_postgres = {**os.environ, "CERTWATCH_TEST_ON": "postgresql"}
        codes.append(subprocess.run([*pytest, *NEAR_THE_DATABASE], env=on_postgres, check=False).returncode)  # noqa: S603
    elif os.environ.get("CI") == "true":
        codes.append(1)
        notes.append(f"FAILED: the tests on PostgreSQL may not be skipped in CI. {reason}")
    else:
        notes.append(f"SKIPPED: the tests on PostgreSQL. {reason}")
    say("On SQLite: all tests")
    codes.append(subprocess.run(pytest, check=False).returncode)  # noqa: S603
    for note in notes:
        say(note)
    return 1 if any(codes) else 0


def why_no_postgres(url: str) -> str:
    """Why PostgreSQL cannot be used; "" if it can."""
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        return str(error).strip().replace("\n", " ")
    return ""


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
