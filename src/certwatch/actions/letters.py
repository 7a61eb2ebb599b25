"""Mails and chat messages of deliveries: text and HTML, in the reader's language and time zone.

What is said stands in `wording`; templates only set it. No secret is ever in a mail, and no text of a register or a
person gets into HTML or a header as it is.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from textwrap import wrap
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from certwatch.actions import knowledge, supplier_reminders, tables_of_notices, unsubscribe, wording
from certwatch.actions.kinds import KINDS
from certwatch.actions.tables_of_notices import Line, Part
from certwatch.actions.wording import Row, Said, one_line
from certwatch.models import Delivery, Notice, Organisation, Purpose, Role, Telling

WIDTH = 72  # of a line of text
LONGEST_SUBJECT = 180
IN_CHAT = 20  # rows of a message


class Unsendable(Exception):
    """A delivery for which there is no letter: its notices are gone."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads, in which language, and when his days begin."""

    language: str
    zone: str
    org: Organisation | None
    role: str = ""


class Content(NamedTuple):
    """A message before it is set: the template's name and its words."""

    template: str
    subject: str
    words: dict[str, Any]
    headers: dict[str, str]


def letter(delivery: Delivery, *, now: datetime) -> EmailMultiAlternatives:
    """The mail of `delivery`, the same at every try but for what has changed meanwhile."""
    if delivery.purpose == Purpose.SUPPLIER:
        if not supplier_reminders.is_wanted(delivery, now=now):
            raise Unsendable
        return supplier_reminders.letter(delivery, now=now)
    reader = _reader(delivery)
    with _as(reader):
        content = _content(delivery, reader, now)
        mail = EmailMultiAlternatives(
            subject=_header(content.subject),
            body=render_to_string(f"emails/{content.template}.txt", content.words).strip() + "\n",
            to=[delivery.user.email if delivery.user else settings.OPERATOR_EMAIL],
            headers={
                "Message-ID": f"<{delivery.public_id}@{settings.ENV.host}>",
                "Auto-Submitted": "auto-generated",
                **content.headers,
            },
        )
        mail.attach_alternative(render_to_string(f"emails/{content.template}.html", content.words), "text/html")
    return mail


def chat(delivery: Delivery, *, now: datetime) -> tuple[str, str]:
    """Title, and body in Markdown."""
    reader = _reader(delivery)
    with _as(reader):
        if delivery.purpose == Purpose.TEST:
            return _("Test of a channel"), _("Alerts of Certificate Watch will arrive here.")
        content = _content(delivery, reader, now)
        said = content.words.get("said")
        body = _chat_of_one(content) if isinstance(said, Said) else _chat_of_many(content)
    return _header(content.subject), body


# ---- the reader


def _reader(delivery: Delivery) -> Reader:
    org, user, channel = delivery.org, delivery.user, delivery.channel
    if org is None:
        return Reader("en", "UTC", None)
    chosen = user.language if user else channel.language if channel else ""
    zone = (user.time_zone if user else "") or org.time_zone
    member = org.memberships.filter(user=user).first() if user else None
    return Reader(chosen or org.language or "en", zone, org, member.role if member else "")


@contextmanager
def _as(reader: Reader) -> Iterator[None]:
    with translation.override(reader.language), timezone.override(ZoneInfo(reader.zone)):
        yield


# ---- what is said


def _content(delivery: Delivery, reader: Reader, now: datetime) -> Content:
    if delivery.purpose == Purpose.DIGEST and delivery.user is not None:
        return _digest(delivery, reader, now)
    if delivery.purpose == Purpose.OPENED:
        return _opened(delivery, reader, now)
    first = list(delivery.notices.select_related(*knowledge.WITH_ALL).order_by("pk")[:2])
    if not first:
        raise Unsendable(f"Nothing is left to say in {delivery.public_id}.")
    if len(first) == 1:
        return _one(delivery, first[0], reader, now)
    return _several(delivery, reader, now)


