"""The shared cache, where no Valkey is set: Django's database cache reads and writes it."""

from django.db import models


class CachedValue(models.Model):
    """A value that may be forgotten at any time, mostly how often something was tried."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)
