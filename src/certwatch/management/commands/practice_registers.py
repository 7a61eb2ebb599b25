"""`certwatch practice-registers`: local servers that speak the registers' own protocols."""

import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

from django_typer.management import TyperCommand
from typer import BadParameter, Option

from certwatch.management.output import say, show
from certwatch.practice import PracticeRegisters
from certwatch.practice.server import PORT
from certwatch.practice.trouble import BadTrouble, Trouble, parse


class Command(TyperCommand):
    help = "Serve practice registers until Ctrl-C or SIGTERM. Each stands below its source's name, e.g. /iscc."

    def handle(
        self,
        port: Annotated[int, Option(help="Port to listen at.", min=0, max=65535)] = PORT,
        data: Annotated[
            Path | None,
            Option(
                help="Folder with iscc.csv, redcert.csv and twobsvs.csv, read at each request; missing ones are made."
            ),
        ] = None,
        trouble: Annotated[
            list[str] | None,
            Option(help="How a register misbehaves, e.g. 'iscc outage in suspended'. May be repeated.", metavar="LINE"),
        ] = None,
    ) -> None:
        registers = PracticeRegisters(data=data, port=port, troubles=[_trouble(line) for line in trouble or ()])
        told_to_end = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: told_to_end.set())
        with registers:
            for name in registers.names:
                show(f"CERTWATCH_SOURCE_{name.upper()}_URL={registers.url}/{name}")
            sys.stdout.flush()
            say(f"Practice registers: {registers.url} (Ctrl-C ends them)")
            told_to_end.wait()


def _trouble(line: str) -> Trouble:
    try:
        return parse(line)
    except BadTrouble as error:
        raise BadParameter(f"{error}.", param_hint="--trouble") from error
