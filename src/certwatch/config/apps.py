"""The one Django app of the package."""

import time
from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest


class CertwatchConfig(AppConfig):
    name = "certwatch"
    label = "certwatch"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        user_logged_in.connect(_note_activity)


def _note_activity(sender: object, request: HttpRequest, **_: Any) -> None:
    """A log-in is activity; see `web.middleware.stay_logged_in`."""
    request.session["seen"] = int(time.time())
