"""The pages that say what went wrong."""

import logging
import secrets

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import render
from django.template import loader
from django.utils import translation

logger = logging.getLogger(__name__)

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # no I, L, O and U, which are misread over the telephone


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Also for a foreign Host, so nothing in the page may ask for it."""
    return HttpResponse(_bare(request, "errors/400.html", {}), status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "errors/403.html", status=403)


def form_expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without its CSRF token, mostly one that lay open for long."""
    return render(request, "errors/403_csrf.html", status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "errors/404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Without context processors, since one of them may be what failed. The number also stands in the log."""
    incident = "".join(secrets.choice(ALPHABET) for _ in range(10))
    logger.error("Incident %s at %s", incident, request.path)
    facts = {"incident": incident, "operator_email": settings.OPERATOR_EMAIL, "path": request.path}
    return HttpResponseServerError(_bare(request, "errors/500.html", facts))


def _bare(request: HttpRequest, template: str, facts: dict[str, str]) -> str:
    """A page without context processors, in the language that the request asks for: it may have got no further."""
    with translation.override(getattr(request, "LANGUAGE_CODE", "") or translation.get_language_from_request(request)):
        return loader.render_to_string(template, facts)
