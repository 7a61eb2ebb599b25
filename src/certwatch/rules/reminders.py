"""When somebody is reminded: which days before an end count for a certificate, and what is told only once a week."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

KEY_DAYS = (30, 7, 1)  # before the last day of an API key
WEEK = timedelta(days=7)
REMEMBERED = timedelta(days=30)  # what ended longer ago is told nobody who begins to look now


@dataclass(frozen=True, slots=True)
class Plans:
    """Days before the last day: an organisation's own, and those of single certificates, tags and schemes."""

    own: Sequence[int]
    by_certificate: Mapping[int, Sequence[int]] = field(default_factory=dict)
    by_tag: Mapping[str, Sequence[int]] = field(default_factory=dict)
    by_scheme: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @property
    def earliest(self) -> int:
        """So many days before an end somebody may have to be told."""
        plans = (self.own, *self.by_certificate.values(), *self.by_tag.values(), *self.by_scheme.values())
        return max((day for days in plans for day in days), default=0)

    def days(self, certificate: int, tags: Collection[str], scheme: str) -> Sequence[int]:
        """The certificate's plan, else that of its tags (of several all their days), else its scheme's, else the own.

        None at all where a plan says so.
        """
        if certificate in self.by_certificate:
            return self.by_certificate[certificate]
        plans = [self.by_tag[tag] for tag in tags if tag in self.by_tag]
        if plans:
            return sorted({day for days in plans for day in days}, reverse=True)
        return self.by_scheme.get(scheme, self.own)


def is_news(last_day: date, added: date, remembered: date) -> bool:
    """Whether an end is told as it comes: it lies after the day on which the certificate was added, or on it, and
    not before `remembered`. Who adds what has long expired sees that while adding."""
    return last_day >= added and last_day >= remembered


def remembered(looked_on: date | None, today: date) -> date:
    """The earliest last day that is news: a pause is made up for, however long, an old list is not read out."""
    return min(looked_on or today, today) - REMEMBERED


def is_a_week_ago(day: date, today: date) -> bool:
    """Whether what was told on `day` may be told again: weekly, also where a pause moved it."""
    return today - day >= WEEK
