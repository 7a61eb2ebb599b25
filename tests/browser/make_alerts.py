"""Alerts of a running installation, as they might stand: `python -m tests.browser.make_alerts SLUG EMAIL`."""

import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "certwatch.config.settings"
django.setup()

from certwatch.models import (  # noqa: E402 - Django must be set up first
    Attempt,
    Delivery,
    DeliveryState,
    Notice,
    Organisation,
    Purpose,
    RunState,
    Sync,
    Telling,
    User,
)
from certwatch.rules.notices import SEVERITY, Kind, State  # noqa: E402
from tests.actions.watched import supplier, watch  # noqa: E402

SOURCE = "redcert"  # which no other test of a browser reads
LONG = "ISCC-CORSIA-PLUS-Cert-FR999-10001099"
MANY = 60


def main(slug: str, email: str) -> None:
    """A suspension that was told and whose webhook waits; one of each kind; and more than a page holds."""
    org, user = Organisation.objects.get(slug=slug), User.objects.get(email=email)
    now = datetime.now(UTC)
    run = Sync.objects.create(source=SOURCE, state=RunState.GOOD, address="x", own_address=True, began=now, ended=now)
    mill = supplier(org, "Oderbruch GmbH")
    until = (now + timedelta(days=200)).date()
    certificate = watch(
        org,
        LONG,
        word="suspended",
        valid_until=until,
        supplier=mill,
        tags=["Tender"],
        source=SOURCE,
        holder="Ölmühle an der Oder",
    )
    change = org.changes.create(
        number=1, certificate=certificate, type="certificate.status_changed", told_by="run:1", run=run,
        entry=certificate.entry, was="valid", word="suspended", valid_until_was=until, valid_until=until,
        seen_at=now - timedelta(hours=4), created_at=now,
    )  # fmt: skip
    for place in range(MANY):
        make(org, Kind.EXPIRING, f"many:{place}", now, day=until, stage=30, certificate=certificate)
    for kind in Kind:
        if SEVERITY[kind] != "operator":
            bound = certificate if kind not in (Kind.SOURCE_STALE, Kind.KEY_ENDING, Kind.CHANNEL_FAILING) else None
            make(org, kind, f"kind:{kind}", now, certificate=bound, day=until, stage=14, about="" if bound else SOURCE)
    make(org, Kind.EXPIRING, "skipped", now, certificate=certificate, state=State.SKIPPED, stage=60, day=until)
    notice = make(org, Kind.SUSPENDED, "told", now, certificate=certificate, change=change, told_at=now)
    mail = Delivery.across_orgs.create(
        org=org, purpose=Purpose.ALERTS, told_for="mail", user=user, host="mail", made_at=now, ended_at=now,
        state=DeliveryState.DELIVERED, tries=2,
    )  # fmt: skip
    mail.notices.add(notice)
    Attempt.objects.create(delivery=mail, number=1, began_at=now - timedelta(minutes=5), said="The server was busy.")
    Attempt.objects.create(delivery=mail, number=2, began_at=now, ok=True, took_ms=80)
    facts = {"when": "at_once", "why": "default", "made_at": now}
    Telling.objects.create(notice=notice, user=user, delivery=mail, **facts)
    unreached = org.memberships.exclude(user=user).get().user
    Telling.objects.create(notice=notice, user=unreached, reachable=False, **facts)
    later = watch(org, f"{LONG}-2", source=SOURCE).entry
    assert later is not None
    org.successors.create(certificate=certificate, entry=later, suggested_at=now)
    sys.stdout.write(notice.public_id)


def make(org: Organisation, kind: Kind, told_for: str, now: datetime, **facts: Any) -> Notice:
    known = {
        "kind": kind, "severity": SEVERITY[kind], "told_for": told_for, "batch": told_for, "made_at": now,
        "told_at": now,
    }  # fmt: skip
    made: Notice = org.notices.create(**{**known, **facts})
    return made


if __name__ == "__main__":
    main(*sys.argv[1:])
