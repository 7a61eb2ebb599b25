"""What the page Notifications says of kinds of alerts, severities and roles; their words are `web/alert_words`."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from certwatch.models import Role
from certwatch.rules.notices import Kind, Severity

WHEN: dict[Kind, str | Promise] = {  # it is told, where the kind's word alone does not say so
    Kind.NOT_FOUND: _("by two complete readings, 12 hours apart"),
    Kind.DISAGREEMENT: _("with what was entered by hand"),
    Kind.CHANNEL_FAILING: _("after ten tries, or an endpoint was switched off"),
    Kind.SUSPENSION_NOTED: _("one that was not seen, or other days of one"),
    Kind.EXPIRING: _("on the days of the reminders"),
    Kind.EXPIRED: _("the day after the last day"),
    Kind.STILL_EXPIRED: _("every 7 days"),
    Kind.REVIEW_DUE: _("of what was entered by hand"),
    Kind.KEY_ENDING: _("30, 7 and 1 days before"),
    Kind.TRIAL_ENDING: _("7, 3 and 1 days before"),
    Kind.SOURCE_STALE: _("for twice its interval"),
    Kind.UNCLEAR: _("the status became unknown"),
    Kind.LIFTED: _("after a suspension, withdrawal or termination"),
    Kind.EXTENDED: _("the first day is the same"),
    Kind.RENEWED: _("a new entry, or a suggested successor"),
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
