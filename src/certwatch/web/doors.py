"""The doors of an organisation's pages: who comes in, and as whom.

Not logged in: to the log-in and back (`middleware.log_in_first`, also where nothing exists). Another organisation's
page: 404, as if it did not exist. A member without the right: 403.
"""

from collections.abc import Callable
from datetime import date, datetime
from functools import wraps
from typing import Concatenate, ParamSpec, cast
from zoneinfo import ZoneInfo

from allauth.account.decorators import reauthentication_required
from django.core.exceptions import PermissionDenied
from django.db.models import Case, Value, When
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from certwatch.models import Membership, Organisation, User
from certwatch.models.alerts import open_alerts
from certwatch.rules.rights import CHANGING, RIGHTS, Right

P = ParamSpec("P")


class OrgRequest(HttpRequest):
    """A request of a member, as `org_page` hands it on."""

    user: User
    org: Organisation
    role: str
    memberships: list[Membership]  # the person's, in all organisations, by name
    open_alerts: int  # that the menu counts
    rights: frozenset[Right]  # what the member may do here and now
    now: datetime
    today: date  # the organisation's calendar day


OrgView = Callable[Concatenate[OrgRequest, P], HttpResponseBase]
View = Callable[Concatenate[HttpRequest, str, P], HttpResponseBase]


def org_page(right: Right, *, closed_too: bool = False, keeps: bool = False) -> Callable[[OrgView[P]], View[P]]:
    """A page of an organisation that asks for `right`. The view gets no slug; it finds `request.org`.

    Changing is refused while the organisation's trial is over or it is closed, unless `closed_too`; so is what `keeps`
    something of the reader's own, for which reading is right enough. Times are shown in the reader's zone, else the
    organisation's.
    """

    def decorate(view: OrgView[P]) -> View[P]:
        @wraps(view)
        def page(request: HttpRequest, slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            org_request = cast(OrgRequest, request)
            _introduce(org_request, slug)
            if right not in RIGHTS[org_request.role]:
                raise PermissionDenied
            rests = right not in org_request.rights or (keeps and not is_open(org_request))
            if rests and not closed_too:
                return render(request, "errors/closed.html", status=403)
            with timezone.override(ZoneInfo(org_request.user.time_zone or org_request.org.time_zone)):
                return view(org_request, *args, **kwargs)

        return cast(View[P], page)

    return decorate


def is_open(request: OrgRequest) -> bool:
    """Whether anything can be changed in the organisation: its trial is not over, and nobody has closed it."""
    return request.org.state(request.now) in ("trial", "open")


def fresh_login(view: OrgView[P]) -> OrgView[P]:
    """Below `org_page`, before what is dangerous: who proved himself more than five minutes ago does so again.

    Afterwards what he was about to do goes on, a form with what he had filled in.
    """
    return cast(OrgView[P], reauthentication_required(view))


def came_from(request: HttpRequest) -> str | None:
    """The client's address for the audit trail; None at a Unix socket, where nobody knows it."""
    return request.META.get("REMOTE_ADDR") or None


def memberships(request: HttpRequest, now: datetime, *, counted: str = "") -> list[Membership]:
    """Where the reader is a member, by the organisation's name; whose access has ended is none.

    Of the organisation with the slug `counted` with `open_alerts`, so that its menu takes no query of its own.
    """
    found = Membership.objects_of(request.user).select_related("org").order_by("org__name", "org__slug")
    if counted:
        found = found.annotate(open_alerts=Case(When(org__slug=counted, then=open_alerts("org")), default=Value(0)))
    return [member for member in found if not member.has_ended(now)]


def _introduce(request: OrgRequest, slug: str) -> None:
    """Say in `request` who is there and what he may do. One query, which also fills the list to switch by and counts
    the alerts of the menu."""
    request.now = timezone.now()
    request.memberships = memberships(request, request.now, counted=slug)
    member = next((member for member in request.memberships if member.org.slug == slug), None)
    if member is None:
        raise Http404
    request.org, request.role = member.org, member.role
    request.open_alerts = member.open_alerts  # type: ignore[attr-defined]  # annotated
    request.today = member.org.today(request.now)
    rights = RIGHTS[member.role]
    request.rights = rights if is_open(request) else rights - CHANGING
