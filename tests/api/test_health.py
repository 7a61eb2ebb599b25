"""What machines ask."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from certwatch.api.database import SqliteDatabase
from certwatch.api.health import MIGRATIONS, readiness
from certwatch.models import Duty
from certwatch.rules.schedule import LATE, WORKER_SEEN
from tests.api.test_usage import database_of
from tests.servers import Installation, Server

NOW = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def beat(installation: Installation, at: datetime) -> None:
    rows = Duty.objects.using(installation.alias)
    installation.ask(lambda: rows.update_or_create(name="worker", defaults={"last": at}))


async def test_ready_with_database_migrations_and_a_worker_seen_lately(installation: Installation) -> None:
    beat(installation, NOW - WORKER_SEEN + SECOND)
    assert await readiness(database_of(installation), NOW) == {
        "ready": True,
        "database": True,
        "migrations": True,
        "worker_seen": True,
        "duties": {},
    }
    state = await readiness(database_of(installation), NOW + SECOND)
    assert (state["ready"], state["worker_seen"]) == (False, False)


async def test_late_duties_are_listed_and_change_nothing(installation: Installation) -> None:
    beat(installation, NOW)
    rows = Duty.objects.using(installation.alias)
    installation.ask(lambda: rows.create(name="b", last=NOW - 2 * LATE, next=NOW - LATE - SECOND))
    installation.ask(lambda: rows.create(name="a", last=None, next=NOW - LATE))
    state = await readiness(database_of(installation), NOW)
    assert state["ready"]
    assert state["duties"] == {
        "a": {"last": None, "next": "2026-11-24T10:55:00Z", "late": False},
        "b": {"last": "2026-11-24T10:50:00Z", "next": "2026-11-24T10:54:59Z", "late": True},
    }
    assert list(state["duties"]) == ["a", "b"]
    installation.ask(lambda: rows.exclude(name="worker").delete())


async def test_a_migration_that_is_missing_is_seen(installation: Installation) -> None:
    beat(installation, NOW)
    newest = max(file.stem for file in MIGRATIONS.glob("[0-9]*.py"))
    installation.execute("UPDATE django_migrations SET app = 'taken away' WHERE name = %s", [newest])
    state = await readiness(database_of(installation), NOW)
    installation.execute("UPDATE django_migrations SET app = 'certwatch' WHERE name = %s", [newest])
    assert (state["ready"], state["database"], state["migrations"]) == (False, True, False)


async def test_no_database_no_readiness(tmp_path: Path) -> None:
    assert await readiness(SqliteDatabase(tmp_path / "nothing.sqlite3"), NOW) == {
        "ready": False,
        "database": False,
        "migrations": False,
        "worker_seen": False,
        "duties": {},
    }


def test_healthz_answers_under_every_host(server: Server) -> None:
    for host in ("anything.example", "127.0.0.1", ""):
        assert server.ask("/healthz", ("Host", host)).status == 200
    assert server.ask("/healthz", method="HEAD").body == b""


def test_readyz_says_503_only_when_it_is_not_ready(installation: Installation, server: Server) -> None:
    for at, status in ((datetime.now(UTC), 200), (datetime.now(UTC) - timedelta(hours=1), 503)):
        beat(installation, at)
        reply = server.ask("/readyz", ("Host", "anything.example"))
        assert (reply.status, reply["content-type"]) == (status, "application/json")
        said = json.loads(reply.body)
        assert list(said) == ["ready", "database", "migrations", "worker_seen", "duties"]
        assert said["ready"] is (status == 200)


def test_metrics_are_hidden_from_everybody_by_default(server: Server) -> None:
    assert server.ask("/metrics").status == 404


def test_metrics_are_for_the_named_networks(installation: Installation) -> None:
    with Server(installation, settings={"CERTWATCH_METRICS_NETWORKS": "203.0.113.0/24"}) as server:
        assert server.ask("/metrics").status == 404
        assert server.ask("/metrics", ("X-Forwarded-For", "203.0.113.7")).status == 200
        assert server.ask("/metrics", ("X-Forwarded-For", "203.0.113.7, 198.51.100.1")).status == 404


def test_metrics_count_answers_by_status_over_all_processes(installation: Installation) -> None:
    settings = {"CERTWATCH_METRICS_NETWORKS": "127.0.0.0/8"}
    key = installation.key(installation.org())
    with Server(installation, processes=2 if installation.valkey_url else 1, settings=settings) as server:
        for _ in range(5):
            assert server.look_up("unknown", key).status == 404
        server.look_up("unknown", "")
        expected = {("certwatch_api_answers_total", "404"): 5, ("certwatch_api_answers_total", "401"): 1}
        deadline = time.monotonic() + 10  # a process hands its numbers over every 5 s, or when it is asked
        while measured(server) != expected:
            assert time.monotonic() < deadline, measured(server)


def measured(server: Server) -> dict[tuple[str, str], float]:
    text = server.ask("/metrics").body.decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    assert [s.value for s in samples if s.name == "certwatch_api_unlimited_total"] == [0]
    return {(s.name, s.labels["status"]): s.value for s in samples if s.name == "certwatch_api_answers_total"}
