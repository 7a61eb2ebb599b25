"""The program itself: help, exit codes, a clean stdout, a database that is not there yet."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from certwatch.management import program
from certwatch.rules.errors import Refused
from tests.management.commands import CommandLine

PROGRAM = [sys.executable, "-c", "from certwatch.management.program import main; main()"]


@pytest.fixture
def certwatch(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(capsys)


def run(home: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The program as a process of its own, with an environment of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
    return subprocess.run(
        [*PROGRAM, *words],
        env={**kept, "CERTWATCH_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh machine on which an organisation was made with the very first command."""
    home = tmp_path_factory.mktemp("home") / "var"
    first = run(home, "org", "create", "Łódź", "--json", LANG="C")
    assert (first.returncode, first.stderr) == (0, f"Making a new database: {home / 'certwatch.sqlite3'}\n")
    assert '"slug": "lodz"' in first.stdout
    assert "Łódź" in first.stdout
    return home


class TestHelp:
    def test_it_lists_our_commands_and_no_others(self, certwatch: CommandLine) -> None:
        out = certwatch.good("--help").out
        listed = [line.split()[0] for line in out.splitlines() if line.startswith("  ")]
        assert listed == program.names()
        assert {"org", "user", "operator", "key", "certificate", "source", "up", "web", "worker", "migrate"} <= set(
            listed
        )
        assert "practice-registers" in listed
        assert "runserver" not in out
        assert all(len(line.split(maxsplit=1)) == 2 for line in out.splitlines() if line.startswith("  "))

    def test_alone_it_is_wrong_usage_and_says_what_there_is(self, certwatch: CommandLine) -> None:
        assert "Commands:" in certwatch.wrong()

    def test_it_says_its_version(self, certwatch: CommandLine) -> None:
        assert certwatch.good("--version").out == "certwatch 0.1.0\n"

    @pytest.mark.parametrize("words", [["org"], ["org", "create"], ["key", "create"], ["certificate", "import"]])
    def test_every_command_has_help_of_its_own(self, certwatch: CommandLine, words: list[str]) -> None:
        out = certwatch.good(*words, "--help").out
        assert f"Usage: certwatch {' '.join(words)}" in out
        assert "--pythonpath" not in out
        assert "--traceback" not in out


class TestWrongUsage:
    def test_an_unknown_command_is_told_with_the_nearest(self, certwatch: CommandLine) -> None:
        assert "there is no command “orgs”, did you mean “org”?" in certwatch.wrong("orgs", "list")
        assert certwatch.wrong("runserver").startswith("certwatch: there is no command “runserver”")
        certwatch.wrong("--foo")

    def test_the_line_of_usage_names_the_command(self, certwatch: CommandLine) -> None:
        assert certwatch.wrong("org", "close").splitlines() == [
            "Usage: certwatch org close [OPTIONS] {SLUG}",
            "certwatch: Missing argument 'SLUG'.",
        ]

    def test_the_line_of_usage_spells_the_command_as_it_is_typed(self, certwatch: CommandLine) -> None:
        for words in (["--port", "x"], ["--trouble", "iscc flood"]):
            usage = certwatch.wrong("practice-registers", *words).splitlines()[0]
            assert usage == "Usage: certwatch practice-registers [OPTIONS]"

    def test_what_is_no_text_is_told(self, certwatch: CommandLine) -> None:
        assert "character set" in certwatch.wrong("org", "create", "\udcff")


class TestRefused:
    def test_errors_of_ours_are_one_line(self, certwatch: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(name: str, arguments: list[str]) -> int:
            raise Refused("No.")

        monkeypatch.setattr(program, "_run", refuse)
        assert certwatch.refused("org", "list") == "No."

    def test_other_errors_rise(self, certwatch: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(name: str, arguments: list[str]) -> int:
            raise ZeroDivisionError

        monkeypatch.setattr(program, "_run", fail)
        with pytest.raises(ZeroDivisionError):
            certwatch("org", "list")


class TestAsAProcess:
    def test_the_second_command_finds_what_the_first_made(self, home: Path) -> None:
        answer = run(home, "org", "list")
        assert (answer.returncode, answer.stderr) == (0, "")
        assert "lodz" in answer.stdout

    def test_wrong_usage_ends_with_2_and_stays_away_from_stdout(self, home: Path) -> None:
        answer = run(home, "org", "create", "A", "--rate-limit", "0")
        assert (answer.returncode, answer.stdout) == (2, "")
        assert "not in the range" in answer.stderr

    def test_a_wrong_setting_ends_with_1_and_names_the_variable(self, home: Path) -> None:
        answer = run(home, "org", "list", CERTWATCH_TRIAL_DAYS="soon")
        assert (answer.returncode, answer.stdout) == (1, "")
        assert answer.stderr == "certwatch: CERTWATCH_TRIAL_DAYS must be a whole number from 0 to 3650; it is 'soon'.\n"

    def test_help_needs_no_setting_to_be_right(self, home: Path) -> None:
        assert run(home, "--help", CERTWATCH_TRIAL_DAYS="soon").returncode == 0

    def test_a_database_of_an_older_version_is_never_changed_by_the_way(self, home: Path, tmp_path: Path) -> None:
        old = tmp_path / "old.sqlite3"
        with sqlite3.connect(old) as database:
            database.execute("CREATE TABLE something (id integer)")
        database.close()
        answer = run(home, "org", "list", DATABASE_URL=f"sqlite:///{old}")
        assert (answer.returncode, answer.stdout) == (1, "")
        assert answer.stderr.endswith("Run: certwatch migrate\n")

    @pytest.mark.parametrize(
        "url", ["postgres://nobody@127.0.0.1:1/nix", "sqlite:////nonexistent/folder/certwatch.sqlite3"]
    )
    def test_a_database_that_does_not_answer_is_told(self, home: Path, url: str) -> None:
        answer = run(home, "org", "list", DATABASE_URL=url)
        assert (answer.returncode, answer.stdout) == (1, "")
        assert answer.stderr.startswith("certwatch: The database cannot be reached: ")
        assert answer.stderr.count("\n") == 1
        assert "Traceback" not in answer.stderr

    def test_a_reader_that_has_seen_enough_is_no_fault(self, home: Path) -> None:
        process = subprocess.Popen(
            [*PROGRAM, "certificate", "--help"],
            env={**os.environ, "CERTWATCH_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout and process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
        process.stderr.close()
        process.wait(timeout=60)

    def test_ctrl_c_ends_it_quietly(self, home: Path) -> None:
        process = subprocess.Popen(
            [*PROGRAM, "operator", "create", "op@cw.example"],
            env={**os.environ, "CERTWATCH_HOME": str(home)},
            stdin=subprocess.PIPE,  # it waits for a password
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdin and process.stdout and process.stderr
        wait_for_password(process.pid)
        process.send_signal(signal.SIGINT)
        process.wait(60)  # before its standard input is closed: that would be an answer, too
        out, err = process.communicate()
        assert (process.returncode, out, err) == (130, "", "")


def wait_for_password(pid: int) -> None:
    """Returns once the process sleeps in reading its standard input."""
    while True:
        call = Path(f"/proc/{pid}/syscall").read_text().split()
        if call[0] == "0" and call[1] == "0x0":  # read(0, …)
            return
