"""Org Admin: API keys."""

from django.urls import URLPattern

urls: list[URLPattern] = []
