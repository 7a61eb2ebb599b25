"""Calendar subscriptions as calendars read them (RFC 5545): all-day events, the same bytes for the same facts."""

import hashlib
import zlib
from collections.abc import Sequence
from datetime import UTC, date, timedelta
from threading import Lock
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils import timezone, translation
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from certwatch.actions import feed
from certwatch.actions.feed import Event, Part, What
from certwatch.models import Organisation, User
from certwatch.rules.cells import printable
from certwatch.templatetags.certwatch import STATUSES

if TYPE_CHECKING:
    import icalendar

FORM = 1  # of what is written; a new one lets every calendar ask anew
ASK_AGAIN = timedelta(hours=6)
MOST_KEPT = 32  # calendars, packed: one of 5,000 certificates takes 0.2 MB
_KEPT: dict[str, bytes] = {}  # by their ETag, which says all that a calendar is made of
_KEEPING = Lock()


@require_safe
def calendar(request: HttpRequest, token: str) -> HttpResponseBase:
    """The address is the right. Without a session: a calendar has none."""
    now = timezone.now()
    found = feed.named(token)
    if found is None:
        raise Http404
    parts = feed.parts(found, now)
    etag = _etag(found.user, parts)
    response = get_conditional_response(request, etag=etag)
    if response is None or response.status_code != 304:
        response = HttpResponse(
            b"" if request.method == "HEAD" else _kept(etag, found.user, parts),
            content_type="text/calendar; charset=utf-8",
            headers={"Content-Disposition": 'inline; filename="certificate-watch.ics"'},
        )
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"  # kept by the reader's own program, asked for anew
    return response


def _kept(etag: str, user: User, parts: Sequence[Part]) -> bytes:
    """The calendar, written once however often it is fetched: with 5,000 certificates that takes seconds."""
    packed = _KEPT.get(etag)
    if packed is not None:
        return zlib.decompress(packed)
    content = written(user, parts)
    with _KEEPING:
        _KEPT[etag] = zlib.compress(content)
        while len(_KEPT) > MOST_KEPT:
            del _KEPT[next(iter(_KEPT))]  # the oldest
    return content


def written(user: User, parts: Sequence[Part]) -> bytes:
    """The calendar, its words in the reader's language, else each organisation's."""
    import icalendar  # 0.1 s that only this page needs

    with translation.override(_language(user, parts[0].org if parts else None)):
        found = icalendar.Calendar()
        found.add("prodid", "-//Certificate Watch//Calendar//EN")
        found.add("version", "2.0")
        found.add("calscale", "GREGORIAN")
        for name in ("name", "x-wr-calname"):
            found.add(name, "Certificate Watch")
        found.add("refresh-interval", ASK_AGAIN, {"VALUE": "DURATION"})
        found.add("x-published-ttl", "PT6H")
    several = len(parts) > 1
    for part in parts:
        with translation.override(_language(user, part.org)):
            for event in part.events:
                found.add_component(_written(event, part.org, several))
    content: bytes = found.to_ical()
    return content


def _written(event: Event, org: Organisation, several: bool) -> "icalendar.Event":
    import icalendar

    link = settings.BASE_URL + reverse("certificate", args=[org.slug, event.certificate])
    changed = event.changed_at.astimezone(UTC).replace(microsecond=0)
    found = icalendar.Event()
    found.add("uid", f"{event.certificate}-{event.what}@{settings.ENV.host}")
    found.add("dtstamp", changed)
    found.add("last-modified", changed)
    found.add("sequence", event.sequence)
    found.add("dtstart", event.day)
    if event.day < date.max:  # without an end it is one day long, too
        found.add("dtend", event.day + timedelta(days=1))
    found.add("summary", printable(_summary(event)))
    found.add("description", printable("\n".join(_described(event, org if several else None, link))))
    found.add("url", link)
    if several:
        found.add("categories", [org.name])
    found.add("transp", "TRANSPARENT")  # nobody is busy for it
    return found


def _summary(event: Event) -> str:
    words = {"number": event.number, "name": event.supplier or event.holder}
    if event.what == What.REVIEW:
        return _("Review: %(number)s, %(name)s") % words if words["name"] else _("Review: %(number)s") % words
    return _("Last day: %(number)s, %(name)s") % words if words["name"] else _("Last day: %(number)s") % words


def _described(event: Event, org: Organisation | None, link: str) -> list[str]:
    status = {"status": STATUSES[event.key].word}
    lines = [_("Last known: %(status)s") % status if event.last_known else _("Status: %(status)s") % status]
    lines += [_("Holder: %(name)s") % {"name": event.holder}] if event.holder else []
    lines += [_("Supplier: %(name)s") % {"name": event.supplier}] if event.supplier else []
    lines += [_("Scheme: %(name)s") % {"name": event.scheme}] if event.scheme else []
    lines += [_("Organisation: %(name)s") % {"name": org.name}] if org else []
    return [*lines, link]


def _language(user: User, org: Organisation | None) -> str:
    return user.language or (org.language if org else "en")


def _etag(user: User, parts: Sequence[Part]) -> str:
    """Of what the calendar is made of: whether it is another one is known before it is written."""
    of = [(p.org.slug, p.org.name, _language(user, p.org), p.events) for p in parts]
    return f'"{hashlib.sha256(repr((FORM, settings.BASE_URL, of)).encode()).hexdigest()[:32]}"'


urls: list[URLPattern] = [path("calendar/<str:token>.ics", calendar, name="calendar")]
