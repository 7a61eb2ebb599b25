"""Org Admin: the audit log."""

from django.urls import URLPattern

urls: list[URLPattern] = []
