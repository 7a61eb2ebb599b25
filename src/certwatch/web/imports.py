"""Spreadsheets on their way into the list."""

from django.urls import URLPattern

urls: list[URLPattern] = []
