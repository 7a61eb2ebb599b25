"""The section menu of Org Admin, and how people look there."""

from datetime import datetime
from typing import NamedTuple

from django import template
from django.template import Context
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from certwatch.models import User

register = template.Library()


class Section(NamedTuple):
    """An entry of the menu. `name` is its page's in `config/urls`."""

    name: str
    label: str | Promise
    icon: str
    url: str = ""


SECTIONS = (
    Section("members", _("Members"), "i-users"),
    Section("keys", _("API keys"), "i-key"),
    Section("usage", _("API usage"), "i-chart-bar"),
    Section("notifications", _("Notifications"), "i-bell"),
    Section("webhooks", _("Webhook deliveries"), "i-webhook"),
    Section("audit", _("Audit log"), "i-history"),
    Section("org_settings", _("Settings"), "i-settings"),
)


@register.simple_tag(takes_context=True)
def admin_menu(context: Context) -> list[Section]:
    """The sections. One appears with its page."""
    slug = context["org"].slug
    return [section._replace(url=url) for section in SECTIONS if (url := _address(section.name, slug))]


def _address(name: str, slug: str) -> str:
    try:
        return reverse(name, args=[slug])
    except NoReverseMatch:
        return ""


@register.filter
def initials(user: User) -> str:
    """Two letters that stand for a person: of the first and last word of the name, else of the address."""
    words = (user.name or user.email.partition("@")[0]).replace(".", " ").split() or ["?"]
    return (words[0][:1] + (words[-1][:1] if len(words) > 1 else words[0][1:2])).upper()


@register.filter
def to_the_second(value: datetime) -> str:
    """24 Nov 2026, 14:05:21, in the reader's time zone: the audit log is read closely."""
    local = timezone.localtime(value)
    return f"{date_format(local, 'DATE_FORMAT')}, {local:%H:%M:%S}"
