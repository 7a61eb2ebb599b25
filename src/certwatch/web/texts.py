"""Terms, privacy, imprint."""

from django.urls import URLPattern

urls: list[URLPattern] = []
