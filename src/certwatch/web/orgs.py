"""The organisations of a person."""

from django.urls import URLPattern

urls: list[URLPattern] = []
