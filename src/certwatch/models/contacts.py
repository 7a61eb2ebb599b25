"""What people write to the operator."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from certwatch.models.base import PublicId


class ContactMessage(models.Model):
    """A message of the page Contact Us. Kept also where the mail to the operator fails."""

    public_id = PublicId()
    name = models.CharField(max_length=150)
    email = models.EmailField()
    organisation = models.CharField(max_length=200, blank=True)
    text = models.TextField(max_length=5_000)
    language = models.CharField(max_length=8)
    came_from = models.CharField(max_length=43, blank=True)  # rules.clients.neighbourhood; forgotten after a day
    created_at = models.DateTimeField()
    mailed_at = models.DateTimeField(null=True)  # None: the worker still tries
    tries = models.PositiveSmallIntegerField(default=0)
    next_try = models.DateTimeField(null=True)  # not before; also the lease of the worker that is at it
    answered_at = models.DateTimeField(null=True)  # ticked off by the operator

    class Meta:
        verbose_name, verbose_name_plural = _("message"), _("messages")
        indexes = [
            models.Index(fields=["mailed_at"], name="contacts_to_mail"),
            models.Index(fields=["came_from", "created_at"], name="contacts_by_client"),  # how many of late?
        ]

    def __str__(self) -> str:
        return self.organisation or self.name
