"""What is done for every page."""

import time
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from allauth.usersessions.models import UserSession
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.middleware.locale import LocaleMiddleware
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers

Handler = Callable[[HttpRequest], HttpResponse]

SEEN_EVERY_S = 60  # no write with every request; so much earlier may a session end


class Language(LocaleMiddleware):
    """The language of a page: the person's own setting, else the cookie, else the browser's, else English."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        chosen = request.user.language if request.user.is_authenticated else ""
        if chosen and translation.check_for_language(chosen):
            translation.activate(chosen)
            request.LANGUAGE_CODE = translation.get_language() or chosen


def time_zone(get_response: Handler) -> Handler:
    """Times in the zone that the person chose, also where no organisation has one; without a choice in UTC there."""

    def answer(request: HttpRequest) -> HttpResponse:
        chosen = request.user.time_zone if request.user.is_authenticated else ""
        with timezone.override(chosen or None):
            return get_response(request)

    return answer


def log_in_first(get_response: Handler) -> Handler:
    """Below /o/ and /me/ who is not logged in is led to the log-in and back, also where nothing exists."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated or not request.path.startswith(("/o/", "/me/")):
            return get_response(request)
        if request.headers.get("HX-Request") == "true":
            # the fragment's address is no page: come back to the page on which it was asked for
            page = urlsplit(request.headers.get("HX-Current-URL", "")).path or "/o/"
            return HttpResponse(headers={"HX-Redirect": _log_in(page)})
        return redirect_to_login(request.get_full_path(), login_url=_LOG_IN)

    return answer


def stay_logged_in(get_response: Handler) -> Handler:
    """Activity begins the session's twelve hours (or thirty days) anew, and is noted in the list of sessions."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated and time.time() - request.session.get("seen", 0) > SEEN_EVERY_S:
            request.session["seen"] = int(time.time())
            UserSession.objects.create_from_request(request)
        return get_response(request)

    return answer


_LOG_IN = "/accounts/login/"


def _log_in(page: str) -> str:
    return f"{_LOG_IN}?{urlencode({'next': page})}"


def caching(get_response: Handler) -> Handler:
    """Pages differ by person, language and theme: they are asked for anew, unless their view says otherwise."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "private, no-cache"
            patch_vary_headers(response, ("Cookie", "Accept-Language"))
        return response

    return answer
