"""Chat channels that alerts go to: made, tried, switched and removed. An address is a secret and never shown again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from certwatch.actions import audit, deliveries, outcomes, secrets
from certwatch.channels import chat
from certwatch.models import Channel, Delivery, DeliveryState, Organisation, Purpose, User
from certwatch.models.base import random_id
from certwatch.rules import names
from certwatch.rules.errors import Refused

MOST_CHANNELS = 50


@transaction.atomic
def create(
    org: Organisation,
    *,
    name: str,
    target: str,
    schemes: Sequence[str],
    language: str = "",
    by: User,
    now: datetime,
    address: str | None = None,
) -> Channel:
    """A channel to `target`, an address as apprise writes it, of one of `schemes`. Raises `Refused` for any other."""
    Organisation.objects.select_for_update(no_key=True).get(pk=org.pk)
    name = _free_name(org, name, None)
    if of(org).count() >= MOST_CHANNELS:
        raise Refused(
            _("There are %(most)s channels, the most there can be. Remove one first.") % {"most": MOST_CHANNELS}
        )
    facts = chat.check(target, schemes)
    channel: Channel = org.channels.create(
        name=name,
        scheme=facts.scheme,
        host=facts.host,
        address=secrets.encrypt(target),
        shown=facts.masked,
        language=language,
        created_at=now,
        created_by=by,
    )
    _note(channel, "channel.created", by, now, address, goes_to=facts.masked, language=language)
    return channel


@transaction.atomic
def change(
    channel: Channel,
    *,
    name: str,
    target: str = "",
    schemes: Sequence[str],
    language: str,
    by: User,
    now: datetime,
    address: str | None = None,
) -> bool:
    """Another name, language or address (`target` "": the present one stays); False if nothing differs."""
    org = Organisation.objects.select_for_update(no_key=True).get(pk=channel.org_id)
    was = (channel.name, channel.language)
    channel.name, channel.language = _free_name(org, name, channel), language
    details: dict[str, Any] = {}
    if target:
        facts = chat.check(target, schemes)
        details["goes_to"] = [channel.shown, facts.masked]
        channel.scheme, channel.host, channel.shown = facts.scheme, facts.host, facts.masked
        channel.address = secrets.encrypt(target)
        channel.deliveries.filter(state=DeliveryState.WAITING).update(host=channel.goes_to)
        channel.failing_since = None  # of the former address
        outcomes.solve(channel, by="changed", now=now)
    for field, before, after in zip(("name", "language"), was, (channel.name, channel.language), strict=True):
        if before != after:
            details[field] = [before, after]
    if not details:
        return False
    channel.save()
    _note(channel, "channel.changed", by, now, address, changed=details)
    return True


@transaction.atomic
def switch(channel: Channel, *, on: bool, by: User, now: datetime, address: str | None = None) -> bool:
    """Let alerts go to the channel, or not; False if it was so before. What waits for one switched off is dropped."""
    if not of(channel.org).filter(pk=channel.pk, on=not on).update(on=on, failing_since=None):
        return False
    channel.on, channel.failing_since = on, None
    outcomes.solve(channel, by="switched", now=now)
    if not on:
        _drop(channel, now)
    _note(channel, "channel.switched_on" if on else "channel.switched_off", by, now, address)
    return True


@transaction.atomic
def remove(channel: Channel, *, by: User, now: datetime, address: str | None = None) -> None:
    """Forget the address; no rule names the channel any more, what waits is dropped. What it was told stays on record,
    so the row stays, without an address."""
    _note(channel, "channel.removed", by, now, address, goes_to=channel.shown)
    _drop(channel, now)
    outcomes.solve(channel, by="gone", now=now)
    channel.rules.clear()
    channel.on, channel.address, channel.shown = False, "", ""
    channel.save(update_fields=["on", "address", "shown"])


@transaction.atomic
def test(channel: Channel, *, by: User, now: datetime, address: str | None = None) -> Delivery:
    """A test message, on its way like any other. Raises `Refused` where the channel is off."""
    if not channel.on:
        raise Refused(_("The channel is off. Switch it on first."))
    if channel.deliveries.filter(purpose=Purpose.TEST, state=DeliveryState.WAITING).exists():
        raise Refused(_("A test is on its way already."))
    made = deliveries.make(
        channel.org,
        Purpose.TEST,
        told_for=f"test:ch{channel.pk}:{random_id()}",
        host=channel.goes_to,
        now=now,
        channel=channel,
    )
    assert made is not None  # nothing else was told for the same
    _note(channel, "channel.tested", by, now, address)
    return made


def of(org: Organisation) -> Any:
    """The channels of `org` that were not removed."""
    return org.channels.exclude(address="")


def _free_name(org: Organisation, name: str, channel: Channel | None) -> str:
    """`name`, if no other channel has it: rules name channels by it."""
    name = names.clean(name, _("The name"), 100)
    if any(other != channel for other in of(org).filter(name__iexact=name)):
        raise Refused(_("There is a channel with this name already."))
    return name


def _drop(channel: Channel, now: datetime) -> None:
    waiting = channel.deliveries.filter(state=DeliveryState.WAITING)
    waiting.update(state=DeliveryState.DROPPED, due_at=None, leased_until=None, ended_at=now)


def _note(channel: Channel, action: str, by: User, now: datetime, address: str | None, **details: Any) -> None:
    audit.note(
        channel.org, action, about=channel.name, about_id=channel.public_id, by=by, now=now, address=address, **details
    )
