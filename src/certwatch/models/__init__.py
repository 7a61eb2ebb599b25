"""Tables, and the questions asked of them."""

from certwatch.models.alerts import (
    Absence,
    AlertRule,
    Attempt,
    CalendarFeed,
    Channel,
    Decision,
    Delivery,
    DeliveryState,
    EndpointState,
    Notice,
    Proposal,
    Purpose,
    ReminderPlan,
    Successor,
    Telling,
    UploadLink,
    WebhookEndpoint,
    When,
)
from certwatch.models.audit import AuditEntry
from certwatch.models.cache import CachedValue
from certwatch.models.certificates import Binding, Certificate, Change, ChangeCounter, ChangeType, Kind, OwnVersion
from certwatch.models.checks import CheckOutcome, CheckRequest
from certwatch.models.contacts import ContactMessage
from certwatch.models.documents import Document
from certwatch.models.duties import Duty
from certwatch.models.exports import Export
from certwatch.models.imports import Import, ImportRow, ImportState
from certwatch.models.keys import ApiKey, IdempotentCall, Usage
from certwatch.models.orgs import Digest, Invitation, Membership, Organisation, Role, User
from certwatch.models.registers import Entry, EntryVersion, HeldReading, RunState, SourceState, Sync
from certwatch.models.suppliers import Supplier, SupplierContact
from certwatch.models.views import SavedView

__all__ = [
    "Absence",
    "AlertRule",
    "ApiKey",
    "Attempt",
    "AuditEntry",
    "Binding",
    "CachedValue",
    "CalendarFeed",
    "Certificate",
    "Change",
    "ChangeCounter",
    "ChangeType",
    "Channel",
    "CheckOutcome",
    "CheckRequest",
    "ContactMessage",
    "Decision",
    "Delivery",
    "DeliveryState",
    "Digest",
    "Document",
    "Duty",
    "EndpointState",
    "Entry",
    "EntryVersion",
    "Export",
    "HeldReading",
    "IdempotentCall",
    "Import",
    "ImportRow",
    "ImportState",
    "Invitation",
    "Kind",
    "Membership",
    "Notice",
    "Organisation",
    "OwnVersion",
    "Proposal",
    "Purpose",
    "ReminderPlan",
    "Role",
    "RunState",
    "SavedView",
    "SourceState",
    "Successor",
    "Supplier",
    "SupplierContact",
    "Sync",
    "Telling",
    "UploadLink",
    "Usage",
    "User",
    "WebhookEndpoint",
    "When",
]
