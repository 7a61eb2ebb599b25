"""One certificate: status, history, notes, documents, check now."""

from django.urls import URLPattern

urls: list[URLPattern] = []
