"""The check of the tables at a process's first connection."""

import pytest
from django.db import connection
from django.db.backends.signals import connection_created

from certwatch.management import database


def test_two_commands_of_one_process_wait_with_one_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "reached", lambda: False)
    before = len(connection_created.receivers)
    try:
        database.check_at_first_use()
        database.check_at_first_use()
        assert len(connection_created.receivers) <= before + 1
    finally:
        connection_created.disconnect(dispatch_uid=database._ONCE)


def test_a_connection_of_another_name_is_none_of_its_business(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "reached", lambda: False)
    monkeypatch.setattr(database, "call_command", lambda *args, **options: pytest.fail("it migrated"))
    monkeypatch.setattr(connection, "alias", "another")
    database.check_at_first_use()
    try:
        connection_created.send(sender=type(connection), connection=connection)
    finally:
        connection_created.disconnect(dispatch_uid=database._ONCE)
