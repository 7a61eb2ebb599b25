"""What tests of the back office share."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from django.http import HttpRequest
from django.test import Client

from certwatch.actions import syncs
from certwatch.models import Organisation, RunState, Sync, User
from certwatch.rules.status import Status
from tests.actions.registers import Clock, Register, row, watch
from tests.conftest import NOON

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def with_second_factor(user: User, kind: str = Authenticator.Type.TOTP) -> User:
    Authenticator.objects.create(user=user, type=kind, data={})
    return user


def let_in(client: Client, user: User) -> Client:
    """Logged in with both factors."""
    client.force_login(user)
    session = client.session
    request = HttpRequest()
    request.session = session
    record_authentication(request, user, "mfa", type="totp")
    session["seen"] = NOON.timestamp()
    session.save()
    return client


def held_run(org: Organisation) -> Sync:
    """A run that would suspend twelve of twenty watched certificates."""
    register, clock = Register(), Clock(NOON - DAY)
    for place in range(20):
        watch(org, place, NOON - DAY)
    register.rows = [row(place) for place in range(20)]
    assert syncs.run(register.source, clock=clock).state == RunState.GOOD
    clock.now = NOON - MINUTE
    register.rows = [row(place, Status.SUSPENDED if place < 12 else Status.VALID) for place in range(20)]
    held = syncs.run(register.source, clock=clock)
    assert held.state == RunState.HELD
    return held


def text(response: Any) -> str:
    assert response.status_code == 200
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))
