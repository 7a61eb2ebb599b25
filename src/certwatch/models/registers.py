"""What the public registers say, stored once for everybody, with all that they said before."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Replace
from django.utils.translation import gettext_lazy as _

from certwatch.rules import similar
from certwatch.rules.status import Status


class RunState(models.TextChoices):
    """States of a run (operations.md, Sources and runs)."""

    RUNNING = "running"
    GOOD = "good"
    HELD = "held"
    FAILED = "failed"
    RELEASED = "released"
    DISCARDED = "discarded"
    SUPERSEDED = "superseded"


class Sync(models.Model):
    """One run: a reading of a source, or a check of one number. Rows stay."""

    source = models.CharField(max_length=40)
    number = models.CharField(max_length=200, blank=True)  # as asked; "" for a reading of the whole
    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.RUNNING)
    address = models.CharField(max_length=500)  # where it was read: the register's own address, another, or a file
    own_address = models.BooleanField()
    began = models.DateTimeField()  # when its reading began: `last_checked` of what it says
    ended = models.DateTimeField(null=True)
    applied_at = models.DateTimeField(null=True)  # when it was believed or released
    new = models.PositiveIntegerField(default=0)  # entries; of a held run what it would do
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    gone = models.PositiveIntegerField(default=0)
    problem_count = models.PositiveIntegerField(default=0)  # records that could not be read in full
    problems = models.JSONField(default=list)  # the first of them, sentences
    reasons = models.JSONField(default=list)  # why it is held, sentences
    review = models.JSONField(default=list)  # of a held run: what it would change, as in `source review`
    error = models.TextField(blank=True)  # why it failed, a sentence
    asked = models.JSONField(default=list)  # requests: {"method", "url", "body", "status", "sha256", "bytes"}
    totals = models.JSONField(default=dict)  # the register's own totals by part
    tally = models.JSONField(default=dict)  # part → last day → records; what the next run is judged by
    duties_slot = models.CharField(max_length=40, blank=True)  # the scheduled slot that it filled
    release_asked_at = models.DateTimeField(null=True)  # the operator wants it released: the worker's work
    release_asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        verbose_name, verbose_name_plural = _("run"), _("runs")
        indexes = [models.Index(fields=["source", "-id"], name="sync_runs_of_source")]

    def __str__(self) -> str:
        return f"{self.source} {self.pk}"


class SourceState(models.Model):
    """Where we stand with a source: the last run that was believed or released, and when to run next."""

    source = models.CharField(max_length=40, primary_key=True)
    last_good = models.ForeignKey(Sync, on_delete=models.PROTECT, null=True, related_name="+")
    read_began = models.DateTimeField(null=True)  # when the reading of `last_good` began
    tries = models.PositiveSmallIntegerField(default=0)  # failed runs since the last one that ended otherwise
    next_run = models.DateTimeField(null=True)  # None: as soon as a worker runs
    validators = models.JSONField(
        default=dict
    )  # address → {"etag", "last_modified", "sha256"}, for conditional requests


def _sketch() -> Any:
    """`rules.similar.sketch` of the number, in SQL."""
    expression: Any = models.F("number_key")
    for written, instead in similar.LEFT_OUT:
        expression = Replace(expression, models.Value(written), models.Value(instead))
    return expression


class Entry(models.Model):
    """What a register last said of one number and holder. A copy of its newest version, for speed."""

    source = models.CharField(max_length=40)
    number = models.CharField(max_length=400)  # as published
    number_key = models.CharField(max_length=600)  # rules.numbers.key; what watched numbers match
    holder = models.TextField()
    holder_key = models.TextField()  # rules.numbers.name_key
    scheme = models.CharField(max_length=60)
    word = models.CharField(max_length=16)
    source_word = models.TextField(blank=True)
    valid_from = models.DateField(null=True)
    valid_until = models.DateField(null=True)  # last day on which it is valid
    suspensions = models.JSONField(default=list)  # [[first day, last day or null], …]
    digest = models.BinaryField(max_length=16)  # rules.findings.Reading.digest
    version = models.PositiveIntegerField()  # of its newest EntryVersion
    first_seen = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)  # when the first believed reading without it began
    sketch = models.GeneratedField(  # what similar numbers share
        expression=_sketch(), output_field=models.CharField(max_length=600), db_persist=True
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "number_key", "holder_key"], name="one_entry_per_holder")
        ]
        indexes = [models.Index(fields=["sketch"], name="similar_numbers")]  # imports: which number may be meant?

    @property
    def status(self) -> Status:
        """The register's last word in our vocabulary, before any date is looked at."""
        return Status(self.word)


class EntryVersionQuerySet(models.QuerySet["EntryVersion"]):
    """Questions asked of the history."""

    def newest(self) -> "EntryVersionQuerySet":
        """Of each entry what it says now."""
        return self.filter(version=models.F("entry__version"))


class EntryVersion(models.Model):
    """What an entry said from when to when. Added and closed once, never changed otherwise.

    The world's clock: `first_seen`, `last_seen`. Ours: `known_from`, `known_until`.
    """

    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="versions", db_index=False)
    version = models.PositiveIntegerField()  # 1, 2, … for each entry
    run = models.ForeignKey(Sync, on_delete=models.PROTECT, related_name="+", db_index=False)
    number = models.CharField(max_length=400)
    holder = models.TextField()
    word = models.CharField(max_length=16)
    source_word = models.TextField(blank=True)
    since = models.DateField(null=True)  # the day from which, says the register, its word holds
    valid_from = models.DateField(null=True)
    valid_until = models.DateField(null=True)
    suspensions = models.JSONField(default=list)
    scopes = models.JSONField(default=list)
    materials = models.JSONField(default=list)
    place = models.TextField(blank=True)
    certifier = models.TextField(blank=True)
    details = models.JSONField(default=dict)
    records = models.JSONField(default=list)  # [[word, first day, last day, part], …], the one that counts first
    row = models.JSONField(default=dict)  # as read
    row_sha256 = models.CharField(max_length=64, blank=True)
    payload_sha256 = models.CharField(max_length=64, blank=True)  # the answer in which it stood
    first_seen = models.DateTimeField()  # when the reading that first said so began
    last_seen = models.DateTimeField(null=True)  # last believed reading before it ended; None: SourceState's
    known_from = models.DateTimeField()  # when its run was applied
    known_until = models.DateTimeField(null=True)

    objects = EntryVersionQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["entry", "version"], name="versions_of_entry")]


class HeldReading(models.Model):
    """What a held run read, until it is released, discarded or superseded."""

    run = models.ForeignKey(Sync, on_delete=models.CASCADE, related_name="held_readings")
    findings = models.JSONField()  # of one number and holder, rules.findings.Finding each
