"""Paste numbers, see their verdicts, watch them."""

from django.urls import URLPattern

urls: list[URLPattern] = []
