"""Certificates that stand as they might, and what a page says of them, for tests of pages."""

import re
from datetime import date, timedelta
from typing import Any

from django.test import Client

from certwatch.models import (
    Certificate,
    Change,
    ChangeType,
    Entry,
    EntryVersion,
    Kind,
    Organisation,
    RunState,
    SourceState,
    Sync,
    User,
)
from certwatch.rules import numbers
from certwatch.rules.status import Status
from tests.conftest import NOON

TODAY = date(2026, 11, 24)


def reading(source: str, *, hours_ago: int, state: str = RunState.GOOD) -> Sync:
    began = NOON - timedelta(hours=hours_ago)
    run = Sync.objects.create(source=source, state=state, address="x", own_address=True, began=began, ended=began)
    known, _ = SourceState.objects.get_or_create(source=source)
    known.next_run = NOON + timedelta(hours=16)
    if state == RunState.GOOD:
        known.last_good, known.read_began = run, began
    known.save()
    return run


def watch(
    org: Organisation, place: int, word: Status = Status.VALID, ends: int | None = 200, **facts: Any
) -> Certificate:
    """A certificate that ends in so many days."""
    until = None if ends is None else TODAY + timedelta(days=ends)
    number = f"EU-ISCC-Cert-XX999-{place:08}"
    key = numbers.key(number)
    known: dict[str, Any] = {
        "number": number, "number_key": key, "match_key": key, "source": "iscc", "scheme": "ISCC EU", "word": word,
        "valid_from": date(2026, 1, 1) if until else None, "valid_until": until, "added_at": NOON - timedelta(days=9),
    }  # fmt: skip
    return org.certificates.create(**{**known, **facts})


def by_hand(org: Organisation, place: int, word: Status = Status.VALID, **facts: Any) -> Certificate:
    return watch(org, place, word, kind=Kind.NIS, source="", **{"scheme": "FSC", **facts})


def listed(certificate: Certificate, run: Sync, holder: str = "Muster GmbH", **said: Any) -> Entry:
    """What the register says of `certificate`, which is bound to it."""
    c = certificate
    entry = Entry.objects.create(
        source="iscc", number=c.number, number_key=c.number_key, holder=holder, holder_key=numbers.name_key(holder),
        scheme=c.scheme, word=c.word, valid_from=c.valid_from, valid_until=c.valid_until, digest=b"x" * 16, version=1,
        first_seen=run.began, gone_at=said.pop("gone_at", None),
    )  # fmt: skip
    EntryVersion.objects.create(
        entry=entry, version=1, run=run, number=c.number, holder=holder, word=c.word, first_seen=run.began,
        known_from=run.began, **said,
    )  # fmt: skip
    certificate.entry = entry
    certificate.save()
    return entry


def change(certificate: Certificate, kind: ChangeType, *, days_ago: int = 0, was: Status, **facts: Any) -> Change:
    seen = NOON - timedelta(days=days_ago, hours=8)
    place = Change.across_orgs.count() + 1
    return certificate.org.changes.create(
        number=place, certificate=certificate, type=kind, told_by=f"test:{place}", was=was, seen_at=seen,
        created_at=seen, **{"word": certificate.word, "entry": certificate.entry, **facts},
    )  # fmt: skip


def page(client: Client, user: User, query: str = "", org: str = "nordmuehle") -> str:
    client.force_login(user)
    answer = client.get(f"/o/{org}/{query}")
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def section(html: str, name: str) -> str:
    """The panel whose title has the id `name`."""
    found = re.search(rf'<section [^>]*aria-labelledby="{name}".*?</section>', html)
    assert found
    return found[0]


def title(html: str) -> str:
    found = re.search(r"<h1>(.*?)</h1>", html)
    assert found
    return found[1]
