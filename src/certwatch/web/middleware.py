"""What is done for every page."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.middleware.locale import LocaleMiddleware
from django.utils import translation
from django.utils.cache import patch_vary_headers

Handler = Callable[[HttpRequest], HttpResponse]


class Language(LocaleMiddleware):
    """The language of a page: the person's own setting, else the cookie, else the browser's, else English."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        chosen = request.user.language if request.user.is_authenticated else ""
        if chosen and translation.check_for_language(chosen):
            translation.activate(chosen)
            request.LANGUAGE_CODE = translation.get_language() or chosen


def caching(get_response: Handler) -> Handler:
    """Pages differ by person, language and theme: they are asked for anew, unless their view says otherwise."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "private, no-cache"
            patch_vary_headers(response, ("Cookie", "Accept-Language"))
        return response

    return answer
