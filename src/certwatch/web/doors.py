"""The doors of an organisation's pages: who comes in, and as whom.

Not logged in: to the log-in and back (`middleware.log_in_first`, also where nothing exists). Another organisation's
page: 404, as if it did not exist. A member without the right: 403.
"""

from collections.abc import Callable
from datetime import date, datetime
from functools import wraps
from typing import Concatenate, ParamSpec, cast
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from certwatch.models import Membership, Organisation, User
from certwatch.rules.rights import CHANGING, RIGHTS, Right

P = ParamSpec("P")


class OrgRequest(HttpRequest):
    """A request of a member, as `org_page` hands it on."""

    user: User
    org: Organisation
    role: str
    rights: frozenset[Right]  # what the member may do here and now
    now: datetime
    today: date  # the organisation's calendar day


OrgView = Callable[Concatenate[OrgRequest, P], HttpResponse]
View = Callable[Concatenate[HttpRequest, str, P], HttpResponse]


def org_page(right: Right, *, closed_too: bool = False) -> Callable[[OrgView[P]], View[P]]:
    """A page of an organisation that asks for `right`. The view gets no slug; it finds `request.org`.

    Changing is refused while the organisation's trial is over or it is closed, unless `closed_too`. Times are shown in
    the reader's zone, else the organisation's.
    """

    def decorate(view: OrgView[P]) -> View[P]:
        @wraps(view)
        def page(request: HttpRequest, slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            member = _membership(request, slug)
            org_request = cast(OrgRequest, request)
            _introduce(org_request, member)
            if right not in RIGHTS[member.role]:
                raise PermissionDenied
            if right not in org_request.rights and not closed_too:
                return render(request, "errors/closed.html", status=403)
            with timezone.override(ZoneInfo(org_request.user.time_zone or member.org.time_zone)):
                return view(org_request, *args, **kwargs)

        return page

    return decorate


def _membership(request: HttpRequest, slug: str) -> Membership:
    now = timezone.now()
    found = Membership.objects_of(request.user).filter(org__slug=slug).select_related("org").first()
    if found is None or found.has_ended(now):
        raise Http404
    return found


def _introduce(request: OrgRequest, member: Membership) -> None:
    request.now = timezone.now()
    request.org, request.role = member.org, member.role
    request.today = member.org.today(request.now)
    rights = RIGHTS[member.role]
    request.rights = rights if member.org.state(request.now) in ("trial", "open") else rights - CHANGING
