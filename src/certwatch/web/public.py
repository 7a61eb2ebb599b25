"""The pages for everybody."""

from datetime import date, timedelta

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.shortcuts import render
from django.templatetags.static import static
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

SECURITY_TXT_LASTS = timedelta(days=180)  # RFC 9116 wants less than a year
NOT_FOR_ROBOTS = (
    "/accounts/",
    "/api/",
    "/calendar/",
    "/invitation/",
    "/me/",
    "/o/",
    "/operator/",
    "/unsubscribe/",
    "/upload/",
)

EXAMPLE = "EU-ISCC-Cert-DE100-12345678"  # invented
SCHEMES = (  # those whose registers we read, and what they are for
    ("ISCC EU", _("Biofuels, bioliquids and biomass fuels under the EU RED")),
    ("ISCC PLUS", _("Plastics, chemicals, food and feed")),
    ("ISCC CORSIA", _("Sustainable aviation fuels")),
    ("REDcert-EU", _("Biofuels and biogas under the EU RED")),
    ("REDcert²", _("Biomass in chemistry and food")),
    ("2BSvs", _("Biofuels under the EU RED")),
)
STATUSES = (  # key of the style sheet, word of the API
    ("valid", "valid"),
    ("notyet", "not_yet_valid"),
    ("expired", "expired"),
    ("suspended", "suspended"),
    ("withdrawn", "withdrawn"),
    ("terminated", "terminated"),
    ("notfound", "not_found"),
    ("unclear", "unknown"),
    ("never", "unknown"),
)
PROBLEMS = (  # the gate's; a test holds the page to what the gate says
    (401, "Unauthorized", "This API key is not valid."),
    (403, "Forbidden", "The organisation of this API key is not active."),
    (404, "Not Found", "The organisation of this key has no certificate with this number."),
    (405, "Method Not Allowed", "A certificate can be read with GET or HEAD."),
    (429, "Too Many Requests", "The limit of requests per minute is used up."),
    (503, "Service Unavailable", "The database does not answer at the moment."),
)
QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    facts = {
        "number": EXAMPLE,
        "valid_from": date(2026, 3, 15),
        "valid_until": date(2027, 3, 14),
        "strip": _places(28),
        "fortnight": _places(14),
        "sources": (("ISCC", "03:14"), ("REDcert", "01:31"), ("2BSvs", "04:38")),
        "schemes": SCHEMES,
    }
    return render(request, "public/home.html", facts)


def _places(days: int) -> list[str]:
    """Where the marks of `days` days begin, in per cent of the width."""
    return [f"{place * 100 / days:.2f}" for place in range(days)]


@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    problems = [
        {
            "status": status,
            "title": title,
            "detail": detail,
            "type": QUOTA_EXCEEDED if status == 429 else f"{settings.BASE_URL}/api-docs#{status}",
        }
        for status, title, detail in PROBLEMS
    ]
    facts = {"number": EXAMPLE, "statuses": STATUSES, "problems": problems, "operator_email": settings.OPERATOR_EMAIL}
    return render(request, "public/api_docs.html", facts)


@require_safe
@cache_control(public=True, max_age=86_400)
def robots(request: HttpRequest) -> HttpResponse:
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in NOT_FOR_ROBOTS)]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


@require_safe
@cache_control(public=True, max_age=86_400)
def security(request: HttpRequest) -> HttpResponse:
    """Whom to tell of a weakness (RFC 9116). Without an operator's address there is nobody to name."""
    if not settings.OPERATOR_EMAIL:
        raise Http404
    expires = timezone.now() + SECURITY_TXT_LASTS
    lines = [
        f"Contact: mailto:{settings.OPERATOR_EMAIL}",
        f"Expires: {expires:%Y-%m-%dT00:00:00Z}",
        "Preferred-Languages: en, de",
        f"Canonical: {settings.BASE_URL}/.well-known/security.txt",
    ]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """For browsers that ask at the usual place. Not for ever: the file's name changes with its content."""
    response = HttpResponsePermanentRedirect(static("favicon.svg"))
    response["Cache-Control"] = "public, max-age=86400"
    return response
