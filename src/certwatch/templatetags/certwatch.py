"""Icons, status, dates and numbers, as design.md wants them everywhere."""

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from django import template
from django.forms import BoundField, CheckboxInput, RadioSelect, Select
from django.template import Context
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from certwatch.rules import browsers
from certwatch.rules.shown import Shown as Now
from certwatch.rules.shown import Why

register = template.Library()


class Shown(NamedTuple):
    """How a status is shown: never the word without its icon, nor the icon without its word."""

    icon: str
    word: str | Promise


STATUSES = {  # the keys of the style sheet, in order of severity (design.md, 4)
    "suspended": Shown("st-suspended", _("Suspended")),
    "withdrawn": Shown("st-withdrawn", _("Withdrawn")),
    "terminated": Shown("st-terminated", _("Terminated")),
    "expired": Shown("st-expired", _("Expired")),
    "notfound": Shown("st-notfound", _("Not found")),
    "unclear": Shown("i-info-circle", _("Unclear")),
    "expiring": Shown("st-expiring", _("Expiring soon")),
    "notyet": Shown("st-notyet", _("Not yet valid")),
    "valid": Shown("st-valid", _("Valid")),
    "never": Shown("st-never", _("Never checked")),
}


WHYS = {  # short, beside the status; pages of one certificate say more
    Why.SEVERAL_HOLDERS: _("Several holders: choose one"),
    Why.SECOND_PERSON: _("Waits for a second person"),
    Why.FOREIGN_WORD: _("A word we do not know"),
    Why.NO_STATUS: _("Entered without a status"),
    Why.UNCONFIRMED: _("Unconfirmed"),
}


class Entry(NamedTuple):
    """An entry of the main menu. `name` is its page's in `config/urls`."""

    name: str
    label: str | Promise
    url: str
    open: int = 0  # of what waits there


MENU = (
    ("dashboard", _("Dashboard")),
    ("certificates", _("Certificates")),
    ("suppliers", _("Suppliers")),
    ("alerts", _("Alerts")),
    ("add", _("Add and import")),
    ("org_admin", _("Org Admin")),
)


@register.simple_tag
def icon(name: str, size: str = "") -> SafeString:
    """An icon of the sprite, e.g. `i-copy`. `size`: "s" for 16 px, "l" for 34 px, else 18 px. Words stand beside it."""
    return format_html(
        '<svg class="cw-i{}" aria-hidden="true"><use href="{}#{}"/></svg>',
        f" cw-i-{size}" if size else "",
        static("icons.svg"),
        name,
    )


@register.simple_tag
def status(key: str, shape: str = "") -> SafeString:
    """Icon and word of a status. `shape`: "" in tables, "pill" inside text, "stamp" once, on the certificate's page."""
    return _status(key, STATUSES[key].word, shape)


def _status(key: str, word: str | Promise, shape: str, *, stale: bool = False) -> SafeString:
    shapes = {"": "", "pill": " cw-pill", "stamp": " cw-pill cw-stamp"}
    return format_html(
        '<span class="cw-status st-{}{}{}"><svg aria-hidden="true"><use href="{}#{}"/></svg>{}</span>',
        key,
        shapes[shape],
        " stale" if stale else "",
        static("icons.svg"),
        STATUSES[key].icon,
        word,
    )


@register.simple_tag
def shown_status(shown: Now, shape: str = "") -> SafeString:
    """The same for what a certificate is now: with "Last known" and "unconfirmed" where that is so."""
    word = STATUSES[shown.key.value].word
    if shown.why == Why.UNCONFIRMED:
        word = _("Not found, unconfirmed")
    if shown.last_known:
        word = gettext("Last known: %(status)s") % {"status": word}
    return _status(shown.key.value, word, shape, stale=shown.last_known)


@register.simple_tag
def status_dot(key: str) -> SafeString:
    """The icon alone, beside a text that names the status."""
    return format_html(
        '<svg class="dot" aria-hidden="true"><use href="{}#{}"/></svg>', static("icons.svg"), STATUSES[key].icon
    )


@register.simple_tag
def status_word(key: str) -> str:
    """The word of a status that is no longer so; what is shows its icon, too."""
    return str(STATUSES[key].word)


@register.simple_tag(takes_context=True)
def product_menu(context: Context) -> list[Entry]:
    """The main menu of an organisation's pages. An entry appears with its page, and for who may see it."""
    counts: dict[str, int] = {"alerts": context.get("open_alerts") or 0}
    slug = context["org"].slug
    shown = [entry for entry in MENU if entry[0] != "org_admin" or context.get("role") != "member"]
    return [Entry(name, label, url, counts.get(name, 0)) for name, label in shown if (url := _address(name, slug))]


def _address(name: str, slug: str) -> str:
    try:
        return reverse(name, args=[slug])
    except NoReverseMatch:
        return ""


@register.filter
def control(field: BoundField) -> SafeString:
    """A form's field as the style sheet wants it. `_field.html` puts label, help and errors around it."""
    widget = field.field.widget
    if isinstance(widget, CheckboxInput):
        shape = "form-check-input"
    else:
        shape = "form-select" if isinstance(widget, Select) and not isinstance(widget, RadioSelect) else "form-control"
    wrong = " is-invalid" if field.errors else ""
    own = widget.attrs.get("class", "")
    return field.as_widget(attrs={"class": f"{shape}{wrong} {own}".strip(), "placeholder": False})


@register.filter
def browser(user_agent: str) -> str:
    """“Firefox, Windows”."""
    return browsers.name(user_agent)


@register.filter
def why(value: Why) -> str | Promise:
    """The reason of a status, in few words."""
    return WHYS[value]


@register.filter
def day(value: date | None) -> str:
    """24 Nov 2026, 24. Nov. 2026; a dash where there is none."""
    return "–" if value is None else date_format(value, "DATE_FORMAT")


@register.filter
def moment(value: datetime | None) -> str:
    """24 Nov 2026, 14:05, in the reader's time zone; a dash where there is none."""
    return "–" if value is None else date_format(timezone.localtime(value), "DATETIME_FORMAT")


@register.filter
def localday(value: datetime | None) -> str:
    """The day of a moment in the reader's time zone; a dash where there is none."""
    return "–" if value is None else date_format(timezone.localtime(value), "DATE_FORMAT")


@register.filter
def when(value: datetime | None, today: date) -> str:
    """Today 06:12, Tomorrow 03:41, 22 Nov 2026, 06:13; `today` is the reader's. A dash where there is no moment."""
    if value is None:
        return "–"
    local = timezone.localtime(value)
    near = {-1: _("Yesterday %(time)s"), 0: _("Today %(time)s"), 1: _("Tomorrow %(time)s")}
    words = near.get((local.date() - today).days)
    return str(words) % {"time": date_format(local, "TIME_FORMAT")} if words else moment(value)


@register.filter
def month(value: date) -> str:
    """Dec, Jan 2027: short names for an axis, the year once."""
    return date_format(value, "M Y" if value.month == 1 else "M")


@register.filter
def number(value: int) -> str:
    """5,018, 5.018."""
    return number_format(value, use_l10n=True, force_grouping=True)


@register.filter
def percent(share: float) -> str:
    """A share of 1 as 98.2 %, 98,2 %; the space does not break."""
    return f"{number_format(Decimal(share * 100).quantize(Decimal('0.1')), use_l10n=True)}\N{NO-BREAK SPACE}%"
