"""What every template may use."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest

THEMES = ("light", "dark")
TRIAL_ENDS_SOON = timedelta(days=7)  # as long as its reminders


def site(request: HttpRequest) -> dict[str, Any]:
    """The base address, the theme that was chosen ("" for the system's) and the languages to choose from."""
    theme = request.COOKIES.get("theme", "")
    return {
        "base_url": settings.BASE_URL,
        "theme": theme if theme in THEMES else "",
        "languages": settings.LANGUAGES,
        **_organisation(request),
    }


def _organisation(request: HttpRequest) -> dict[str, Any]:
    """On an organisation's pages: `org`, the reader's `role` there and all his `memberships`, and what he may do:
    `may.change`, `may.admin`, …"""
    if not hasattr(request, "org"):
        return {}
    ends = request.org.trial_ends
    return {
        "org": request.org,
        "role": request.role,  # type: ignore[attr-defined]
        "memberships": request.memberships,  # type: ignore[attr-defined]
        "may": {right.value: True for right in request.rights},  # type: ignore[attr-defined]
        "org_state": request.org.state(request.now),  # type: ignore[attr-defined]
        "trial_ends_soon": ends is not None and ends - request.now < TRIAL_ENDS_SOON,  # type: ignore[attr-defined]
        "today": request.today,  # type: ignore[attr-defined]
        "open_alerts": request.open_alerts,  # type: ignore[attr-defined]
    }
