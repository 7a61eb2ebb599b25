"""Webhook endpoints: made, changed, tried out, given a new secret; and their messages sent anew.

A replay is the same message once more: a row of its own in the log, sent under the `webhook-id` of the message that it
replays (`message_id`, kept in `facts["message_id"]`), so that a receiver which has worked on it already can tell.
"""

import base64
import secrets as chance
from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from certwatch.actions import audit, deliveries, outcomes, secrets
from certwatch.models import (
    Change,
    ChangeType,
    Delivery,
    DeliveryState,
    EndpointState,
    Organisation,
    Purpose,
    User,
    WebhookEndpoint,
)
from certwatch.net import addresses
from certwatch.rules import events, names
from certwatch.rules.errors import Refused, UnknownName
from certwatch.rules.status import Status

MOST = 20  # endpoints of one organisation
OLD_SIGNS_ALONG = timedelta(hours=24)  # after a rotation
MOST_REPLAYED = 10_000  # messages of one replay
OF_CHANGES = tuple(kind for kind in events.TYPES if kind != events.EventType.TEST)  # a test goes to every endpoint


class TooMany(Refused):
    """There are as many endpoints, or messages in a range, as there may be."""


class BadTypes(Refused):
    """Events of such a type do not exist."""


class SwitchedOff(Refused):
    """Nothing is sent to an endpoint that is not on."""


class Checked(str):
    """An address that was looked at just now. Who writes in a transaction of his own has it made before (`check`)."""


def check(url: str) -> Checked:
    """`url`, if messages may be sent there; its name is resolved, but it is not called. Raises `Refused`."""
    if isinstance(url, Checked):
        return url
    url = url.strip()
    addresses.check(url, allowed=settings.ENV.webhook_allowed_networks)
    return Checked(url)


def create(
    org: Organisation,
    *,
    url: str,
    types: Collection[str] = (),
    name: str = "",
    by: User | None,
    now: datetime,
    address: str | None = None,
    actor: str = audit.COMMAND_LINE,
) -> tuple[WebhookEndpoint, str]:
    """An endpoint, and its secret: show that once. `types` empty: all. Raises `Refused`."""
    url, types, name = check(url), _types(types), _name(name)
    secret = _secret()
    with transaction.atomic():
        # Two at once must not both be the twentieth; rows that only point at the organisation need not wait.
        Organisation.objects.select_for_update(no_key=True).get(pk=org.pk)
        if org.webhook_endpoints.count() >= MOST:
            raise TooMany(_("An organisation has at most 20 webhook endpoints. Remove one first."))
        endpoint: WebhookEndpoint = org.webhook_endpoints.create(
            name=name, url=url, types=types, secret=secrets.encrypt(secret), created_at=now, created_by=by
        )
        audit.note(
            org, "webhook.created", about=str(endpoint), about_id=endpoint.public_id, by=by, now=now, address=address,
            actor=actor, url=url, types=types,
        )  # fmt: skip
    return endpoint, secret


def change(
    endpoint: WebhookEndpoint,
    *,
    url: str | None = None,
    types: Collection[str] | None = None,
    name: str | None = None,
    by: User | None,
    now: datetime,
    address: str | None = None,
    actor: str = audit.COMMAND_LINE,
) -> WebhookEndpoint:
    """`endpoint` with what is named changed. What waits goes to the new address. Raises `Refused`."""
    wanted: dict[str, object] = {}
    if url is not None and url != endpoint.url:
        wanted["url"] = check(url)
    if types is not None:
        wanted["types"] = _types(types)
    if name is not None:
        wanted["name"] = _name(name)
    with transaction.atomic():
        endpoint = _locked(endpoint)
        new = {field: value for field, value in wanted.items() if value != getattr(endpoint, field)}
        if not new:
            return endpoint
        was = {field: getattr(endpoint, field) for field in new}
        for field, value in new.items():
            setattr(endpoint, field, value)
        endpoint.save(update_fields=list(new))
        if "url" in new:
            _waiting(endpoint).update(host=deliveries.host_of(endpoint.url))
        audit.note(
            endpoint.org, "webhook.changed", about=str(endpoint), about_id=endpoint.public_id, by=by, now=now,
            address=address, actor=actor, was=was, new=new,
        )  # fmt: skip
    return endpoint


