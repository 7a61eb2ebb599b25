"""What people write to the operator."""

from django.db import models

from certwatch.models.base import PublicId


class ContactMessage(models.Model):
    """A message of the page Contact Us. Kept also where the mail to the operator fails."""

    public_id = PublicId()
    name = models.CharField(max_length=150)
    email = models.EmailField()
    organisation = models.CharField(max_length=200, blank=True)
    text = models.TextField(max_length=5_000)
    language = models.CharField(max_length=8)
    created_at = models.DateTimeField()
    mailed_at = models.DateTimeField(null=True)  # None: the worker still tries
    tries = models.PositiveSmallIntegerField(default=0)
    answered_at = models.DateTimeField(null=True)  # ticked off by the operator

    class Meta:
        indexes = [models.Index(fields=["mailed_at"], name="contacts_to_mail")]
