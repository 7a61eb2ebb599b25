"""What became of a try to deliver a message: noted with all that follows from it, in one transaction.

Endpoints and channels are locked before their messages, as everybody does who switches one off.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from certwatch.actions import notices
from certwatch.models import (
    Attempt,
    Channel,
    Delivery,
    DeliveryState,
    EndpointState,
    Notice,
    Organisation,
    SupplierContact,
    User,
    WebhookEndpoint,
)
from certwatch.rules.errors import DeliveryFailed
from certwatch.rules.notices import Kind
from certwatch.rules.tries import next_try

log = structlog.get_logger()

FAILING_FOR = timedelta(days=5)  # then an endpoint without a success is switched off
GONE = 410
ENDPOINT_OFF = gettext_noop("The endpoint was switched off.")
KEEP_ATTEMPTS = timedelta(days=30)
KEEP_WEBHOOKS = timedelta(days=90)  # as long as the feed of changes reaches back
AT_ONCE = 1_000  # rows of one statement of the housekeeping


@dataclass(slots=True)
class Try:
    """One try, as it will be stored."""

    began_at: datetime
    took_ms: int = 0
    status: int | None = None
    said: str = ""
    request: str = ""


@transaction.atomic
def delivered(delivery: Delivery, attempt: Try, now: datetime) -> None:
    """The receiver took it. That also counts where it was given up or dropped meanwhile."""
    endpoint, channel = _locked(delivery)
    if not _noted(delivery, attempt, ok=True):
        return
    unsure = Delivery.across_orgs.filter(pk=delivery.pk).exclude(state=DeliveryState.DELIVERED)
    unsure.update(state=DeliveryState.DELIVERED, due_at=None, leased_until=None, ended_at=now, error="")
    for receiver in (endpoint, channel):
        if receiver is not None:
            receiver.failing_since, receiver.last_success_at = None, now
            receiver.save(update_fields=["failing_since", "last_success_at"])
            solve(receiver, by="delivered", now=now)
    if delivery.user is not None and User.objects.filter(pk=delivery.user.pk, mail_failed_at__isnull=False).update(
        mail_failed_at=None
    ):
        notices.solve(_failing().filter(told_for__startswith=f"xu{delivery.user.pk}o"), by="delivered", now=now)
    if delivery.contact is not None:
        notices.solve(_of_contact(delivery.contact), by="delivered", now=now)


@transaction.atomic
def failed(delivery: Delivery, attempt: Try, error: DeliveryFailed, now: datetime, *, chance: float) -> None:
    """It was not taken: when it is tried again, or that it is given up, and what that says of the receiver."""
    endpoint, channel = _locked(delivery)
    if not _noted(delivery, attempt, ok=False):
        return
    again = None if error.permanent else next_try(delivery.tries, now, chance=chance, wish=error.wish)
    mine = Delivery.across_orgs.filter(pk=delivery.pk, state=DeliveryState.WAITING, tries=delivery.tries)
    if again is not None:
        mine.update(due_at=again, leased_until=None, error=str(error))
    elif not mine.update(state=DeliveryState.GIVEN_UP, due_at=None, leased_until=None, ended_at=now, error=str(error)):
        return  # somebody else has taken it over, or it was dropped
    for receiver in (endpoint, channel):
        if receiver is not None and receiver.failing_since is None:
            receiver.failing_since = attempt.began_at
            receiver.save(update_fields=["failing_since"])
    if endpoint is not None:
        _endpoint_failed(endpoint, error, now, given_up=again is None)
    elif again is None:
        _given_up(delivery, channel, error, now)


@transaction.atomic
def dropped(delivery: Delivery, reason: str, now: datetime, *, resting: bool = False) -> None:
    """Nobody may hear of it any more, so nothing was tried. `resting`: because its organisation is closed; once that is
    open again a mail says what needs attention, and a replay is offered from the first change that was dropped."""
    endpoint, _channel = _locked(delivery)
    mine = Delivery.across_orgs.filter(pk=delivery.pk, state=DeliveryState.WAITING, tries=delivery.tries)
    ended = mine.update(
        state=DeliveryState.DROPPED,
        tries=delivery.tries - 1,
        due_at=None,
        leased_until=None,
        ended_at=now,
        error=reason,
    )
    if not ended or not resting or delivery.org_id is None:
        return
    Organisation.objects.filter(pk=delivery.org_id, rested=False).update(rested=True)
    if endpoint is not None and delivery.change is not None:
        endpoint.switched_off_at = min(endpoint.switched_off_at or now, delivery.change.created_at)
        endpoint.save(update_fields=["switched_off_at"])


def solve(receiver: WebhookEndpoint | Channel, *, by: str, now: datetime) -> None:
    """Who was told that `receiver` fails need not act any more: it works, was changed, or is no more."""
    notices.solve(_failing(receiver.org).filter(about_id=receiver.public_id), by=by, now=now)


def solve_gone(now: datetime) -> None:
    """The same for all whose receivers went otherwise: a member left, a supplier's contact is no more."""
    for notice in _failing().filter(state__in=notices.STANDING).select_related("org"):
        if notice.org is not None and not _fails_still(notice, notice.org, now):
            notices.solve(Notice.across_orgs.filter(pk=notice.pk), by="gone", now=now)


