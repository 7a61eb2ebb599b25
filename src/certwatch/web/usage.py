"""Org Admin: use of the API."""

from django.urls import URLPattern

urls: list[URLPattern] = []
