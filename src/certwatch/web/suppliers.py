"""Suppliers and their certificates."""

from django.urls import URLPattern

urls: list[URLPattern] = []
