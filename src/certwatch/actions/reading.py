"""Files of strangers, read in a process of their own: `python -m certwatch.actions.reading`.

A workbook that is broken, or made for it, can make the library that reads it take all memory, turn for ever, or abort
the process. So neither the web process nor the worker opens one: a child does, with a limit for memory and time, and
says line by line what it read. It knows no settings and no database.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from certwatch.rules import layouts
from certwatch.rules.cells import printable, text_of
from certwatch.rules.errors import Refused
from certwatch.rules.layouts import Layout, Look
from certwatch.rules.sheets import Row

MEMORY = 2 * 1024**3  # bytes of addresses: the largest sheet that we read takes 0.4 GB, the archive around it 0.2 GB
PROCESSOR_S = 60  # 50,000 broad rows take 5 s on a slow machine
MOST_LEFT = 100  # cells of a row that are kept

LineRead = tuple[list[str], Row]  # the line's own cells as texts, and what they mean


def look(path: Path, *, sheet: str = "") -> Look:
    """What a first look at a file shows. Raises `Refused` with the reason."""
    (answer,) = _ask(path, {"sheet": sheet})
    return msgspec.json.decode(answer, type=Look)


def rows(path: Path, layout: Layout) -> Iterator[LineRead]:
    """The lines of a file, as they are read. Raises `Refused`, also after some lines."""
    decoder = msgspec.json.Decoder(LineRead)
    for answer in _ask(path, {"layout": msgspec.to_builtins(layout)}):
        yield decoder.decode(answer)


def _ask(path: Path, order: dict[str, Any]) -> Iterator[bytes]:
    """The lines that the child says of the file."""
    command = [sys.executable, "-m", "certwatch.actions.reading", str(path), json.dumps(order)]
    env = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PATH": os.defpath, "PYTHONUTF8": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env) as child:  # noqa: S603
        try:
            yield from _said(child)
        finally:
            child.kill()  # who asked may have enough before the end


def _said(child: subprocess.Popen[bytes]) -> Iterator[bytes]:
    assert child.stdout is not None
    done = False
    for line in child.stdout:
        kind, said = line[:1], line[2:]
        if kind == b"!":
            raise Refused(json.loads(said))
        done = kind == b"."
        if not done:
            yield said
    if not done:
        raise Refused("The file cannot be read: it is broken, or made to do harm.")


def main() -> None:
    """What the child does: read the file at the first argument as the second says."""
    path, order = Path(sys.argv[1]), json.loads(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_S, PROCESSOR_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = sys.stdout.buffer
    try:
        data = path.read_bytes()
        if "layout" in order:
            _tell_rows(data, msgspec.convert(order["layout"], Layout), out)
        else:
            out.write(b"= " + msgspec.json.encode(layouts.look(data, sheet=order["sheet"])) + b"\n")
    except Refused as refused:
        out.write(b"! " + json.dumps(str(refused)).encode() + b"\n")
    except MemoryError:
        out.write(b'! "The file is too large once it is unpacked."\n')
    else:
        out.write(b".\n")
    out.flush()
    os._exit(0)  # nothing is to be tidied, and a library that was out of memory may not be able to


def _tell_rows(data: bytes, layout: Layout, out: IO[bytes]) -> None:
    encoder = msgspec.json.Encoder()
    with layouts.opened(data, layout) as sheet:
        for cells, row in sheet.lines():
            texts = [printable(text_of(cell)) for cell in cells[:MOST_LEFT]]
            out.write(b"= " + encoder.encode((texts, row)) + b"\n")


if __name__ == "__main__":
    main()
