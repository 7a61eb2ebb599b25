"""What people write to the operator: kept first, mailed by the worker afterwards."""

from datetime import datetime, timedelta
from email.utils import formataddr

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import F, Q
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.encoding import punycode

from certwatch.actions import audit
from certwatch.models import ContactMessage, User
from certwatch.rules.errors import Refused

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
A_CLIENT_MAY = ((HOUR, 5), (DAY, 20))  # so many messages in such a time
FIRST_WAIT = timedelta(minutes=5)  # longer than a mail server is waited for, since it is the lease, too
LONGEST_WAIT = timedelta(hours=2)
AT_ONCE = 100  # messages of one look


class TooMany(Refused):
    """This client has written too often."""


@transaction.atomic
def keep(
    *, name: str, email: str, organisation: str, text: str, language: str, came_from: str, now: datetime
) -> ContactMessage:
    """The message, which the worker will mail. `came_from` is `rules.clients.neighbourhood` of the sender's address.

    Raises `TooMany`.
    """
    of_late = ContactMessage.objects.filter(came_from=came_from)
    for time, most in A_CLIENT_MAY:
        if of_late.filter(created_at__gt=now - time).count() >= most:
            raise TooMany("Too many messages came from this address.")
    return ContactMessage.objects.create(
        name=name,
        email=email,
        organisation=organisation,
        text=text,
        language=language,
        came_from=came_from,
        created_at=now,
    )


def due(now: datetime) -> list[ContactMessage]:
    """Messages that wait to be mailed, the oldest first."""
    waiting = ContactMessage.objects.filter(Q(next_try=None) | Q(next_try__lte=now), mailed_at=None)
    return list(waiting.order_by("id")[:AT_ONCE])


def claim(message: ContactMessage, now: datetime) -> bool:
    """Whether this try to mail `message` is the caller's. If he dies or fails, the next one comes after a while."""
    wait = min(FIRST_WAIT * 2 ** min(message.tries, 10), LONGEST_WAIT)
    free = ContactMessage.objects.filter(pk=message.pk, mailed_at=None, tries=message.tries)
    return free.update(tries=F("tries") + 1, next_try=now + wait) == 1


def mail(message: ContactMessage, *, to: str, base_url: str, connection: BaseEmailBackend, now: datetime) -> None:
    """Hand `message` over to the operator's mail server, and note that. Always under the same Message-ID: where a
    server took it and we died before we noted that, its twin is recognised."""
    words = {"message": message, "base_url": base_url}
    with translation.override("en"):
        letter = EmailMessage(
            subject=" ".join(render_to_string("emails/contact.subject.txt", words).split()),
            body=render_to_string("emails/contact.txt", words).strip() + "\n",
            to=[to],
            reply_to=[formataddr((message.name, ascii_address(message.email)))],
            headers={"Message-ID": f"<contact.{message.public_id}@{_host(base_url)}>"},
            connection=connection,
        )
    letter.send()
    ContactMessage.objects.filter(pk=message.pk).update(mailed_at=now)


def ascii_address(email: str) -> str:
    """`email` with its domain as it stands in mails: xn--… where it has letters of its own. Raises `UnicodeError`."""
    local, _, domain = email.rpartition("@")
    return f"{local}@{punycode(domain)}"


def forget_clients(now: datetime) -> None:
    """Where a message came from is kept as long as the limits look at it."""
    ContactMessage.objects.filter(came_from__gt="", created_at__lte=now - DAY).update(came_from="")


def tick(message: ContactMessage, *, answered: bool, now: datetime) -> None:
    """Note that the operator has answered `message`, or has not."""
    message.answered_at = now if answered else None
    message.save(update_fields=["answered_at"])


@transaction.atomic
def remove(message: ContactMessage, *, by: User, now: datetime, address: str | None) -> None:
    """Delete `message` for good. The note says that there was one, not who wrote it: he may have asked for that."""
    audit.note(None, "message.removed", about=message.public_id, by=by, now=now, address=address)
    message.delete()


def _host(base_url: str) -> str:
    return base_url.partition("://")[2].partition("/")[0].partition(":")[0] or "localhost"
