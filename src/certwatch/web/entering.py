"""Certificates entered by hand (NIS)."""

from django.urls import URLPattern

urls: list[URLPattern] = []
