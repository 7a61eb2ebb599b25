"""Organisations, their people, and who may do what."""

import hashlib
from datetime import date, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from certwatch.models.base import OrgOwned, PublicId


class UserManager(BaseUserManager["User"]):
    """People are known by their e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username or "")


class User(AbstractUser):
    """A person. Belongs to organisations by `Membership`; `is_staff` may enter the operator's back office."""

    username = None  # type: ignore[assignment]
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=150, blank=True)
    language = models.CharField(max_length=8, blank=True)  # "" until chosen: the browser's, in mails English
    time_zone = models.CharField(max_length=64, blank=True)  # "": the organisation's
    shortcuts = models.BooleanField(default=True)  # single keys on pages (WCAG 2.1.4)
    mail_failed_at = models.DateTimeField(null=True)  # a mail to the address was given up; a later success clears it

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        verbose_name, verbose_name_plural = _("person"), _("people")
        constraints = [models.UniqueConstraint(Lower("email"), name="one_user_per_address")]

    def __str__(self) -> str:
        return self.name or self.email


class Role(models.TextChoices):
    """What a member may do (architecture.md, Who may what)."""

    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    MEMBER = "member", _("Member")
    AUDITOR = "auditor", _("Auditor")


def default_reminders() -> list[int]:
    return [60, 30, 14, 7, 1]  # alerts.md, `expiring`


def default_supplier_reminders() -> list[int]:
    return [90, 60, 30]


class Organisation(models.Model):
    """A customer: a buyer of certified goods."""

    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=60, unique=True)
    time_zone = models.CharField(max_length=64, default="Europe/Berlin")
    language = models.CharField(max_length=8, default="en")
    rate_limit = models.PositiveIntegerField(default=100)  # requests a minute over the API, all keys together
    four_eyes = models.BooleanField(default=False)  # what is entered by hand needs a second person
    expiring_days = models.PositiveSmallIntegerField(default=60)  # "Expiring soon" begins so many days before the end
    reminder_days = models.JSONField(default=default_reminders)  # days before the last day, the most first
    supplier_reminders = models.BooleanField(default=False)  # also to suppliers' contacts
    supplier_days = models.JSONField(default=default_supplier_reminders)
    looked_on = models.DateField(null=True)  # the last local day on which its dates were looked at
    rested = models.BooleanField(default=False)  # closed or its trial over: when it is open again, one mail says so
    trial_ends = models.DateTimeField(null=True)  # None: no trial, open
    closed_at = models.DateTimeField(null=True)  # closed by the operator
    delete_after = models.DateTimeField(null=True)  # when all of it is removed, unless somebody takes that back
    created_at = models.DateTimeField()

    class Meta:
        verbose_name, verbose_name_plural = _("organisation"), _("organisations")

    def __str__(self) -> str:
        return self.name

    def state(self, now: datetime) -> str:
        """`trial`, `trial_over`, `open` or `closed`."""
        if self.closed_at is not None:
            return "closed"
        if self.trial_ends is None:
            return "open"
        return "trial" if now < self.trial_ends else "trial_over"

    def today(self, now: datetime) -> date:
        """The calendar day in the organisation's time zone."""
        return now.astimezone(ZoneInfo(self.time_zone)).date()


class Digest(models.TextChoices):
    """Whether a member gets the daily digest."""

    ON = "on", _("When there is something to tell")
    ALWAYS = "always", _("Every working day")
    OFF = "off", _("Never")


class Membership(OrgOwned):
    """A person in an organisation."""

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="memberships")
    public_id = PublicId()
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role.choices)
    ends_on = models.DateField(null=True)  # last day of the access, in the organisation's time zone; None: no end
    digest = models.CharField(max_length=6, choices=Digest.choices, default=Digest.ON)
    digested_on = models.DateField(null=True)  # the last local day on which a digest was looked at
    deputy = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+"
    )  # who is told if nobody acts
    created_at = models.DateTimeField()

    across_orgs = models.Manager()

    @staticmethod
    def objects_of(user: "User | AnonymousUser") -> "models.QuerySet[Membership]":
        """The memberships of one person, over all organisations; none for nobody."""
        return user.memberships.all() if isinstance(user, User) else Membership.across_orgs.none()

    def has_ended(self, now: datetime) -> bool:
        return self.ends_on is not None and self.org.today(now) > self.ends_on

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org", "user"], name="one_membership_per_org")]


INVITATION_LASTS = timedelta(days=7)


class Invitation(OrgOwned):
    """A mail that lets somebody join. Of its token only the SHA-256 is kept."""

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="invitations")
    public_id = PublicId()
    email = models.EmailField()
    role = models.CharField(max_length=8, choices=Role.choices)
    token_digest = models.BinaryField(max_length=32, unique=True)
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    access_ends = models.DateField(null=True)  # last day of the membership that it makes; None: no end
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    across_orgs = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["org", "email"], name="invitation_of_address")]

    @staticmethod
    def digest(token: str) -> bytes:
        return hashlib.sha256(token.encode()).digest()
