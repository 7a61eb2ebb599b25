"""The sliding window, against an oracle that keeps everything."""

from hypothesis import given
from hypothesis import strategies as st

from certwatch.rules.window import LENGTH_NS, Verdict, Window

SECOND = 1_000_000_000

# Steps that meet the edges: nothing, a nanosecond around a minute and around a second, and anything between.
STEPS = st.one_of(
    st.sampled_from([0, 1, SECOND - 1, SECOND, LENGTH_NS - 1, LENGTH_NS, LENGTH_NS + 1]),
    st.integers(0, 2 * LENGTH_NS),
)


def oracle(counted: list[int], now: int, limit: int) -> Verdict:
    """The same by the definition: a request counts as long as it is less than a minute old."""
    young = sorted(at for at in counted if now - at < LENGTH_NS)
    admitted = len(young) < limit
    if admitted:
        counted.append(now)
        young.append(now)
    reset = -(-(young[0] + LENGTH_NS - now) // SECOND)
    if admitted:
        return Verdict(True, limit - len(young), reset, 0)
    retry = next(s for s in range(1, 61) if sum(now + s * SECOND - at < LENGTH_NS for at in young) < limit)
    return Verdict(False, 0, reset, retry)


@given(st.lists(st.tuples(STEPS, st.integers(1, 5)), max_size=60))
def test_it_is_exact(visits: list[tuple[int, int]]) -> None:
    window, counted, now = Window(), list[int](), 7
    for step, limit in visits:
        now += step
        assert window.hit(now, limit) == oracle(counted, now, limit)


@given(st.lists(STEPS, max_size=80), st.integers(1, 6))
def test_no_rolling_minute_admits_more_than_the_limit(steps: list[int], limit: int) -> None:
    window, admitted, now = Window(), list[int](), 0
    for step in steps:
        now += step
        if window.hit(now, limit).admitted:
            admitted.append(now)
    for start in admitted:
        assert sum(start <= at < start + LENGTH_NS for at in admitted) <= limit


@given(st.lists(STEPS, min_size=1, max_size=40), st.integers(1, 4))
def test_who_waits_as_told_and_is_alone_is_admitted(steps: list[int], limit: int) -> None:
    window, now = Window(), 0
    for step in steps:
        now += step
        verdict = window.hit(now, limit)
        if not verdict.admitted:
            assert 1 <= verdict.retry_s <= 60
            now += verdict.retry_s * SECOND
            assert window.hit(now, limit).admitted


def test_a_refused_request_costs_nothing() -> None:
    window = Window()
    assert window.hit(0, 1).admitted
    assert not any(window.hit(at * SECOND, 1).admitted for at in range(1, 60))
    assert window.hit(60 * SECOND, 1) == Verdict(True, 0, 60, 0)


def test_it_stays_small_while_requests_come_and_go() -> None:
    window = Window()
    for at in range(100_000):
        window.hit(at * LENGTH_NS // 100, 1000)
    assert len(window._times) < 5000


def test_it_is_idle_when_nothing_counts_any_more() -> None:
    window = Window()
    assert window.idle(0)
    window.hit(0, 5)
    assert not window.idle(LENGTH_NS - 1)
    assert window.idle(LENGTH_NS)
