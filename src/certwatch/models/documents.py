"""Files that belong to a certificate. They lie below CERTWATCH_FILES and are never changed."""

from django.conf import settings
from django.db import models

from certwatch.models.base import OrgOwned, PublicId
from certwatch.models.orgs import Organisation


class Document(OrgOwned):
    """Evidence, a copy of the certificate, a letter."""

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="documents")
    certificate = models.ForeignKey("certwatch.Certificate", on_delete=models.CASCADE, related_name="documents")
    public_id = PublicId()
    name = models.CharField(max_length=255)  # as uploaded
    content_type = models.CharField(max_length=60)  # by its content, never by its name
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    path = models.CharField(max_length=120)  # below CERTWATCH_FILES
    added_at = models.DateTimeField()
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    across_orgs = models.Manager()
