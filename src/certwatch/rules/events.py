"""Types of events that programs get (api-extended.md, Webhooks)."""

from enum import StrEnum


class EventType(StrEnum):
    """What a webhook is called; each but `webhook.test` is a change first."""

    STATUS = "certificate.status_changed"
    EXPIRING = "certificate.expiring"
    RENEWED = "certificate.renewed"
    DATA = "certificate.data_changed"
    ADDED = "certificate.added"
    REMOVED = "certificate.removed"
    SOURCE_STALE = "source.stale"
    SOURCE_RECOVERED = "source.recovered"
    KEY_EXPIRING = "key.expiring"
    TEST = "webhook.test"


TYPES = tuple(EventType)
