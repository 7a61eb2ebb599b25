"""Saved views of the list: one's own, or shared with the organisation."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from certwatch.actions import audit
from certwatch.models import Organisation, SavedView, User
from certwatch.rules import names
from certwatch.rules.errors import Refused

LONGEST_NAME = 80
MOST = 50  # of one person in one organisation; more find no room in the tabs


def visible(org: Organisation, user: User) -> "QuerySet[SavedView]":
    """Those of the person and those that others share."""
    return org.saved_views.filter(Q(owner=user) | Q(shared=True)).select_related("owner").order_by("name", "pk")


@transaction.atomic
def save(
    org: Organisation, *, name: str, query: str, shared: bool, by: User, now: datetime, address: str | None
) -> SavedView:
    """Keep `query` under `name`; a view of one's own with that name is changed."""
    name = names.clean(name, _("The name"), LONGEST_NAME)
    own = org.saved_views.filter(owner=by)
    view = own.filter(name=name).first()
    if view is None and own.count() >= MOST:
        raise Refused(_("You have %(most)s saved views; remove one first.") % {"most": MOST})
    was_shared = view is not None and view.shared
    view = view or SavedView(org=org, owner=by, name=name, created_at=now)
    view.query, view.shared = query, shared
    view.save()
    if shared or was_shared:
        _note(view, "view.shared" if shared else "view.unshared", by, now, address)
    return view


@transaction.atomic
def change(view: SavedView, *, name: str, shared: bool, by: User, now: datetime, address: str | None) -> None:
    """Another name, shared or not. Raises `Refused` if the owner has another view of that name."""
    name = names.clean(name, _("The name"), LONGEST_NAME)
    if view.org.saved_views.filter(owner=view.owner_id, name=name).exclude(pk=view.pk).exists():
        raise Refused(_("You have another view with this name."))
    was_shared = view.shared
    view.name, view.shared = name, shared
    view.save(update_fields=["name", "shared"])
    if shared or was_shared:
        _note(view, "view.shared" if shared else "view.unshared", by, now, address)


@transaction.atomic
def remove(view: SavedView, *, by: User, now: datetime, address: str | None) -> None:
    if view.shared:
        _note(view, "view.removed", by, now, address)
    view.delete()


def _note(view: SavedView, deed: str, by: User, now: datetime, address: str | None) -> None:
    """What others see is noted; one's own views are nobody else's business."""
    audit.note(view.org, deed, about=view.name, about_id=view.public_id, by=by, now=now, address=address)
