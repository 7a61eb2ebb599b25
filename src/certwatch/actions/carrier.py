"""Carrying messages out: what is due is claimed, sent by its channel, and what became of it is noted.

A claim is one conditional UPDATE with a lease. Who dies lets it run out; then the same message is sent again under the
same id. Nothing is sent inside a transaction, and what became of a try is noted in one.
"""

import random
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, groupby, zip_longest
from typing import NamedTuple

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import OperationalError
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_noop

from certwatch.actions import endpoints, events, letters, outcomes, secrets
from certwatch.actions.notices import WORKING
from certwatch.channels import chat, email, webhook
from certwatch.models import Delivery, DeliveryState, EndpointState, outbox
from certwatch.net.client import user_agent
from certwatch.rules.errors import DeliveryFailed

log = structlog.get_logger()

LEASE = timedelta(seconds=60)  # longer than a receiver is waited for; who is still at it renews it
RENEW_AFTER = timedelta(seconds=20)
PLAN = 500  # messages of one look,
OF_ONE_QUEUE = 50  # … and those of one host, all organisations together
INSIST_S = (0.1, 0.5, 2.0)  # a busy database is asked again: what was sent and is not noted would be sent twice

ORG_CLOSED = gettext_noop("The organisation is closed.")
CHANNEL_OFF = gettext_noop("The channel was switched off.")
ACCOUNT_CLOSED = gettext_noop("The account is closed.")
NO_MEMBER = gettext_noop("No member any more.")
NOTHING_LEFT = gettext_noop("What it was about is gone.")
NOT_MADE = gettext_noop("The message could not be made. The operator can see why.")


class Due(NamedTuple):
    """A message that may be sent now."""

    pk: int
    org: int | None
    host: str


@dataclass(frozen=True, slots=True)
class Means:
    """What messages are made of and sent with. Every part can be another one in tests."""

    letter: Callable[[Delivery, datetime], EmailMessage]
    text: Callable[[Delivery, datetime], tuple[str, str]]  # title and Markdown
    body: Callable[[Delivery], bytes]
    connection: Callable[[], BaseEmailBackend] = get_connection
    reach: webhook.Reach = field(default_factory=webhook.Reach)
    schemes: Collection[str] = ()
    user_agent: str = ""
    chance: Callable[[], float] = random.random


def means() -> Means:
    """The product's own."""
    return Means(
        letter=lambda delivery, now: letters.letter(delivery, now=now),
        text=lambda delivery, now: letters.chat(delivery, now=now),
        body=events.body,
        reach=webhook.Reach(allowed=settings.ENV.webhook_allowed_networks),
        schemes=settings.ENV.apprise_schemes,
        user_agent=user_agent(settings.BASE_URL, settings.OPERATOR_EMAIL),
    )


def due(now: datetime) -> list[Due]:
    """What may be sent now: organisations in turn, of each one hosts in turn, of each host the oldest first.

    Who has much to send, or a receiver that is slow, stands behind nobody and before nobody.
    """
    found = [Due(*row) for row in outbox.in_turn(now, of_one=OF_ONE_QUEUE, most=PLAN)]
    found.sort(key=lambda one: one.org or 0)  # stable: of one organisation they keep their order
    by_org = (list(rows) for _, rows in groupby(found, key=lambda one: one.org or 0))
    return [one for one in chain.from_iterable(zip_longest(*by_org)) if one is not None]


def claim(pk: int, now: datetime) -> bool:
    """Whether this try is the caller's: nobody else sends this message before the lease has run out."""
    return _free(now).filter(pk=pk).update(tries=F("tries") + 1, leased_until=now + LEASE) == 1


def renew(pks: Iterable[int], now: datetime) -> None:
    """Keep the leases of messages that are being sent."""
    held = Delivery.across_orgs.filter(pk__in=list(pks), state=DeliveryState.WAITING, leased_until__isnull=False)
    held.update(leased_until=now + LEASE)


def carry(now: datetime, means: Means, clock: Callable[[], datetime] | None = None) -> int:
    """Send what is due, one after the other; how many messages were tried."""
    tried = 0
    while more := sum(carry_one(one.pk, means, clock or (lambda: now)) for one in due(now)):
        tried += more
    return tried


