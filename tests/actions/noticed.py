"""Runs of a register, and what is told of them."""

from typing import Any

from certwatch.actions import notices, syncs
from certwatch.models import Certificate, Notice, Organisation, Sync, WebhookEndpoint
from certwatch.rules.notices import Kind, State
from tests.actions.registers import Clock, Register
from tests.conftest import NOON


def sync(register: Register, clock: Clock, hours: int = 24) -> Sync:
    """A run some hours later, and what is made of it."""
    clock.wait(hours=hours)
    run = syncs.run(register.source, clock=clock)
    assert run.state == "good"
    notices.make(clock())
    return run


def told(org: Organisation) -> list[str]:
    return list(org.notices.order_by("pk").values_list("kind", flat=True))


def states(org: Organisation) -> list[tuple[str, str, str]]:
    return list(org.notices.order_by("pk").values_list("kind", "state", "solved_by"))


def listening(org: Organisation, *types: str, **more: Any) -> WebhookEndpoint:
    made: WebhookEndpoint = org.webhook_endpoints.create(
        url="https://erp.example/hook", types=list(types), secret="", created_at=NOON, **more
    )
    return made


def sent(endpoint: WebhookEndpoint) -> list[tuple[str, str, str]]:
    """The changes that an endpoint gets: type, word before, word after."""
    rows = endpoint.deliveries.order_by("pk").values_list("change__type", "change__was", "change__word")
    return [(kind.removeprefix("certificate."), was, word) for kind, was, word in rows]


def stands(certificate: Certificate, kind: Kind, state: State = State.OPEN, **more: Any) -> Notice:
    notice = notices.add(
        certificate.org, kind, told_for=f"{certificate.pk}:{kind}", batch="n", now=NOON, certificate=certificate, **more
    )
    assert notice is not None
    notice.state = state
    notice.save()
    return notice
