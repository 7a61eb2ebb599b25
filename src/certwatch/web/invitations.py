"""Accepting an invitation."""

from django.urls import URLPattern

urls: list[URLPattern] = []
