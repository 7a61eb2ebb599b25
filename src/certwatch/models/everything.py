"""Everything that an organisation has, as it is handed out: table by table, field by field, never a secret.

What is not named here is not handed out, so a new column that holds a secret stays inside; a test tells of new ones.
"""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import Exists, OuterRef

from certwatch.models.alerts import Absence, AlertRule, Attempt, Delivery, Telling
from certwatch.models.certificates import Binding, OwnVersion
from certwatch.models.imports import ImportRow
from certwatch.models.keys import Usage
from certwatch.models.orgs import Organisation
from certwatch.models.registers import Entry, EntryVersion

AT_ONCE = 1_000  # rows that are in memory


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the export. `columns`: a field, or `heading=path` where another table's field says it better."""

    name: str
    columns: tuple[str, ...]
    of: Callable[[Organisation], "models.QuerySet[Any]"]

    @property
    def headings(self) -> list[str]:
        return [column.partition("=")[0] for column in self.columns]

    @property
    def paths(self) -> list[str]:
        return [column.rpartition("=")[2] for column in self.columns]

    def rows(self, org: Organisation) -> Iterator[tuple[Any, ...]]:
        """The rows in the order in which they were made."""
        return in_pieces(self.of(org), *self.paths)


def in_pieces(rows: "models.QuerySet[Any]", *paths: str) -> Iterator[tuple[Any, ...]]:
    """The rows in the order in which they were made, a few in memory at a time, of the others only their keys.

    No statement stays open between two of them: on SQLite it would keep its caller from writing.
    """
    keys = array("q", rows.order_by("pk").values_list("pk", flat=True).iterator(chunk_size=AT_ONCE))
    for start in range(0, len(keys), AT_ONCE):
        piece = rows.model._base_manager.filter(pk__in=keys[start : start + AT_ONCE])
        yield from piece.order_by("pk").values_list(*paths)


def _answering(org: Organisation) -> "models.QuerySet[Entry]":
    """The entries that answer or answered for one of the organisation's certificates."""
    return Entry.objects.filter(Exists(Binding.objects.filter(certificate__org=org, entry=OuterRef("pk"))))


def _versions(org: Organisation) -> "models.QuerySet[EntryVersion]":
    bound = Binding.objects.filter(certificate__org=org, entry=OuterRef("entry"))
    return EntryVersion.objects.filter(Exists(bound))