def switch(
    endpoint: WebhookEndpoint,
    on: bool,
    *,
    by: User | None,
    now: datetime,
    address: str | None = None,
    actor: str = audit.COMMAND_LINE,
) -> WebhookEndpoint:
    """`endpoint`, on or off. Off: what waits is dropped. On: it begins anew, whyever it was off.

    `switched_off_at` stays: from there on a replay is offered, where it had failed from the first failure on.
    """
    with transaction.atomic():
        endpoint = _locked(endpoint)
        if on == (endpoint.state == EndpointState.ON):
            return endpoint
        if on:
            missed = [at for at in (endpoint.failing_since, endpoint.switched_off_at) if at is not None]
            endpoint.state, endpoint.failing_since = EndpointState.ON, None
            endpoint.switched_off_at = min(missed, default=None)
        elif endpoint.state == EndpointState.ON:
            endpoint.state, endpoint.switched_off_at = EndpointState.OFF, now
            _waiting(endpoint).update(
                state=DeliveryState.DROPPED, due_at=None, ended_at=now, error=_("The endpoint was switched off.")
            )
        endpoint.save(update_fields=["state", "failing_since", "switched_off_at"])
        outcomes.solve(endpoint, by="switched", now=now)
        audit.note(
            endpoint.org, "webhook.switched_on" if on else "webhook.switched_off", about=str(endpoint),
            about_id=endpoint.public_id, by=by, now=now, address=address, actor=actor,
        )  # fmt: skip
    return endpoint


@transaction.atomic
def delete(
    endpoint: WebhookEndpoint,
    *,
    by: User | None,
    now: datetime,
    address: str | None = None,
    actor: str = audit.COMMAND_LINE,
) -> None:
    """Remove `endpoint` with its log; what waits is sent no more."""
    endpoint = _locked(endpoint)
    audit.note(
        endpoint.org, "webhook.removed", about=str(endpoint), about_id=endpoint.public_id, by=by, now=now,
        address=address, actor=actor, url=endpoint.url,
    )  # fmt: skip
    outcomes.solve(endpoint, by="gone", now=now)
    endpoint.delete()


@transaction.atomic
def rotate(
    endpoint: WebhookEndpoint,
    *,
    by: User | None,
    now: datetime,
    address: str | None = None,
    actor: str = audit.COMMAND_LINE,
) -> str:
    """A new secret: show it once. The one that it replaces signs along for 24 hours; one before that no more."""
    endpoint, secret = _locked(endpoint), _secret()
    endpoint.old_secret, endpoint.old_secret_until = endpoint.secret, now + OLD_SIGNS_ALONG
    endpoint.secret = secrets.encrypt(secret)
    endpoint.save(update_fields=["secret", "old_secret", "old_secret_until"])
    audit.note(
        endpoint.org, "webhook.rotated", about=str(endpoint), about_id=endpoint.public_id, by=by, now=now,
        address=address, actor=actor,
    )  # fmt: skip
    return secret


def signing(endpoint: WebhookEndpoint, now: datetime) -> list[str]:
    """The secrets that sign what is sent at `now`, the newest first."""
    stored = [endpoint.secret]
    if endpoint.old_secret and endpoint.old_secret_until is not None and now < endpoint.old_secret_until:
        stored.append(endpoint.old_secret)
    return [secrets.decrypt(secret) for secret in stored]


@transaction.atomic
def test(
    endpoint: WebhookEndpoint,
    *,
    by: User | None,
    now: datetime,
    address: str | None = None,
    actor: str = audit.COMMAND_LINE,
) -> Delivery:
    """A message of the type `webhook.test` on its way to `endpoint`. Raises `SwitchedOff`."""
    endpoint = _on(endpoint)
    made = deliveries.make(
        endpoint.org,
        Purpose.WEBHOOK,
        told_for=f"test:e{endpoint.pk}:{chance.token_hex(8)}",
        host=deliveries.host_of(endpoint.url),
        endpoint=endpoint,
        facts={"test": True},
        now=now,
    )
    assert made is not None  # nothing else is told for the same
    audit.note(
        endpoint.org, "webhook.tested", about=str(endpoint), about_id=endpoint.public_id, by=by, now=now,
        address=address, actor=actor,
    )  # fmt: skip
    return made


@transaction.atomic
def replay(
    delivery: Delivery,
    *,
    by: User | None,
    now: datetime,
    address: str | None = None,
    actor: str = audit.COMMAND_LINE,
) -> Delivery:
    """The message of `delivery`, a webhook's, on its way once more; if it still waits, its next try comes now.

    Raises `SwitchedOff`.
    """
    if delivery.endpoint is None:
        raise Refused(_("Only messages to webhook endpoints can be sent anew."))
    endpoint = _on(delivery.endpoint)
    audit.note(
        endpoint.org, "webhook.replayed", about=str(endpoint), about_id=endpoint.public_id, by=by, now=now,
        address=address, actor=actor, message=message_id(delivery),
    )  # fmt: skip
    if _waiting(endpoint).filter(pk=delivery.pk).update(due_at=now):
        delivery.refresh_from_db()
        return delivery
    again = _again(endpoint, delivery, now)
    again.save(force_insert=True)
    return again


