"""What the page of one certificate shows, ready for its template."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from django.db.models import Q
from django.utils import timezone

from certwatch.actions import bindings, certificates, history, inbox, sources, upload_links
from certwatch.actions.history import History, What
from certwatch.models import (
    Certificate,
    CheckRequest,
    Decision,
    Entry,
    EntryVersion,
    Kind,
    OwnVersion,
    SourceState,
    Successor,
)
from certwatch.rules import binding, holders
from certwatch.rules.life import Facts, Life, life
from certwatch.rules.shown import Key, Shown, is_unconfirmed, shown
from certwatch.rules.status import Status, status_on
from certwatch.sources import SOURCES
from certwatch.sources.source import Source
from certwatch.web import said
from certwatch.web.alerts import look
from certwatch.web.doors import OrgRequest

NEWS = timedelta(hours=1)  # so long a page tells what came of a check that was asked for
SUCCESSORS = 5  # suggestions, and relatives, that a page shows
PAPERS = ("Certificate", "Audit Report")  # the register's own names of links to documents


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry that the number may mean, and what it says now."""

    entry: Entry
    version: EntryVersion | None
    shown: Shown
    is_chosen: bool


def of(request: OrgRequest, certificate: Certificate) -> dict[str, Any]:
    """All of it. The number of queries does not grow with what there is."""
    source = SOURCES.get(certificate.source)
    state = SourceState.objects.filter(source=certificate.source).first() if source else None
    lived = history.of(certificate, request.now)
    waiting = [own for own in lived.own if own.approved_at is None and own.known_until is None]
    status = _shown(request, certificate, source, state, lived, waiting)
    checked = _last_checked(certificate, state)
    picture = _life(request.today, certificate, status, lived, state)
    wish = request.org.check_requests.filter(certificate=certificate).select_related("asked_by").first()
    candidates = _candidates(request, certificate) if _is_open(certificate) else []
    return {
        "active": "certificates",
        "certificate": certificate,
        "by_hand": certificate.kind == Kind.NIS,
        "shown": status,
        "reasons": said.reasons(certificate, status, lived, state, request.today, request.now),
        "holder": _holder(certificate),
        "source": source,
        "state": state,
        "checked": checked,
        "age": said.ago(checked, request.now) if checked else "",
        "newest": lived.newest,
        "details": _details(lived.newest),
        "papers": _papers(lived.newest),
        "suspensions": said.suspensions(lived.newest) if lived.newest else [],
        "steps": said.told(lived),
        "checks": lived.checks,
        "life": picture,
        "ticks": [(tick, _tick_label(tick.day, tick.by)) for tick in picture.ticks] if picture else [],
        "marks": said.marks(lived.checks, picture),
        "today_label": said.today_label(request.today),
        "reader_today": timezone.localdate(request.now),
        "wish": wish,
        "outcome": said.OUTCOMES.get(wish.outcome, "") if wish and _is_news(wish, request.now) else "",
        "candidates": candidates,
        "waiting": [_waiting(request, own) for own in waiting],
        "contradictions": _contradictions(certificate),
        "alerts": [look(notice, request.now) for notice in inbox.of_certificate(certificate)],
        **_successors(request, certificate),
        "documents": list(certificate.documents.select_related("added_by").order_by("-added_at", "-id")),
        "proposals": [] if certificate.removed_at else upload_links.waiting(request.org, certificate=certificate.pk),
        "links": [] if certificate.removed_at else upload_links.standing(certificate, request.now),
        "api_number": quote(certificate.number, safe=""),
        "api_answer": _api_answer(certificate, request.today, checked),
    }


def _shown(
    request: OrgRequest,
    certificate: Certificate,
    source: Source | None,
    state: SourceState | None,
    lived: History,
    waiting: Sequence[OwnVersion],
) -> Shown:
    return shown(
        Status(certificate.word),
        certificate.valid_from,
        certificate.valid_until,
        today=request.today,
        expiring_days=request.org.expiring_days,
        by_hand=certificate.kind == Kind.NIS,
        checked=_last_checked(certificate, state) is not None,
        ambiguous=certificate.ambiguous,
        waiting=any(own.known_from is None for own in waiting),
        unconfirmed=is_unconfirmed(lived.first_missed, state.read_began if state else None),
        stale=source is not None and sources.is_stale(source, state, request.now),
    )


def _last_checked(certificate: Certificate, state: SourceState | None) -> datetime | None:
    moments = (state.read_began if state else None, certificate.checked_at)
    return max((moment for moment in moments if moment is not None), default=None)


def _holder(certificate: Certificate) -> str:
    return certificate.entry.holder if certificate.entry else certificate.holder


# What the register says


def _details(newest: EntryVersion | None) -> list[tuple[str, str]]:
    """The register's labels that have no line of their own, with their texts."""
    if newest is None:
        return []
    elsewhere = {", ".join(newest.scopes), ", ".join(newest.materials), newest.certifier, newest.place}
    return [(label, text) for label, text in newest.details.items() if text and text not in elsewhere]


def _papers(newest: EntryVersion | None) -> list[tuple[str, str]]:
    """Name and address of each document that the register links to."""
    links = newest.row.get("links") if newest and isinstance(newest.row, dict) else None
    if not isinstance(links, dict):
        return []
    return [(name, links[name]) for name in PAPERS if _is_address(links.get(name))]


def _is_address(text: Any) -> bool:
    """What a register sends may be anything; only an address of the web becomes a link."""
    try:
        parts = urlsplit(text) if isinstance(text, str) else None
    except ValueError:
        return False
    return parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname)


# The picture


