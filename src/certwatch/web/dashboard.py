"""The dashboard of an organisation."""

from django.urls import URLPattern

urls: list[URLPattern] = []
