"""The one Django app of the package."""

from django.apps import AppConfig


class CertwatchConfig(AppConfig):
    name = "certwatch"
    label = "certwatch"
    default_auto_field = "django.db.models.BigAutoField"