TABLES = (
    Table(
        "organisation",
        ("name", "slug", "time_zone", "language", "rate_limit", "four_eyes", "expiring_days", "reminder_days",
         "supplier_reminders", "supplier_days", "looked_on", "rested",
         "trial_ends", "closed_at", "delete_after", "created_at"),
        lambda org: Organisation.objects.filter(pk=org.pk),
    ),
    Table(
        "members",
        ("id=public_id", "email=user__email", "name=user__name", "role", "ends_on", "digest", "digested_on",
         "deputy=deputy__email", "created_at", "last_sign_in=user__last_login"),
        lambda org: org.memberships.all(),
    ),
    Table(
        "invitations",
        ("id=public_id", "email", "role", "access_ends", "invited_by=invited_by__email", "created_at", "ends_at",
         "accepted_at", "revoked_at"),
        lambda org: org.invitations.all(),
    ),
    Table(
        "api_keys",
        ("id=public_id", "name", "begins", "scopes", "networks", "last_day", "ends_at", "created_at",
         "created_by=created_by__email", "revoked_at", "last_used_at", "last_used_from"),
        lambda org: org.api_keys.all(),
    ),
    Table(
        "api_usage",
        ("key=key__public_id", "minute", "answered", "not_found", "refused", "limited"),
        lambda org: Usage.objects.filter(key__org=org),
    ),
    Table(
        "suppliers",
        ("id=public_id", "name", "number", "tags", "notes", "responsible=responsible__email", "created_at"),
        lambda org: org.suppliers.all(),
    ),
    Table(
        "supplier_contacts",
        ("id=public_id", "supplier=supplier__public_id", "name", "email", "phone", "language"),
        lambda org: org.supplier_contacts.all(),
    ),
    Table(
        "certificates",
        ("id=public_id", "number", "kind", "source", "scheme", "word", "valid_from", "valid_until", "entry=entry_id",
         "how", "ambiguous", "checked_at", "supplier=supplier__public_id", "responsible=responsible__email", "tags",
         "notes", "holder", "review_on", "review_moves",
         "predecessor=predecessor__public_id", "added_at", "added_by=added_by__email", "removed_at"),
        lambda org: org.certificates.all(),
    ),
    Table(
        "entered_by_hand",
        ("certificate=certificate__public_id", "word", "valid_from", "valid_until", "holder",
         "evidence=evidence__public_id", "entered_at", "entered_by=entered_by__email", "approved_at",
         "approved_by=approved_by__email", "known_from", "known_until"),
        lambda org: OwnVersion.objects.filter(certificate__org=org),
    ),
    Table(
        "answered_by",
        ("certificate=certificate__public_id", "entry=entry_id", "how", "by=by__email", "known_from", "known_until"),
        lambda org: Binding.objects.filter(certificate__org=org),
    ),
    Table(
        "register_entries",
        ("entry=pk", "source", "number", "holder", "scheme", "word", "source_word", "valid_from", "valid_until",
         "suspensions", "version", "first_seen", "gone_at"),
        _answering,
    ),
    Table(
        "register_history",
        ("entry=entry_id", "version", "number", "holder", "word", "source_word", "since", "valid_from", "valid_until",
         "suspensions", "scopes", "materials", "place", "certifier", "details", "records", "row", "row_sha256",
         "payload_sha256", "run=run_id", "first_seen", "last_seen", "known_from", "known_until"),
        _versions,
    ),
    Table(
        "changes",
        ("change=number", "certificate=certificate__public_id", "type", "told_by", "run=run_id", "entry=entry_id",
         "version", "was", "word", "valid_from_was", "valid_from", "valid_until_was", "valid_until", "fields",
         "facts", "seen_at", "created_at"),
        lambda org: org.changes.all(),
    ),
    Table(
        "asked_checks",
        ("certificate=certificate__public_id", "asked_at", "asked_by=asked_by__email", "ended_at", "outcome"),
        lambda org: org.check_requests.all(),
    ),
    Table(
        "documents",
        ("id=public_id", "certificate=certificate__public_id", "name", "content_type", "size", "sha256", "added_at",
         "added_by=added_by__email"),
        lambda org: org.documents.all(),
    ),
    Table(
        "imports",
        ("id=public_id", "name", "sha256", "size", "sheet", "look", "columns", "state", "by_hand", "describe", "total",
         "done", "counts", "error", "created_at", "created_by=created_by__email", "confirmed_at", "ended_at"),
        lambda org: org.imports.all(),
    ),
    Table(
        "import_rows",
        ("import=of__public_id", "line", "cells", "said", "number", "source", "verdict", "reason", "candidates",
         "picked", "outcome", "certificate=certificate__public_id"),
        lambda org: ImportRow.objects.filter(of__org=org),
    ),
    Table(
        "saved_views",
        ("id=public_id", "name", "query", "shared", "owner=owner__email", "created_at"),
        lambda org: org.saved_views.all(),
    ),
    Table(
        "exports",
        ("id=public_id", "asked_at", "asked_by=asked_by__email", "ready_at", "size", "error"),
        lambda org: org.exports.all(),
    ),
    Table(
        "channels",
        ("id=public_id", "name", "scheme", "shown", "language", "on", "created_at", "created_by=created_by__email",
         "failing_since", "last_success_at"),
        lambda org: org.channels.all(),
    ),
    Table(
        "alert_rules",
        ("id=public_id", "name", "on", "kinds", "least", "schemes", "tags", "roles", "responsible", "when",
         "created_at"),
        lambda org: org.alert_rules.all(),
    ),
    Table(
        "alert_rule_members",
        ("rule=alertrule__public_id", "member=user__email"),
        lambda org: AlertRule.members.through._base_manager.filter(alertrule__org=org),
    ),
    Table(
        "alert_rule_suppliers",
        ("rule=alertrule__public_id", "supplier=supplier__public_id"),
        lambda org: AlertRule.suppliers.through._base_manager.filter(alertrule__org=org),
    ),
    Table(
        "alert_rule_channels",
        ("rule=alertrule__public_id", "channel=channel__public_id"),
        lambda org: AlertRule.channels.through._base_manager.filter(alertrule__org=org),
    ),
    Table(
        "reminder_plans",
        ("scheme", "tag", "certificate=certificate__public_id", "days"),
        lambda org: org.reminder_plans.all(),
    ),
    Table(
        "alerts",
        ("id=public_id", "kind", "severity", "certificate=certificate__public_id", "change=change__number", "about",
         "about_id", "day", "stage", "facts", "state", "made_at", "told_at", "nobody", "open_since",
         "escalated", "assigned_to=assigned_to__email", "decided_at", "decided_by=decided_by__email", "comment",
         "until", "solved_at", "solved_by"),
        lambda org: org.notices.all(),
    ),
    Table(
        "absences",
        ("change=change__number", "certificate=certificate__public_id"),
        lambda org: Absence.objects.filter(change__org=org),
    ),
    Table(
        "alert_recipients",
        ("alert=notice__public_id", "member=user__email", "channel=channel__public_id", "when", "why",
         "rule=rule_name", "reachable", "made_at", "delivery=delivery__public_id"),
        lambda org: Telling.objects.filter(notice__org=org),
    ),
    Table(
        "webhook_endpoints",
        ("id=public_id", "name", "url", "types", "state", "created_at", "created_by=created_by__email",
         "failing_since", "last_success_at", "switched_off_at"),
        lambda org: org.webhook_endpoints.all(),
    ),
    Table(
        "deliveries",
        ("id=public_id", "purpose", "to=user__email", "contact=contact__email", "channel=channel__public_id",
         "endpoint=endpoint__public_id", "change=change__number", "facts", "state", "tries", "made_at", "ended_at",
         "error"),
        lambda org: org.deliveries.all(),
    ),
    Table(
        "delivered_alerts",
        ("delivery=delivery__public_id", "alert=notice__public_id"),
        lambda org: Delivery.notices.through._base_manager.filter(delivery__org=org),
    ),
    Table(
        "delivery_attempts",
        ("delivery=delivery__public_id", "number", "began_at", "took_ms", "ok", "status", "said", "request"),
        lambda org: Attempt.objects.filter(delivery__org=org),
    ),
    Table(
        "successors",
        ("id=public_id", "certificate=certificate__public_id", "entry=entry_id", "missing", "in_time", "decision",
         "suggested_at", "decided_at", "decided_by=decided_by__email"),
        lambda org: org.successors.all(),
    ),
    Table(
        "upload_links",
        ("id=public_id", "certificate=certificate__public_id", "contact=contact__public_id", "language", "made_at",
         "made_by=made_by__email", "ends_at", "revoked_at"),
        lambda org: org.upload_links.all(),
    ),
    Table(
        "proposals",
        ("id=public_id", "link=link__public_id", "certificate=certificate__public_id", "name", "content_type", "size",
         "sha256", "note", "uploaded_at", "uploaded_from", "decision", "decided_at", "decided_by=decided_by__email"),
        lambda org: org.proposals.all(),
    ),
    Table(
        "audit_log",
        ("at", "by=by_label", "source_address", "action", "about", "about_id", "details"),
        lambda org: org.audit_entries.all(),
    ),
)  # fmt: skip
