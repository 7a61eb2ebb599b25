"""The duty `trials`: an organisation on trial is told of its end 7, 3 and 1 days before, once each."""

from datetime import datetime, timedelta

import structlog
from django.db import transaction

from certwatch.actions import notices
from certwatch.models import Notice, Organisation
from certwatch.rules.notices import Kind, State

log = structlog.get_logger()

LOOK_EVERY = timedelta(hours=1)
STAGES = (1, 3, 7)  # days before the end, the most urgent first


def remind(now: datetime) -> None:
    """Make the notices that are due, and solve what was said of another end. What was missed is told once, at the most
    urgent stage. One organisation that cannot be told stops no other."""
    _solve(now)
    failed = 0
    ending = Organisation.objects.filter(closed_at=None, trial_ends__gt=now)
    for org in ending.filter(trial_ends__lte=now + timedelta(days=max(STAGES))).order_by("pk"):
        try:
            with transaction.atomic():
                _tell(org, now)
        except Exception:
            log.exception("A trial's end could not be told.", org=org.slug)
            failed += 1
    if failed:
        raise RuntimeError(f"{failed} organisations could not be told of their trial's end.")


def _tell(org: Organisation, now: datetime) -> None:
    ends, stage = org.trial_ends, _stage(org, now)
    if ends is None or stage is None:
        return
    before = list(org.notices.filter(kind=Kind.TRIAL_ENDING, state__in=notices.STANDING).values_list("pk", flat=True))
    told = notices.add(
        org, Kind.TRIAL_ENDING, told_for=f"{_of_its_end(org)}{stage}", batch=f"day:{org.today(now)}", now=now,
        day=org.today(ends - timedelta(microseconds=1)), stage=stage,
    )  # fmt: skip
    if told is not None:
        skipped = {"state": State.SKIPPED, "solved_at": now, "solved_by": Kind.TRIAL_ENDING}
        org.notices.filter(pk__in=before, state__in=notices.STANDING).update(**skipped)


def _stage(org: Organisation, now: datetime) -> int | None:
    """The most urgent stage that is reached; None where the whole trial is shorter."""
    ends = org.trial_ends
    assert ends is not None  # the query asks for it
    for days in STAGES:
        if ends - timedelta(days=days) <= now:
            return days if org.created_at < ends - timedelta(days=days) else None
    return None


def _of_its_end(org: Organisation) -> str:
    """How the names of what is told of the present end of its trial begin."""
    return f"o{org.pk}:{org.trial_ends.isoformat() if org.trial_ends else ''}:{Kind.TRIAL_ENDING}:"


def _solve(now: datetime) -> None:
    """Solve what was said of a trial that has ended, is no trial any more or ends another day."""
    standing = Notice.across_orgs.filter(kind=Kind.TRIAL_ENDING, state__in=notices.STANDING)
    for told in standing.select_related("org"):
        org = told.org
        assert org is not None  # it is told nobody else
        if org.trial_ends is not None and org.trial_ends <= now:
            by = "ended"
        elif not told.told_for.startswith(_of_its_end(org)):
            by = "corrected"
        else:
            continue
        notices.solve(Notice.across_orgs.filter(pk=told.pk), by=by, now=now)
