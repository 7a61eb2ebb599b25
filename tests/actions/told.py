"""Certificates with registers' entries, and messages about them, as they might stand."""

from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

from allauth.account.models import EmailAddress

from certwatch.models import (
    Certificate,
    Change,
    ChangeType,
    Delivery,
    Entry,
    EntryVersion,
    Kind,
    Notice,
    Organisation,
    Purpose,
    SourceState,
    Sync,
    Telling,
    User,
)
from certwatch.rules.notices import SEVERITY
from certwatch.rules.notices import Kind as Happens
from tests.conftest import NOON

NUMBER, HOLDER, PLACE = "EU-ISCC-Cert-DE100-12345678", "Oderbruch Biodiesel GmbH", "Letschin, Germany"
SEEN = NOON - timedelta(hours=5, minutes=48)  # 06:12 in Berlin
_PLACES = count(1)


def confirm(*users: User) -> None:
    for user in users:
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)


def run(source: str = "iscc", began: datetime = SEEN) -> Sync:
    made = Sync.objects.create(source=source, state="good", address="x", own_address=True, began=began)
    SourceState.objects.update_or_create(source=source, defaults={"last_good": made, "read_began": began})
    return made


def entry(
    number: str = NUMBER, holder: str = HOLDER, *, word: str = "valid", until: date | None, **facts: Any
) -> Entry:
    """A register's entry. `facts`: of its newest version."""
    place = next(_PLACES)
    run_of_it = Sync.objects.filter(source="iscc").first() or run()
    begins = facts.pop("begins", date(2026, 3, 15))
    made = Entry.objects.create(
        source="iscc", number=number, number_key=number.lower(), holder=holder, holder_key=f"{place}", scheme="ISCC EU",
        word=word, valid_from=begins, valid_until=until, digest=b"x", version=1, first_seen=SEEN,
    )  # fmt: skip
    EntryVersion.objects.create(
        entry=made, version=1, run=run_of_it, number=number, holder=holder, word=word, valid_from=begins,
        valid_until=until, first_seen=SEEN, known_from=SEEN, **{"place": PLACE, **facts},
    )  # fmt: skip
    return made


def certificate(
    org: Organisation,
    number: str = NUMBER,
    *,
    holder: str = HOLDER,
    word: str = "valid",
    until: date | None = date(2027, 3, 14),
    by_hand: bool = False,
    **facts: Any,
) -> Certificate:
    known: dict[str, Any] = {"number": number, "number_key": number.lower(), "match_key": number.lower()}
    known |= {"word": word, "valid_from": date(2026, 3, 15), "valid_until": until, "added_at": NOON}
    if by_hand:
        known |= {"kind": Kind.NIS, "scheme": "GreenMark", "holder": holder}
    else:
        of_entry = {name: facts.pop(name) for name in ("since", "suspensions", "place") if name in facts}
        known |= {"source": "iscc", "scheme": "ISCC EU"}
        known["entry"] = entry(number, holder, word=word, until=until, **of_entry)
    made: Certificate = org.certificates.create(**{**known, **facts})
    return made


def change(of: Certificate, was: str, *, kind: ChangeType = ChangeType.STATUS, **facts: Any) -> Change:
    place = next(_PLACES)
    made: Change = of.org.changes.create(
        certificate=of, number=place, type=kind, told_by=f"run:{place}", run=None if of.kind == Kind.NIS else run(),
        entry=of.entry, version=of.entry.version if of.entry else None, was=was, word=of.word,
        **{"valid_until_was": of.valid_until, "valid_until": of.valid_until, "seen_at": SEEN, **facts}, created_at=SEEN,
    )  # fmt: skip
    return made


def message(
    org: Organisation | None,
    *notices: Notice,
    to: User | None = None,
    purpose: Purpose = Purpose.ALERTS,
    why: str = "default",
    rule: str = "",
    **facts: Any,
) -> Delivery:
    """A delivery of `notices`, as if it had been decided so."""
    made = Delivery.across_orgs.create(
        org=org, user=to, purpose=purpose, told_for=f"test:{next(_PLACES)}", host="mail", due_at=NOON, made_at=NOON,
        **facts,
    )  # fmt: skip
    made.notices.set(notices)
    for notice in notices:
        if org is not None and not Telling.objects.filter(notice=notice, user=to).exists():
            Telling.objects.create(
                notice=notice, user=to, channel=made.channel, when="at_once", why=why, rule_name=rule, made_at=NOON,
                delivery=made,
            )  # fmt: skip
    return made


def of_operator(kind: Happens, **facts: Any) -> Notice:
    return Notice.across_orgs.create(
        org=None, kind=kind, severity=SEVERITY[kind], told_for=f"test:{next(_PLACES)}", made_at=NOON, **facts
    )