@transaction.atomic
def replay_range(
    endpoint: WebhookEndpoint,
    begin: datetime,
    end: datetime,
    *,
    by: User | None,
    now: datetime,
    address: str | None = None,
    actor: str = audit.COMMAND_LINE,
) -> int:
    """Send what happened from `begin` to `end` (both included) to `endpoint`; how many messages that are.

    All changes of its types, also those that it never got: these as their first message, so that nothing makes a twin
    of it later. What still waits is tried now. Raises `SwitchedOff`, `TooMany`.
    """
    endpoint = _on(endpoint)
    if end < begin:
        raise Refused(_("The end of the range lies before its beginning."))
    org = endpoint.org
    found = list(_changes(endpoint, begin, end).values_list("pk", flat=True)[: MOST_REPLAYED + 1])
    if len(found) > MOST_REPLAYED:
        raise TooMany(_("More than 10,000 messages lie in this range. Choose a shorter one."))
    for start in range(0, len(found), deliveries.AT_ONCE):
        part = found[start : start + deliveries.AT_ONCE]
        sent = endpoint.deliveries.filter(change__in=part)
        waiting = set(sent.filter(state=DeliveryState.WAITING).values_list("change_id", flat=True))
        first = {one.change_id: one for one in sent.order_by("-id")}
        _waiting(endpoint).filter(change__in=part).update(due_at=now)
        again = [_again(endpoint, first[pk], now) for pk in part if pk in first and pk not in waiting]
        org.deliveries.bulk_create(again, batch_size=deliveries.AT_ONCE)
        deliveries.make_many(org, [(endpoint, pk) for pk in part if pk not in first], now=now)
    if endpoint.switched_off_at is not None and begin <= endpoint.switched_off_at:
        endpoint.switched_off_at = None  # what was offered is done
        endpoint.save(update_fields=["switched_off_at"])
    audit.note(
        org, "webhook.range_replayed", about=str(endpoint), about_id=endpoint.public_id, by=by, now=now,
        address=address, actor=actor, begin=begin.isoformat(), end=end.isoformat(), count=len(found),
    )  # fmt: skip
    return len(found)


def message_id(delivery: Delivery) -> str:
    """The `webhook-id` under which `delivery` is sent: its own id, or that of the message which it replays."""
    return str(delivery.facts.get("message_id") or f"msg_{delivery.public_id}")


def of_types(endpoint: WebhookEndpoint) -> list[str]:
    """The types of the changes that `endpoint` gets."""
    return [str(kind) for kind in OF_CHANGES if not endpoint.types or kind in endpoint.types]


def _changes(endpoint: WebhookEndpoint, begin: datetime, end: datetime) -> QuerySet[Change]:
    org: Organisation = endpoint.org
    happened = org.changes.filter(created_at__gte=begin, created_at__lte=end, type__in=of_types(endpoint))
    # That something was not found is told once it is confirmed; else neither that nor its return ever is.
    absence = Q(type=ChangeType.STATUS) & (Q(word=Status.NOT_FOUND) | Q(was=Status.NOT_FOUND))
    told = Exists(org.notices.filter(change=OuterRef("pk")))
    return happened.exclude(absence & ~told).order_by("number")


def _again(endpoint: WebhookEndpoint, delivery: Delivery, now: datetime) -> Delivery:
    """A message of its own, not yet stored, that says the same to `endpoint` as `delivery`."""
    facts = {**delivery.facts, "replay_of": delivery.public_id, "message_id": message_id(delivery)}
    about = delivery.change_id or "test"
    return Delivery(
        org_id=delivery.org_id,
        purpose=Purpose.WEBHOOK,
        told_for=f"replay:e{endpoint.pk}:{about}:{chance.token_hex(8)}",
        host=deliveries.host_of(endpoint.url),
        endpoint=endpoint,
        change_id=delivery.change_id,
        facts=facts,
        due_at=now,
        made_at=now,
    )


def _waiting(endpoint: WebhookEndpoint) -> QuerySet[Delivery]:
    return endpoint.deliveries.filter(state=DeliveryState.WAITING)


def _on(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    endpoint = _locked(endpoint)
    if endpoint.state != EndpointState.ON:
        raise SwitchedOff(_("This endpoint is not on. Switch it on first."))
    return endpoint


def _locked(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    """`endpoint` as it stands now, so that two changes at once do not undo one another."""
    row: WebhookEndpoint | None = endpoint.org.webhook_endpoints.select_for_update().filter(pk=endpoint.pk).first()
    if row is None:
        raise UnknownName(_("This endpoint was removed."))
    return row


def _types(types: Collection[str]) -> list[str]:
    """`types` as they are stored: known ones, once each; [] where it is all of them."""
    if wrong := [kind for kind in types if kind not in events.TYPES]:
        raise BadTypes(_("There are no events of the type “%(type)s”.") % {"type": str(wrong[0])[:100]})
    chosen = [str(kind) for kind in events.TYPES if kind in types]
    return [] if set(OF_CHANGES) <= set(chosen) else chosen


def _name(name: str) -> str:
    return names.clean(name, "The name of an endpoint", 100) if name.strip() else ""


def _secret() -> str:
    """As Standard Webhooks wants it: 24 to 64 random bytes."""
    return "whsec_" + base64.b64encode(chance.token_bytes(24)).decode("ascii")
