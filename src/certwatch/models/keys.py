"""API keys and what they were used for."""

from datetime import datetime

from django.conf import settings
from django.db import models

from certwatch.models.base import OrgOwned, PublicId
from certwatch.models.orgs import Organisation


class ApiKey(OrgOwned):
    """A key of an organisation. Of the key itself only the SHA-256 is kept."""

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="api_keys")
    public_id = PublicId()
    name = models.CharField(max_length=100)
    digest = models.BinaryField(max_length=32, unique=True)  # rules.keys.digest; the look-up's first step
    begins = models.CharField(max_length=5)  # the first characters after cw_, for recognition
    scopes = models.JSONField(default=list)  # words of rules.keys.SCOPES
    networks = models.JSONField(default=list)  # CIDR texts; empty: from anywhere
    ends_at = models.DateTimeField(null=True)  # first moment at which it is no good: midnight after its last day
    last_day = models.DateField(null=True)  # as it was entered, in the organisation's time zone
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)  # written at most once a minute, never on the look-up's road
    last_used_from = models.GenericIPAddressField(null=True)

    across_orgs = models.Manager()

    def usable(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.ends_at is None or now < self.ends_at)


class Usage(models.Model):
    """Answers of one key in one minute, added up over all processes. A crash loses a minute of counts."""

    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="usage")
    minute = models.DateTimeField()  # its beginning, UTC
    answered = models.PositiveIntegerField(default=0)  # 200, 304 and what stands behind the gate
    not_found = models.PositiveIntegerField(default=0)  # 404
    refused = models.PositiveIntegerField(default=0)  # 403, 405
    limited = models.PositiveIntegerField(default=0)  # 429

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "minute"], name="one_usage_per_minute")]


class IdempotentCall(models.Model):
    """A call that its sender may repeat: claimed under his Idempotency-Key, then kept with its answer for a day."""

    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="idempotent_calls", db_index=False)
    path = models.CharField(max_length=200)
    name = models.CharField(max_length=255)  # the Idempotency-Key
    body_sha256 = models.CharField(max_length=64)
    made_at = models.DateTimeField()
    claimed_until = models.DateTimeField()  # until then whoever works on it is waited for
    status = models.PositiveSmallIntegerField(null=True)  # of the answer; None: there is none yet
    answer = models.JSONField(null=True)  # never with a secret

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "path", "name"], name="one_call_per_idempotency_key")]
        indexes = [models.Index(fields=["made_at"], name="idempotent_calls_by_age")]  # housekeeping: what is old?
