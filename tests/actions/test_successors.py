"""Later certificates of the same company: found, suggested, accepted, dismissed; and what they silence."""

from datetime import date, timedelta
from typing import Any

import pytest

from certwatch.actions import notices, reminders, successors
from certwatch.models import (
    AuditEntry,
    Certificate,
    ChangeCounter,
    Entry,
    EntryVersion,
    Notice,
    Organisation,
    SourceState,
    Successor,
    Sync,
    User,
)
from certwatch.rules import numbers
from certwatch.rules.errors import Refused
from certwatch.rules.notices import Kind
from tests.actions.watched import TODAY, watch
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

OLD, NEW = "EU-ISCC-Cert-DE100-00000001", "EU-ISCC-Cert-DE100-00000002"
LAST_DAY = TODAY + timedelta(days=20)
NEXT_DAY = LAST_DAY + timedelta(days=1)


@pytest.fixture
def run(db: None) -> Sync:
    made = Sync.objects.create(
        source="iscc", state="good", address="", own_address=True, began=NOON, applied_at=NOON, new=1
    )
    SourceState.objects.create(source="iscc", last_good=made, read_began=NOON)
    return made


@pytest.fixture
def old(nordmuehle: Organisation, run: Sync) -> Certificate:
    return watched(nordmuehle, run)


def watched(org: Organisation, run: Sync, number: str = OLD, **more: Any) -> Certificate:
    scopes, place = more.pop("scopes", ["Trader"]), more.pop("place", "")
    more = {"valid_from": LAST_DAY - timedelta(days=364), "valid_until": LAST_DAY, **more}
    entry = Entry.objects.filter(number=number).first()
    certificate = watch(org, number, listed=entry is None, added_at=NOON - timedelta(days=300), **more)
    if entry is None:
        assert certificate.entry is not None
        Entry.objects.filter(pk=certificate.entry.pk).update(valid_from=more["valid_from"])
        say(certificate.entry, run, scopes, place)
    else:
        certificate.entry = entry
        certificate.save()
    return certificate


def say(entry: Entry, run: Sync, scopes: list[str], place: str) -> None:
    EntryVersion.objects.create(
        entry=entry, version=1, run=run, number=entry.number, holder=entry.holder, word=entry.word, scopes=scopes,
        place=place, first_seen=NOON, known_from=NOON,
    )  # fmt: skip


def appears(run: Sync, number: str = NEW, **more: Any) -> Entry:
    scopes, place = more.pop("scopes", ["trader", "Storage"]), more.pop("place", "")
    known: dict[str, Any] = {
        "holder": "ÖLMÜHLE NORD AG", "scheme": "ISCC EU", "word": "valid", "valid_from": NEXT_DAY,
        "valid_until": NEXT_DAY + timedelta(days=364), **more,
    }  # fmt: skip
    entry = Entry.objects.create(
        source="iscc", number=number, number_key=numbers.key(number), holder_key=numbers.name_key(known["holder"]),
        digest=b"1" * 16, version=1, first_seen=NOON, **known,
    )  # fmt: skip
    say(entry, run, scopes, place)
    return entry


def find(day: int = 0) -> int:
    return successors.find("iscc", now=NOON + timedelta(days=day))


def look(day: int = 0) -> None:
    reminders.look(NOON + timedelta(days=day))


def standing() -> list[tuple[str, int | None, str]]:
    notices = Notice.across_orgs.exclude(state__in=["skipped", "solved"]).exclude(kind="renewed").order_by("id")
    return list(notices.values_list("kind", "stage", "state"))


