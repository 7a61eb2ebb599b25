"""Certificates that organisations watch, how they are bound to the registers' entries, and what changed."""

from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Case, Q, Value, When

from certwatch.models.base import OrgOwned, PublicId
from certwatch.models.documents import Document
from certwatch.models.orgs import Organisation
from certwatch.models.registers import Entry, Sync
from certwatch.models.suppliers import Supplier
from certwatch.rules.shown import BY_SEVERITY, Key
from certwatch.rules.status import Status, status_on


class Kind(models.TextChoices):
    """How a certificate gets its status."""

    AUTOMATIC = "automatic"
    NIS = "nis"  # entered by hand, never checked automatically


_BY_WORD = {  # words that no date changes
    Status.SUSPENDED: Key.SUSPENDED,
    Status.WITHDRAWN: Key.WITHDRAWN,
    Status.TERMINATED: Key.TERMINATED,
    Status.EXPIRED: Key.EXPIRED,
    Status.NOT_FOUND: Key.NOT_FOUND,
    Status.NOT_YET_VALID: Key.NOT_YET,
}


class CertificateQuerySet(models.QuerySet["Certificate"]):
    """Questions asked of certificates. "On a day" is a day in the organisation's time zone."""

    def watched(self) -> "CertificateQuerySet":
        return self.filter(removed_at=None)

    def expiring_by(self, day: date) -> "CertificateQuerySet":
        return self.watched().filter(word=Status.VALID, valid_until__lte=day)

    def with_shown(self, today: date, *, expiring_days: int, read: Collection[str]) -> "CertificateQuerySet":
        """With `shown`, the key that pages use (rules.shown, of which this is the set-based twin), and `severity`, its
        place in their order. `read`: names of the sources that were read at least once."""
        soon = today + timedelta(days=expiring_days)
        unread = Q(kind=Kind.AUTOMATIC, ambiguous=False, checked_at=None) & ~Q(source__in=read)
        whens = [
            *((Q(word=word), key) for word, key in _BY_WORD.items()),
            (Q(word=Status.VALID, valid_until__lt=today), Key.EXPIRED),
            (Q(word=Status.VALID, valid_from__gt=today), Key.NOT_YET),
            (Q(word=Status.VALID, valid_until__lte=soon), Key.EXPIRING),
            (Q(word=Status.VALID), Key.VALID),
            (unread, Key.NEVER),
        ]

        def told(of: Callable[[Key], object], field: Any) -> Any:
            cases = (When(condition, then=Value(of(key))) for condition, key in whens)
            return Case(*cases, default=Value(of(Key.UNCLEAR)), output_field=field)

        # two expressions side by side: one inside the other would be asked ten times for each row
        by_name = {
            "shown": told(str, models.CharField()),
            "severity": told(BY_SEVERITY.index, models.SmallIntegerField()),
        }
        return self.annotate(**by_name)


class Certificate(OrgOwned):
    """A certificate that one organisation watches. Word and dates are a copy of what its entry or its hand says."""

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="certificates", db_index=False)
    public_id = PublicId()
    number = models.CharField(max_length=200)  # as the organisation wrote it, without outer white space
    number_key = models.CharField(max_length=600)  # normalised (folding can lengthen); what the API matches
    match_key = models.CharField(max_length=600)  # what entries match: number_key, or a confirmed alias
    kind = models.CharField(max_length=9, choices=Kind.choices, default=Kind.AUTOMATIC)
    source = models.CharField(max_length=40, blank=True)  # "" for one entered by hand
    scheme = models.CharField(max_length=60, blank=True)
    word = models.CharField(max_length=16, default=Status.UNKNOWN)
    valid_from = models.DateField(null=True)
    valid_until = models.DateField(null=True)  # last day on which it is valid
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, null=True, related_name="certificates")
    how = models.CharField(max_length=6, blank=True)  # of the present Binding: number, holder, person, alias
    ambiguous = models.BooleanField(default=False)  # several holders: a person must choose
    checked_at = models.DateTimeField(null=True)  # last check of this one number; runs count through SourceState
    supplier = models.ForeignKey(Supplier, on_delete=models.SET_NULL, null=True, related_name="certificates")
    responsible = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    tags = models.JSONField(default=list)
    notes = models.TextField(blank=True)
    holder = models.TextField(blank=True)  # entered by hand; of automatic ones the entry's counts
    review_on = models.DateField(null=True)  # entered by hand: when somebody should look again
    review_moves = models.PositiveIntegerField(default=0)  # how often that day was changed; a calendar's SEQUENCE
    predecessor = models.ForeignKey(  # whose place it took; that one keeps number, answers and history
        "self", on_delete=models.SET_NULL, null=True, related_name="successors"
    )
    added_at = models.DateTimeField()
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    removed_at = models.DateTimeField(null=True)  # no longer watched; its history stays

    shown: str  # these two by `with_shown` only
    severity: int

    across_orgs = CertificateQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["org", "number_key"], condition=models.Q(removed_at=None), name="one_number_per_org"
            )
        ]
        indexes = [
            models.Index(fields=["source", "match_key"], name="certificate_watchers"),  # syncs: who watches this?
            models.Index(fields=["valid_until"], name="certificate_reminders"),  # jobs: who expires soon?
        ]

    def look_again_on(self, day: date | None) -> None:
        """Set the day of the next review, not saved yet. Calendars must hear of each move (`review_moves`)."""
        self.review_moves += day != self.review_on
        self.review_on = day

    def status(self, now: datetime) -> Status:
        """What it is now, on the organisation's calendar."""
        return status_on(self.org.today(now), Status(self.word), self.valid_from, self.valid_until)


