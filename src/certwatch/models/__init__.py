"""Tables, and the questions asked of them."""

from certwatch.models.audit import AuditEntry
from certwatch.models.certificates import Binding, Certificate, Change, ChangeCounter, ChangeType, Kind, OwnVersion
from certwatch.models.documents import Document
from certwatch.models.duties import Duty
from certwatch.models.keys import ApiKey, Usage
from certwatch.models.orgs import Invitation, Membership, Organisation, Role, User
from certwatch.models.registers import Entry, EntryVersion, HeldReading, RunState, SourceState, Sync
from certwatch.models.suppliers import Supplier

__all__ = [
    "ApiKey",
    "AuditEntry",
    "Binding",
    "Certificate",
    "Change",
    "ChangeCounter",
    "ChangeType",
    "Document",
    "Duty",
    "Entry",
    "EntryVersion",
    "HeldReading",
    "Invitation",
    "Kind",
    "Membership",
    "Organisation",
    "OwnVersion",
    "Role",
    "RunState",
    "SourceState",
    "Supplier",
    "Sync",
    "Usage",
    "User",
]
