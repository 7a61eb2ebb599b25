"""`certwatch demo`: practice registers, web and worker in one process tree, with something to look at."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

from django.conf import settings
from django_typer.management import TyperCommand
from typer import Option

from certwatch.management.demo_folder import HOST, DemoFolder, shown
from certwatch.management.processes import Family, refuse_taken_port
from certwatch.practice import PracticeRegisters
from certwatch.rules.errors import Refused

READY_S = 60.0  # for web and worker to come up on a very busy machine; usually 3
CHECKED_S = 120.0  # for the registers to be read; usually 5. Afterwards the demo runs on without a word
LOOK_EVERY_S = 1.0


class Command(TyperCommand):
    help = "Start the demo: practice registers, web and worker with sample certificates, until Ctrl-C or SIGTERM."

    def handle(
        self,
        port: Annotated[int, Option(help="Port of the API and the pages.", min=1, max=65535)] = 8000,
        reset: Annotated[bool, Option("--reset", help="Begin anew: empty the demo's folder first.")] = False,
    ) -> None:
        refuse_taken_port(HOST, port)
        folder = DemoFolder.below(settings.ENV.home)
        with folder.ours():
            if reset:
                folder.empty()
            with _registers(folder) as registers, Family() as family:
                code = _run(folder, port, registers, family)
        raise SystemExit(code)


@contextmanager
def _registers(folder: DemoFolder) -> Iterator[PracticeRegisters]:
    """The practice registers, where they were last time if that port is free."""
    registers = PracticeRegisters(data=folder.registers, port=folder.last_registers_port())
    try:
        registers.start()
    except Refused:
        registers = PracticeRegisters(data=folder.registers)
        registers.start()
    try:
        yield registers
    finally:
        registers.stop()


def _run(folder: DemoFolder, port: int, registers: PracticeRegisters, family: Family) -> int:
    sources = {name: f"{registers.url}/{name}" for name in registers.names}
    env = folder.environment(port, sources)
    folder.write_env_file(port, sources)
    filled = _fill(folder, env, family)
    if filled is None:
        return 0
    family.start("web", "--host", HOST, "--port", str(port), env=env)
    family.start("worker", env=env)
    address = f"http://{HOST}:{port}"

    began = time.monotonic()
    while not _ready(address):
        code = family.wait(LOOK_EVERY_S / 4)
        if code is not None:
            return code
        if time.monotonic() - began > READY_S:
            sys.stderr.write(f"{address}/readyz is not ready after {READY_S:.0f} s.\n")
            return 1
    _tell(folder, address, filled)

    began = time.monotonic()
    waiting = list(filled["samples"])
    while waiting and time.monotonic() - began < CHECKED_S:
        waiting = [number for number in waiting if not _checked(address, filled["key"], number)]
        code = family.wait(LOOK_EVERY_S)
        if code is not None:
            return code
    if not waiting:
        sys.stdout.write(f"All {filled['automatic']} certificates have been checked against the practice registers.\n")
        sys.stdout.flush()
    return family.wait() or 0


def _fill(folder: DemoFolder, env: Mapping[str, str], family: Family) -> dict[str, Any] | None:
    """Bring the demo's database up to date and put into it what is missing, in a process with the demo's settings.

    None if we were told to end meanwhile.
    """
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "certwatch.management.demo_filling", str(folder.registers)],
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C at the terminal is for us
    ) as filling:
        while filling.poll() is None:
            if family.wait(LOOK_EVERY_S / 10) is not None:
                filling.kill()  # what it has not committed is not there
                return None
        told = filling.stdout.read() if filling.stdout else b""
    if filling.returncode != 0:
        raise Refused(f"The demo could not be filled. Begin it anew with --reset, which empties {shown(folder.path)}.")
    filled: dict[str, Any] = json.loads(told)
    return filled


def _tell(folder: DemoFolder, address: str, filled: Mapping[str, Any]) -> None:
    lines: list[tuple[str, str]] = [
        ("Address", f"{address}/"),
        ("Log-in", f"{filled['email']}, password {filled['password']}"),
        ("API key", filled["key"]),
        *[
            ("Try", f"curl -H 'Authorization: Bearer {filled['key']}' {address}/api/v1/certificate/{number}")
            for number in filled["samples"][:1]
        ],
        ("Registers", f"{shown(folder.registers)}  (edit a row; “all outage” in its trouble.txt stops them)"),
        ("Commands", "in another terminal, after this line, e.g. certwatch source sync --all:"),
        ("", f". {shown(folder.env_file)}"),
    ]
    text = "".join(f"  {heading:<10} {content}\n" for heading, content in lines)
    sys.stdout.write(f"\nThe demo runs, and ends with Ctrl-C.\n\n{text}\n")
    sys.stdout.flush()


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=2) as answer:  # noqa: S310 - our own http address
            return bool(answer.status == 200)
    except OSError:
        return False


def _checked(address: str, key: str, number: str) -> bool:
    """Whether the API says when this certificate was last checked."""
    request = urllib.request.Request(  # noqa: S310 - our own http address
        f"{address}/api/v1/certificate/{number}", headers={"Authorization": f"Bearer {key}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=2) as answer:  # noqa: S310 - our own http address
            return json.load(answer)["last_checked"] is not None
    except (OSError, ValueError):
        return False
