"""An exact sliding window: no rolling minute ever admits more than its limit."""

from array import array
from typing import NamedTuple

LENGTH_NS = 60_000_000_000
_SECOND_NS = 1_000_000_000


class Verdict(NamedTuple):
    """`remaining`: how many more fit now. `reset_s`: whole seconds until the oldest counted request is a
    minute old. `retry_s`: whole seconds, 1 to 60, after which a lone client is admitted; 0 if admitted."""

    admitted: bool
    remaining: int
    reset_s: int
    retry_s: int


class Window:
    """The times of the requests that were counted within the last minute, 8 bytes each."""

    __slots__ = ("_first", "_times")

    def __init__(self) -> None:
        self._times = array("q")
        self._first = 0  # index of the oldest that still counts

    def hit(self, now_ns: int, limit: int) -> Verdict:
        """Count a request at `now_ns` (any clock that never goes back) if it fits; a refused one costs nothing."""
        times = self._times
        first, end, cut = self._first, len(times), now_ns - LENGTH_NS
        while first < end and times[first] <= cut:
            first += 1
        if first > 1024 and first * 2 > end:
            del times[:first]
            end -= first
            first = 0
        self._first = first
        count = end - first
        if count >= limit:
            # the one whose leaving makes room; a limit that was lowered needs several to leave
            wait_ns = times[first + count - limit] + LENGTH_NS - now_ns
            return Verdict(False, 0, _whole_seconds(times[first] + LENGTH_NS - now_ns), _whole_seconds(wait_ns))
        times.append(now_ns)
        return Verdict(True, limit - count - 1, _whole_seconds(times[first] + LENGTH_NS - now_ns), 0)

    def idle(self, now_ns: int) -> bool:
        """Whether nothing in it counts any more, so that it may be dropped."""
        return not self._times or self._times[-1] <= now_ns - LENGTH_NS


def _whole_seconds(duration_ns: int) -> int:
    return -(-duration_ns // _SECOND_NS)
