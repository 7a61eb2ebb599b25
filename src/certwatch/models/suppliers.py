"""Who sells to an organisation."""

from django.conf import settings
from django.db import models

from certwatch.models.base import OrgOwned, PublicId
from certwatch.models.orgs import Organisation


class Supplier(OrgOwned):
    """A supplier in the organisation's words; the holder is what a certificate says."""

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="suppliers")
    public_id = PublicId()
    name = models.CharField(max_length=300)
    name_key = models.CharField(max_length=900)  # rules.numbers.name_key: one supplier however it is written
    number = models.CharField(max_length=60, blank=True)  # in the organisation's own books
    tags = models.JSONField(default=list)
    notes = models.TextField(blank=True)
    responsible = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()

    across_orgs = models.Manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org", "name_key"], name="one_supplier_per_name")]

    def __str__(self) -> str:
        return self.name


class SupplierContact(OrgOwned):
    """A person at a supplier, and the language to write to them in."""

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="supplier_contacts")
    supplier = models.ForeignKey(Supplier, on_delete=models.CASCADE, related_name="contacts")
    public_id = PublicId()
    name = models.CharField(max_length=150, blank=True)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=60, blank=True)
    language = models.CharField(max_length=8, default="en")

    across_orgs = models.Manager()
