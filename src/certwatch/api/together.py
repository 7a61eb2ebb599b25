"""Questions that wait at the same time are asked together, in one go."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Together(Generic[Q, A]):
    """Calls `ask` with all questions that came since its last call ended; one call at a time.

    If `ask` fails, or the oldest question has waited for `patience_s`, whoever waits gets the error.
    """

    def __init__(self, ask: Callable[[Sequence[Q]], Awaitable[Sequence[A]]], *, patience_s: float) -> None:
        self._ask, self._patience_s = ask, patience_s
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._since = 0.0  # when the oldest of them came, by the loop's clock
        self._asking: asyncio.Task[None] | None = None

    def answer_to(self, question: Q) -> asyncio.Future[A]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[A] = loop.create_future()
        if not self._waiting:
            self._since = loop.time()
        self._waiting.append((question, answer))
        if self._asking is None:
            self._asking = loop.create_task(self._ask_all())
        return answer

    async def _ask_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                async with asyncio.timeout_at(self._since + self._patience_s):
                    answers = await self._ask([question for question, _ in batch])
                for (_, future), answer in zip(batch, answers, strict=True):
                    if not future.done():  # its client may have gone
                        future.set_result(answer)
            except Exception as error:  # noqa: BLE001 - it is the askers' to judge
                batch += self._waiting
                self._waiting = []
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
        self._asking = None
