"""Several of our commands as child processes that live and die together.

Each child holds the reading end of a pipe that nobody writes to. When its parent dies, in whatever way, the pipe
closes, and the child ends itself: no orphans, not even after SIGKILL.
"""

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from types import FrameType, TracebackType
from typing import Self

from certwatch.rules.errors import Refused

PIPE = "CERTWATCH_PARENT_PIPE"  # in a child's environment: the reading end
LOOK_EVERY_S = 0.2
PATIENCE_S = 4.6  # children take 4 s at most to end; after 5 all must be over


class Ending:
    """Notes SIGTERM, Ctrl-C, and that the terminal was closed (unless `nohup` says to live on)."""

    def __init__(self) -> None:
        self._told = False  # an Event could lock itself up: a handler interrupts its own thread anywhere
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._note)

    def told(self) -> bool:
        return self._told

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        self._told = True


class Family:
    """Child processes. Leaving the `with` block ends all of them; SIGTERM, Ctrl-C and SIGHUP end `wait`."""

    def __init__(self) -> None:
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self._reading_end, self._writing_end = os.pipe()
        self._ending = Ending()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        running = [child for child in self._children.values() if child.poll() is None]
        for child in running:
            child.terminate()
        deadline = time.monotonic() + PATIENCE_S
        for child in running:
            try:
                child.wait(max(deadline - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)  # with what it started itself
                child.wait()
        os.close(self._reading_end)
        os.close(self._writing_end)

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        """Start `certwatch ARGUMENTS` with the environment `env` (ours, if None)."""
        self._children[arguments[0]] = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", __name__, str(self._reading_end), *arguments],
            env=env,
            stdin=subprocess.DEVNULL,
            pass_fds=[self._reading_end],
            start_new_session=True,  # Ctrl-C at the terminal reaches us alone; we pass it on
        )

    def wait(self, timeout_s: float | None = None) -> int | None:
        """0 when we were told to end, 1 when a child ended by itself (told on stderr), None when the time is up."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._ending.told():
            for name, child in self._children.items():
                if child.poll() is not None:
                    sys.stderr.write(f"{name} ended by itself (exit code {child.returncode}); all else is ended too.\n")
                    return 1
            if deadline is not None and time.monotonic() > deadline:
                return None
            time.sleep(LOOK_EVERY_S)
        return 0


def refuse_taken_port(host: str, port: int) -> str:
    """Raise `Refused` where nothing can listen at `host` and `port`, before anything is started.

    Else: the numeric address that `host` stands for (`localhost`: 127.0.0.1, where the machine has that at all).
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
            listener.bind(address)
        return str(address[0])
    except socket.gaierror as error:
        raise Refused(f"{host} is no address of this machine. Choose another one with --host.") from error
    except PermissionError as error:
        raise Refused(f"Port {port} needs more rights. Choose another one with --port.") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Refused(f"Port {port} of {host} is taken. Choose another one with --port.") from error
        raise Refused(f"{host} is no address of this machine. Choose another one with --host.") from error


def in_address(host: str) -> str:
    """`host` as it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def watch_parent() -> None:
    """End this process when its parent ends, in whatever way, if it is a child of a `Family`.

    To be called again by a program that took the child's place (exec): threads do not live on in it.
    """
    if PIPE in os.environ:
        threading.Thread(target=_live_as_long_as_the_parent, args=(int(os.environ[PIPE]),), daemon=True).start()


def _live_as_long_as_the_parent(reading_end: int) -> None:
    os.read(reading_end, 1)  # returns when the writing end is closed
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    time.sleep(PATIENCE_S)
    os.killpg(0, signal.SIGKILL)


def _child() -> None:
    os.environ[PIPE] = sys.argv.pop(1)
    watch_parent()
    from certwatch.management.program import main

    main()


if __name__ == "__main__":
    _child()
