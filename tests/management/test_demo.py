"""The demo: what is put into it, where it keeps everything, and the whole of it as a process."""

import csv
import json
import os
import re
import signal
import subprocess
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from certwatch.management.demo_filling import PASSWORD, fill
from certwatch.management.demo_folder import DemoFolder
from certwatch.models import ApiKey, Certificate, Kind, Organisation, User
from certwatch.practice import invented
from certwatch.rules import keys
from certwatch.rules.errors import Refused
from certwatch.rules.status import Status
from tests.conftest import NOON
from tests.management.test_processes import ENDS_WITHIN_S, Started, alive, free_port, wait_until

SOURCES = {"iscc": "http://127.0.0.1:9090/iscc", "redcert": "http://127.0.0.1:9090/redcert"}


@pytest.fixture
def registers(tmp_path: Path) -> Path:
    for name, text in invented.files(NOON.date()).items():
        (tmp_path / f"{name}.csv").write_text(text, "utf-8")
    return tmp_path


@pytest.fixture
def folder(tmp_path: Path) -> DemoFolder:
    (tmp_path / "de mo").mkdir()
    return DemoFolder(tmp_path / "de mo")


@pytest.mark.django_db
def test_it_watches_certificates_of_all_registers_and_some_by_hand(registers: Path) -> None:
    filled = fill(registers, now=NOON)
    org = Organisation.objects.get()
    automatic = org.certificates.filter(kind=Kind.AUTOMATIC)
    assert Counter(automatic.values_list("source", flat=True)) == {"iscc": 21, "redcert": 20, "twobsvs": 20}
    assert filled["automatic"] == 61
    by_hand = org.certificates.filter(kind=Kind.NIS)
    assert {c.status(NOON) for c in by_hand} == {Status.VALID, Status.SUSPENDED, Status.EXPIRED}
    assert {c.supplier is not None for c in by_hand} == {True}
    assert org.suppliers.count() > 40


@pytest.mark.django_db
def test_the_watched_ones_have_every_status_and_one_of_each_register_is_plainly_valid(registers: Path) -> None:
    filled = fill(registers, now=NOON)
    watched = set(Certificate.across_orgs.values_list("number", flat=True))
    for name, sample in zip(("iscc", "redcert", "twobsvs"), filled["samples"], strict=True):
        with (registers / f"{name}.csv").open(encoding="utf-8") as file:
            rows = {row["number"]: row for row in csv.DictReader(file)}
        assert {rows[number]["status"] for number in watched & rows.keys()} >= {
            "valid", "not_yet_valid", "expired", "suspended", "withdrawn", "terminated",
        }  # fmt: skip
        assert rows[sample]["status"] == "valid"
        assert rows[sample]["valid_until"] > (NOON.date() + timedelta(days=30)).isoformat()


@pytest.mark.django_db
def test_one_number_has_several_holders_and_no_supplier_that_could_decide(registers: Path) -> None:
    fill(registers, now=NOON)
    with (registers / "iscc.csv").open(encoding="utf-8") as file:
        holders = {(row["number"], row["holder"]) for row in csv.DictReader(file)}
    ((shared, count),) = Counter(number for number, _ in holders).most_common(1)
    assert count == 2
    assert Certificate.across_orgs.get(number=shared).supplier is None


@pytest.mark.django_db
def test_each_start_makes_a_key_revokes_the_last_and_adds_nothing_else(registers: Path) -> None:
    first = fill(registers, now=NOON)
    before = Certificate.across_orgs.count()
    second = fill(registers, now=NOON + timedelta(hours=1))
    good = ApiKey.across_orgs.get(revoked_at=None)
    assert bytes(good.digest) == keys.digest(second["key"])
    assert second["key"] != first["key"]
    assert ApiKey.across_orgs.exclude(revoked_at=None).count() == 1
    assert Certificate.across_orgs.count() == before
    assert (Organisation.objects.count(), User.objects.count()) == (1, 1)


@pytest.mark.django_db
def test_the_printed_password_is_the_right_one_also_when_it_was_changed(registers: Path) -> None:
    email = fill(registers, now=NOON)["email"]
    user = User.objects.get(email=email)
    user.set_password("something else that was tried")
    user.save()
    assert fill(registers, now=NOON)["password"] == PASSWORD
    assert User.objects.get(email=email).check_password(PASSWORD)


@pytest.mark.django_db
def test_a_spoilt_file_of_a_register_does_not_stop_it(registers: Path) -> None:
    (registers / "iscc.csv").write_bytes(b"\xff\xfe\x00")
    (registers / "redcert.csv").unlink()
    filled = fill(registers, now=NOON)
    assert (len(filled["samples"]), filled["automatic"]) == (1, 21)


