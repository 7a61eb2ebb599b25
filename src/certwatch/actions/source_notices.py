"""Registers that could not be read for too long: told to everybody who watches something there, and when it is over."""

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from certwatch.actions import changes, notices, operator_notices, sources
from certwatch.models import Certificate, Change, ChangeType, Kind, Organisation, SourceState
from certwatch.rules import notices as told

logger = logging.getLogger(__name__)


def look(now: datetime) -> None:
    """Tell what has become stale, and what was read again. An organisation that cannot be told stops no other."""
    states = {state.source: state for state in SourceState.objects.all()}
    failed = 0
    for name in sources.names():
        state = states.get(name)
        if state is None or state.read_began is None:
            continue  # never read: there is nothing old to be warned of
        if sources.is_stale(sources.known(name), state, now):
            operator_notices.stale(name, state.read_began, now)
            failed += sum(not _try(org, name, state.read_began, now) for org in _to_warn(name))
        else:
            operator_notices.read_again(name, now)
            failed += sum(not _try(org, name, None, now) for org in _warned(name))
    if failed:
        raise RuntimeError(f"{failed} organisations could not be told of a source.")


def _to_warn(source: str) -> list[int]:
    """Organisations that watch something there and were not told that it is stale."""
    watching = Certificate.across_orgs.watched().filter(kind=Kind.AUTOMATIC, source=source)
    told_already = _standing(source).values_list("org", flat=True)
    return list(watching.exclude(org__in=told_already).order_by("org").values_list("org", flat=True).distinct())


def _warned(source: str) -> list[int]:
    return list(_standing(source).order_by("org").values_list("org", flat=True).distinct())


def _standing(source: str) -> "QuerySet[Change]":
    """What was told of a stale source and is not over yet."""
    over = Change.across_orgs.filter(
        org=OuterRef("org"), certificate=None, told_by=OuterRef("told_by"), type=ChangeType.SOURCE_RECOVERED
    )
    stale = Change.across_orgs.filter(
        certificate=None, type=ChangeType.SOURCE_STALE, told_by__startswith=f"source:{source}:"
    )
    return stale.filter(~Exists(over))


def _try(pk: int, source: str, since: datetime | None, now: datetime) -> bool:
    try:
        with transaction.atomic():
            org = Organisation.objects.select_for_update(no_key=True).get(pk=pk)
            if since is not None:
                _tell_stale(org, source, since, now)
            else:
                _tell_recovered(org, source, now)
    except Exception:
        logger.exception("Organisation %s could not be told of %s.", pk, source)
        return False
    return True


def _tell_stale(org: Organisation, source: str, since: datetime, now: datetime) -> None:
    if _standing(source).filter(org=org).exists():
        return  # another worker was quicker
    _tell(org, ChangeType.SOURCE_STALE, told.Kind.SOURCE_STALE, source, since.isoformat(), now)


def _tell_recovered(org: Organisation, source: str, now: datetime) -> None:
    for change in _standing(source).filter(org=org).order_by("number"):
        _tell(
            org, ChangeType.SOURCE_RECOVERED, told.Kind.SOURCE_RECOVERED, source, str(change.facts["since"]), now
        )  # fmt: skip
    stale = org.notices.filter(kind=told.Kind.SOURCE_STALE, about=source)
    notices.solve(stale, by=told.Kind.SOURCE_RECOVERED, now=now)


def _tell(org: Organisation, event: ChangeType, kind: told.Kind, source: str, since: str, now: datetime) -> None:
    facts = {"source": source, "since": since}
    told_by = f"source:{source}:{since}"
    if org.changes.filter(certificate=None, told_by=told_by, type=event).exists():
        return
    change = org.changes.create(
        number=changes.take_numbers(org, 1), type=event, told_by=told_by, facts={"kind": kind.value, **facts},
        seen_at=now, created_at=now,
    )  # fmt: skip
    notices.add(
        org, kind, told_for=f"s{source}:{since}:{org.pk}:{kind}", batch=told_by, now=now, change=change, about=source,
        facts=facts,
    )  # fmt: skip
