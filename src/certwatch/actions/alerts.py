"""What people do with alerts: acknowledge, snooze, assign, open again. One, or many at once.

Each is done to those that stand, in one statement for all of them; a solved alert has nothing left to decide.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from certwatch.actions import audit, descriptions
from certwatch.actions.notices import STANDING
from certwatch.models import Notice, Organisation, User
from certwatch.rules.errors import Refused
from certwatch.rules.notices import Kind, State, may_snooze

LONGEST_COMMENT = 2_000  # characters
BATCH = 500  # rows of one statement; SQLite takes some thousand values


@transaction.atomic
def acknowledge(
    org: Organisation,
    notices: "QuerySet[Notice]",
    *,
    by: User,
    now: datetime,
    comment: str = "",
    until: date | None = None,
    address: str | None = None,
) -> int:
    """Say that somebody sees to them, for good or to the end of `until`. Returns how many it were."""
    comment = _text(comment)
    if until is not None and until < org.today(now):
        raise Refused(_("This day has passed: choose today or a later one, or none."))
    rows = _standing(org, notices)
    _update(org, rows, state=State.ACKNOWLEDGED, decided_at=now, decided_by=by, comment=comment, until=until)
    _note_each(org, "alert.acknowledged", rows, by, now, address, comment=comment, until=until)
    return len(rows)


@transaction.atomic
def snooze(
    org: Organisation,
    notices: "QuerySet[Notice]",
    *,
    by: User,
    now: datetime,
    reason: str,
    until: date,
    address: str | None = None,
) -> int:
    """Let them rest to the end of `until`; never beyond a last day, never a withdrawal. Returns how many it were."""
    reason = _text(reason)
    if not reason:
        raise Refused(_("Say why: a snooze needs a reason."))
    rows = _standing(org, notices)
    for row in rows:
        if not may_snooze(Kind(row.kind), until, _last_day(row), org.today(now)):
            raise Refused(_why_not(row, until, org.today(now)))
    _update(org, rows, state=State.SNOOZED, decided_at=now, decided_by=by, comment=reason, until=until)
    _note_each(org, "alert.snoozed", rows, by, now, address, comment=reason, until=until)
    return len(rows)


@transaction.atomic
def assign(
    org: Organisation,
    notices: "QuerySet[Notice]",
    *,
    to: User | None,
    by: User,
    now: datetime,
    address: str | None = None,
) -> int:
    """Give them to a member, or to nobody. Returns how many have another one now."""
    if to is not None and to not in descriptions.people(org, now):
        raise Refused(_("%(person)s does not belong to this organisation.") % {"person": to})
    moved = [row for row in _standing(org, notices) if row.assigned_to_id != (to.pk if to else None)]
    _update(org, moved, assigned_to=to)
    _note_each(org, "alert.assigned", moved, by, now, address, to=to.email if to else "")
    return len(moved)


@transaction.atomic
def reopen(
    org: Organisation, notices: "QuerySet[Notice]", *, by: User, now: datetime, address: str | None = None
) -> int:
    """Take an acknowledgement or a snooze back. Returns how many it were."""
    rows = [row for row in _standing(org, notices) if row.state != State.OPEN]
    undecided = {"decided_at": None, "decided_by": None, "comment": "", "until": None}
    _update(org, rows, state=State.OPEN, open_since=now, escalated=0, **undecided)
    _note_each(org, "alert.reopened", rows, by, now, address)
    return len(rows)


def about(notice: Notice) -> str:
    """What an alert is about: a certificate's number, else the name of a source, a key, a channel."""
    return notice.certificate.number if notice.certificate else notice.about


def _last_day(notice: Notice) -> date | None:
    return notice.certificate.valid_until if notice.certificate else notice.day


def _standing(org: Organisation, notices: "QuerySet[Notice]") -> list[Notice]:
    """Those that stand, locked until they are decided about. Raises `Refused` if there are none."""
    wanted = org.notices.filter(pk__in=notices.order_by().values("pk"), state__in=STANDING)
    fields = ("public_id", "kind", "state", "about", "day", "assigned_to_id")
    found = wanted.select_related("certificate").only(*fields, "certificate__number", "certificate__valid_until")
    rows = list(found.select_for_update(of=("self",)).order_by("pk"))
    if not rows:
        raise Refused(_("This is solved, or was never told: there is nothing left to decide."))
    return rows


def _why_not(row: Notice, until: date, today: date) -> str:
    if row.kind == Kind.WITHDRAWN:
        return _("%(about)s is withdrawn: that cannot be snoozed, only acknowledged.") % {"about": about(row)}
    if until <= today:
        return _("A snooze ends tomorrow at the earliest.")
    facts = {"about": about(row), "day": date_format(_last_day(row) or until, "DATE_FORMAT")}
    return _("The last day of %(about)s is %(day)s: a snooze ends then at the latest.") % facts


def _text(text: str) -> str:
    """What somebody wrote, cleaned. Raises `Refused` where it is too long."""
    cleaned = text.replace("\r\n", "\n").replace("\0", "").strip()
    if len(cleaned) > LONGEST_COMMENT:
        raise Refused(_("At most %(most)s characters.") % {"most": LONGEST_COMMENT})
    return cleaned


def _update(org: Organisation, rows: Sequence[Notice], **values: Any) -> None:
    for first in range(0, len(rows), BATCH):
        pks = [row.pk for row in rows[first : first + BATCH]]
        org.notices.filter(pk__in=pks, state__in=STANDING).update(**values)


def _note_each(
    org: Organisation,
    action: str,
    rows: Sequence[Notice],
    by: User,
    now: datetime,
    address: str | None,
    **details: Any,
) -> None:
    """A note for each alert: its page tells what was decided about it."""
    said = {name: value.isoformat() if isinstance(value, date) else value for name, value in details.items() if value}
    abouts = [(about(row), row.public_id, {"kind": row.kind, **said}) for row in rows]
    audit.note_each(org, action, abouts, by=by, now=now, address=address)
