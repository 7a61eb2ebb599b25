"""What a certificate is: the words, and which of them holds on a day."""

from datetime import date
from enum import StrEnum


class Status(StrEnum):
    """Our vocabulary, also the API's. The register's words are translated into it by its connector."""

    VALID = "valid"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"
    TERMINATED = "terminated"
    NOT_FOUND = "not_found"
    UNKNOWN = "unknown"


BY_SEVERITY = (  # the order of lists, worst first (design.md, 4)
    Status.SUSPENDED,
    Status.WITHDRAWN,
    Status.TERMINATED,
    Status.EXPIRED,
    Status.NOT_FOUND,
    Status.UNKNOWN,
    Status.NOT_YET_VALID,
    Status.VALID,
)


def status_on(day: date, word: Status, valid_from: date | None, valid_until: date | None) -> Status:
    """What a certificate is on `day`, a calendar day in the organisation's time zone.

    `word` is the register's own last word. Only a valid certificate can be early or late:
    a suspended one stays suspended after its last day.
    """
    if word != Status.VALID:
        return word
    if valid_until is not None and day > valid_until:
        return Status.EXPIRED
    if valid_from is not None and day < valid_from:
        return Status.NOT_YET_VALID
    return Status.VALID
