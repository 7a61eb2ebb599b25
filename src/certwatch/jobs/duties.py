"""The regular duties, and the claim that lets each slot be worked on once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from django.db.models import Q
from django.utils import timezone

from certwatch import models
from certwatch.jobs import (
    carrier,
    checks,
    contacts,
    deletion,
    exports,
    files,
    hearts,
    housekeeping,
    imports,
    notices,
    operator_notices,
    releases,
    reminders,
    sources,
    successors,
    supplier_reminders,
    tellings,
    trials,
)
from certwatch.jobs.queue import QUEUE

log = structlog.get_logger()

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
BEAT_EVERY = hearts.BEAT_EVERY


@dataclass(frozen=True, slots=True)
class Duty:
    """What is done again and again. `every` is at least a minute: so often the clock ticks."""

    name: str
    every: timedelta
    perform: Callable[[datetime], None]
    at_start: bool = False  # also as soon as a worker starts


def look_for_the_operator(now: datetime) -> None:
    """What went wrong with runs, sources and the duties themselves."""
    every = {duty.name: duty.every for duty in DUTIES}
    operator_notices.look(now, every | dict.fromkeys(hearts.NAMES, hearts.BEAT_EVERY))


DUTIES = (
    Duty("sources", sources.LOOK_EVERY, sources.look, at_start=True),
    Duty("trials", trials.LOOK_EVERY, trials.remind),
    Duty("housekeeping", housekeeping.LOOK_EVERY, housekeeping.tidy),
    Duty("contacts", contacts.LOOK_EVERY, contacts.mail, at_start=True),
    Duty("releases", releases.LOOK_EVERY, releases.release),
    Duty("imports", imports.TIDY_EVERY, imports.tidy),
    Duty("files", files.LOOK_EVERY, files.sweep),
    Duty("exports", exports.TIDY_EVERY, exports.tidy),
    Duty("supplier_reminders", supplier_reminders.LOOK_EVERY, supplier_reminders.look),
    Duty("deliveries", carrier.TIDY_EVERY, carrier.tidy),
    Duty("deletion", deletion.LOOK_EVERY, deletion.carry_out),
    Duty("reminders", reminders.LOOK_EVERY, reminders.look, at_start=True),
    Duty("digests", tellings.LOOK_EVERY, tellings.look, at_start=True),
    Duty("successors", successors.LOOK_EVERY, successors.look, at_start=True),
    Duty("operator", operator_notices.LOOK_EVERY, look_for_the_operator),
)
ERRANDS: dict[str, Callable[[datetime], None]] = {  # people wait: every second
    "imports_asked": imports.look,
    "checks_asked": checks.look,
    "exports_asked": exports.look,
    "notices": notices.make,
    "tellings": tellings.decide,
}


def open_rows() -> None:
    """Make a row for each duty, and let those be due that a starting worker does at once."""
    operator_notices.woken(timezone.now())
    for duty in DUTIES:
        models.Duty.objects.get_or_create(name=duty.name)
    models.Duty.objects.filter(name__in=[duty.name for duty in DUTIES if duty.at_start]).update(next=None)


def beat(now: datetime, *, waiting: int = 0) -> None:
    """Note that a worker is alive and how many tasks wait for one; `/readyz` and the back office ask for it."""
    alive = {"last": now, "next": now + BEAT_EVERY, "waiting": waiting}
    models.Duty.objects.update_or_create(name="worker", defaults=alive)
    hearts.write()


def claim(duty: Duty, now: datetime) -> bool:
    """Whether the present slot of `duty` is the caller's: nobody took it, nobody will."""
    unclaimed = models.Duty.objects.filter(Q(next=None) | Q(next__lte=now), name=duty.name)
    return unclaimed.update(next=now + duty.every - (now - EPOCH) % duty.every) == 1


def do(duty: Duty, now: datetime) -> None:
    """Perform `duty` if its slot is free, and note how it went."""
    if not claim(duty, now):
        return
    row = models.Duty.objects.filter(name=duty.name)
    try:
        duty.perform(now)
    except Exception as error:  # a duty that fails must not stop the others
        log.exception("A duty failed.", duty=duty.name)
        row.update(error=f"{type(error).__name__}: {error}")
    else:
        row.update(last=now, error="")


def tick() -> None:
    """One task for each duty, so that none waits for another."""
    for duty in DUTIES:
        perform_soon(duty.name)


def perform(name: str) -> None:
    """Do the duty `name`, if it is due. A name of another version of this program is none of ours."""
    for duty in DUTIES:
        if duty.name == name:
            do(duty, timezone.now())


QUEUE.periodic_task(lambda _: True)(tick)  # every minute, and when a worker starts
perform_soon: Callable[[str], object] = QUEUE.task(expires=timedelta(minutes=1))(perform)
