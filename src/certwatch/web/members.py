"""Org Admin: members, roles and invitations."""

from django.urls import URLPattern

urls: list[URLPattern] = []
