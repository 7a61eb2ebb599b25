"""Kinds of alerts, severities and roles in the words of the page Notifications."""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from certwatch.models import Role
from certwatch.rules.notices import Kind, Severity


class Word(NamedTuple):
    """What a kind is called, and when it is told, where the word alone does not say so."""

    word: str | Promise
    when: str | Promise = ""


KINDS: dict[Kind, Word] = {
    Kind.SUSPENDED: Word(_("Suspended")),
    Kind.WITHDRAWN: Word(_("Withdrawn")),
    Kind.TERMINATED: Word(_("Terminated")),
    Kind.NOT_FOUND: Word(_("Not found"), _("by two complete readings, 12 hours apart")),
    Kind.SHORTENED: Word(_("Ends earlier"), _("the last day moved forward")),
    Kind.HOLDER_CHANGED: Word(_("Another holder")),
    Kind.DISAGREEMENT: Word(_("Register disagrees"), _("with what was entered by hand")),
    Kind.CHANNEL_FAILING: Word(_("Message given up"), _("after ten tries, or an endpoint was switched off")),
    Kind.SUSPENSION_NOTED: Word(_("Suspension noted later"), _("one that was not seen, or other days of one")),
    Kind.EXPIRING: Word(_("Expiring soon"), _("on the days of the reminders")),
    Kind.EXPIRED: Word(_("Expired"), _("the day after the last day")),
    Kind.STILL_EXPIRED: Word(_("Still expired"), _("every 7 days")),
    Kind.REVIEW_DUE: Word(_("Review due"), _("of what was entered by hand")),
    Kind.KEY_ENDING: Word(_("API key ends"), _("30, 7 and 1 days before")),
    Kind.TRIAL_ENDING: Word(_("Trial ends"), _("7, 3 and 1 days before")),
    Kind.SOURCE_STALE: Word(_("Register not read"), _("for twice its interval")),
    Kind.UNCLEAR: Word(_("Unclear"), _("the status became unknown")),
    Kind.SOURCE_RECOVERED: Word(_("Register read again")),
    Kind.LIFTED: Word(_("In force again"), _("after a suspension, withdrawal or termination")),
    Kind.FOUND_AGAIN: Word(_("Found again")),
    Kind.EXTENDED: Word(_("Ends later"), _("the first day is the same")),
    Kind.SCOPE_CHANGED: Word(_("Other scope")),
    Kind.RENEWED: Word(_("Renewed"), _("a new entry, or a suggested successor")),
    Kind.PROPOSAL: Word(_("Uploaded by a supplier")),
}

LEAST = [
    (Severity.INFORMATION.value, _("Any")),
    (Severity.WARNING.value, _("Warning or critical")),
    (Severity.CRITICAL.value, _("Critical only")),
]

ROLES = [
    (Role.OWNER.value, _("Owners")),
    (Role.ADMIN.value, _("Admins")),
    (Role.MEMBER.value, _("Members")),
    (Role.AUDITOR.value, _("Auditors")),
]