def carry_one(pk: int, means: Means, clock: Callable[[], datetime]) -> bool:
    """Try to deliver one message; False if it is not due any more, or somebody else is at it."""
    if not claim(pk, clock()):
        return False
    delivery = _read(pk)
    if delivery is None:
        return False
    now = clock()
    if reason := why_not(delivery, now):
        _insist(lambda: outcomes.dropped(delivery, reason, now, resting=reason == ORG_CLOSED))
        return True
    attempt, began = outcomes.Try(began_at=now), time.monotonic()
    failed: DeliveryFailed | None = None
    try:
        _send(delivery, means, attempt, now)
    except DeliveryFailed as error:
        failed = error
        attempt.status, attempt.said = error.status, error.said or str(error)
    except letters.Unsendable:
        _insist(lambda: outcomes.dropped(delivery, NOTHING_LEFT, now))
        return True
    except Exception:  # a message that cannot be made must not stop the others
        if not Delivery.across_orgs.filter(pk=pk).exists():  # removed meanwhile, with what it is made of
            return True
        log.exception("A message could not be made or sent.", delivery=delivery.public_id, purpose=delivery.purpose)
        failed = DeliveryFailed(NOT_MADE)
        attempt.said = str(failed)
    attempt.took_ms = int((time.monotonic() - began) * 1_000)
    ended = clock()
    if failed is None:
        _insist(lambda: outcomes.delivered(delivery, attempt, ended))
    else:
        chance = means.chance()
        _insist(lambda: outcomes.failed(delivery, attempt, failed, ended, chance=chance))
    return True


def why_not(delivery: Delivery, now: datetime) -> str:
    """Why nobody may hear this any more; "" if somebody may."""
    org = delivery.org
    if org is not None and org.state(now) not in WORKING:
        return ORG_CLOSED
    if delivery.endpoint is not None:
        return "" if delivery.endpoint.state == EndpointState.ON else outcomes.ENDPOINT_OFF
    if delivery.channel is not None:
        return "" if delivery.channel.on and delivery.channel.address else CHANNEL_OFF
    if delivery.user is not None and org is not None:
        if not delivery.user.is_active:
            return ACCOUNT_CLOSED
        member = org.memberships.filter(user=delivery.user).select_related("org").first()
        return "" if member is not None and not member.has_ended(now) else NO_MEMBER
    return ""


def _free(now: datetime) -> QuerySet[Delivery]:
    """What is due and nobody is at."""
    unleased = Q(leased_until=None) | Q(leased_until__lte=now)
    return Delivery.across_orgs.filter(unleased, state=DeliveryState.WAITING, due_at__lte=now)


def _read(pk: int) -> Delivery | None:
    return Delivery.across_orgs.select_related("org", "user", "channel", "endpoint", "change").filter(pk=pk).first()


def _send(delivery: Delivery, means: Means, attempt: outcomes.Try, now: datetime) -> None:
    if delivery.endpoint is not None:
        hook = webhook.Hook(
            url=delivery.endpoint.url,
            message=endpoints.message_id(delivery),
            body=means.body(delivery),
            secrets=endpoints.signing(delivery.endpoint, now),
        )
        above = webhook.headers(hook, user_agent=means.user_agent, now=now)
        head = "".join(f"{name}: {text}\n" for name, text in above.items())
        attempt.request = f"POST {hook.url}\n{head}\n{hook.body.decode()}"
        answer = webhook.send(hook, above, reach=means.reach, now=now)
        attempt.status, attempt.said = answer.status, webhook.text(answer.begins)
    elif delivery.channel is not None:
        title, body = means.text(delivery, now)
        chat.send(secrets.decrypt(delivery.channel.address), title, body, schemes=means.schemes)
    else:
        email.send(means.letter(delivery, now), connection=means.connection())


def _insist(note: Callable[[], None]) -> None:
    for pause_s in INSIST_S:
        try:
            note()
        except OperationalError:  # locked for long, or two in each other's way
            time.sleep(pause_s)
        else:
            return
    note()
