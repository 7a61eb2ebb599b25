"""Later certificates that may replace one: suggested on its page, accepted or dismissed by a person."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from certwatch.actions import successors
from certwatch.rules.errors import Refused
from certwatch.rules.rights import Right
from certwatch.web.certificate import back, find
from certwatch.web.doors import OrgRequest, came_from, org_page


@org_page(Right.CHANGE)
@require_POST
def accept(request: OrgRequest, public_id: str, suggestion: str) -> HttpResponse:
    return _decide(request, public_id, suggestion, successors.accept, _("%(number)s is the successor."))


@org_page(Right.CHANGE)
@require_POST
def dismiss(request: OrgRequest, public_id: str, suggestion: str) -> HttpResponse:
    return _decide(request, public_id, suggestion, successors.dismiss, _("%(number)s is not suggested any more."))


def _decide(
    request: OrgRequest, public_id: str, suggestion: str, deed: Callable[..., object], said: str
) -> HttpResponse:
    certificate = find(request, public_id)
    found = get_object_or_404(certificate.suggestions.select_related("entry", "certificate__org"), public_id=suggestion)
    try:
        deed(found, by=request.user, now=request.now, address=came_from(request))
    except Refused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, said % {"number": found.entry.number})
    return back(request, certificate)


urls: list[URLPattern] = [
    path("certificates/<slug:public_id>/successors/<slug:suggestion>/accept/", accept, name="successor_accept"),
    path("certificates/<slug:public_id>/successors/<slug:suggestion>/dismiss/", dismiss, name="successor_dismiss"),
]
