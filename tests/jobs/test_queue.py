"""The queue: what is put in comes out, once, and only what we signed."""

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huey import Huey, SqliteHuey

from certwatch.jobs.queue import make

Opened = tuple[Huey, list[str]]
Open = Callable[..., Opened]


@pytest.fixture
def open_queue(tmp_path: Path) -> Iterator[Open]:
    """Opens the queue in this test's folder; its one task notes what it was asked."""
    queues: list[Huey] = []

    def opened(secret: str = "s3cret") -> Opened:
        queue = make(tmp_path, "", secret)
        queue.storage.initialize_schema()
        queues.append(queue)
        done: list[str] = []
        queue.ask = queue.task(name="ask")(done.append)
        return queue, done

    yield opened
    for queue in queues:
        queue.storage.close()


def work(queue: Huey) -> None:
    while (task := queue.dequeue()) is not None:
        queue.execute(task)


def test_a_task_is_done_once_by_whoever_takes_it(open_queue: Open) -> None:
    first, done_by_first = open_queue()
    second, done_by_second = open_queue()
    first.ask("iscc")
    work(second)
    work(first)
    assert (done_by_first, done_by_second) == ([], ["iscc"])


def test_a_task_outlives_the_process_that_put_it_in(open_queue: Open) -> None:
    queue, _ = open_queue()
    queue.ask("iscc")
    queue.storage.close()
    again, done = open_queue()
    work(again)
    assert done == ["iscc"]


def test_a_message_that_we_did_not_sign_is_never_unpacked(tmp_path: Path, open_queue: Open) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (str(tmp_path / "ran"),))

    queue, _ = open_queue()
    queue.storage.enqueue(pickle.dumps(Evil()) + b":0000")
    with pytest.raises(ValueError, match="mismatch"):
        queue.dequeue()
    assert not (tmp_path / "ran").exists()


def test_a_message_signed_with_another_key_is_refused(open_queue: Open) -> None:
    other, _ = open_queue(secret="another")
    other.ask("iscc")
    queue, done = open_queue()
    with pytest.raises(ValueError, match="mismatch"):
        work(queue)
    assert done == []


def test_the_embedded_queue_is_a_file_of_its_own(tmp_path: Path, open_queue: Open) -> None:
    queue, _ = open_queue()
    assert isinstance(queue, SqliteHuey)
    assert (tmp_path / "queue.sqlite3").exists()


def test_making_a_queue_opens_nothing(tmp_path: Path) -> None:
    make(tmp_path, "", "s3cret")
    make(tmp_path, "postgres://nobody@127.0.0.1:1/none", "s3cret")
    assert list(tmp_path.iterdir()) == []
