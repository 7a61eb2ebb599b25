"""Both counters: exact, and never in a customer's way when Valkey is away."""

import asyncio
import logging
import time
from collections.abc import Iterator

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certwatch.api import limit as limits
from certwatch.api.limit import SCRIPT, MemoryCounter, ValkeyCounter
from certwatch.rules.window import Verdict, Window
from tests.servers import Proxy

MINUTE_US = 60_000_000
STEPS = st.one_of(st.sampled_from([0, 1, 999_999, MINUTE_US - 1, MINUTE_US, MINUTE_US + 1]), st.integers(0, 10**8))


@pytest.fixture
def valkey(valkey_url: str) -> Iterator[redis.Redis]:
    with redis.from_url(valkey_url) as client:
        client.flushdb()
        yield client
        client.flushdb()  # the servers of other tests count there, too


@pytest.fixture
def proxy(valkey_url: str) -> Iterator[Proxy]:
    made = Proxy(valkey_url)
    yield made
    made.close()


async def test_in_memory_it_counts_each_organisation_by_itself() -> None:
    counter = MemoryCounter()
    verdicts = [await counter.hit(org, 2) for org in (1, 1, 2, 1)]
    assert [verdict.admitted for verdict in verdicts] == [True, True, True, False]


async def test_in_memory_idle_organisations_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    counter, now = MemoryCounter(), 1_000_000_000_000
    monkeypatch.setattr("certwatch.api.limit.time.monotonic_ns", lambda: now)
    for org in range(100):
        await counter.hit(org, 5)
    now += 30_000_000_000
    await counter.hit(7, 5)
    now += 30_000_000_000
    counter.tidy()
    assert list(counter._windows) == [7]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(visits=st.lists(st.tuples(STEPS, st.integers(1, 5)), max_size=40))
def test_the_script_is_the_window(valkey: redis.Redis, visits: list[tuple[int, int]]) -> None:
    """With the clock put in its hand, since Valkey's own cannot be set."""
    script = SCRIPT.replace(b"redis.call('TIME')", b"{ARGV[2], ARGV[3]}")
    assert script != SCRIPT
    valkey.delete("org")
    window, now = Window(), 1_795_000_000_000_000
    for step, limit in visits:
        now += step
        reply = valkey.eval(script.decode(), 1, "org", limit, *divmod(now, 1_000_000))
        admitted, *numbers = map(int, reply.split())
        assert Verdict(admitted == 1, *numbers) == window.hit(now * 1000, limit)


def test_a_clock_that_goes_back_never_admits_more(valkey: redis.Redis) -> None:
    script = SCRIPT.replace(b"redis.call('TIME')", b"{ARGV[2], ARGV[3]}")
    valkey.delete("org")
    replies = [valkey.eval(script.decode(), 1, "org", 3, second, 0) for second in (1000, 990, 995, 999, 1059, 1060)]
    assert [int(reply.split()[0]) for reply in replies] == [1, 1, 1, 0, 0, 1]


async def test_all_processes_count_together(valkey: redis.Redis, valkey_url: str) -> None:
    counters = [ValkeyCounter(valkey_url) for _ in range(3)]
    verdicts = await asyncio.gather(*(counters[i % 3].hit(1, 50) for i in range(90)))
    assert sum(verdict.admitted for verdict in verdicts) == 50
    assert sorted(verdict.remaining for verdict in verdicts if verdict.admitted) == list(range(50))
    assert all(1 <= verdict.retry_s <= 60 for verdict in verdicts if not verdict.admitted)
    for counter in counters:
        counter.close()


async def test_nothing_is_left_in_valkey_after_the_minute(valkey: redis.Redis, valkey_url: str) -> None:
    counter = ValkeyCounter(valkey_url)
    await counter.hit(1, 5)
    [key] = valkey.keys("*")
    assert 59_000 < valkey.pttl(key) <= 60_001
    counter.close()


async def test_it_goes_on_when_valkey_was_emptied(valkey: redis.Redis, valkey_url: str) -> None:
    counter = ValkeyCounter(valkey_url)
    assert (await counter.hit(1, 5)).remaining == 4
    valkey.flushdb()
    valkey.script_flush()
    verdicts = await asyncio.gather(*(counter.hit(1, 5) for _ in range(3)))
    assert [verdict.remaining for verdict in verdicts] == [4, 3, 2]
    assert counter.failures == 0
    counter.close()


async def test_a_lost_connection_is_made_anew(valkey: redis.Redis, proxy: Proxy) -> None:
    counter = ValkeyCounter(proxy.url)
    assert (await counter.hit(1, 5)).remaining == 4
    proxy.cut()
    assert (await counter.hit(1, 5)).remaining == 3
    assert counter.failures == 0
    counter.close()


@pytest.mark.parametrize("trouble", ["stall", "refuse"])
async def test_it_fails_open_within_100_ms_and_rests(
    valkey: redis.Redis, proxy: Proxy, trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    counter = ValkeyCounter(proxy.url)
    assert (await counter.hit(1, 5)).remaining == 4
    getattr(proxy, trouble)()
    began = time.monotonic()
    verdicts = await asyncio.gather(*(counter.hit(1, 5) for _ in range(20)))
    assert time.monotonic() - began < 0.3
    assert set(verdicts) == {Verdict(True, 5, 0, 0)}
    began = time.monotonic()
    assert await counter.hit(1, 5) == Verdict(True, 5, 0, 0)
    assert time.monotonic() - began < 0.05  # it is not asked again at once
    assert counter.failures == 21
    assert [record.levelno for record in caplog.records] == [logging.WARNING]  # told once
    counter.close()


async def test_it_is_asked_again_and_told_when_it_is_back(
    valkey: redis.Redis, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "certwatch")
    assert limits.REST_S + 2 * limits.PATIENCE_S < 5
    monkeypatch.setattr(limits, "REST_S", 0.05)
    counter = ValkeyCounter(proxy.url)
    proxy.refuse()
    assert (await counter.hit(1, 5)).remaining == 5
    await asyncio.sleep(0.06)
    assert (await counter.hit(1, 5)).remaining == 5
    proxy.recover()
    await asyncio.sleep(0.06)
    assert (await counter.hit(1, 5)).remaining == 4
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.INFO]
    counter.close()


async def test_an_answer_that_comes_late_is_nobody_elses(valkey: redis.Redis, proxy: Proxy) -> None:
    counter = ValkeyCounter(proxy.url)
    assert (await counter.hit(1, 5)).remaining == 4
    proxy.stall()
    await counter.hit(1, 5)
    proxy.recover()
    counter._rests_until = 0.0
    assert (await counter.hit(2, 9)).remaining == 8
    counter.close()


async def test_a_password_that_is_wrong_fails_open(valkey: redis.Redis, valkey_url: str) -> None:
    counter = ValkeyCounter(valkey_url.replace("redis://", "redis://nobody:wrong@"))
    assert (await counter.hit(1, 5)).remaining == 5
    assert counter.failures == 1
    counter.close()
