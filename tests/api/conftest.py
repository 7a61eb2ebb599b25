"""The servers that these tests talk to."""

from tests.servers import installation, postgres_installation, server, sqlite_installation, valkey_url

__all__ = ["installation", "postgres_installation", "server", "sqlite_installation", "valkey_url"]