def forget(now: datetime) -> None:
    """Remove old tries, and webhooks that ended long ago. Mails and chat messages stay: they say who was told what."""
    tries = Attempt.objects.filter(began_at__lt=now - KEEP_ATTEMPTS)
    while pks := list(tries.values_list("pk", flat=True)[:AT_ONCE]):
        Attempt.objects.filter(pk__in=pks).delete()
    webhooks = Delivery.across_orgs.filter(endpoint__isnull=False, ended_at__lt=now - KEEP_WEBHOOKS)
    while pks := list(webhooks.values_list("pk", flat=True)[:AT_ONCE]):
        Delivery.across_orgs.filter(pk__in=pks).delete()


def _locked(delivery: Delivery) -> tuple[WebhookEndpoint | None, Channel | None]:
    """The endpoint or channel as it stands now, and the message, locked until the transaction ends."""
    endpoint = channel = None
    if delivery.endpoint_id is not None:
        endpoint = WebhookEndpoint.across_orgs.select_for_update().filter(pk=delivery.endpoint_id).first()
    if delivery.channel_id is not None:
        channel = Channel.across_orgs.select_for_update().filter(pk=delivery.channel_id).first()
    return endpoint, channel


def _noted(delivery: Delivery, attempt: Try, *, ok: bool) -> bool:
    """Store the try; False if the message is no more, so that nothing follows."""
    if not Delivery.across_orgs.select_for_update().filter(pk=delivery.pk).exists():
        return False
    Attempt.objects.create(
        delivery_id=delivery.pk,
        number=delivery.tries,
        began_at=attempt.began_at,
        took_ms=attempt.took_ms,
        ok=ok,
        status=attempt.status,
        said=attempt.said,
        request=attempt.request,
    )
    return True


def _endpoint_failed(endpoint: WebhookEndpoint, error: DeliveryFailed, now: datetime, *, given_up: bool) -> None:
    since = endpoint.failing_since or now
    gone = error.status == GONE
    too_long = since <= now - FAILING_FOR
    if not (given_up or gone or too_long):
        return
    told = _told_for(_receiver(endpoint), since)
    before = Notice.across_orgs.filter(told_for=told, told_at__isnull=False).exists()
    _tell(
        endpoint.org, told, about=str(endpoint), about_id=endpoint.public_id, over="webhook", since=since,
        error=error, now=now,
    )  # fmt: skip
    if gone:
        _switch_off(endpoint, EndpointState.GONE, now)
    elif too_long and before:  # never before the admins heard of it
        _switch_off(endpoint, EndpointState.FAILING, now)