def test_its_environment_leads_to_nothing_of_a_real_installation(folder: DemoFolder) -> None:
    real = {"DATABASE_URL": "postgres://real", "CERTWATCH_FILES": "/real", "CERTWATCH_HOME": "/real", "LANG": "C"}
    assert folder.environment(8123, SOURCES, real) == {
        "LANG": "C",
        "CERTWATCH_HOME": str(folder.path),
        "CERTWATCH_BASE_URL": "http://127.0.0.1:8123",
        "CERTWATCH_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
        "CERTWATCH_SOURCE_ISCC_URL": "http://127.0.0.1:9090/iscc",
        "CERTWATCH_SOURCE_REDCERT_URL": "http://127.0.0.1:9090/redcert",
    }


def test_its_env_file_puts_a_shell_on_it(folder: DemoFolder) -> None:
    folder.write_env_file(8123, SOURCES)
    show = 'echo "$CERTWATCH_HOME|$CERTWATCH_BASE_URL|$CERTWATCH_SOURCE_ISCC_URL|${DATABASE_URL-none}"'
    done = subprocess.run(
        ["sh", "-euc", f". './env'; . './env'; {show}; command -v certwatch; echo \"$PATH\""],
        cwd=folder.path,
        env={"PATH": "/usr/bin:/bin", "DATABASE_URL": "postgres://real"},
        capture_output=True,
        text=True,
        check=True,
    )
    settings, program, path = done.stdout.splitlines()
    assert settings == f"{folder.path}|http://127.0.0.1:8123|http://127.0.0.1:9090/iscc|none"
    assert program.endswith("/bin/certwatch")
    assert path.count(str(Path(program).parent)) == 1
    assert folder.last_registers_port() == 9090


def test_it_runs_once_and_reset_empties_its_folder(folder: DemoFolder) -> None:
    assert folder.last_registers_port() == 0
    (folder.registers / "deep").mkdir(parents=True)
    folder.env_file.write_bytes(b"\xff")
    assert folder.last_registers_port() == 0
    with folder.ours():
        with pytest.raises(Refused, match="already"), folder.ours():
            pass
        folder.empty()
        assert [path.name for path in folder.path.iterdir()] == ["running.lock"]
        with pytest.raises(Refused), folder.ours():
            pass
    with folder.ours():
        pass


def test_a_terminal_that_was_put_on_it_starts_the_same_demo(tmp_path: Path) -> None:
    folder = DemoFolder.below(tmp_path)
    assert folder.path == tmp_path / "demo"
    with folder.ours():
        assert DemoFolder.below(folder.path) == folder


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="folder"), DemoFolder(tmp_path / "file" / "demo").ours():
        pass


# ── the whole of it ──────────────────────────────────────────────────────────────────────────────────────────────────


class Demo(Started):
    """A running demo."""

    def until_checked(self) -> float:
        return wait_until(lambda: "have been checked" in self.said() or self.process.poll() is not None, 60, self.said)

    def curl(self) -> tuple[str, str]:
        """Key and address of the printed curl line."""
        found = re.search(r"curl -H 'Authorization: Bearer (cw_\w+)' (http://\S+)", self.said())
        assert found, self.said()
        return found[1], found[2]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    running: list[Demo] = []

    def start(*arguments: str, **settings: str) -> Demo:
        running.append(Demo(tmp_path, "demo", *arguments, **settings))
        return running[-1]

    yield start
    for one in running:
        for pid in [one.process.pid, *one.family()] if one.process.poll() is None else []:
            os.kill(pid, signal.SIGKILL)
        one.process.wait(10)
        one.errors.close()


def asked(key: str, address: str) -> dict[str, Any]:
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def test_the_printed_line_answers_with_a_status_that_came_from_a_register(
    demo: Callable[..., Demo], tmp_path: Path
) -> None:
    port = str(free_port())
    first = demo("--port", port, DATABASE_URL="postgres://nobody@127.0.0.1:1/real")
    first.until_checked()
    key, address = first.curl()
    answer = asked(key, address)
    assert (answer["status"], answer["last_checked"] is not None) == ("valid", True)
    assert str(tmp_path / "var/demo/registers") in first.said()
    env = (tmp_path / "var/demo/env").read_text("utf-8")

    taken = demo("--port", port)
    assert taken.ended(30) == 1
    assert "--port" in taken.said()

    family = first.family()
    assert len(family) >= 2
    code, seconds = first.told(signal.SIGINT)
    assert (code, "Traceback" in first.said()) == (0, False)
    assert seconds < ENDS_WITHIN_S
    assert not [pid for pid in family if alive(pid)]

    second = demo("--port", port)
    second.until_checked()
    with pytest.raises(urllib.error.HTTPError) as refused:
        asked(key, address)
    refused.value.close()
    assert refused.value.code == 401
    assert asked(*second.curl())["last_checked"] == answer["last_checked"]
    assert (tmp_path / "var/demo/env").read_text("utf-8") == env
    family = second.family()
    second.told(signal.SIGKILL)
    wait_until(lambda: not any(alive(pid) for pid in family), ENDS_WITHIN_S + 1, lambda: f"left: {family}")
