"""The page behind a mail's "unsubscribe". Looking at it changes nothing; a program's one click is a POST (RFC 8058)."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from certwatch.actions import unsubscribe as actions
from certwatch.rules.errors import Refused


@csrf_exempt  # the signed link is the right, and mail programs have no token of ours
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    try:
        user, org, _kind = actions.read(token)
    except Refused:
        raise Http404 from None
    if request.method == "POST":
        actions.turn_off(user, org)
    facts = {"reader": user, "of": org, "done": actions.is_off(user, org)}
    with translation.override(user.language or translation.get_language()):
        return render(request, "unsubscribe/unsubscribe.html", facts)


urls: list[URLPattern] = [path("unsubscribe/<str:token>/", unsubscribe, name="unsubscribe")]
