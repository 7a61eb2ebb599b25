"""Messages on their way: made as rows, once each, in the transaction of what they tell; the carrier sends them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from certwatch.models import (
    Change,
    Channel,
    Delivery,
    Notice,
    Organisation,
    Purpose,
    SupplierContact,
    User,
    WebhookEndpoint,
)

MAIL = "mail"  # the host of every mail: our own server
AT_ONCE = 500  # rows of one statement; SQLite takes some thousand values


def make(
    org: Organisation | None,
    purpose: Purpose,
    *,
    told_for: str,
    host: str,
    now: datetime,
    user: User | None = None,
    contact: SupplierContact | None = None,
    channel: Channel | None = None,
    endpoint: WebhookEndpoint | None = None,
    change: Change | None = None,
    notices: Iterable[Notice] = (),
    facts: Mapping[str, Any] | None = None,
) -> Delivery | None:
    """A message that is due at once, or None where one exists that was `told_for` the same."""
    wanted = Delivery(
        org=org,
        purpose=purpose,
        told_for=told_for,
        host=host,
        user=user,
        contact=contact,
        channel=channel,
        endpoint=endpoint,
        change=change,
        facts=dict(facts or {}),
        due_at=now,
        made_at=now,
    )
    Delivery.across_orgs.bulk_create([wanted], ignore_conflicts=True)  # a conflict must not break the transaction
    made = Delivery.across_orgs.filter(public_id=wanted.public_id).first()
    if made is not None:
        made.notices.set(notices)
    return made


def make_many(org: Organisation, hooks: Iterable[tuple[WebhookEndpoint, int]], *, now: datetime) -> None:
    """A webhook for each endpoint and change (its primary key) of `hooks`; those that exist stay as they are."""
    hosts: dict[int, str] = {}
    Delivery.across_orgs.bulk_create(
        [
            Delivery(
                org=org,
                purpose=Purpose.WEBHOOK,
                told_for=hook(endpoint, change),
                host=hosts.setdefault(endpoint.pk, host_of(endpoint.url)),
                endpoint=endpoint,
                change_id=change,
                due_at=now,
                made_at=now,
            )
            for endpoint, change in hooks
        ],
        ignore_conflicts=True,
        batch_size=AT_ONCE,
    )


def hook(endpoint: WebhookEndpoint, change: int) -> str:
    """What a webhook about the change with this primary key is `told_for`."""
    return f"hook:e{endpoint.pk}:{change}"


def host_of(url: str) -> str:
    """The host that takes what is sent to `url`; so many messages at once go to each."""
    return (urlsplit(url).hostname or "")[:255]
