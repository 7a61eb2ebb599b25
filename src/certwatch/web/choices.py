"""Language and theme: small forms that work without script and, apart from a person's own language, without log-in."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from certwatch.actions import people
from certwatch.web.context import THEMES

A_YEAR_S = 31_536_000


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Light or dark; with anything else the page follows the system again."""
    response = _back(request)
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie("theme", chosen, max_age=A_YEAR_S, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """One of our languages, in a cookie and, for who is logged in, in the own settings, which come first."""
    response = _back(request)
    chosen = request.POST.get("language", "")
    if chosen not in dict(settings.LANGUAGES):
        return response
    if request.user.is_authenticated:
        people.choose_language(request.user, chosen)
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        chosen,
        max_age=A_YEAR_S,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
    )
    return response


def _back(request: HttpRequest) -> HttpResponse:
    """To the page on which the form stood, if it is one of ours."""
    page = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(page, allowed_hosts=None)
    return HttpResponseRedirect(page if ours and page.startswith("/") else "/")
