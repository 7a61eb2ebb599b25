"""All errors that we raise on purpose.

CertWatchError
├── Refused                  what was asked for is not possible; the message is shown to the user
│   ├── BadNumber               no certificate number can look like this
│   └── UnknownName             nothing is called so (an organisation, a source, a run)
├── SourceError              a register did not give us what it should
│   ├── SourceUnreachable       try again later
│   ├── SourceChanged           its answer has a shape we do not know; a person must look
│   └── Incomplete              pages, or rows against its own total, are missing
└── DeliveryFailed           a message could not be handed over
"""

from datetime import datetime, timedelta


class CertWatchError(Exception):
    """The root. The message is fit for the person who will read it."""


class Refused(CertWatchError):
    """What was asked for is not possible; the message says why and what to do."""


class BadNumber(Refused):
    """No certificate number can look like this."""


class UnknownName(Refused):
    """Nothing is called so."""


class SourceError(CertWatchError):
    """A register did not give us what it should. Stored statuses stay as they are."""


class SourceUnreachable(SourceError):
    """No answer, or a refusal. `not_before`: the register asked us not to come back earlier."""

    def __init__(self, message: str, *, not_before: datetime | None = None) -> None:
        super().__init__(message)
        self.not_before = not_before


class SourceChanged(SourceError):
    """The answer has a shape that we do not know; a person must look."""


class Incomplete(SourceError):
    """Pages are missing, or rows against the register's own total."""


class DeliveryFailed(CertWatchError):
    """A message could not be handed over.

    `permanent`: do not try again. `wish`: how long the receiver asks us to wait. `status` and `said`: what an HTTP
    server answered, and how that began.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        wish: timedelta | None = None,
        status: int | None = None,
        said: str = "",
    ) -> None:
        super().__init__(message)
        self.permanent, self.wish, self.status, self.said = permanent, wish, status, said
