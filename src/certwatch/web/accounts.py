"""Sign-up, log-in and all that belongs to them: what we change of allauth."""

from django.urls import URLPattern

urls: list[URLPattern] = []