def test_a_successor_is_suggested_once_and_told(old: Certificate, run: Sync, suedoel: Organisation) -> None:
    entry = appears(run)
    assert (find(), find(), find(1)) == (1, 0, 0)
    row = Successor.across_orgs.get()
    assert (row.org, row.certificate, row.entry, row.missing, row.in_time) == (old.org, old, entry, [], True)
    change = old.changes.get()
    assert (change.number, change.type, change.told_by) == (1, "certificate.renewed", f"day:successor:{entry.pk}")
    facts = {
        "successor": NEW, "missing": [], "in_time": True, "valid_from": NEXT_DAY.isoformat(),
        "valid_until": (NEXT_DAY + timedelta(days=364)).isoformat(),
    }  # fmt: skip
    assert change.facts == {"kind": "renewed", **facts}
    notice = old.notices.get()
    assert (notice.kind, notice.change, notice.facts, notice.state) == ("renewed", change, facts, "open")
    assert not suedoel.notices.exists()


def test_a_suggestion_that_covers_all_silences_the_end(old: Certificate, run: Sync) -> None:
    look()
    assert standing() == [("expiring", 30, "open")]
    appears(run)
    find()
    assert standing() == []
    for day in range(1, 60):
        look(day)
    assert standing() == []
    assert [change.type for change in old.changes.order_by("number")] == [
        "certificate.expiring",
        "certificate.renewed",
        "certificate.status_changed",  # that it expired is an event all the same
    ]


@pytest.mark.parametrize(
    ("facts", "missing", "in_time"),
    [
        ({"scopes": ["Storage"]}, ["Trader"], True),
        ({"valid_from": NEXT_DAY + timedelta(days=1)}, [], False),
    ],
)
def test_one_that_covers_less_silences_nothing_and_the_alert_says_what_it_lacks(
    old: Certificate, run: Sync, facts: dict[str, Any], missing: list[str], in_time: bool
) -> None:
    appears(run, **facts)
    find()
    look()
    told = old.notices.get(kind="expiring", state="open")
    assert told.facts == {"missing": missing, "in_time": in_time, "successor": NEW}
    for day in range(1, 30):
        look(day)
    assert [kind for kind, _, _ in standing()] == ["still_expired"]


@pytest.mark.parametrize("change", [{"word": "suspended"}, {"gone_at": NOON}])
def test_a_successor_that_is_good_no_more_silences_nothing(old: Certificate, run: Sync, change: dict[str, Any]) -> None:
    entry = appears(run)
    find()
    Entry.objects.filter(pk=entry.pk).update(**change)
    look()
    assert standing() == [("expiring", 30, "open")]
    find()
    assert not Successor.across_orgs.exists()  # it is suggested no more, either


def test_two_sites_leave_a_doubt_and_nothing_is_silenced(old: Certificate, run: Sync, suedoel: Organisation) -> None:
    appears(run, "EU-ISCC-Cert-DE100-00000003", valid_from=LAST_DAY - timedelta(days=364), valid_until=LAST_DAY)
    appears(run)  # of the one or of the other site
    assert find() == 0
    look()
    assert standing() == [("expiring", 30, "open")]


def test_a_doubt_that_comes_later_takes_the_suggestion_back(old: Certificate, run: Sync) -> None:
    look()
    appears(run)
    find()
    assert standing() == []
    appears(run, "EU-ISCC-Cert-DE100-00000003")
    find(1)
    assert not Successor.across_orgs.exists()
    assert standing() == [("expiring", 30, "open")]
    Entry.objects.filter(number="EU-ISCC-Cert-DE100-00000003").update(gone_at=NOON)
    assert find(2) == 1
    assert old.changes.filter(type="certificate.renewed").count() == 1


def test_each_organisation_that_watches_it_gets_its_own_suggestion(
    old: Certificate, run: Sync, suedoel: Organisation
) -> None:
    theirs = watched(suedoel, run)
    appears(run)
    assert find() == 2
    assert {row.certificate for row in Successor.across_orgs.all()} == {old, theirs}


def test_who_watches_both_side_by_side_for_long_knows_them_as_two(old: Certificate, run: Sync) -> None:
    watched(old.org, run, NEW, valid_from=LAST_DAY - timedelta(days=90), valid_until=LAST_DAY + timedelta(days=200))
    assert find() == 0


