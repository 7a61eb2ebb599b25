"""Everything of an organisation in one file, made by the worker."""

from django.conf import settings
from django.db import models

from certwatch.models.base import OrgOwned, PublicId
from certwatch.models.orgs import Organisation


class Export(OrgOwned):
    """A ZIP of all that an organisation has: made once, kept for some days."""

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="exports")
    public_id = PublicId()
    asked_at = models.DateTimeField()
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    claimed_until = models.DateTimeField(null=True)  # lease of the worker that is at it
    ready_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)  # when the one who asked was told
    path = models.CharField(max_length=120, blank=True)  # below CERTWATCH_FILES; "" before and after its time
    size = models.PositiveBigIntegerField(default=0)
    error = models.TextField(blank=True)

    across_orgs = models.Manager()
