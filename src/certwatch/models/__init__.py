"""Tables, and the questions asked of them."""

from certwatch.models.audit import AuditEntry
from certwatch.models.cache import CachedValue
from certwatch.models.certificates import Binding, Certificate, Change, ChangeCounter, ChangeType, Kind, OwnVersion
from certwatch.models.checks import CheckOutcome, CheckRequest
from certwatch.models.contacts import ContactMessage
from certwatch.models.documents import Document
from certwatch.models.duties import Duty
from certwatch.models.exports import Export
from certwatch.models.imports import Import, ImportRow, ImportState
from certwatch.models.keys import ApiKey, Usage
from certwatch.models.orgs import Invitation, Membership, Organisation, Role, TrialReminder, User
from certwatch.models.registers import Entry, EntryVersion, HeldReading, RunState, SourceState, Sync
from certwatch.models.suppliers import Supplier, SupplierContact
from certwatch.models.views import SavedView

__all__ = [
    "ApiKey",
    "AuditEntry",
    "Binding",
    "CachedValue",
    "Certificate",
    "Change",
    "ChangeCounter",
    "ChangeType",
    "CheckOutcome",
    "CheckRequest",
    "ContactMessage",
    "Document",
    "Duty",
    "Entry",
    "EntryVersion",
    "Export",
    "HeldReading",
    "Import",
    "ImportRow",
    "ImportState",
    "Invitation",
    "Kind",
    "Membership",
    "Organisation",
    "OwnVersion",
    "Role",
    "RunState",
    "SavedView",
    "SourceState",
    "Supplier",
    "SupplierContact",
    "Sync",
    "TrialReminder",
    "Usage",
    "User",
]
