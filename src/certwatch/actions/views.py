"""Saved views of the list: one's own, or shared with the organisation."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from certwatch.actions import audit
from certwatch.models import Organisation, SavedView, User
from certwatch.rules.errors import Refused

MOST = 50  # of one person in one organisation; more find no room in the tabs


def visible(org: Organisation, user: User) -> "QuerySet[SavedView]":
    """Those of the person and those that others share."""
    return org.saved_views.filter(Q(owner=user) | Q(shared=True)).order_by("name", "pk")


@transaction.atomic
def save(
    org: Organisation, *, name: str, query: str, shared: bool, by: User, now: datetime, address: str | None
) -> SavedView:
    """Keep `query` under `name`; a view of one's own with that name is changed."""
    own = org.saved_views.filter(owner=by)
    if not own.filter(name=name).exists() and own.count() >= MOST:
        raise Refused(_("You have %(most)s saved views; remove one first.") % {"most": MOST})
    view, _made = org.saved_views.update_or_create(
        owner=by, name=name, defaults={"query": query, "shared": shared}, create_defaults={
            "query": query, "shared": shared, "created_at": now,
        },
    )  # fmt: skip
    if shared:
        audit.note(org, "view.shared", about=name, about_id=view.public_id, by=by, now=now, address=address)
    return view


@transaction.atomic
def remove(view: SavedView, *, by: User, now: datetime, address: str | None) -> None:
    if view.shared:
        audit.note(view.org, "view.removed", about=view.name, about_id=view.public_id, by=by, now=now, address=address)
    view.delete()
