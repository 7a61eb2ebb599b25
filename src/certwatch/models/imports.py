"""Uploaded spreadsheets on their way into the list of certificates."""

from collections.abc import Iterable

from django.conf import settings
from django.db import models

from certwatch.models.base import OrgOwned, PublicId
from certwatch.models.certificates import Certificate
from certwatch.models.orgs import Organisation
from certwatch.models.staging import Bulk, Row


class ImportState(models.TextChoices):
    """Where an import stands."""

    UPLOADED = "uploaded"  # its columns are to be confirmed
    LOOKING = "looking"  # the worker gives each row its verdict
    PREVIEW = "preview"  # verdicts are there; nothing is saved yet
    TAKING = "taking"  # the worker applies the rows, chunk by chunk
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Import(OrgOwned):
    """One file. It lies below CERTWATCH_FILES; its rows get their verdicts and outcomes in `ImportRow`."""

    org = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="imports")
    public_id = PublicId()
    name = models.CharField(max_length=255)  # as uploaded; "" for numbers that were pasted
    path = models.CharField(max_length=120)  # below CERTWATCH_FILES
    sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField()
    sheet = models.CharField(max_length=120, blank=True)  # of a workbook, where a person chose one
    look = models.JSONField(default=dict)  # rules.layouts.Look: what a first look at the file showed
    columns = models.JSONField(default=dict)  # field → place of its column, as confirmed
    state = models.CharField(max_length=10, choices=ImportState.choices, default=ImportState.UPLOADED)
    by_hand = models.BooleanField(default=True)  # enter rows of unmonitored schemes by hand
    describe = models.BooleanField(default=True)  # add supplier and tags to what is watched already
    total = models.PositiveIntegerField(default=0)  # rows
    done = models.PositiveIntegerField(default=0)  # rows that the present step is through with
    counts = models.JSONField(default=dict)  # verdict or outcome → rows
    error = models.TextField(blank=True)
    claimed_until = models.DateTimeField(null=True)  # lease of the worker that is at it
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    confirmed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    across_orgs = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["state"], name="imports_to_work_on")]  # the worker: what waits?


LEAVE_OUT = "-"


class ImportRow(models.Model):
    """One row of a file: what it says, its verdict, and what became of it."""

    # named so, since `import` is a word of the language
    of = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="rows", db_index=False)
    line = models.PositiveIntegerField()  # in the file, headings included
    cells = models.JSONField(default=list)  # the file's own, as texts
    said = models.JSONField(default=dict)  # rules.sheets.Row: what they mean
    number = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=40, blank=True)  # that answers for it; "": nobody reads its scheme
    verdict = models.CharField(max_length=16, blank=True)
    reason = models.TextField(blank=True)
    candidates = models.JSONField(default=list)
    picked = models.CharField(max_length=200, blank=True)  # place in `candidates` that a person chose, or LEAVE_OUT
    outcome = models.CharField(max_length=10, blank=True)
    certificate = models.ForeignKey(Certificate, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["of", "line"], name="rows_of_import")]
        indexes = [models.Index(fields=["of", "verdict", "line"], name="rows_by_verdict")]


ADDED = (
    "of_id", "line", "cells", "said", "number", "source", "verdict", "reason", "candidates", "picked", "outcome",
    "certificate_id",
)  # fmt: skip
SETTLED = ("id", "number", "source", "verdict", "reason", "candidates", "outcome", "certificate_id")


def add_rows(bulk: Bulk, rows: Iterable[Row]) -> None:
    """Write new rows, as ADDED; what is JSON comes as text."""
    bulk.insert("certwatch_importrow", ADDED, rows)


def settle_rows(bulk: Bulk, rows: Iterable[Row]) -> None:
    """Write what became of rows, as SETTLED. Inside the caller's transaction."""
    json = "jsonb" if bulk.postgres else "text"
    bulk.table(
        "settled",
        "id bigint PRIMARY KEY, number text, source text, verdict text, reason text,"
        f" candidates {json}, outcome text, certificate_id bigint",
    )
    bulk.insert("settled", SETTLED, rows)
    columns = ", ".join(f"{name} = s.{name}" for name in SETTLED[1:])
    bulk.run(f"UPDATE certwatch_importrow SET {columns} FROM settled s WHERE certwatch_importrow.id = s.id")
