"""What every template may use."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

THEMES = ("light", "dark")


def site(request: HttpRequest) -> dict[str, Any]:
    """The base address, the theme that was chosen ("" for the system's) and the languages to choose from."""
    theme = request.COOKIES.get("theme", "")
    return {
        "base_url": settings.BASE_URL,
        "theme": theme if theme in THEMES else "",
        "languages": settings.LANGUAGES,
    }
