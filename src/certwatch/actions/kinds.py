"""What each kind of notice is called, how it looks in a mail, and what to do about it."""

from collections.abc import Mapping
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, pgettext_lazy

from certwatch.rules.notices import Kind
from certwatch.rules.shown import Key
from certwatch.rules.status import Status

Words = str | Promise


class Look(NamedTuple):
    """How a status is drawn in a mail, where there are no icons: a mark on its colour. `css`: its dark version."""

    css: str
    mark: str
    colour: str
    tint: str


SUSPENDED = Look("sus", "II", "#b01c1c", "#f9e1df")
WITHDRAWN = Look("wdr", "–", "#8d1550", "#f6e0ec")
TERMINATED = Look("trm", "■", "#4b4360", "#e8e5ef")
EXPIRED = Look("exd", "×", "#96400f", "#f9e6d9")
NOT_FOUND = Look("nfd", "?", "#0d5d78", "#daeef4")
EXPIRING = Look("exp", "…", "#7a5000", "#f8edcf")
VALID = Look("val", "✓", "#17693b", "#e0f0e4")
PLAIN = Look("nev", "i", "#535f58", "#e8ede8")
CRITICAL = Look("sus", "!", "#b01c1c", "#f9e1df")


class OfKind(NamedTuple):
    """What a kind is called and looks like, and what to do about it."""

    word: Words
    look: Look
    step: Words


KINDS: Mapping[str, OfKind] = {
    Kind.SUSPENDED: OfKind(
        gettext_lazy("Suspended"),
        SUSPENDED,
        gettext_lazy("Hold deliveries under this certificate, or have the supplier name the newer one."),
    ),
    Kind.WITHDRAWN: OfKind(
        gettext_lazy("Withdrawn"),
        WITHDRAWN,
        gettext_lazy("Accept no deliveries under this certificate, and ask the supplier for another one."),
    ),
    Kind.TERMINATED: OfKind(
        gettext_lazy("Terminated"),
        TERMINATED,
        gettext_lazy("Ask the supplier which certificate takes its place; later deliveries are not covered by this."),
    ),
    Kind.NOT_FOUND: OfKind(
        gettext_lazy("Not found any more"),
        NOT_FOUND,
        gettext_lazy("Look the number up at the register, and ask the supplier what became of it."),
    ),
    Kind.SHORTENED: OfKind(
        gettext_lazy("Last day moved earlier"),
        CRITICAL,
        gettext_lazy("Plan with the earlier day, and ask the supplier why it was moved."),
    ),
    Kind.HOLDER_CHANGED: OfKind(
        gettext_lazy("Holder changed"),
        CRITICAL,
        gettext_lazy("Check whether your supplier still delivers under this certificate."),
    ),
    Kind.DISAGREEMENT: OfKind(
        gettext_lazy("Register says otherwise"),
        CRITICAL,
        gettext_lazy("Compare both, then correct what was entered, or let the register count."),
    ),
    Kind.CHANNEL_FAILING: OfKind(
        gettext_lazy("Messages do not arrive"),
        CRITICAL,
        gettext_lazy("Check the address, and send again what was given up."),
    ),
    Kind.SUSPENSION_NOTED: OfKind(
        gettext_lazy("Suspension on record"),
        SUSPENDED,
        gettext_lazy("Check the deliveries that were made on these days: they are not covered."),
    ),
    Kind.EXPIRING: OfKind(
        gettext_lazy("Expiring soon"),
        EXPIRING,
        gettext_lazy("Ask the supplier for the next certificate, and add it as the successor."),
    ),
    Kind.EXPIRED: OfKind(
        gettext_lazy("Expired"),
        EXPIRED,
        gettext_lazy("Hold deliveries under this certificate until the next one is there."),
    ),
    Kind.STILL_EXPIRED: OfKind(
        gettext_lazy("Still expired"),
        EXPIRED,
        gettext_lazy("Add the next certificate as its successor, or stop watching this one."),
    ),
    Kind.REVIEW_DUE: OfKind(
        gettext_lazy("Review due"),
        EXPIRING,
        gettext_lazy("Look at the evidence again, then set the next day for a review."),
    ),
    Kind.KEY_ENDING: OfKind(
        gettext_lazy("API key ends"),
        EXPIRING,
        gettext_lazy("Make its successor in good time, and put that into the programs that use it."),
    ),
    Kind.TRIAL_ENDING: OfKind(
        gettext_lazy("Trial ends"),
        EXPIRING,
        gettext_lazy("Write to us to go on; otherwise pages can only be read, and the API answers 403."),
    ),
    Kind.SOURCE_STALE: OfKind(
        gettext_lazy("Register not read"),
        EXPIRING,
        gettext_lazy("Before you rely on one of these certificates, look it up at the register itself."),
    ),
    Kind.SOURCE_RECOVERED: OfKind(
        gettext_lazy("Register read again"), VALID, gettext_lazy("Nothing is left to do: all of it is up to date.")
    ),
    Kind.UNCLEAR: OfKind(
        gettext_lazy("Status unclear"),
        PLAIN,
        gettext_lazy("Look at the register’s own entry before you rely on this certificate."),
    ),
    Kind.LIFTED: OfKind(
        gettext_lazy("Back in force"),
        VALID,
        gettext_lazy("Deliveries can go on. Those made in between are not covered."),
    ),
    Kind.FOUND_AGAIN: OfKind(
        gettext_lazy("Found again"), VALID, gettext_lazy("Nothing is left to do: it is listed as before.")
    ),
    Kind.FIRST_WORD: OfKind(
        gettext_lazy("First status"), VALID, gettext_lazy("Nothing is left to do: from now on it is watched.")
    ),
    Kind.EXTENDED: OfKind(
        gettext_lazy("Last day moved later"), VALID, gettext_lazy("Nothing is left to do: plan with the later day.")
    ),
    Kind.SCOPE_CHANGED: OfKind(
        gettext_lazy("Scope changed"), PLAIN, gettext_lazy("Check whether it still holds what you buy.")
    ),
    Kind.RENEWED: OfKind(
        gettext_lazy("Renewed"), VALID, gettext_lazy("Look at the later certificate, and make it the successor.")
    ),
    Kind.PROPOSAL: OfKind(
        gettext_lazy("Supplier sent a certificate"),
        PLAIN,
        gettext_lazy("Look at the file, then accept or dismiss it."),
    ),
    Kind.BEGUN: OfKind(gettext_lazy("Begun"), VALID, gettext_lazy("Nothing is left to do: it is in force.")),
    Kind.RUN_HELD: OfKind(
        gettext_lazy("Run held"), CRITICAL, gettext_lazy("Review the run, then release or discard it.")
    ),
    Kind.SOURCE_FAILING: OfKind(
        gettext_lazy("Source failing"),
        CRITICAL,
        gettext_lazy("Look at the error. If the register has changed its shape, the connector must follow."),
    ),
    Kind.DUTY_MISSED: OfKind(
        gettext_lazy("Duty missed"), CRITICAL, gettext_lazy("See whether a worker runs, and what its log says.")
    ),
}

