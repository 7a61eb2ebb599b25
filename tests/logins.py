"""Logging in, for tests of pages."""

import time

from django.test import Client

from certwatch.models import User


def log_in(client: Client, user: User, *, minutes_ago: float = 0) -> None:
    """As after the log-in page; pages that ask for a fresh log-in let in whom `force_login` alone leaves outside."""
    client.force_login(user)
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time() - 60 * minutes_ago}]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
