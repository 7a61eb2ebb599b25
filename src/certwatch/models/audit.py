"""Who did what, when and from where. Written in the transaction of the change; nobody can edit it."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from certwatch.models.orgs import Organisation


class AuditEntry(models.Model):
    """One deed. `org` None: the operator's."""

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, null=True, related_name="audit_entries")
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    by_label = models.CharField(max_length=254)  # e-mail address, "command line" or the duty's name
    source_address = models.GenericIPAddressField(null=True)
    action = models.CharField(max_length=60)  # "key.created"
    about = models.CharField(max_length=300)  # what it was done to, in words
    about_id = models.CharField(max_length=40, blank=True)  # its public id
    details = models.JSONField(default=dict)  # never a secret

    class Meta:
        verbose_name, verbose_name_plural = _("audit entry"), _("audit entries")
        indexes = [
            models.Index(fields=["org", "-id"], name="audit_newest_first"),
            models.Index(fields=["about_id"], condition=~Q(about_id=""), name="audit_of_one"),  # what was done to it?
        ]

    def __str__(self) -> str:
        return self.action
