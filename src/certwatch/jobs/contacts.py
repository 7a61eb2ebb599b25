"""The duty `contacts`: messages of the page Contact Us are mailed to the operator."""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core.mail import get_connection

from certwatch.actions import contacts

log = structlog.get_logger()

LOOK_EVERY = timedelta(minutes=1)


def mail(now: datetime) -> None:
    """Mail what waits. If one message fails, the others wait for the next look: the server may be down."""
    contacts.forget_clients(now)
    if not settings.OPERATOR_EMAIL:
        return  # they stand in the back office
    for message in contacts.due(now):
        if not contacts.claim(message, now):
            continue
        try:
            contacts.mail(
                message, to=settings.OPERATOR_EMAIL, base_url=settings.BASE_URL, connection=get_connection(), now=now
            )
        except OSError as error:  # what smtplib raises is one, too
            log.warning("A message to the operator could not be mailed yet.", message=message.public_id, why=str(error))
            return
