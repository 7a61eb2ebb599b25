"""What machines ask of a server: is it ready, and how is it doing (operations.md, `/readyz`, `/metrics`)."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from certwatch.api.database import Database
from certwatch.api.lookup import moment
from certwatch.rules.schedule import LATE, WORKER_SEEN

MIGRATIONS = Path(__file__).parents[1] / "migrations"


async def readiness(database: Database, now: datetime) -> dict[str, Any]:
    """The JSON of /readyz. Of the migrations it asks for our own; those of libraries are applied together with them."""
    state: dict[str, Any] = {"ready": False, "database": False, "migrations": False, "worker_seen": False, "duties": {}}
    try:
        await database.rows("SELECT 1")
        state["database"] = True
        applied = {
            name for (name,) in await database.rows("SELECT name FROM django_migrations WHERE app = 'certwatch'")
        }
        state["migrations"] = {file.stem for file in MIGRATIONS.glob("[0-9]*.py")} <= applied
        rows = await database.rows('SELECT name, last, "next" FROM certwatch_duty ORDER BY name')
    except Exception:  # noqa: BLE001 - whatever it is: what was not seen is not ready
        return state
    duties = {name: (moment(last), moment(due)) for name, last, due in rows}
    beat, _ = duties.pop("worker", (None, None))
    state["worker_seen"] = beat is not None and now - beat < WORKER_SEEN
    state["ready"] = state["migrations"] and state["worker_seen"]
    state["duties"] = {
        name: {"last": _rfc3339(last), "next": _rfc3339(due), "late": due is not None and now - due > LATE}
        for name, (last, due) in duties.items()
    }
    return state


class Metrics:
    """Numbers for Prometheus; of all server processes if PROMETHEUS_MULTIPROC_DIR names the folder that they share."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        shared = "PROMETHEUS_MULTIPROC_DIR" in os.environ
        own = CollectorRegistry() if shared else self._registry
        self._answers = Counter("certwatch_api_answers", "Answers below /api/.", ["status"], registry=own)
        self._unlimited = Counter(
            "certwatch_api_unlimited", "Requests let in uncounted, because Valkey did not answer.", registry=own
        )
        self._taken: dict[int, int] = {}
        self._taken_unlimited = 0
        if shared:
            MultiProcessCollector(self._registry)  # type: ignore[no-untyped-call]
        else:
            ProcessCollector(registry=self._registry)
            PlatformCollector(registry=self._registry)

    def take(self, answers: Mapping[int, int], unlimited: int) -> None:
        """Take over what was counted since the last time: status → answers, and requests let in uncounted."""
        for status, count in answers.items():
            self._answers.labels(str(status)).inc(count - self._taken.get(status, 0))
        self._unlimited.inc(unlimited - self._taken_unlimited)
        self._taken, self._taken_unlimited = dict(answers), unlimited

    def text(self) -> bytes:
        return generate_latest(self._registry)


def _rfc3339(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
