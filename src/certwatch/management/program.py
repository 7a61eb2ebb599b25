"""The program `certwatch`: finds the command, runs it, and ends with 0 (good), 1 (refused) or 2 (wrong usage).

Each module in `commands` is a Django management command; only the one that is asked for is loaded.
Commands that are not ours (Django's own) are reached by developers with `python -m django`.
"""

import ast
import contextlib
import difflib
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from certwatch import __version__
from certwatch.rules.errors import CertWatchError

COMMANDS = Path(__file__).with_name("commands")
HIDDEN = {"shellcompletion": "django_typer"}  # not of the product itself: command → app

ON_TABLES = frozenset({"certificate", "key", "operator", "org", "secrets", "source", "user"})

GOOD, REFUSED, WRONG_USAGE = 0, 1, 2
INTERRUPTED = 128 + signal.SIGINT

HELP = """Usage: certwatch COMMAND …

Watches sustainability certificates in the schemes' public registers and answers ERP systems over HTTP.

Commands:
{commands}

certwatch COMMAND --help tells more about one. certwatch --version prints the version.
Settings are read from the environment; with none set everything is kept in ./var.
"""


def main() -> NoReturn:
    """The entry point: runs what stands on the command line and ends the process."""
    with contextlib.suppress(AttributeError):  # a stream put in the place of a real one
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # JSON knows no other
        sys.stderr.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our answer has gone (`| head`); the interpreter's last flush must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = REFUSED
    except KeyboardInterrupt:
        code = INTERRUPTED
    sys.exit(code)


def run(words: Sequence[str]) -> int:
    """Run one command line, without the program's name; the exit code."""
    if any("\ud800" <= char <= "\udfff" for word in words for char in word):
        return _complain("what was typed is not valid in this terminal's character set", WRONG_USAGE)
    if not words:
        sys.stderr.write(_help())
        return WRONG_USAGE
    name, *arguments = words
    if name in ("--help", "-h"):
        sys.stdout.write(_help())
        return GOOD
    if name == "--version":
        sys.stdout.write(f"certwatch {__version__}\n")
        return GOOD
    if name not in names() and name not in HIDDEN:
        near = difflib.get_close_matches(name, names(), n=1)
        meant = f", did you mean “{near[0]}”?" if near else "."
        return _complain(f"there is no command “{name}”{meant} See certwatch --help.", WRONG_USAGE)
    try:
        return _run(name, arguments)
    except CertWatchError as error:
        return _complain(str(error), REFUSED)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else GOOD if end.code is None else _complain(str(end.code), 1)


def names() -> list[str]:
    """Our commands, as they are typed."""
    return sorted(path.stem.replace("_", "-") for path in COMMANDS.glob("[!_]*.py"))


def _run(name: str, arguments: list[str]) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "certwatch.config.settings")
    os.environ.setdefault("DT_MANAGE_SCRIPT", "certwatch")  # what shells complete
    sys.argv[0] = "certwatch"  # what django-typer prints in lines of usage, wherever the program lies
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # a library's advice to its users is nothing for ours
    import django  # only here: help and complaints about the command's name need none of it
    from django.core.management import CommandError, load_command_class
    from django.db import OperationalError
    from django_typer.management import TyperCommand

    django.setup()
    from certwatch.management import database  # reads the settings

    if name in ON_TABLES:
        database.check_at_first_use()
    TyperCommand.suppressed_base_arguments = {
        "--version", "--settings", "--pythonpath", "--traceback", "--show-locals", "--hide-locals",
        "--no-color", "--force-color", "--skip-checks", "--verbosity",
    }  # fmt: skip
    command: Any = load_command_class(HIDDEN.get(name, "certwatch"), name.replace("-", "_"))
    command._called_from_command_line = not isinstance(command, TyperCommand)  # else it ends by itself, with 1
    try:
        options = vars(command.create_parser("certwatch", name).parse_args(arguments))
        command.execute(*options.pop("args", ()), **{**options, "skip_checks": True})
    except CommandError as error:
        return _ended(error, name)
    except OperationalError as error:
        if database.reached():
            raise
        return _complain(f"The database cannot be reached: {' '.join(str(error).split())}", REFUSED)
    return GOOD


def _ended(error: Any, name: str) -> int:
    """The exit code of a command that ended early; django-typer wraps what Typer raised."""
    from typer import Exit
    from typer._click.exceptions import UsageError

    cause = error.__cause__
    if isinstance(cause, UsageError):
        if cause.ctx is not None:
            usage = cause.ctx.get_usage().replace(name.replace("-", "_"), name)  # a module's name has no dashes
            sys.stderr.write(f"{usage}\n")
        return _complain(cause.format_message(), WRONG_USAGE)
    if isinstance(cause, Exit):
        return cause.exit_code
    return _complain(str(error), error.returncode)


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"certwatch: {message}\n")
    return code


def _help() -> str:
    width = max(len(name) for name in names())
    lines = [f"  {name:<{width}}  {_first_line(name)}" for name in names()]
    return HELP.format(commands="\n".join(lines))


def _first_line(name: str) -> str:
    """The first sentence of a command's help, without loading the command."""
    module = ast.parse((COMMANDS / f"{name.replace('-', '_')}.py").read_text(encoding="utf-8"))
    for node in ast.walk(module):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "help":
            return str(ast.literal_eval(node.value)).partition(". ")[0].removesuffix(".")
    return ""
