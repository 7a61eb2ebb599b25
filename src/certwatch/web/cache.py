"""The cache that all processes share, where Valkey is set."""

import time
from collections.abc import Callable
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

REST_S = 2.0  # so long Valkey is not asked again after a failure


class ValkeyElseDatabase(RedisCache):
    """Valkey; while it does not answer, the database. Limits go on counting, from nothing, and nobody is locked out."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._asked_again_at = 0.0

    def add(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._ask(super().add, "add", *args, **kwargs))

    def get(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask(super().get, "get", *args, **kwargs)

    def set(self, *args: Any, **kwargs: Any) -> None:
        self._ask(super().set, "set", *args, **kwargs)

    def touch(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._ask(super().touch, "touch", *args, **kwargs))

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._ask(super().delete, "delete", *args, **kwargs))

    def _ask(self, valkeys: Callable[..., Any], name: str, *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() >= self._asked_again_at:
            try:
                return valkeys(*args, **kwargs)
            except RedisError:
                self._asked_again_at = time.monotonic() + REST_S
        return getattr(caches["database"], name)(*args, **kwargs)