def _one(delivery: Delivery, notice: Notice, reader: Reader, now: datetime) -> Content:
    said = wording.say(knowledge.of(notice, now))
    url = _address(reader, f"alerts/{notice.public_id}/") if reader.org else f"{settings.BASE_URL}/operator/"
    words = {
        **_frame(delivery, reader),
        "said": said,
        "look": said.kind.look,
        "colour": said.kind.look.colour,
        "lead": _wrapped(said.lead, WIDTH),
        "rows": [_set(row, said.rows) for row in said.rows],
        "url": url,
        "since_nobody": _("Nobody else could be reached.") if notice.nobody else "",
    }
    return Content("alert" if reader.org else "operator", said.subject, words, {})


def _several(delivery: Delivery, reader: Reader, now: datetime) -> Content:
    found = tables_of_notices.several(delivery, now)
    counted = ", ".join(f"{KINDS[kind].word} {count}" for kind, count in found.by_kind[:3])
    more = " …" if len(found.by_kind) > 3 else ""
    facts = {"count": found.total, "kinds": counted + more}
    if delivery.purpose == Purpose.REPEAT:
        subject = ngettext(
            "%(count)d not acknowledged: %(kinds)s", "%(count)d not acknowledged: %(kinds)s", found.total
        )
    else:
        subject = ngettext("%(count)d alert: %(kinds)s", "%(count)d alerts: %(kinds)s", found.total)
    words = {
        **_frame(delivery, reader),
        "title": subject % facts,
        "colour": found.part.lines[0].look.colour,
        "parts": [_columns(found.part)],
        "url": _address(reader, "alerts/"),
        "button": _("See and acknowledge"),
    }
    return Content("alerts", subject % facts, words, {})


