"""What the operator does in the back office: trials, limits, people, held runs."""

from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext as _

from certwatch.actions import audit
from certwatch.models import Organisation, RunState, Sync, User
from certwatch.rules import keys
from certwatch.rules.errors import Refused


@transaction.atomic
def limit_rate(org: Organisation, limit: int, *, by: User, now: datetime, address: str | None) -> None:
    """So many requests a minute may `org` make over the API, with all its keys together."""
    before = Organisation.objects.select_for_update().get(pk=org.pk).rate_limit
    Organisation.objects.filter(pk=org.pk).update(rate_limit=limit)
    org.rate_limit = limit
    audit.note(
        org, "organisation.rate_limit", about=org.name, by=by, now=now, address=address, was=before, becomes=limit
    )


@transaction.atomic
def set_trial(org: Organisation, last_day: date, *, by: User, now: datetime, address: str | None) -> None:
    """The trial of `org` goes on through `last_day`, in its time zone; an open organisation is on trial again."""
    before = Organisation.objects.select_for_update().get(pk=org.pk).trial_ends
    org.trial_ends = keys.ends_at(last_day, org.time_zone)
    Organisation.objects.filter(pk=org.pk).update(trial_ends=org.trial_ends)
    audit.note(
        org,
        "organisation.trial",
        about=org.name,
        by=by,
        now=now,
        address=address,
        was=before.isoformat() if before else None,
        becomes=org.trial_ends.isoformat(),
    )


@transaction.atomic
def deactivate(user: User, *, by: User, now: datetime, address: str | None) -> None:
    """Close the account of `user`: with the next request he is nobody. His memberships stay."""
    if user.is_staff:
        raise Refused(_("Operators are made and removed on the command line: certwatch operator remove."))
    _set_active(user, False)
    audit.note(None, "user.deactivated", about=user.email, by=by, now=now, address=address)


@transaction.atomic
def reactivate(user: User, *, by: User, now: datetime, address: str | None) -> None:
    _set_active(user, True)
    audit.note(None, "user.reactivated", about=user.email, by=by, now=now, address=address)


@transaction.atomic
def ask_for_release(run: Sync, *, by: User, now: datetime, address: str | None) -> None:
    """Let the worker release the held `run`. Raises `Refused` where it is not held, or that was asked before."""
    held = Sync.objects.filter(pk=run.pk, state=RunState.HELD, release_asked_at=None)
    if not held.update(release_asked_at=now, release_asked_by=by):
        raise Refused(_("This run is not held any more, or is being released already."))
    audit.note(None, "run.release_asked", about=f"{run.source} {run.pk}", by=by, now=now, address=address)


def _set_active(user: User, active: bool) -> None:
    user.is_active = active
    user.save(update_fields=["is_active"])
