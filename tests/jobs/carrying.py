"""A worker in a process of its own that makes notices, decides who hears of them and carries the messages.

`python -m tests.jobs.carrying prepare HOOKS` makes an installation with changes that nobody was told of;
`python -m tests.jobs.carrying serve` reads lines: `start` begins a worker and writes its process id; it ends by itself
once there is nothing left to do. Whoever wants to kills it meanwhile. Workers are forks: they start within no time.
`python -m tests.jobs.carrying carry` carries messages until SIGTERM; every name of a host leads to this machine.
"""

import os
import signal
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

ORGS, CERTIFICATES, READERS = 10, 100, 2
LEASE = timedelta(seconds=1)  # not 60, so that nobody waits for it; longer than it takes to send
PATIENCE_S = 240  # on a machine that has much else to do; then the test sees what is missing
SECRET = "whsec_" + "bmV1" * 8


def prepare(url: str) -> None:
    """Ten customers with two readers and an endpoint each; a run of a register has suspended all their certificates."""
    from allauth.account.models import EmailAddress
    from django.core.management import call_command

    from certwatch.actions import changes, secrets
    from certwatch.models import Certificate, ChangeType, Membership, Organisation, Role, Sync, User
    from tests.actions.registers import number

    call_command("migrate", verbosity=0)
    now = datetime.now(UTC)
    run = Sync.objects.create(source="iscc", own_address=True, began=now, ended=now, state="good")
    for place in range(ORGS):
        org = Organisation.objects.create(name=f"Buyer {place}", slug=f"buyer-{place}", created_at=now)
        for reader in range(READERS):
            user = User.objects.create_user(f"reader{reader}@buyer{place}.example", name=f"Reader {reader}")
            EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
            role = (Role.OWNER, Role.ADMIN)[reader]
            Membership.across_orgs.create(org=org, user=user, role=role, created_at=now)
        org.webhook_endpoints.create(url=url, secret=secrets.encrypt(SECRET), created_at=now)
        first = place * CERTIFICATES
        Certificate.across_orgs.bulk_create(
            Certificate(
                org=org, number=number(one), number_key=number(one).lower(), match_key=number(one).lower(),
                source="iscc", scheme="ISCC EU", word="valid", valid_until=(now + timedelta(days=300)).date(),
                added_at=now,
            )
            for one in range(first, first + CERTIFICATES)
        )  # fmt: skip
        was = list(org.certificates.order_by("pk"))
        org.certificates.update(word="suspended")
        changes.record(
            org, list(org.certificates.order_by("pk")), ChangeType.STATUS, told_by=f"run:{run.pk}", now=now,
            was=was, run=run,
        )  # fmt: skip


def work() -> None:
    """Do what a worker does for alerts, until nothing is left to do."""
    from django.utils import timezone

    from certwatch.actions import carrier, notices, tellings
    from certwatch.jobs.carrier import Carrier

    carrier.LEASE = LEASE
    carrying = Carrier(carrier.means())
    threading.Thread(target=carrying.run, args=(threading.Event(),), daemon=True).start()
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and not is_quiet():
        notices.make(timezone.now())
        tellings.decide(timezone.now())
        carrying.look()
        time.sleep(0.2)


def carry() -> None:
    """Carry messages, and nothing else, until SIGTERM."""
    from certwatch.actions import carrier
    from certwatch.jobs.carrier import Carrier

    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    means = carrier.means()
    means = replace(means, reach=replace(means.reach, lookup=lambda host, port: ["127.0.0.1"]))
    Carrier(means).run(stopping)
    os._exit(0)


def is_quiet() -> bool:
    from django.db.models import F

    from certwatch.models import ChangeCounter, Delivery, Notice

    return not (
        ChangeCounter.objects.filter(noticed__lt=F("last")).exists()
        or Notice.across_orgs.filter(told_at=None).exists()
        or Delivery.across_orgs.filter(state="waiting").exists()
    )


def serve() -> None:
    import certwatch.jobs.carrier  # noqa: F401 - what takes long, once for all forks

    for _ in sys.stdin:
        if pid := os.fork():
            sys.stdout.write(f"{pid}\n")
            sys.stdout.flush()
            os.waitpid(pid, 0)
            sys.stdout.write("ended\n")
            sys.stdout.flush()
            continue
        try:
            work()
        finally:
            sys.stderr.flush()
            os._exit(0)


if __name__ == "__main__":
    import django

    django.setup()
    if sys.argv[1] == "prepare":
        prepare(sys.argv[2])
    elif sys.argv[1] == "carry":
        carry()
    else:
        serve()
