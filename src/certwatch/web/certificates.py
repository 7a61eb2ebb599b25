"""The list of certificates: filter, sort, saved views, bulk actions, export."""

from django.urls import URLPattern

urls: list[URLPattern] = []