def _life(
    today: date, certificate: Certificate, status: Shown, lived: History, state: SourceState | None
) -> Life | None:
    newest = lived.newest
    answered = state.read_began if status.last_known and state else None
    facts = Facts(
        key=status.key,
        valid_from=certificate.valid_from,
        valid_until=certificate.valid_until,
        since=_since(certificate, status, lived),
        answered=certificate.org.today(answered) if answered else None,
        suspensions=said.suspensions(newest) if newest else (),
        checks=[(certificate.org.today(at), found == Status.VALID) for at, found in lived.checks.moments],
        failed=[certificate.org.today(at) for at in lived.checks.failed],
    )
    return life(facts, today)


def _since(certificate: Certificate, status: Shown, lived: History) -> date | None:
    """The day from which its word holds: the register's own, else that on which we saw it first."""
    if status.key == Key.SUSPENDED and lived.newest and (periods := said.suspensions(lived.newest)):
        return max(first for first, _ in periods if first) if any(first for first, _ in periods) else None
    if lived.newest and lived.newest.since:
        return lived.newest.since
    told = next((s for s in lived.steps if s.what in (What.SAID, What.ENTERED) and s.was and s.was != s.word), None)
    return certificate.org.today(told.at) if told else None


def _tick_label(day: date, by: str) -> str:
    return str(day.year) if by == "year" else said.short_month(day)


# What a person may do something about


def _is_open(certificate: Certificate) -> bool:
    """Whether somebody may choose between holders, or choose anew."""
    return certificate.removed_at is None and (certificate.ambiguous or certificate.how in ("holder", "person"))


def _candidates(request: OrgRequest, certificate: Certificate) -> list[Candidate]:
    found = bindings.candidates_of(certificate.source, [certificate.match_key]).get(certificate.match_key, [])
    standing = {c.id for c in binding.in_question([bindings.as_candidate(entry) for entry in found])}
    entries = [entry for entry in found if entry.pk in standing]
    versions = EntryVersion.objects.newest().filter(entry__in=entries).defer("row", "records")
    newest = {version.entry_id: version for version in versions}
    return [
        Candidate(
            entry,
            newest.get(entry.pk),
            shown(
                entry.status,
                entry.valid_from,
                entry.valid_until,
                today=request.today,
                expiring_days=request.org.expiring_days,
            ),
            entry.pk == certificate.entry_id,
        )
        for entry in entries
    ]


def _contradictions(certificate: Certificate) -> list[str]:
    holder = _holder(certificate)
    differs = certificate.supplier is not None and holders.differ(certificate.supplier.name, holder)
    listed: list[Entry] = []
    if certificate.kind == Kind.NIS:
        known = Entry.objects.filter(number_key=certificate.number_key, gone_at=None, source__in=sources.names())
        listed = [entry for entry in known[:10] if _disagrees(certificate, entry)]
    return said.contradictions(certificate, differs=differs, holder=holder, listed=listed)


def _disagrees(certificate: Certificate, entry: Entry) -> bool:
    """Whether a register says something else than was entered by hand. What was not entered agrees."""
    words = Status(certificate.word)
    return (
        (words not in (Status.UNKNOWN, entry.status))
        or (certificate.valid_until is not None and certificate.valid_until != entry.valid_until)
        or (bool(certificate.holder) and holders.differ(certificate.holder, entry.holder))
    )


def _is_news(wish: CheckRequest, now: datetime) -> bool:
    return wish.ended_at is not None and now - wish.ended_at < NEWS


def _successors(request: OrgRequest, certificate: Certificate) -> dict[str, Any]:
    """Certificates that it replaces or that replace it, and later ones that might."""
    waiting = request.org.successors.filter(certificate=certificate, decision=Decision.WAITING).select_related("entry")
    related = Q(predecessor=certificate) | Q(pk=certificate.predecessor_id)
    return {
        "suggestions": [
            _suggestion(request, one) for one in waiting.order_by("-entry__valid_until", "pk")[:SUCCESSORS]
        ],
        "relatives": list(request.org.certificates.filter(related).order_by("pk")[:SUCCESSORS]),
    }


def _suggestion(request: OrgRequest, suggestion: Successor) -> dict[str, Any]:
    entry = suggestion.entry
    status = shown(
        entry.status,
        entry.valid_from,
        entry.valid_until,
        today=request.today,
        expiring_days=request.org.expiring_days,
    )
    return {"suggestion": suggestion, "shown": status, "lacks": said.lacks(suggestion)}


def _waiting(request: OrgRequest, own: OwnVersion) -> dict[str, Any]:
    """What waits for a second person, what it would be called, and whether the reader is one."""
    called = shown(
        Status(own.word),
        own.valid_from,
        own.valid_until,
        today=request.today,
        expiring_days=request.org.expiring_days,
        by_hand=True,
    )
    return {"own": own, "shown": called, "may_approve": certificates.may_approve(request.org, own, request.user)}


def _api_answer(certificate: Certificate, today: date, checked: datetime | None) -> list[tuple[str, str]]:
    """What the API answers at this moment (api-contract.md, 200): keys and values, written as JSON."""
    until = certificate.valid_until
    answer: dict[str, str | None] = {
        "cert_number": certificate.number,
        "status": status_on(today, Status(certificate.word), certificate.valid_from, until),
        "valid_until": f"{until.day:02}.{until.month:02}.{until.year:04}" if until else None,
    }
    if certificate.kind == Kind.AUTOMATIC:
        utc = checked.astimezone(UTC).replace(tzinfo=None) if checked else None
        answer["last_checked"] = f"{utc.isoformat(timespec='milliseconds')}Z" if utc else None
    return [(json.dumps(key), json.dumps(value, ensure_ascii=False)) for key, value in answer.items()]
