"""The one Django app of the package."""

import time
from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.contrib.staticfiles import apps
from django.http import HttpRequest


class CertwatchConfig(AppConfig):
    name = "certwatch"
    label = "certwatch"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        user_logged_in.connect(_note_activity)


class StaticFilesConfig(apps.StaticFilesConfig):
    """Without what nobody asks for: scripts of Django's admin. Each file costs a start its compression."""

    ignore_patterns = [*apps.StaticFilesConfig.ignore_patterns, "admin/js/*", "admin/css/vendor/*", "autocomplete.css"]


def _note_activity(sender: object, request: HttpRequest, **_: Any) -> None:
    """A log-in is activity; see `web.middleware.stay_logged_in`."""
    request.session["seen"] = int(time.time())