def _switch_off(endpoint: WebhookEndpoint, state: EndpointState, now: datetime) -> None:
    if endpoint.state != EndpointState.ON:
        return
    endpoint.state, endpoint.switched_off_at = state, now
    endpoint.save(update_fields=["state", "switched_off_at"])
    waiting = Delivery.across_orgs.filter(endpoint=endpoint, state=DeliveryState.WAITING)
    waiting.update(
        state=DeliveryState.DROPPED,
        due_at=None,
        leased_until=None,
        ended_at=now,
        error=ENDPOINT_OFF,
    )


def _given_up(delivery: Delivery, channel: Channel | None, error: DeliveryFailed, now: datetime) -> None:
    """A mail or a chat message will not be tried again: the organisation hears of it over another channel."""
    if delivery.user is not None:
        User.objects.filter(pk=delivery.user.pk, mail_failed_at=None).update(mail_failed_at=now)
    org = delivery.org
    if org is None:
        log.error("A mail to the operator was given up.", delivery=delivery.public_id, why=str(error))
    elif channel is not None:
        since = channel.failing_since or now
        _tell(
            org, _told_for(_receiver(channel), since), about=channel.name, about_id=channel.public_id, over="chat",
            since=since, error=error, now=now,
        )  # fmt: skip
    elif delivery.user is not None:
        since = User.objects.values_list("mail_failed_at", flat=True).get(pk=delivery.user.pk) or now
        member = org.memberships.filter(user=delivery.user).first()
        _tell(
            org, _told_for(f"xu{delivery.user.pk}o{org.pk}", since), about=str(delivery.user),
            about_id=member.public_id if member else "", over="email", since=since, error=error, now=now,
            user=delivery.user.pk,
        )  # fmt: skip
    elif delivery.contact is not None:
        # One after the other: nobody notes since when a supplier's address fails, so what stands says it.
        contact = SupplierContact.across_orgs.select_for_update(no_key=True).get(pk=delivery.contact.pk)
        if _of_contact(contact).filter(about=contact.email, state__in=notices.STANDING).exists():
            return
        _tell(
            org, _told_for(f"xc{contact.pk}", now), about=contact.email, about_id=contact.public_id, over="supplier",
            since=now, error=error, now=now,
        )  # fmt: skip


def _tell(
    org: Organisation,
    told_for: str,
    *,
    about: str,
    about_id: str,
    over: str,
    since: datetime,
    error: DeliveryFailed,
    now: datetime,
    user: int | None = None,
) -> None:
    """`over`: email, supplier (an e-mail to a contact), chat or webhook."""
    facts = {"over": over, "since": since.isoformat(), "error": str(error), "user": user}
    notices.add(
        org,
        Kind.CHANNEL_FAILING,
        told_for=told_for,
        batch=f"n:{told_for}"[:60],
        about=about,
        about_id=about_id,
        facts=facts,
        now=now,
    )


def _receiver(receiver: WebhookEndpoint | Channel) -> str:
    return f"x{receiver.public_id}"


def _told_for(receiver: str, since: datetime) -> str:
    return f"{receiver}:{since.isoformat()}:channel_failing"


def _failing(org: Organisation | None = None) -> QuerySet[Notice]:
    found = Notice.across_orgs.filter(kind=Kind.CHANNEL_FAILING)
    return found if org is None else found.filter(org=org)


def _of_contact(contact: SupplierContact) -> QuerySet[Notice]:
    return _failing(contact.org).filter(about_id=contact.public_id)


def _fails_still(notice: Notice, org: Organisation, now: datetime) -> bool:
    """Whether the receiver that `notice` is about is still there and did not work since."""
    over = notice.facts.get("over")
    if over == "webhook":
        endpoints = org.webhook_endpoints.filter(public_id=notice.about_id, failing_since__isnull=False)
        return endpoints.exclude(state=EndpointState.OFF).exists()
    if over == "chat":
        channels = org.channels.filter(public_id=notice.about_id, failing_since__isnull=False)
        return channels.exclude(address="").exists()
    if over == "supplier":
        contacts = SupplierContact.across_orgs.filter(org=org, public_id=notice.about_id)
        return contacts.filter(email=notice.about).exists()
    member = org.memberships.filter(user=notice.facts.get("user"), user__mail_failed_at__isnull=False).first()
    return member is not None and not member.has_ended(now)
