"""The counters' server that the processes talk to."""

from tests.servers import valkey_url

__all__ = ["valkey_url"]