STATUS: Mapping[str, Words] = {
    Status.VALID: gettext_lazy("Valid"),
    Status.NOT_YET_VALID: gettext_lazy("Not yet valid"),
    Status.EXPIRED: gettext_lazy("Expired"),
    Status.SUSPENDED: gettext_lazy("Suspended"),
    Status.WITHDRAWN: gettext_lazy("Withdrawn"),
    Status.TERMINATED: gettext_lazy("Terminated"),
    Status.NOT_FOUND: gettext_lazy("Not found"),
    Status.UNKNOWN: gettext_lazy("Unclear"),
}
IN_TEXT: Mapping[str, Words] = {  # the same within a sentence
    Status.VALID: pgettext_lazy("status within a sentence", "valid"),
    Status.NOT_YET_VALID: pgettext_lazy("status within a sentence", "not yet valid"),
    Status.EXPIRED: pgettext_lazy("status within a sentence", "expired"),
    Status.SUSPENDED: pgettext_lazy("status within a sentence", "suspended"),
    Status.WITHDRAWN: pgettext_lazy("status within a sentence", "withdrawn"),
    Status.TERMINATED: pgettext_lazy("status within a sentence", "terminated"),
    Status.NOT_FOUND: pgettext_lazy("status within a sentence", "not found"),
    Status.UNKNOWN: pgettext_lazy("status within a sentence", "unclear"),
}

KEYS: Mapping[Key, tuple[Words, Look]] = {  # of what a certificate is now
    Key.SUSPENDED: (STATUS[Status.SUSPENDED], SUSPENDED),
    Key.WITHDRAWN: (STATUS[Status.WITHDRAWN], WITHDRAWN),
    Key.TERMINATED: (STATUS[Status.TERMINATED], TERMINATED),
    Key.EXPIRED: (STATUS[Status.EXPIRED], EXPIRED),
    Key.NOT_FOUND: (STATUS[Status.NOT_FOUND], NOT_FOUND),
    Key.UNCLEAR: (STATUS[Status.UNKNOWN], PLAIN),
}