def test_a_far_end_has_no_successor_yet(nordmuehle: Organisation, run: Sync) -> None:
    watched(nordmuehle, run, valid_until=TODAY + timedelta(days=121))
    appears(run, valid_from=TODAY + timedelta(days=100), valid_until=TODAY + timedelta(days=500))
    assert find() == 0
    assert find(1) == 1


def test_what_is_accepted_is_watched_in_its_place(old: Certificate, run: Sync, anna: User, mia: User) -> None:
    supplier = old.org.suppliers.create(name="Ölmühle", name_key="ölmühle", created_at=NOON)
    Certificate.across_orgs.filter(pk=old.pk).update(supplier=supplier, responsible=mia, tags=["oil"])
    entry = appears(run)
    find()
    new = successors.accept(Successor.across_orgs.get(), by=anna, now=NOON, address="192.0.2.7")
    new.refresh_from_db()
    assert (new.number, new.predecessor, new.entry, new.word) == (NEW, old, entry, "valid")
    assert (new.valid_from, new.valid_until) == (NEXT_DAY, NEXT_DAY + timedelta(days=364))
    assert (new.supplier, new.responsible, new.tags, new.added_by) == (supplier, mia, ["oil"], anna)
    assert new.bindings.get().entry == entry
    assert [change.type for change in new.changes.all()] == ["certificate.added"]
    row = Successor.across_orgs.get()
    assert (row.decision, row.decided_by, row.decided_at) == ("accepted", anna, NOON)
    note = AuditEntry.objects.get(action="certificate.successor_accepted")
    assert (note.about, note.details, note.source_address) == (OLD, {"successor": NEW}, "192.0.2.7")
    old.refresh_from_db()
    assert (old.number, old.removed_at) == (OLD, None)


def test_once_an_accepted_one_has_begun_the_old_one_is_told_about_no_more(
    old: Certificate, run: Sync, anna: User
) -> None:
    appears(run, scopes=["Storage"], valid_from=LAST_DAY + timedelta(days=5))  # less, and later
    find()
    successors.accept(Successor.across_orgs.get(), by=anna, now=NOON)
    look()
    assert standing() == [("expiring", 30, "open")]
    look(21)
    assert standing() == [("expired", None, "open")]
    for day in range(22, 90):
        look(day)
    assert standing() == []
    assert old.notices.get(kind="expired").solved_by == "successor"
    assert not old.notices.filter(kind="still_expired").exists()


def test_an_accepted_one_that_has_begun_solves_what_stands_at_once(old: Certificate, run: Sync, anna: User) -> None:
    look()
    appears(run, scopes=[], valid_from=TODAY - timedelta(days=3))
    find()
    assert standing() == [("expiring", 30, "open")]
    successors.accept(Successor.across_orgs.get(), by=anna, now=NOON)
    assert standing() == []
    look(21)
    assert standing() == []


def test_all_that_stands_of_the_old_one_is_solved_once_the_accepted_one_is_in_force(
    old: Certificate, run: Sync, anna: User
) -> None:
    for kind in ("withdrawn", "holder_changed", "review_due"):
        notices.add(old.org, Kind(kind), told_for=kind, batch="n", now=NOON, certificate=old)
    appears(run, valid_from=TODAY - timedelta(days=3))
    find()
    successors.accept(Successor.across_orgs.get(), by=anna, now=NOON)
    assert standing() == []


def test_all_that_stands_of_the_old_one_is_solved_on_the_first_day_of_the_accepted_one(
    old: Certificate, run: Sync, anna: User
) -> None:
    appears(run, valid_from=TODAY + timedelta(days=3))
    find()
    successors.accept(Successor.across_orgs.get(), by=anna, now=NOON)
    notices.add(old.org, Kind.WITHDRAWN, told_for="x", batch="n", now=NOON, certificate=old)
    look(2)
    assert old.notices.get(kind="withdrawn").state == "open"
    look(3)
    assert old.notices.get(kind="withdrawn").solved_by == "successor"


