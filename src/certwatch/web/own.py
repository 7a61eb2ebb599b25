"""A person's own settings."""

from django.urls import URLPattern

urls: list[URLPattern] = []
