"""What a new day brings: ends that are near, ends that are past, first days, reviews, keys."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from certwatch.actions import reminders
from certwatch.models import (
    ApiKey,
    Certificate,
    Change,
    ChangeCounter,
    Notice,
    Organisation,
    ReminderPlan,
    User,
    reminding,
)
from tests.actions.test_members import at_once
from tests.actions.watched import by_hand, watch
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

TODAY = date(2026, 11, 24)


@pytest.fixture
def org(nordmuehle: Organisation) -> Organisation:
    nordmuehle.looked_on = TODAY - timedelta(days=1)
    nordmuehle.save()
    return nordmuehle


def ends_in(org: Organisation, days: int, number: str = "EU-ISCC-Cert-DE100-00000001", **more: Any) -> Certificate:
    more = {"added_at": NOON - timedelta(days=200), **more}
    return watch(org, number, valid_until=TODAY + timedelta(days=days), **more)


def look(day: int = 0) -> None:
    reminders.look(NOON + timedelta(days=day))


def told(**of: Any) -> list[tuple[str, int | None, str]]:
    notices = Notice.across_orgs.filter(**of).order_by("id")
    return list(notices.values_list("kind", "stage", "state"))


def told_each_day(days: Iterable[int]) -> list[tuple[int, str, int | None]]:
    """What is told anew by a look on each of `days`, skipped stages aside."""
    found = []
    for day in days:
        before = set(Notice.across_orgs.values_list("pk", flat=True))
        look(day)
        new = Notice.across_orgs.exclude(pk__in=before).exclude(state="skipped").order_by("id")
        found += [(day, notice.kind, notice.stage) for notice in new]
    return found


def events(org: Organisation) -> list[tuple[str, str, str, dict[str, Any]]]:
    return list(org.changes.order_by("number").values_list("type", "was", "word", "facts"))


def test_each_stage_is_told_on_its_day_then_that_it_expired_then_every_week(org: Organisation) -> None:
    ends_in(org, 61)
    assert told_each_day(range(80)) == [
        (1, "expiring", 60),
        (31, "expiring", 30),
        (47, "expiring", 14),
        (54, "expiring", 7),
        (60, "expiring", 1),
        (62, "expired", None),
        (69, "still_expired", 1),
        (76, "still_expired", 2),
    ]
    assert told() == [
        ("expiring", 60, "skipped"),
        ("expiring", 30, "skipped"),
        ("expiring", 14, "skipped"),
        ("expiring", 7, "skipped"),
        ("expiring", 1, "solved"),
        ("expired", None, "solved"),
        ("still_expired", 1, "solved"),
        ("still_expired", 2, "open"),
    ]


def test_a_program_is_told_each_stage_and_the_end_in_one_sequence(org: Organisation) -> None:
    certificate = ends_in(org, 1)
    look(0)
    look(2)
    assert events(org) == [
        ("certificate.expiring", "valid", "valid", {"kind": "expiring", "stage": 1}),
        ("certificate.status_changed", "valid", "expired", {"kind": "expired", "since": "2026-11-26"}),
    ]
    assert list(org.changes.order_by("number").values_list("number", "told_by", "certificate", "valid_until")) == [
        (1, "day:expiring:2026-11-25:1", certificate.pk, date(2026, 11, 25)),
        (2, "day:expired:2026-11-26", certificate.pk, date(2026, 11, 25)),
    ]
    assert ChangeCounter.objects.get(org=org).last == 2
    assert all(notice.change for notice in org.notices.exclude(state="skipped"))


def test_after_a_pause_the_most_urgent_stage_is_told_once_and_the_others_are_skipped(org: Organisation) -> None:
    ends_in(org, 13)
    look()
    assert told() == [("expiring", 30, "skipped"), ("expiring", 60, "skipped"), ("expiring", 14, "open")]
    assert [facts["stage"] for _, _, _, facts in events(org)] == [14]


@pytest.mark.parametrize(
    ("pause", "after"),
    [
        (3, [("expired", None)]),
        (21, [("expired", None), ("still_expired", 3)]),  # a week after it was told; the third since it expired
    ],
)
def test_what_a_pause_slept_through_is_told_once(
    org: Organisation, pause: int, after: list[tuple[str, int | None]]
) -> None:
    ends_in(org, 0)
    assert [(kind, stage) for _, kind, stage in told_each_day([0])] == [("expiring", 1)]
    assert [(kind, stage) for _, kind, stage in told_each_day([pause, pause + 1, pause + 7])][: len(after)] == after
    assert [event[0] for event in events(org)] == ["certificate.expiring", "certificate.status_changed"]


def test_a_second_look_on_the_same_day_tells_nothing(org: Organisation) -> None:
    ends_in(org, 7)
    assert told_each_day([0, 0, 0]) == [(0, "expiring", 7)]
    Organisation.objects.update(looked_on=None)  # nor does one that has forgotten the first
    look()
    assert len(told()) == 4
    assert Change.across_orgs.count() == 1


def test_what_is_added_in_between_is_told_the_next_day(org: Organisation) -> None:
    look()
    ends_in(org, 5)
    assert told_each_day([0, 1]) == [(1, "expiring", 7)]


def test_what_had_expired_before_it_was_added_is_told_nobody(org: Organisation) -> None:
    ends_in(org, -3, added_at=NOON - timedelta(days=2))
    assert told_each_day([0, 1, 10]) == []
    assert events(org) == []


def test_who_begins_to_look_is_told_of_the_last_thirty_days_and_not_of_years(nordmuehle: Organisation) -> None:
    ends_in(nordmuehle, -30, "EU-ISCC-Cert-DE100-00000001")
    ends_in(nordmuehle, -31, "EU-ISCC-Cert-DE100-00000002")
    look()
    assert [notice.day for notice in nordmuehle.notices.filter(kind="expired")] == [TODAY - timedelta(days=30)]
    assert told_each_day(range(1, 7)) == []


def test_a_certificate_that_its_register_called_expired_is_told_once(org: Organisation) -> None:
    certificate = ends_in(org, -1, word="expired")
    other = ends_in(org, -1, "EU-ISCC-Cert-DE100-00000002", word="expired")
    ChangeCounter.objects.create(org=org, last=1, noticed=1)
    org.changes.create(
        certificate=other, number=1, type="certificate.status_changed", told_by="run:7", was="valid", word="expired",
        valid_until=other.valid_until, seen_at=NOON, created_at=NOON,
    )  # fmt: skip
    look()
    assert [notice.certificate for notice in org.notices.all()] == [certificate]
    assert [(change.certificate, change.number) for change in org.changes.order_by("number")] == [
        (other, 1),
        (certificate, 2),
    ]


def test_the_end_of_a_suspended_one_is_told_while_it_comes_near(org: Organisation) -> None:
    ends_in(org, 1, word="suspended")
    assert told_each_day([0, 2, 9]) == [(0, "expiring", 1)]
    assert [event[:3] for event in events(org)] == [("certificate.expiring", "suspended", "suspended")]
    assert told(state="open") == []


@pytest.mark.parametrize("word", ["withdrawn", "terminated", "not_found", "unknown"])
def test_another_word_silences_the_end(org: Organisation, word: str) -> None:
    ends_in(org, 7, word=word)
    ends_in(org, -1, "EU-ISCC-Cert-DE100-00000002", word=word)
    assert told_each_day([0]) == []


def test_what_is_watched_no_more_is_told_nobody(org: Organisation) -> None:
    certificate = ends_in(org, 20)
    look()
    Certificate.across_orgs.filter(pk=certificate.pk).update(removed_at=NOON)
    assert told_each_day(range(30)) == []
    assert told(state="open") == []


def test_the_first_day_is_an_event_and_no_alert(org: Organisation) -> None:
    ends_in(org, 300, valid_from=TODAY)
    ends_in(org, 300, "EU-ISCC-Cert-DE100-00000002", valid_from=TODAY, added_at=NOON)  # never seen before it began
    ends_in(org, 300, "EU-ISCC-Cert-DE100-00000003", valid_from=TODAY - timedelta(days=1))  # yesterday's
    look()
    look(1)
    assert events(org) == [
        ("certificate.status_changed", "not_yet_valid", "valid", {"kind": "begun", "since": "2026-11-24"})
    ]
    assert told() == []


def test_a_first_day_that_was_slept_through_is_told_once(org: Organisation) -> None:
    ends_in(org, 300, valid_from=TODAY + timedelta(days=2))
    look(5)
    look(6)
    assert [event[3]["since"] for event in events(org)] == ["2026-11-26"]


def test_a_review_is_told_on_its_day_and_every_week(org: Organisation) -> None:
    certificate = by_hand(org, "NIS-1", review_on=TODAY + timedelta(days=1), valid_until=None)
    watch(org, "EU-ISCC-Cert-DE100-00000001", review_on=TODAY)
    assert told_each_day(range(18)) == [(1, "review_due", 0), (8, "review_due", 1), (15, "review_due", 2)]
    assert told() == [("review_due", 0, "solved"), ("review_due", 1, "solved"), ("review_due", 2, "open")]
    Certificate.across_orgs.filter(pk=certificate.pk).update(review_on=TODAY + timedelta(days=100))
    assert told_each_day([18, 19]) == []
    assert told(state="open") == []


def plan(org: Organisation, days: list[int], **of: Any) -> None:
    ReminderPlan.across_orgs.create(org=org, days=days, **of)


def test_a_certificates_plan_outranks_its_tags_a_tags_its_schemes(org: Organisation) -> None:
    plan(org, [50], scheme="ISCC EU")
    plan(org, [40], tag="key account")
    plan(org, [20], tag="oil")
    of_scheme = ends_in(org, 60, "EU-ISCC-Cert-DE100-00000001")
    of_tags = ends_in(org, 60, "EU-ISCC-Cert-DE100-00000002", tags=["oil", "key account", "else"])
    own = ends_in(org, 60, "EU-ISCC-Cert-DE100-00000003", tags=["oil"])
    plan(org, [70, 10], certificate=own)
    as_all = ends_in(org, 60, "REDcert-1", scheme="REDcert-EU", source="redcert")
    never = ends_in(org, 60, "EU-ISCC-Cert-DE100-00000005")
    plan(org, [], certificate=never)
    for day in range(60):
        look(day)

    def stages(certificate: Certificate) -> list[int | None]:
        return list(certificate.notices.order_by("id").values_list("stage", flat=True))

    assert [stages(c) for c in (of_scheme, of_tags, own, as_all, never)] == [
        [50],
        [40, 20],
        [70, 10],
        [60, 30, 14, 7, 1],
        [],
    ]


def test_a_new_stage_rests_as_long_as_the_one_before_it_was_snoozed(org: Organisation, anna: User, mia: User) -> None:
    ends_in(org, 30)
    look()
    org.notices.filter(state="open").update(
        state="snoozed", decided_at=NOON, decided_by=anna, comment="is being renewed", until=TODAY + timedelta(days=25),
        assigned_to=mia, told_at=NOON,
    )  # fmt: skip
    look(16)
    before, now = org.notices.exclude(stage=60).order_by("id")
    assert (before.stage, before.state) == (30, "skipped")
    assert (now.stage, now.state, now.until) == (14, "snoozed", TODAY + timedelta(days=25))
    assert (now.decided_by, now.comment, now.assigned_to, now.told_at) == (anna, "is being renewed", mia, None)


def test_a_weekly_repeat_rests_as_long_as_the_one_before_it_was_snoozed(
    org: Organisation, anna: User, mia: User
) -> None:
    ends_in(org, 0)
    look()
    look(1)
    until = TODAY + timedelta(days=10)
    org.notices.filter(kind="expired").update(
        state="snoozed", decided_at=NOON, decided_by=anna, comment="its successor is on its way", until=until,
        assigned_to=mia, told_at=NOON,
    )  # fmt: skip
    look(8)
    first = org.notices.get(kind="still_expired", stage=1)
    assert (first.state, first.until, first.decided_by, first.decided_at) == ("snoozed", until, anna, NOON)
    assert (first.comment, first.assigned_to) == ("its successor is on its way", mia)
    look(15)
    second = org.notices.get(kind="still_expired", stage=2)
    assert (second.state, second.until, second.assigned_to) == ("open", None, mia)


def test_a_new_stage_of_what_was_acknowledged_is_open(org: Organisation, anna: User) -> None:
    ends_in(org, 30)
    look()
    org.notices.filter(state="open").update(state="acknowledged", decided_at=NOON, decided_by=anna)
    look(16)
    assert told(stage=14) == [("expiring", 14, "open")]


def test_an_end_opens_again_what_was_snoozed_and_is_less_bad(org: Organisation, anna: User) -> None:
    certificate = ends_in(org, -1)
    org.notices.create(
        kind="disagreement", severity="critical", told_for="x", batch="x", certificate=certificate, state="snoozed",
        made_at=NOON, decided_at=NOON, decided_by=anna, until=TODAY + timedelta(days=9),
    )  # fmt: skip
    look()
    assert told() == [("disagreement", None, "open"), ("expired", None, "open")]


def test_a_later_last_day_solves_what_was_said_of_the_old_one(org: Organisation) -> None:
    certificate = ends_in(org, 5)
    look()
    Certificate.across_orgs.filter(pk=certificate.pk).update(valid_until=TODAY + timedelta(days=370))
    assert told_each_day([1]) == []
    assert told(stage=7) == [("expiring", 7, "solved")]


@pytest.mark.parametrize("word", ["not_found", "unknown"])
def test_what_a_reading_missed_once_corrects_nothing(org: Organisation, word: str) -> None:
    certificate = ends_in(org, 5)
    look()
    of = Certificate.across_orgs.filter(pk=certificate.pk)
    of.update(word=word, valid_until=None)
    look(1)
    assert told(stage=7) == [("expiring", 7, "open")]
    of.update(word="valid", valid_until=TODAY + timedelta(days=5))
    assert told_each_day([2, 3, 4]) == [(4, "expiring", 1)]
    assert told(state="open") == [("expiring", 1, "open")]


def key(org: Organisation, days: int, **more: Any) -> ApiKey:
    number = ApiKey.across_orgs.count()
    made: ApiKey = org.api_keys.create(
        name=f"SAP {number}", digest=bytes([number]) * 32, begins="abcde", last_day=TODAY + timedelta(days=days),
        created_at=NOON, **more,
    )  # fmt: skip
    return made


def test_a_key_that_ends_is_told_thirty_seven_and_one_days_before(org: Organisation, suedoel: Organisation) -> None:
    ending = key(org, 31)
    key(org, 31, revoked_at=NOON)
    assert told_each_day(range(40)) == [(1, "key_ending", 30), (24, "key_ending", 7), (30, "key_ending", 1)]
    last_day = (TODAY + timedelta(days=31)).isoformat()
    assert events(org)[0] == (
        "key.expiring", "", "",
        {"kind": "key_ending", "id": ending.public_id, "name": "SAP 0", "last_day": last_day, "stage": 30},
    )  # fmt: skip
    assert told() == [("key_ending", 30, "skipped"), ("key_ending", 7, "skipped"), ("key_ending", 1, "solved")]
    assert {(notice.about, notice.about_id) for notice in org.notices.all()} == {("SAP 0", ending.public_id)}
    assert not suedoel.notices.exists()


def test_what_is_said_of_a_revoked_key_is_solved(org: Organisation) -> None:
    ending = key(org, 20)
    look()
    ApiKey.across_orgs.filter(pk=ending.pk).update(revoked_at=NOON)
    look(1)
    assert told(state="open") == []


@pytest.mark.parametrize("rests", [{"closed_at": NOON}, {"trial_ends": NOON - timedelta(days=1)}])
def test_who_is_closed_has_it_in_the_feed_and_is_told_nothing(org: Organisation, rests: dict[str, Any]) -> None:
    Organisation.objects.filter(pk=org.pk).update(**rests)
    ends_in(org, 7)
    look()
    assert told(stage=7) == [("expiring", 7, "resting")]
    assert not Notice.across_orgs.filter(told_at=None).exists()
    assert [event[0] for event in events(org)] == ["certificate.expiring"]
    org.refresh_from_db()
    assert org.rested


def test_each_organisation_is_told_of_its_own_and_in_its_own_numbers(org: Organisation, suedoel: Organisation) -> None:
    ends_in(org, 7)
    ends_in(suedoel, 30, "EU-ISCC-Cert-DE100-00000002")
    ends_in(suedoel, 90, "EU-ISCC-Cert-DE100-00000003")
    look()
    assert [(n.certificate.number, n.stage) for n in suedoel.notices.exclude(state="skipped") if n.certificate] == [
        ("EU-ISCC-Cert-DE100-00000002", 30)
    ]
    assert [change.number for change in org.changes.all()] == [change.number for change in suedoel.changes.all()] == [1]


@pytest.mark.parametrize(
    ("zone", "before", "midnight"),
    [
        ("Europe/Berlin", datetime(2026, 11, 23, 22, 59, tzinfo=UTC), date(2026, 11, 24)),
        ("Europe/Berlin", datetime(2027, 3, 27, 22, 59, tzinfo=UTC), date(2027, 3, 28)),  # to summer time that night
        ("Europe/Berlin", datetime(2027, 3, 28, 21, 59, tzinfo=UTC), date(2027, 3, 29)),
        ("Europe/Berlin", datetime(2026, 10, 24, 21, 59, tzinfo=UTC), date(2026, 10, 25)),  # and back
        ("Europe/Berlin", datetime(2026, 10, 25, 22, 59, tzinfo=UTC), date(2026, 10, 26)),
        ("Europe/Berlin", datetime(2026, 12, 31, 22, 59, tzinfo=UTC), date(2027, 1, 1)),
        ("Europe/Berlin", datetime(2028, 2, 28, 22, 59, tzinfo=UTC), date(2028, 2, 29)),
        ("America/New_York", datetime(2026, 11, 1, 3, 59, tzinfo=UTC), date(2026, 11, 1)),
        ("America/New_York", datetime(2026, 11, 2, 4, 59, tzinfo=UTC), date(2026, 11, 2)),
        ("Pacific/Auckland", datetime(2026, 11, 23, 10, 59, tzinfo=UTC), date(2026, 11, 24)),
        ("Pacific/Auckland", datetime(2027, 4, 4, 11, 59, tzinfo=UTC), date(2027, 4, 5)),
        ("Asia/Kathmandu", datetime(2026, 11, 23, 18, 14, tzinfo=UTC), date(2026, 11, 24)),
    ],
)
def test_a_day_begins_at_midnight_of_the_organisation(
    nordmuehle: Organisation, zone: str, before: datetime, midnight: date
) -> None:
    yesterday = midnight - timedelta(days=1)
    Organisation.objects.update(time_zone=zone, looked_on=yesterday)
    nordmuehle.refresh_from_db()
    watch(nordmuehle, "EU-ISCC-Cert-DE100-00000001", valid_until=yesterday, added_at=before - timedelta(days=200))
    reminders.look(before)
    assert told() == []
    reminders.look(before + timedelta(minutes=1))
    assert told() == [("expired", None, "open")]
    assert [notice.batch for notice in nordmuehle.notices.all()] == [f"day:{midnight}"]
    reminders.look(before + timedelta(hours=20))
    assert len(told()) == 1


def test_one_organisation_that_cannot_be_looked_at_stops_no_other(
    org: Organisation, suedoel: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_in(org, 7)
    ends_in(suedoel, 7, "EU-ISCC-Cert-DE100-00000002")
    ReminderPlan.across_orgs.create(org=org, days=["soon"], scheme="ISCC EU")
    with pytest.raises(RuntimeError, match="1 organisations"):
        look()
    assert [notice.org for notice in Notice.across_orgs.exclude(state="skipped")] == [suedoel]
    ReminderPlan.across_orgs.all().delete()
    look()
    assert Notice.across_orgs.exclude(state="skipped").count() == 2


def test_a_look_that_dies_is_done_again_as_a_whole(org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    ends_in(org, 7)

    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(reminding, "end", die)
        with pytest.raises(SystemExit):
            look()
    assert told() == []
    assert events(org) == []
    assert told_each_day([0]) == [(0, "expiring", 7)]


def test_a_page_of_certificates_is_followed_by_the_next(org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reminding, "PAGE", 2)
    for place in range(5):
        ends_in(org, 7, f"EU-ISCC-Cert-DE100-0000000{place}")
    look()
    assert list(org.changes.order_by("number").values_list("number", flat=True)) == [1, 2, 3, 4, 5]
    assert org.notices.filter(state="open").count() == 5


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_tell_each_thing_once(nordmuehle: Organisation, suedoel: Organisation) -> None:
    for place in range(40):
        org = nordmuehle if place % 2 else suedoel
        ends_in(org, place % 9 - 1, f"EU-ISCC-Cert-DE100-000000{place:02}")
    at_once(look, [(0,)] * 4)
    for org in (nordmuehle, suedoel):
        assert [change.number for change in org.changes.order_by("number")] == list(range(1, 21))
        assert org.notices.exclude(state="skipped").count() == 20
