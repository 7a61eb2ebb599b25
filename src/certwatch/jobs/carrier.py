"""The carrier: a thread that looks every second for messages that are due, and threads that send them."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog
from django.db import close_old_connections
from django.utils import timezone

from certwatch.actions import carrier, outcomes
from certwatch.actions.carrier import Due, Means
from certwatch.actions.deliveries import MAIL
from certwatch.jobs import hearts

log = structlog.get_logger()

LOOK_EVERY_S = 1.0
TIDY_EVERY = timedelta(hours=1)
AT_ONCE = 16
OF_A_HOST = 2
OF_AN_ORG = 4  # messages to slow receivers; mails go to our own server and are not counted
OF_OTHERS = AT_ONCE - OF_A_HOST  # so that mails always have their threads


class Carrier:
    """Sends what is due, several messages at once, until it is told to end."""

    def __init__(self, means: Means, clock: Callable[[], datetime] = timezone.now) -> None:
        self._means, self._clock = means, clock
        self._wake = threading.Event()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="carrier")
        self._plan: list[Due] = []
        self._looked_s = self._renewed_s = float("-inf")
        self._lock = threading.Lock()
        self._under_way: set[Due] = set()

    def look(self) -> None:
        """Look now: there may be something new."""
        self._looked_s = float("-inf")
        self._wake.set()

    def run(self, stopping: threading.Event) -> None:
        """Work until `stopping`. What is under way then may end; if it cannot, its lease runs out."""
        while not stopping.is_set():
            self._wake.clear()
            try:
                close_old_connections()
                self._turn()
                hearts.looked("carrier", self._clock())
            except Exception:  # a database that is away for a while must not end the carrier
                log.warning("The carrier could not look for messages.", exc_info=True)
            self._wake.wait(LOOK_EVERY_S)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def wait(self, timeout_s: float) -> None:
        """Wait until nothing is under way, but not longer than `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while self._under_way and time.monotonic() < deadline:
            time.sleep(0.02)

    def _turn(self) -> None:
        self._renew()
        began = self._begin()
        since_s = time.monotonic() - self._looked_s
        if since_s >= LOOK_EVERY_S or not began:
            self._looked_s = time.monotonic()
            self._plan = carrier.due(self._clock())
            self._begin()

    def _begin(self) -> int:
        """Begin with as much of the plan as may be under way at once; how many messages that are."""
        left, began = [], 0
        with self._lock:
            hosts = Counter(one.host for one in self._under_way)
            orgs = Counter(one.org for one in self._under_way if one.host != MAIL)
            for one in self._plan:
                if one in self._under_way:
                    continue
                full = one.host != MAIL and (orgs.total() >= OF_OTHERS or orgs[one.org] >= OF_AN_ORG)
                if full or hosts[one.host] >= OF_A_HOST:
                    left.append(one)
                    continue
                hosts[one.host] += 1
                orgs[one.org] += one.host != MAIL
                self._under_way.add(one)
                self._pool.submit(self._carry, one)
                began += 1
        self._plan = left
        return began

    def _carry(self, one: Due) -> None:
        try:
            close_old_connections()
            carrier.carry_one(one.pk, self._means, self._clock)
        except Exception:
            log.exception("What became of a message could not be noted.", delivery=one.pk)
        finally:
            close_old_connections()
            with self._lock:
                self._under_way.discard(one)
            self._wake.set()

    def _renew(self) -> None:
        if time.monotonic() - self._renewed_s < carrier.RENEW_AFTER.total_seconds():
            return
        self._renewed_s = time.monotonic()
        with self._lock:
            held = [one.pk for one in self._under_way]
        if held:
            carrier.renew(held, self._clock())


def tidy(now: datetime) -> None:
    """The duty `deliveries`: nobody is reminded of receivers that are gone, and what is old is removed."""
    outcomes.solve_gone(now)
    outcomes.forget(now)
