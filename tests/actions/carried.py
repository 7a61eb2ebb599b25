"""What the tests of the carrier share: a clock to move, means with a letter of three words, and things to send."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.smtp import EmailBackend

from certwatch.actions import deliveries, secrets
from certwatch.actions.carrier import Means
from certwatch.channels.webhook import Reach
from certwatch.models import Channel, Delivery, Notice, Organisation, Purpose, User, WebhookEndpoint
from certwatch.models.base import random_id
from certwatch.rules.notices import Kind
from tests.conftest import NOON
from tests.receivers import THIS_MACHINE

SECRET = "whsec_" + "bmV1" * 8


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, by: timedelta) -> datetime:
        self.now += by
        return self.now


def letter(delivery: Delivery, now: datetime) -> EmailMessage:
    assert delivery.user is not None or delivery.contact is not None
    to = delivery.user.email if delivery.user else str(delivery.contact and delivery.contact.email)
    headers = {"Message-ID": f"<{delivery.public_id}@watch.example>"}
    return EmailMessage("Suspended", "A certificate is suspended.", "cw@watch.example", [to], headers=headers)


def means(*, mail_port: int = 0, timeout_s: float = 5, mail_timeout_s: int = 5, **others: Any) -> Means:
    """The real channels; mails go to a server of this machine, or nowhere."""

    def connection() -> Any:
        if not mail_port:
            return get_connection("django.core.mail.backends.locmem.EmailBackend")
        return EmailBackend(host="127.0.0.1", port=mail_port, timeout=mail_timeout_s)

    made = Means(
        letter=letter,
        text=lambda delivery, now: ("Suspended", "A certificate is **suspended**."),
        body=lambda delivery: b'{"type":"webhook.test","data":{}}',
        connection=connection,
        reach=Reach(allowed=THIS_MACHINE, timeout_s=timeout_s),
        schemes=("discord",),
        user_agent="CertificateWatch/1.0",
        chance=lambda: 0.5,  # no jitter
    )
    return replace(made, **others)


def endpoint(org: Organisation, url: str, **fields: Any) -> WebhookEndpoint:
    made: WebhookEndpoint = org.webhook_endpoints.create(
        url=url, secret=secrets.encrypt(SECRET), created_at=NOON, **fields
    )
    return made


def channel(org: Organisation, address: str = "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js") -> Channel:
    made: Channel = org.channels.create(
        name="Purchasing", scheme="discord", address=secrets.encrypt(address), shown="discord://…V_js", created_at=NOON
    )
    return made


def hook(to: WebhookEndpoint, now: datetime = NOON, host: str = "") -> Delivery:
    """A webhook on its way to `to`."""
    made = deliveries.make(
        to.org,
        Purpose.WEBHOOK,
        told_for=f"test:{random_id()}",
        host=host or deliveries.host_of(to.url),
        endpoint=to,
        now=now,
    )
    assert made is not None
    return made


def mail(org: Organisation, to: User, now: datetime = NOON) -> Delivery:
    made = deliveries.make(org, Purpose.ALERTS, told_for=f"once:{random_id()}", host=deliveries.MAIL, user=to, now=now)
    assert made is not None
    return made


def message(to: Channel, now: datetime = NOON) -> Delivery:
    made = deliveries.make(to.org, Purpose.ALERTS, told_for=f"once:{random_id()}", host=to.scheme, channel=to, now=now)
    assert made is not None
    return made


def states(found: Iterable[Delivery]) -> list[str]:
    return [Delivery.across_orgs.get(pk=one.pk).state for one in found]


def fresh(one: Any) -> Any:
    """The row as it stands now."""
    return type(one)._default_manager.get(pk=one.pk)


def failing(org: Organisation) -> list[Notice]:
    """What the organisation was told of receivers that fail."""
    return list(org.notices.filter(kind=Kind.CHANNEL_FAILING).order_by("id"))
