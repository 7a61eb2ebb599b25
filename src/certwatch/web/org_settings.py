"""Org Admin: settings, export of everything, deletion."""

from django.urls import URLPattern

urls: list[URLPattern] = []
