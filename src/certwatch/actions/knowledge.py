"""All that is known of a notice that is told alone: what the register said and says, what is newer."""

from datetime import datetime

from certwatch.actions.wording import Known, Newer
from certwatch.models import Certificate, Decision, EntryVersion, Notice, SourceState
from certwatch.models import Kind as How

WITH_ALL = ("org", "change", "certificate__supplier", "certificate__entry")  # to be selected with notices


def of(notice: Notice, now: datetime) -> Known:
    """What is known of `notice`: at most four queries."""
    org, certificate = notice.org, notice.certificate
    today = org.today(now) if org else now.date()
    if org is None or certificate is None:
        source = str(notice.facts.get("source") or notice.about)
        watched = org.certificates.watched().filter(kind=How.AUTOMATIC, source=source).count() if org else 0
        return Known(notice, today, read_at=_read_at(source), watched=watched)
    before, version = _versions(notice, certificate)
    read_at = _read_at(certificate.source) if certificate.source else None
    if certificate.checked_at and (read_at is None or certificate.checked_at > read_at):
        read_at = certificate.checked_at
    return Known(notice, today, before, version, _newer(certificate), read_at)


def _versions(notice: Notice, certificate: Certificate) -> tuple[EntryVersion | None, EntryVersion | None]:
    """What the register said before the change, and since."""
    change = notice.change
    entry = change.entry_id if change is not None and change.entry_id else certificate.entry_id
    if entry is None:
        return None, None
    found = EntryVersion.objects.filter(entry=entry)
    if change is not None and change.version:
        found = found.filter(version__in=(change.version, change.version - 1))
    said = list(found.order_by("-version")[:2])
    if change is not None and change.version and said and said[0].version != change.version:
        return said[0], None
    return (said[1] if len(said) > 1 else None), (said[0] if said else None)


def _read_at(source: str) -> datetime | None:
    state = SourceState.objects.filter(source=source).first()
    return state.read_began if state else None


def _newer(certificate: Certificate) -> Newer | None:
    bound = certificate.successors.filter(removed_at=None).order_by("-valid_until").first()
    if bound is not None:
        return Newer(bound.number, bound.valid_from)
    suggested = certificate.suggestions.exclude(decision=Decision.DISMISSED).filter(entry__gone_at=None)
    found = suggested.select_related("entry").order_by("-entry__valid_until").first()
    return Newer(found.entry.number, found.entry.valid_from, tuple(found.missing)) if found else None
