"""What a register says, put straight into the tables, as a run would have left it."""

from datetime import date, datetime

from certwatch.models import Entry, EntryVersion, RunState, SourceState, Sync
from certwatch.rules import numbers
from certwatch.rules.status import Status
from tests.conftest import NOON

NUMBER = "EU-ISCC-Cert-DE100-12345678"


def reading(source: str = "iscc", began: datetime = NOON) -> Sync:
    """A believed run of `source` that began then."""
    run = Sync.objects.create(source=source, state=RunState.GOOD, address="x", own_address=True, began=began)
    SourceState.objects.update_or_create(source=source, defaults={"last_good": run, "read_began": began})
    return run


def entry(
    number: str = NUMBER,
    holder: str = "Müller GmbH",
    *,
    source: str = "iscc",
    scheme: str = "ISCC EU",
    word: Status = Status.VALID,
    valid_until: date | None = date(2026, 12, 31),
    run: Sync | None = None,
    gone_at: datetime | None = None,
) -> Entry:
    """An entry with its first version."""
    run = run or reading(source)
    made = Entry.objects.create(
        source=source,
        number=number,
        number_key=numbers.key(number),
        holder=holder,
        holder_key=numbers.name_key(holder),
        scheme=scheme,
        word=word,
        valid_from=date(2026, 1, 1),
        valid_until=valid_until,
        digest=b"1" * 16,
        version=0,
        first_seen=run.began,
        gone_at=gone_at,
    )
    say(made, run, word, valid_until)
    return made


def say(about: Entry, run: Sync, word: Status, valid_until: date | None = date(2026, 12, 31)) -> EntryVersion:
    """The next version of an entry; the one before ends."""
    about.versions.filter(known_until=None).update(known_until=run.began, last_seen=run.began)
    about.version += 1
    about.word, about.valid_until = word, valid_until
    about.save()
    return EntryVersion.objects.create(
        entry=about,
        version=about.version,
        run=run,
        number=about.number,
        holder=about.holder,
        word=word,
        valid_from=about.valid_from,
        valid_until=valid_until,
        suspensions=[["2026-11-01", None]] if word == Status.SUSPENDED else [],
        place="Musterstadt",
        certifier="SGS",
        details={"Scope": "Trader", "Issuing CB": "SGS"},
        first_seen=run.began,
        known_from=run.began,
    )