def _digest(delivery: Delivery, reader: Reader, now: datetime) -> Content:
    found = tables_of_notices.digest(delivery, now)
    assert delivery.user is not None and delivery.org is not None  # a digest is a member's
    stop = unsubscribe.address(delivery.user, delivery.org, "digest")
    words = {
        **_frame(delivery, reader),
        "title": found.title,
        "empty": not found.parts,
        "parts": [_columns(part) for part in found.parts],
        "url": _address(reader, ""),
        "button": _("Open the dashboard"),
        "me": f"{settings.BASE_URL}/me/",
        "stop": stop,
    }
    headers = {"List-Unsubscribe": f"<{stop}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    return Content("digest", found.subject, words, headers)


def _opened(delivery: Delivery, reader: Reader, now: datetime) -> Content:
    found = tables_of_notices.opened(delivery, now)
    words = {
        **_frame(delivery, reader),
        "title": found.title,
        "lead": _("What happened in the meantime was recorded and not sent. This needs attention now."),
        "empty": not found.parts,
        "parts": [_columns(part) for part in found.parts],
        "url": _address(reader, ""),
        "button": _("Open the dashboard"),
    }
    return Content("opened", found.subject, words, {})


# ---- around it


def _frame(delivery: Delivery, reader: Reader) -> dict[str, Any]:
    rules = bool(reader.org) and reader.role in ("", Role.OWNER, Role.ADMIN, Role.AUDITOR)
    return {
        "language": reader.language,
        "org_name": one_line(reader.org.name) if reader.org else "",
        "colour": "#2c3f94",
        "why": _why(delivery, reader),
        "rules": _address(reader, "admin/notifications/") if rules else "",
        "base_url": settings.BASE_URL,
    }


def _why(delivery: Delivery, reader: Reader) -> list[str]:
    """Why he gets this, each reason once."""
    if reader.org is None or delivery.purpose == Purpose.DIGEST:
        return []
    if delivery.purpose == Purpose.OPENED:
        return [_("You get this because you lead %(org)s.") % {"org": one_line(reader.org.name)}]
    told = Telling.objects.filter(notice__in=delivery.notices.all(), user=delivery.user, channel=delivery.channel)
    reasons = dict.fromkeys(told.order_by("why", "rule_name").values_list("why", "rule_name").distinct()[:4])
    found = [_reason(why, one_line(rule), reader) for why, rule in reasons]
    if delivery.purpose == Purpose.REPEAT and not {"deputy", "escalated"} & {why for why, _rule in reasons}:
        found.append(_("It is repeated every day until somebody acknowledges it."))
    return found


def _reason(why: str, rule: str, reader: Reader) -> str:
    facts = {"org": one_line(reader.org.name) if reader.org else "", "rule": rule}
    if why == "rule":
        return _("You get this because of the rule “%(rule)s” of %(org)s.") % facts
    if why == "deputy":
        return _("You get this as a deputy: nobody has acknowledged it for 3 working days.") % facts
    if why == "escalated":
        return _("You get this because nobody has acknowledged it for 7 working days.") % facts
    if why == "nobody":
        return _("You get this as an owner of %(org)s: nobody else could be reached.") % facts
    if reader.role == Role.OWNER:
        return _("You get this because you are an owner of %(org)s and no rule says otherwise.") % facts
    return _("You get this because you are an admin of %(org)s and no rule says otherwise.") % facts


def _address(reader: Reader, path: str) -> str:
    assert reader.org is not None  # the operator's mails have addresses of their own
    return f"{settings.BASE_URL}/o/{reader.org.slug}/{path}"


def _header(text: str) -> str:
    """`text` as a header: one line, not too long."""
    text = one_line(re.sub(r"[\x00-\x1f\x7f]", " ", text))
    return text if len(text) <= LONGEST_SUBJECT else f"{text[: LONGEST_SUBJECT - 1]}…"


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of `text`; a number stays in one piece, so that it can be copied."""
    return wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


class Set(NamedTuple):
    """A row as it stands in a text: its label padded, its text in lines."""

    label: str
    text: str
    lines: list[str]


def _set(row: Row, rows: list[Row]) -> Set:
    width = max(len(other.label) for other in rows) + 2
    lines = _wrapped(row.text, WIDTH - width - 2)
    first, *rest = lines
    return Set(row.label, row.text, [f"  {row.label:<{width}}{first}", *(f"{'':<{width + 2}}{line}" for line in rest)])


def _columns(part: Part) -> dict[str, Any]:
    """A part with its lines as text, in columns."""
    one = max((len(line.first) for line in part.lines), default=0) + 2
    two = min(max((len(line.title) for line in part.lines), default=0), 40) + 2
    lines = []
    for line in part.lines:
        lines.append(f"  {line.first:<{one}}{line.title:<{two}}{line.holder}".rstrip())
        lines += [f"{'':<{one + 2}}{note}" for note in _wrapped(line.note, WIDTH - one - 2)] if line.note else []
    return {"part": part, "text": lines, "sentences": [_wrapped(sentence, WIDTH - 2) for sentence in part.sentences]}


# ---- chats


def _chat_of_one(content: Content) -> str:
    said: Said = content.words["said"]
    lines = [_plain(said.lead), ""]
    lines += [f"**{_plain(row.label)}:** {_plain(row.text)}  " for row in said.rows]
    return "\n".join([*lines, "", content.words["url"], *_plainly(content.words["why"])])


def _chat_of_many(content: Content) -> str:
    lines: list[str] = []
    for found in content.words["parts"]:
        part: Part = found["part"]
        lines += [f"**{_plain(part.title)}**  "] if part.title else []
        lines += [_chat_line(line) for line in part.lines[:IN_CHAT]]
        lines += [f"{_plain(sentence)}  " for sentence in part.sentences]
        if part.count > IN_CHAT:
            lines.append(f"… {part.count}  ")
        lines.append("")
    return "\n".join([*lines, content.words["url"], *_plainly(content.words["why"])])


def _chat_line(line: Line) -> str:
    parts = [line.word, line.title, line.holder, line.when, line.note]
    return f"- {_plain(', '.join(part for part in parts if part))}"


def _plainly(sentences: list[str]) -> list[str]:
    return ["", *(_plain(sentence) for sentence in sentences)] if sentences else []


def _plain(text: str) -> str:
    """`text` without any meaning in Markdown or to a chat service, which would call people by @."""
    return re.sub(r"([\\`*_\[\]<>])", r"\\\1", text).replace("@", "@\N{ZERO WIDTH SPACE}")
