"""The cache that all processes share, while Valkey is away."""

import socket
from typing import Any

import pytest

from certwatch.models import CachedValue
from certwatch.web.cache import ValkeyElseDatabase

pytestmark = pytest.mark.django_db


@pytest.fixture
def cache() -> ValkeyElseDatabase:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # nobody listens there any more
    return ValkeyElseDatabase(f"redis://127.0.0.1:{port}", {"OPTIONS": {"socket_connect_timeout": 0.1}})


def test_while_valkey_is_away_the_database_counts(cache: ValkeyElseDatabase) -> None:
    assert cache.add("tries", [1], 60)
    assert not cache.add("tries", [2], 60)
    assert cache.get("tries") == [1]
    cache.set("tries", [1, 2], 60)
    assert cache.get("tries") == [1, 2]
    assert cache.touch("tries", 60)
    assert cache.delete("tries")
    assert cache.get("tries", "none") == "none"
    assert not CachedValue.objects.exists()


def test_after_a_failure_valkey_is_left_alone_for_a_while(
    cache: ValkeyElseDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.get("tries")

    def asked(*_: Any) -> None:
        raise AssertionError("Valkey was asked again.")

    monkeypatch.setattr("django.core.cache.backends.redis.RedisCacheClient.get", asked)
    assert cache.get("tries") is None
