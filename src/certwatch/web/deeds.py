"""What was done, in words: the actions of the audit log, by area. A test finds every action that the code notes."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

AREAS: dict[str, str | Promise] = {  # what stands before the dot
    "certificate": _("Certificates"),
    "certificates": _("Several certificates"),
    "alert": _("Alerts"),
    "document": _("Documents"),
    "proposal": _("Files from suppliers"),
    "supplier": _("Suppliers"),
    "view": _("Views"),
    "member": _("Members"),
    "invitation": _("Invitations"),
    "key": _("API keys"),
    "rule": _("Alert rules"),
    "channel": _("Channels"),
    "webhook": _("Webhooks"),
    "reminders": _("Reminders"),
    "settings": _("Settings"),
    "export": _("Export"),
    "organisation": _("Organisation"),
    "user": _("People"),
    "operator": _("Operators"),
    "message": _("Messages"),
    "run": _("Runs"),
}

DEEDS: dict[str, str | Promise] = {
    "certificate.entered": _("Entered a certificate by hand"),
    "certificate.corrected": _("Corrected what was entered by hand"),
    "certificate.approved": _("Approved what was entered by hand"),
    "certificate.described": _("Changed supplier, tags, notes or responsible person"),
    "certificate.holder_chosen": _("Chose the holder"),
    "certificate.choice_taken_back": _("Took the choice of a holder back"),
    "certificate.check_asked": _("Asked for a check now"),
    "certificate.successor_accepted": _("Made a later certificate the successor"),
    "certificate.successor_dismissed": _("Said that a later certificate is no successor"),
    "certificate.removed": _("Stopped watching a certificate"),
    "certificates.added": _("Added certificates"),
    "certificates.described": _("Changed supplier, tags or responsible person of several"),
    "alert.acknowledged": _("Acknowledged an alert"),
    "alert.snoozed": _("Snoozed an alert"),
    "alert.assigned": _("Assigned an alert"),
    "alert.reopened": _("Opened an alert again"),
    "document.added": _("Added a document"),
    "document.removed": _("Removed a document"),
    "proposal.asked": _("Asked a supplier for a new certificate"),
    "proposal.link_revoked": _("Revoked a supplier’s upload link"),
    "proposal.uploaded": _("Uploaded a file without an account"),
    "proposal.accepted": _("Accepted a supplier’s file"),
    "proposal.dismissed": _("Dismissed a supplier’s file"),
    "supplier.created": _("Added a supplier"),
    "supplier.changed": _("Changed a supplier"),
    "supplier.removed": _("Removed a supplier"),
    "supplier.contact_saved": _("Added or changed a contact at a supplier"),
    "supplier.contact_removed": _("Removed a contact at a supplier"),
    "view.shared": _("Shared a view"),
    "view.unshared": _("Took a shared view back"),
    "view.removed": _("Removed a shared view"),
    "member.invited": _("Invited somebody"),
    "member.joined": _("Accepted an invitation"),
    "member.added": _("Made somebody a member"),
    "member.changed": _("Changed a role or its end"),
    "member.made_owner": _("Transferred the ownership"),
    "member.removed": _("Removed a member"),
    "member.left": _("Left the organisation"),
    "invitation.revoked": _("Took an invitation back"),
    "key.created": _("Created an API key"),
    "key.rotated": _("Rotated an API key"),
    "key.revoked": _("Revoked an API key"),
    "rule.created": _("Made an alert rule"),
    "rule.changed": _("Changed an alert rule"),
    "rule.switched_on": _("Switched an alert rule on"),
    "rule.switched_off": _("Switched an alert rule off"),
    "rule.removed": _("Removed an alert rule"),
    "channel.created": _("Added a channel"),
    "channel.changed": _("Changed a channel"),
    "channel.switched_on": _("Switched a channel on"),
    "channel.switched_off": _("Switched a channel off"),
    "channel.tested": _("Sent a test to a channel"),
    "channel.removed": _("Removed a channel"),
    "reminders.planned": _("Set the reminders of a scheme or tag"),
    "reminders.plan_removed": _("Removed the reminders of a scheme or tag"),
    "reminders.of_suppliers": _("Changed the reminders to suppliers"),
    "webhook.created": _("Created a webhook endpoint"),
    "webhook.changed": _("Changed a webhook endpoint"),
    "webhook.switched_on": _("Switched a webhook endpoint on"),
    "webhook.switched_off": _("Switched a webhook endpoint off"),
    "webhook.rotated": _("Rotated the secret of a webhook endpoint"),
    "webhook.tested": _("Sent a test to a webhook endpoint"),
    "webhook.replayed": _("Sent a message anew"),
    "webhook.range_replayed": _("Sent the messages of a range anew"),
    "webhook.removed": _("Removed a webhook endpoint"),
    "settings.changed": _("Changed settings"),
    "export.asked": _("Asked for an export of everything"),
    "organisation.created": _("Created the organisation"),
    "organisation.opened": _("Opened the organisation"),
    "organisation.closed": _("Closed the organisation"),
    "organisation.rate_limit": _("Changed the limit of requests"),
    "organisation.trial": _("Changed the end of the trial"),
    "organisation.deletion_asked": _("Asked to delete the organisation"),
    "organisation.deletion_taken_back": _("Took the deletion back"),
    "organisation.deleted": _("Removed an organisation for good"),
    "user.created": _("Made an account"),
    "user.deactivated": _("Deactivated an account"),
    "user.reactivated": _("Reactivated an account"),
    "operator.created": _("Let somebody into the back office"),
    "operator.removed": _("Closed the back office to somebody"),
    "message.removed": _("Removed a message"),
    "run.release_asked": _("Asked to release a held run"),
    "run.released": _("Released a held run"),
    "run.discarded": _("Discarded a held run"),
}

ACTORS: dict[str, str | Promise] = {  # who has no account
    "command line": _("Command line"),
    "deletion": _("Deletion duty"),
    "supplier": _("A supplier"),
}

OPERATORS = frozenset({"user", "operator", "message", "run"})  # areas that no organisation's log has


def in_words(action: str) -> str:
    """The action in words; one that we do not know (a newer version's) as it is."""
    return str(DEEDS.get(action, action))


def choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """What an organisation's log may be filtered by: by area its actions, the whole area first."""
    found = []
    for area, words in AREAS.items():
        deeds = [(action, str(deed)) for action, deed in DEEDS.items() if action.startswith(f"{area}.")]
        if area not in OPERATORS:
            everything = [(area, str(_("All of these")))] if len(deeds) > 1 else []
            found.append((str(words), everything + deeds))
    return found
