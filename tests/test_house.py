"""The house plan, kept by tests: floors, the tenancy idiom, sizes, and what must never get into the repository."""

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from importlinter.api import read_configuration
from importlinter.application.use_cases import lint_imports

import certwatch
from certwatch.models.base import OrgOwned

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(certwatch.__file__).parent
LONGEST = 500  # lines of a file that a person reads from top to bottom
ROAD = ("gate", "lookup", "limit", "answers")  # of a look-up; with several processes also `together`

# Where rows of several organisations may be reached at once (docs/decisions/0003-tenancy.md).
ACROSS_ORGS = (
    "models/",
    "migrations/",
    "jobs/",
    "actions/bindings.py",  # the answers of a whole run
    "actions/changes.py",  # the changes of a whole run
    "actions/deliveries.py",
    "actions/digests.py",  # the digests that are due
    "actions/tellings.py",  # notices that nobody was told of yet
    "actions/reminders.py",  # what a day brings to all organisations
    "actions/carrier.py",  # messages that are due
    "actions/outcomes.py",  # what became of them
    "actions/successors.py",  # of all who watch a source
    "actions/feed.py",  # a calendar by its token
    "actions/keys.py",  # the operator revokes a key by its id
    "actions/notices.py",
    "actions/orgs.py",  # an invitation by its token
    "actions/operator_notices.py",  # notices of no organisation
    "actions/secrets.py",  # rotation
    "actions/source_notices.py",  # all who watch a source
    "actions/syncs.py",
    "actions/upload_links.py",  # an upload link by its token
    "web/operator.py",
)


def ours() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "migrations" not in path.parts)


def short(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def tracked() -> Iterator[tuple[str, str]]:
    """Each text file of the repository and what is in it."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in listed.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file():
            try:
                yield name, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def code_lines(path: Path, *, without: str) -> int:
    """Lines of code: not empty, no comment, docstring or import, and not in the classes named in `without`."""
    text = path.read_text(encoding="utf-8")
    quiet = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        or (isinstance(node, ast.ClassDef) and node.name in without.split())
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str))
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    silent = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    spoken = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in silent
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(spoken - quiet)


def test_imports_keep_to_the_floors(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert len(read_configuration()["contracts_options"]) >= 4
    kept = lint_imports(config_filename="pyproject.toml", is_debug_mode=False, cache_dir=None)
    assert kept, capsys.readouterr().out


def test_rows_of_all_organisations_are_reached_in_few_known_places() -> None:
    strays = [
        short(path)
        for path in ours()
        if "across_orgs" in path.read_text(encoding="utf-8") and not short(path).startswith(ACROSS_ORGS)
    ]
    assert strays == []


def test_what_an_organisation_owns_has_no_manager_but_across_orgs() -> None:
    owned = [model for model in apps.get_models() if issubclass(model, OrgOwned)]
    assert len(owned) >= 5
    for model in owned:
        assert not hasattr(model, "objects"), model
        assert [manager.name for manager in model._meta.managers] == ["across_orgs"], model


def test_no_file_is_too_long_to_be_read_at_once() -> None:
    everything = [*ours(), *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    long = {str(p.relative_to(ROOT)): n for p in everything if (n := len(p.read_text("utf-8").splitlines())) > LONGEST}
    assert long == {}


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        short(path)
        for path in ours()
        if path.stat().st_size and ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) is None
    ]
    assert silent == []


@pytest.mark.parametrize(
    ("parts", "without"),
    [
        (ROAD, "PostgresReader ValkeyCounter"),  # SQLite, one process
        ((*ROAD, "together"), "SqliteReader MemoryCounter"),  # PostgreSQL and Valkey
    ],
)
def test_the_road_of_a_lookup_is_short(parts: tuple[str, ...], without: str) -> None:
    lines = {part: code_lines(PACKAGE / "api" / f"{part}.py", without=without) for part in parts}
    assert sum(lines.values()) < 400, lines


@pytest.mark.django_db
def test_no_models_are_without_their_migrations() -> None:
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        (
            "address of a package index",
            r"--(?:extra-)?index-url|--find-links\b(?! *\\$)|(?:https?|file)://\S*/simple\b",
        ),
        ("path of one machine", r"/(?:work|root|home)/\w+/"),
    ],
)
def test_nothing_of_one_machine_is_in_the_repository(what: str, pattern: str) -> None:
    own = {"tests/test_house.py"}
    found = [name for name, text in tracked() if name not in own and re.search(pattern, text)]
    assert found == [], what


def test_requirements_are_pinned_with_their_hashes() -> None:
    for file in sorted((ROOT / "requirements").glob("*.txt")):
        entries = re.split(r"\n(?=\S)", file.read_text(encoding="utf-8"))
        pinned = [entry for entry in entries if not entry.startswith("#")]
        assert pinned
        for entry in pinned:
            assert re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+", entry), entry
            assert "--hash=sha256:" in entry, entry


def test_what_is_not_ours_comes_with_its_licence() -> None:
    vendor = PACKAGE / "static" / "vendor"
    told = (vendor / "VENDOR.md").read_text(encoding="utf-8")
    for path in vendor.rglob("*"):
        if path.is_file() and path.parent.name != "licences" and path.name != "VENDOR.md":
            assert any(path.match(pattern) for pattern in re.findall(r"`([^`]+)`", told)), path
    for licence in re.findall(r"licences/([\w.-]+)", told):
        assert (vendor / "licences" / licence).stat().st_size > 100, licence
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").lstrip().startswith("Apache License")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_what_a_stranger_looks_for_is_there(name: str) -> None:
    assert (ROOT / name).stat().st_size > 100


def test_links_between_the_documents_lead_somewhere() -> None:
    dead = []
    for name, text in tracked():
        if name.endswith(".md") and not name.startswith("tests/"):
            targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
            inside = [target for target in targets if not re.match(r"\w+:|/", target)]
            dead += [f"{name}: {target}" for target in inside if not (ROOT / name).parent.joinpath(target).exists()]
    assert dead == []


def test_the_documents_name_only_commands_and_settings_that_there_are() -> None:
    commands = {path.stem.replace("_", "-") for path in (PACKAGE / "management" / "commands").glob("[!_]*.py")}
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    known = (PACKAGE / "config" / "environ.py").read_text(encoding="utf-8")
    for name in ("README.md", "CONTRIBUTING.md", "docs/running.md", "docs/scaling.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert set(re.findall(r"`(?:\.venv/bin/)?certwatch ([a-z-]+)", text)) <= commands, name
        assert set(re.findall(r"`make ([a-z]+)", text)) <= targets, name
        for setting in re.findall(r"`(CERTWATCH_[A-Z_]+[A-Z])\b", text):
            stem = setting.removesuffix("_FILE")
            assert stem in known or stem in ("CERTWATCH_SOURCE_ISCC_URL",) or stem.startswith("CERTWATCH_TEST_"), stem
