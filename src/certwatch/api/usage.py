"""What each key was used for: counted in memory, added to the tables once a minute, off the look-up's road."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from certwatch.api.database import Database
from certwatch.rules.clients import Network, client_address

PLACE = {404: 1, 403: 2, 405: 2, 429: 3}  # in a list of counts; every other status was answered: 0
KEPT = 100_000  # keys and minutes that wait for a database which takes no writes; more are dropped

# A key that was deleted meanwhile is passed over.
ADD = """INSERT INTO certwatch_usage (key_id, minute, answered, not_found, refused, limited)
    SELECT id, $2, $3, $4, $5, $6 FROM certwatch_apikey WHERE id = $1
    ON CONFLICT (key_id, minute) DO UPDATE SET
    answered = certwatch_usage.answered + excluded.answered,
    not_found = certwatch_usage.not_found + excluded.not_found,
    refused = certwatch_usage.refused + excluded.refused,
    limited = certwatch_usage.limited + excluded.limited"""
LAST = """UPDATE certwatch_apikey SET last_used_at = $2, last_used_from = $3
    WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)"""
log = logging.getLogger(__name__)


class Usage:
    """Counts per key and minute, and when and from where each key was used last. Times in seconds since 1970."""

    def __init__(self, database: Database, trusted_proxies: Sequence[Network]) -> None:
        self._database, self._trusted_proxies = database, trusted_proxies
        self._counts: dict[tuple[int, int], list[int]] = {}
        self._last: dict[int, tuple[float, str, str]] = {}

    def note(self, key: int, status: int, now: float, peer: str, forwarded_for: str) -> None:
        """Count an answer to `key`; `peer`: the connection's other end, `forwarded_for`: what proxies say."""
        place = key, int(now) // 60
        counts = self._counts.get(place)
        if counts is None:
            counts = self._counts[place] = [0, 0, 0, 0]
        counts[PLACE.get(status, 0)] += 1
        self._last[key] = now, peer, forwarded_for

    async def write(self) -> None:
        """Add to the tables what was counted since the last time. What cannot be written waits for the next."""
        counts, self._counts = self._counts, {}
        last, self._last = self._last, {}
        if not counts:
            return
        added = [(key, _moment(minute * 60), *numbers) for (key, minute), numbers in sorted(counts.items())]
        used = [
            (key, _moment(now), client_address(peer, forwarded_for, self._trusted_proxies))
            for key, (now, peer, forwarded_for) in sorted(last.items())
        ]
        try:
            await self._database.write([(ADD, added), (LAST, used)])
        except Exception as error:  # noqa: BLE001 - counts are worth less than the look-ups that go on
            log.warning("Usage could not be written, it waits for the next minute: %s", type(error).__name__)
            if len(counts) <= KEPT:
                self._take_back(counts)

    def _take_back(self, counts: dict[tuple[int, int], list[int]]) -> None:
        for place, numbers in counts.items():
            self._counts[place] = [a + b for a, b in zip(self._counts.get(place, [0] * 4), numbers, strict=True)]


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
