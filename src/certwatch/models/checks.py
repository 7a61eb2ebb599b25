"""That somebody wants a register asked for one number now."""

from django.conf import settings
from django.db import models

from certwatch.models.base import OrgOwned
from certwatch.models.certificates import Certificate
from certwatch.models.orgs import Organisation


class CheckOutcome(models.TextChoices):
    """What came of asking."""

    FOUND = "found"
    NOT_FOUND = "not_found"  # moves nothing: only a whole reading proves absence
    BUSY = "busy"  # the register is being read at the moment
    FAILED = "failed"  # it did not answer, or not as we know it
    HELD = "held"  # all of it was read, and is not believable


class CheckRequest(OrgOwned):
    """The last time that somebody asked for a check of a certificate: the worker's work until it has ended."""

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="check_requests")
    certificate = models.OneToOneField(Certificate, on_delete=models.CASCADE, related_name="check_request")
    asked_at = models.DateTimeField()
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    claimed_until = models.DateTimeField(null=True)  # lease of the worker that is at it
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=9, choices=CheckOutcome.choices, blank=True)

    across_orgs = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["ended_at", "claimed_until"], name="checks_to_carry_out")]  # the worker: what?
