"""`certwatch source`: the public registers: how they are, read them now, look at what is held."""

import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from django.utils import timezone
from django_typer.management import TyperCommand, command
from typer import Argument, BadParameter, Option

from certwatch.management.output import say, show, show_json, table
from certwatch.rules.errors import Refused

Json = Annotated[bool, Option("--json", help="Answer in JSON.")]
Name = Annotated[str, Argument(help="A source: iscc, redcert or twobsvs.")]
Run = Annotated[int, Argument(metavar="RUN", help="The number of a held run.", min=1)]

SAY_EVERY_S = 10  # where no terminal shows a progress line


class Command(TyperCommand):
    help = "The public registers: how they are, read them now, look at what is held."

    @command(name="list", help="Each source: what it covers, last good run, last try, next run, entries, health.")
    def list_(self, json: Json = False) -> None:
        from certwatch.actions import sources

        rows = sources.overview(timezone.now())
        if json:
            show_json(rows)
            return
        headings = ("source", "schemes", "health", "last good run", "next run", "entries", "held run")
        show(table(headings, [_in_words(row) for row in rows]))
        for row in rows:
            if row["error"]:
                show(f"{row['name']}: {row['error']}")

    @command(help="Read one or more sources now.")
    def sync(
        self,
        names: Annotated[list[str] | None, Argument(metavar="NAME...", help="Sources to read.")] = None,
        everything: Annotated[bool, Option("--all", help="Read all of them.")] = False,
        from_file: Annotated[Path | None, Option("--from", help="Read this file, downloaded by hand there.")] = None,
        json: Json = False,
    ) -> None:
        from certwatch.actions import sources, syncs

        if bool(names) == everything:
            raise BadParameter("Name the sources to read, or say --all.")
        if from_file is not None and (everything or len(names or ()) != 1):
            raise BadParameter("A file is of one source: name that one.")
        wanted = [sources.monitored(name) for name in dict.fromkeys(names or sources.names())]
        if from_file is not None and not from_file.is_file():
            raise Refused(f"There is no file {from_file}.")
        runs, refused = [], []
        for source in wanted:
            try:
                run = syncs.run(source, clock=timezone.now, file=from_file, heard=_progress(source.name))
            except Refused as error:
                refused.append(str(error))
                continue
            finally:
                _end_of_progress()
            runs.append(run)
        if runs and json:
            show_json([sources.result(run) for run in runs])
        for run in runs:
            if not json:
                show(_result_in_words(sources.result(run)))
            for why in [run.error] if run.error else run.reasons:
                say(f"{run.source}: {run.state}: {why}")
        if refused:
            raise Refused("\n".join(refused))
        if any(run.state != "good" for run in runs):
            raise SystemExit(1)

    @command(help="The last 50 runs of a source, newest first.")
    def runs(self, name: Name, json: Json = False) -> None:
        from certwatch.actions import sources

        rows = sources.runs(sources.known(name))
        if json:
            show_json(rows)
            return
        headings = ("run", "state", "began", "ended", "why")
        show(table(headings, [_run_in_words(row) for row in rows]))

    @command(help="The newest held run: why it is held, and what it would change.")
    def review(self, name: Name, json: Json = False) -> None:
        from certwatch.actions import sources

        held = sources.review(sources.known(name))
        if json:
            show_json(held)
        elif held is None:
            show(f"No run of {name} is held.")
        else:
            show(f"Run {held['run']} of {name}, read {_moment(held['read_at'])}, is held.")
            for reason in held["reasons"]:
                show(f"  {reason}")
            show(f"It would add {held['new']:,}, change {held['changed']:,}, drop {held['gone']:,} entries.")
            headings = ("number", "holder", "was", "is", "until, was", "until")
            keys = ("number", "holder", "was", "is", "valid_until_was", "valid_until")
            show(table(headings, [tuple(str(row[key] or "–") for key in keys) for row in held["changes"]]))
            show(f"certwatch source release {held['run']} applies it, discard {held['run']} drops it.")

    @command(help="Apply what a held run read.")
    def release(self, run: Run) -> None:
        from certwatch.actions import sources, syncs

        show(_result_in_words(sources.result(syncs.release(run, by=None, clock=timezone.now))))

    @command(help="Drop what a held run read.")
    def discard(self, run: Run) -> None:
        from certwatch.actions import syncs

        dropped = syncs.discard(run, by=None, now=timezone.now())
        show(f"Run {dropped.pk} of {dropped.source} is discarded.")


def _in_words(row: dict[str, Any]) -> tuple[str, ...]:
    health = f"{row['health']}, stale" if row["stale"] else row["health"]
    return (
        row["name"],
        ", ".join(row["schemes"]),
        health,
        _moment(row["last_good"]),
        _moment(row["next_run"]) if row["next_run"] else "now",
        f"{row['entries']:,}",
        str(row["held_run"] or "–"),
    )


def _run_in_words(row: dict[str, Any]) -> tuple[str, ...]:
    why = row["error"] or " ".join(row["reasons"])
    return str(row["run"]), row["state"], _moment(row["began"]), _moment(row["ended"]), why


def _result_in_words(result: dict[str, Any]) -> str:
    counts = ", ".join(f"{result[word]:,} {word}" for word in ("new", "changed", "unchanged", "gone", "problems"))
    return f"{result['source']}: run {result['run']} {result['state']}: {counts} ({result['seconds']:.1f} s)"


def _moment(moment: datetime | None) -> str:
    return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M UTC") if moment else "–"


def _progress(name: str) -> Callable[[int], None]:
    """Tell on stderr how far the reading is: a line that moves on a terminal, else a plain line now and then."""
    answers, last = 0, time.monotonic()

    def heard(size: int) -> None:
        nonlocal answers, last
        answers += 1
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{name}: {answers:,} answers read …")
            sys.stderr.flush()
        elif time.monotonic() - last > SAY_EVERY_S:
            last = time.monotonic()
            say(f"{name}: {answers:,} answers read …")

    return heard


def _end_of_progress() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
