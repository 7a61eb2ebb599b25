"""Where the demo keeps everything, and the environment that puts a process on it instead of a real installation."""

import fcntl
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from certwatch.rules.errors import Refused

HOST = "127.0.0.1"
# What would lead the demo to a real installation's database, counters, mails, files, or leave registers out.
NOT_THE_DEMOS = (
    "DATABASE_URL", "DATABASE_URL_FILE", "VALKEY_URL", "VALKEY_URL_FILE", "REDIS_URL", "REDIS_URL_FILE",
    "EMAIL_URL", "EMAIL_URL_FILE", "CERTWATCH_FILES", "CERTWATCH_SECRET_KEY", "CERTWATCH_SECRET_KEY_FILE",
    "CERTWATCH_SECRET_KEY_FALLBACKS", "CERTWATCH_SECRET_KEY_FALLBACKS_FILE", "CERTWATCH_SOURCES",
)  # fmt: skip
_LOCK = "running.lock"


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """`CERTWATCH_HOME/demo`."""

    path: Path

    @classmethod
    def below(cls, home: Path) -> Self:
        """The demo's folder in `home`; `home` itself where a terminal was put on the demo before it is started."""
        return cls(home if (home / _LOCK).exists() else home / "demo")

    @property
    def registers(self) -> Path:
        """The practice registers' files."""
        return self.path / "registers"

    @property
    def env_file(self) -> Path:
        """For the shell of another terminal: `. var/demo/env`."""
        return self.path / "env"

    @contextmanager
    def ours(self) -> Iterator[None]:
        """Nobody else's demo until the block ends. Raises `Refused` if one runs, or nothing can be written here."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / _LOCK).open("w")
        except OSError as error:
            raise Refused(f"The demo needs {self.path}, a folder that can be written to; {error.strerror}.") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Refused(f"A demo runs in {self.path} already; end it first.") from error
            yield

    def empty(self) -> None:
        """Remove everything but the lock, which we hold."""
        for path in self.path.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != _LOCK:
                path.unlink()

    def last_registers_port(self) -> int:
        """Where the practice registers were last time, 0 if they never were: a terminal may still be set to it."""
        try:
            text = self.env_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return 0
        found = re.search(rf"SOURCE_\w+_URL=http://{re.escape(HOST)}:(\d{{1,5}})/", text)
        return int(found[1]) if found else 0

    def environment(self, port: int, sources: Mapping[str, str], env: Mapping[str, str] = os.environ) -> dict[str, str]:
        """`env` for a process of the demo. `sources`: name → address of its practice register."""
        kept = {name: value for name, value in env.items() if name not in NOT_THE_DEMOS}
        return kept | self._settings(port, sources)

    def write_env_file(self, port: int, sources: Mapping[str, str]) -> None:
        """The same for a shell, which also finds `certwatch` then."""
        programs = shlex.quote(str(Path(sys.executable).parent))
        exports = [f"export {name}={shlex.quote(value)}" for name, value in self._settings(port, sources).items()]
        lines = [
            "# Puts this terminal's commands on the demo. Written anew at each start of it.",
            *exports,
            f"unset {' '.join(NOT_THE_DEMOS)}",
            f'case ":$PATH:" in *:{programs}:*) ;; *) PATH={programs}:$PATH ;; esac',
        ]
        fresh = self.env_file.with_suffix(".new")
        fresh.write_text("\n".join(lines) + "\n", encoding="utf-8")
        fresh.replace(self.env_file)

    def _settings(self, port: int, sources: Mapping[str, str]) -> dict[str, str]:
        addresses = {f"CERTWATCH_SOURCE_{name.upper()}_URL": address for name, address in sources.items()}
        return {
            "CERTWATCH_HOME": str(self.path),
            "CERTWATCH_BASE_URL": f"http://{HOST}:{port}",
            "CERTWATCH_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",  # so that webhooks can be tried on this machine
            **addresses,
        }


def shown(path: Path) -> str:
    """`path` as short as it can be typed here."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
