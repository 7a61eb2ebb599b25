"""A command line as a test says it."""

import json
from typing import Any, NamedTuple

import pytest

from certwatch.management import program


class Answer(NamedTuple):
    """What a command answered: its exit code, and what it wrote where."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class CommandLine:
    """Runs commands in this process, on the test's database."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: str) -> Answer:
        self.capsys.readouterr()
        code = program.run(words)
        return Answer(code, *self.capsys.readouterr())

    def good(self, *words: str) -> Answer:
        """The same for one that must succeed without a complaint."""
        answer = self(*words)
        assert (answer.code, answer.err) == (0, ""), answer
        return answer

    def refused(self, *words: str) -> str:
        """The one line on stderr of a command that is refused; nothing stands on stdout."""
        answer = self(*words)
        assert (answer.code, answer.out) == (1, ""), answer
        assert answer.err.startswith("certwatch: ")
        assert answer.err.count("\n") == 1, answer.err
        return answer.err.removeprefix("certwatch: ").strip()

    def wrong(self, *words: str) -> str:
        """What stderr says of a command line that nobody can carry out; nothing stands on stdout."""
        answer = self(*words)
        assert (answer.code, answer.out) == (2, ""), answer
        return answer.err