class Binding(models.Model):
    """Which entry answered for a certificate, from when to when."""

    certificate = models.ForeignKey(Certificate, on_delete=models.CASCADE, related_name="bindings")
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="+")
    how = models.CharField(max_length=6)  # number, holder, person, alias
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    known_from = models.DateTimeField()
    known_until = models.DateTimeField(null=True)


class OwnVersion(models.Model):
    """What was entered by hand, by whom, and who approved it. Added and closed once, never changed otherwise."""

    certificate = models.ForeignKey(Certificate, on_delete=models.CASCADE, related_name="own_versions")
    word = models.CharField(max_length=16)
    valid_from = models.DateField(null=True)
    valid_until = models.DateField(null=True)
    holder = models.TextField(blank=True)
    evidence = models.ForeignKey(Document, on_delete=models.SET_NULL, null=True, related_name="+")
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    approved_at = models.DateTimeField(null=True)
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    known_from = models.DateTimeField(null=True)  # when it began to count; None: it waits for a second person
    known_until = models.DateTimeField(null=True)


class ChangeCounter(models.Model):
    """The last number that an organisation's changes have. Its row is locked while numbers are given out."""

    org = models.OneToOneField(Organisation, on_delete=models.CASCADE, primary_key=True, related_name="change_counter")
    last = models.PositiveBigIntegerField(default=0)
    noticed = models.PositiveBigIntegerField(default=0)  # up to this one notices and webhooks were made of them

    class Meta:
        indexes = [models.Index(fields=["org"], condition=Q(noticed__lt=models.F("last")), name="changes_to_notice")]


class ChangeType(models.TextChoices):
    """What a change is to a program (api-extended.md, Webhooks)."""

    ADDED = "certificate.added"
    REMOVED = "certificate.removed"
    STATUS = "certificate.status_changed"
    DATA = "certificate.data_changed"
    RENEWED = "certificate.renewed"
    EXPIRING = "certificate.expiring"
    SOURCE_STALE = "source.stale"
    SOURCE_RECOVERED = "source.recovered"
    KEY_EXPIRING = "key.expiring"


class Change(OrgOwned):
    """One thing that happened to a certificate, a source or a key, told once: to webhooks, the feed, alerts."""

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="changes", db_index=False)
    number = models.PositiveBigIntegerField()  # the organisation's own sequence, without gaps
    certificate = models.ForeignKey(  # found by the index of `told_once`
        Certificate, on_delete=models.CASCADE, null=True, related_name="changes", db_index=False
    )
    type = models.CharField(max_length=32, choices=ChangeType.choices)
    told_by = models.CharField(
        max_length=80
    )  # what makes it unique: "run:7", "own:5", "added"; by the calendar "day:…"
    run = models.ForeignKey(Sync, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    version = models.PositiveIntegerField(null=True)  # of that entry
    was = models.CharField(max_length=16, blank=True)  # the register's word before
    word = models.CharField(max_length=16, blank=True)  # and after
    valid_from_was = models.DateField(null=True)
    valid_from = models.DateField(null=True)
    valid_until_was = models.DateField(null=True)
    valid_until = models.DateField(null=True)
    fields = models.JSONField(default=list)  # what else changed: "holder", "scopes", "materials", "suspensions", …
    facts = models.JSONField(default=dict)  # of what comes by the calendar: its kind, since, stage; source; key
    seen_at = models.DateTimeField()  # when the reading that says so began
    created_at = models.DateTimeField()

    across_orgs = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["org", "number"], name="change_numbers"),
            models.UniqueConstraint(fields=["certificate", "told_by", "type"], name="told_once"),
            models.UniqueConstraint(
                fields=["org", "told_by", "type"], condition=Q(certificate=None), name="told_once_of_others"
            ),
        ]


def told_at() -> models.Subquery:
    """Of a certificate when the reading of its last other word began, None if it never had another; to annotate with.

    By certificate alone, so that its index is used: with the organisation SQLite walks all changes for each row.
    """
    told = Change.across_orgs.filter(certificate=models.OuterRef("pk"), type=ChangeType.STATUS).order_by("-number")
    return models.Subquery(told.values("seen_at")[:1])
