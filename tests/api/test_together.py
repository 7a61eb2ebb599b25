"""Questions that wait at the same time are asked together."""

import asyncio
from collections.abc import Sequence

import pytest

from certwatch.api.together import Together


class Asked:
    """Doubles numbers when it is let, and remembers what it was asked."""

    def __init__(self, failures: int = 0) -> None:
        self.batches: list[list[int]] = []
        self.may_answer = asyncio.Event()
        self.failures = failures
        self.hung_up = 0

    def hang_up(self) -> None:
        self.hung_up += 1

    async def __call__(self, questions: Sequence[int]) -> list[int]:
        self.batches.append(list(questions))
        await self.may_answer.wait()
        if self.failures:
            self.failures -= 1
            raise OSError("away")
        return [2 * question for question in questions]


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_each_gets_its_own_answer() -> None:
    asked = Asked()
    asked.may_answer.set()
    together = Together(asked, asked.hang_up, patience_s=5)
    assert await asyncio.gather(*(together.answer_to(n) for n in range(5))) == [0, 2, 4, 6, 8]
    assert asked.batches == [[0, 1, 2, 3, 4]]


async def test_who_comes_while_others_are_asked_waits_for_the_next_time() -> None:
    asked = Asked()
    together = Together(asked, asked.hang_up, patience_s=5)
    first = together.answer_to(1)
    await turns()
    later = [together.answer_to(n) for n in (2, 3)]
    await turns()
    assert asked.batches == [[1]]
    asked.may_answer.set()
    assert [await first, *[await one for one in later]] == [2, 4, 6]
    assert asked.batches == [[1], [2, 3]]


async def test_it_hangs_up_and_asks_once_more() -> None:
    asked = Asked(failures=1)
    asked.may_answer.set()
    together = Together(asked, asked.hang_up, patience_s=5)
    assert await together.answer_to(1) == 2
    assert (asked.batches, asked.hung_up) == ([[1], [1]], 1)


async def test_an_error_goes_to_all_who_wait_and_to_nobody_after() -> None:
    asked = Asked(failures=2)
    together = Together(asked, asked.hang_up, patience_s=5)
    waiting = [together.answer_to(1)]
    await turns()
    waiting.append(together.answer_to(2))
    asked.may_answer.set()
    assert [type(e) for e in await asyncio.gather(*waiting, return_exceptions=True)] == [OSError, OSError]
    assert asked.hung_up == 2
    assert await together.answer_to(3) == 6


async def test_patience_ends_counted_from_the_oldest() -> None:
    asked = Asked()
    together = Together(asked, asked.hang_up, patience_s=0.05)
    began = asyncio.get_running_loop().time()
    waiting = [together.answer_to(1)]
    await turns()
    waiting.append(together.answer_to(2))
    errors = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in errors] == [TimeoutError, TimeoutError]
    assert asyncio.get_running_loop().time() - began < 1


async def test_who_went_away_disturbs_nobody() -> None:
    asked = Asked()
    together = Together(asked, asked.hang_up, patience_s=5)
    gone, stays = together.answer_to(1), together.answer_to(2)
    await turns()
    gone.cancel()
    asked.may_answer.set()
    assert await stays == 4
    with pytest.raises(asyncio.CancelledError):
        await gone
