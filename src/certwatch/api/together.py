"""Questions that wait at the same time are asked together, in one go."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Together(Generic[Q, A]):
    """Calls `ask` with all questions that came while the last call was under way; one call at a time.

    If it fails it is called once more after `hang_up`: a connection that was lost while nobody asked is made anew.
    If that fails too, or the oldest question has waited for `patience_s`, whoever waits gets the error.
    """

    def __init__(
        self,
        ask: Callable[[Sequence[Q]], Awaitable[Sequence[A]]],
        hang_up: Callable[[], None],
        *,
        patience_s: float,
    ) -> None:
        self._ask, self._hang_up, self._patience_s = ask, hang_up, patience_s
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
                    answers = await self._ask_twice([question for question, _ in batch])
            except Exception as error:  # noqa: BLE001 - it is the askers' to judge
                self._hang_up()  # an answer that comes late would be taken for the next one's
                batch += self._waiting
                self._waiting = []
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
            else:
                for (_, future), answer in zip(batch, answers, strict=True):
                    if not future.done():  # who asked may have gone
                        future.set_result(answer)
        self._asking = None

    async def _ask_twice(self, questions: Sequence[Q]) -> Sequence[A]:
        try:
            return await self._ask(questions)
        except Exception:  # noqa: BLE001 - the second time it is raised
            self._hang_up()
        return await self._ask(questions)
