"""Saved views of the list of certificates."""

from django.conf import settings
from django.db import models

from certwatch.models.base import OrgOwned, PublicId
from certwatch.models.orgs import Organisation


class SavedView(OrgOwned):
    """A filter of the list under a name: one's own, or shared with the organisation."""

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="saved_views")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    public_id = PublicId()
    name = models.CharField(max_length=80)
    query = models.TextField(blank=True)  # of the list's address, e.g. "status=suspended&scheme=ISCC+EU"
    shared = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    across_orgs = models.Manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org", "owner", "name"], name="one_view_per_name")]