def test_an_end_that_the_register_says_is_silent_where_a_suggestion_covers_it_until_that_is_dismissed(
    old: Certificate, run: Sync, anna: User
) -> None:
    appears(run)
    find()
    counter, _ = ChangeCounter.objects.get_or_create(org=old.org)
    old.changes.create(
        org=old.org, number=counter.last + 1, type="certificate.status_changed", told_by="run:7", was="valid",
        word="expired", valid_until=LAST_DAY, seen_at=NOON, created_at=NOON,
    )  # fmt: skip
    ChangeCounter.objects.update(last=counter.last + 1)
    notices.make(NOON)
    assert old.notices.get(kind="expired").state == "solved"
    successors.dismiss(Successor.across_orgs.get(), by=anna, now=NOON)
    assert old.notices.get(kind="expired").state == "open"


def test_one_that_is_watched_already_is_linked(old: Certificate, run: Sync, anna: User, mia: User) -> None:
    Certificate.across_orgs.filter(pk=old.pk).update(responsible=mia, tags=["oil"])
    new = watched(old.org, run, NEW, valid_from=NEXT_DAY, valid_until=NEXT_DAY + timedelta(days=364), tags=["new"])
    find()
    assert successors.accept(Successor.across_orgs.get(), by=anna, now=NOON).pk == new.pk
    new.refresh_from_db()
    assert (new.predecessor, new.responsible, new.tags) == (old, mia, ["new", "oil"])
    assert Certificate.across_orgs.count() == 2


def test_what_is_dismissed_is_not_suggested_again_and_the_end_is_told(old: Certificate, run: Sync, anna: User) -> None:
    look()
    appears(run)
    find()
    successors.dismiss(Successor.across_orgs.get(), by=anna, now=NOON)
    assert standing() == [("expiring", 30, "open")]
    assert find(1) == 0
    look(6)
    assert standing() == [("expiring", 14, "open")]
    assert AuditEntry.objects.filter(action="certificate.successor_dismissed").exists()


def test_what_was_decided_is_decided(old: Certificate, run: Sync, anna: User) -> None:
    appears(run)
    find()
    row = Successor.across_orgs.get()
    successors.dismiss(row, by=anna, now=NOON)
    for decide in (successors.accept, successors.dismiss):
        with pytest.raises(Refused, match="decided already"):
            decide(row, by=anna, now=NOON)


def test_what_the_register_lists_no_more_cannot_be_accepted(old: Certificate, run: Sync, anna: User) -> None:
    entry = appears(run)
    find()
    Entry.objects.filter(pk=entry.pk).update(gone_at=NOON)
    with pytest.raises(Refused, match="does not list"):
        successors.accept(Successor.across_orgs.get(), by=anna, now=NOON)


def test_of_several_holders_the_suggested_one_answers(old: Certificate, run: Sync, anna: User) -> None:
    entry = appears(run)
    find()
    appears(run, holder="Somebody Else BV")
    new = successors.accept(Successor.across_orgs.get(), by=anna, now=NOON)
    assert (new.entry, new.how) == (entry, "person")


def test_sources_are_looked_through_after_a_reading_that_moved_something_and_once_a_day(
    old: Certificate, run: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    monkeypatch.setattr(successors, "find", lambda source, *, now: looked.append(source))

    def looks(since: Any) -> bool:
        looked.clear()
        successors.look(NOON, since)
        return looked == ["iscc"]

    assert looks(None)
    assert looks(NOON - timedelta(hours=1))
    assert not looks(NOON + timedelta(hours=1))
    assert looks(NOON - timedelta(hours=23))  # yesterday
    Sync.objects.update(new=0, changed=0)
    assert not looks(NOON - timedelta(hours=1))


def test_days_that_are_no_days_are_left_alone(nordmuehle: Organisation, run: Sync) -> None:
    watched(nordmuehle, run, valid_until=None)
    appears(run, valid_until=None)
    appears(run, "EU-ISCC-Cert-DE100-00000003", valid_from=None, valid_until=date(2028, 1, 1))
    assert find() == 0
