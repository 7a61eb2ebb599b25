"""Mornings: one mail a day at eight, what nobody acknowledged again and further, and what ends with a day."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from certwatch.actions import audience, digests, letters, reminders, tellings
from certwatch.models import (
    Delivery,
    Digest,
    Membership,
    Organisation,
    Purpose,
    SourceState,
    Telling,
    User,
    When,
)
from certwatch.rules.notices import Kind, State
from tests.actions.mornings import FRIDAY, LONG_AGO, MONDAY, SATURDAY, TUESDAY, at, look, sent, text, told
from tests.actions.notices import alert
from tests.actions.told import certificate, confirm, run
from tests.conftest import NOON


@pytest.fixture(autouse=True)
def members_since_long(anna: User, otto: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anna and Otto can be reached, and had no digest yet."""
    monkeypatch.setattr(digests, "_waits", {})
    confirm(anna, otto)
    Membership.across_orgs.update(created_at=LONG_AGO)
    Organisation.objects.update(created_at=LONG_AGO)


# ---- when


def test_a_digest_leaves_at_eight_and_once_a_day(nordmuehle: Organisation, anna: User) -> None:
    told(nordmuehle, Kind.EXPIRING, anna)
    look(at(TUESDAY, 7, 59))
    assert sent(nordmuehle) == []
    look(at(TUESDAY))
    look(at(TUESDAY, 8, 1))
    look(at(TUESDAY, 23, 59))
    assert sent(nordmuehle) == [("Anna", "digest")]
    carried = Telling.objects.get()
    assert carried.delivery is not None
    assert carried.delivery.told_for == f"digest:o{nordmuehle.pk}:u{anna.pk}:2026-11-24"
    look(at(date(2026, 11, 25)))
    assert len(sent(nordmuehle)) == 1  # nothing new


def test_a_pause_of_the_worker_delays_it_and_makes_it_one(nordmuehle: Organisation, anna: User) -> None:
    told(nordmuehle, Kind.EXPIRING, anna)
    look(at(TUESDAY, 17))
    assert sent(nordmuehle) == [("Anna", "digest")]
    told(nordmuehle, Kind.EXPIRING, anna, made_at=at(TUESDAY, 18))
    told(nordmuehle, Kind.LIFTED, anna, made_at=at(date(2026, 11, 26), 18), state=State.SOLVED)
    look(at(FRIDAY, 9))
    assert sent(nordmuehle) == [("Anna", "digest")] * 2
    last = nordmuehle.deliveries.latest("pk")
    assert (last.notices.count(), last.facts) == (2, {"day": "2026-11-27", "since": "2026-11-24"})


def test_after_a_pause_over_eight_it_waits_for_what_the_day_brings(nordmuehle: Organisation, anna: User) -> None:
    Organisation.objects.update(looked_on=FRIDAY - timedelta(days=1))
    certificate(nordmuehle, "2BS-LAST-DAY", until=SATURDAY)
    digests.look(at(FRIDAY, 9))
    reminders.look(at(FRIDAY, 9))
    digests.look(at(FRIDAY, 9, 1))  # the day is looked at, and nobody has decided who hears of it
    assert sent(nordmuehle) == []
    tellings.decide(at(FRIDAY, 9, 1))
    digests.look(at(FRIDAY, 9, 2))
    assert sent(nordmuehle) == [("Anna", "digest"), ("Otto", "digest")]
    assert "2BS-LAST-DAY" in text(nordmuehle, anna, at(FRIDAY, 9, 2))


def test_a_channels_morning_waits_as_well(nordmuehle: Organisation) -> None:
    Organisation.objects.update(looked_on=MONDAY)
    channel = nordmuehle.channels.create(
        name="Buying", scheme="workflows", host="de.logic.azure.com", address="x", shown="s", created_at=NOON
    )
    notice = alert(nordmuehle, Kind.EXPIRING, certificate(nordmuehle), made_at=at(MONDAY, 10))
    Telling.objects.create(notice=notice, channel=channel, when=When.DIGEST, why="rule", made_at=at(MONDAY, 10))
    digests.look(at(TUESDAY))
    assert sent(nordmuehle) == []
    look(at(TUESDAY, 8, 1))
    assert sent(nordmuehle) == [("Buying", "digest")]
    assert nordmuehle.deliveries.get().host == "de.logic.azure.com"


def test_a_day_that_cannot_be_looked_at_delays_a_digest_for_an_hour(nordmuehle: Organisation, anna: User) -> None:
    told(nordmuehle, Kind.EXPIRING, anna)
    for minute in (0, 59):
        digests.look(at(TUESDAY, 8, minute))
    assert sent(nordmuehle) == []
    digests.look(at(TUESDAY, 9))
    assert sent(nordmuehle) == [("Anna", "digest")]


@pytest.mark.parametrize("day", [SATURDAY, date(2026, 11, 29)])
def test_on_weekends_there_is_none(nordmuehle: Organisation, anna: User, day: date) -> None:
    told(nordmuehle, Kind.EXPIRING, anna)
    look(at(day))
    assert sent(nordmuehle) == []
    look(at(date(2026, 11, 30)))
    assert sent(nordmuehle)[0] == ("Anna", "digest")


@pytest.mark.parametrize(
    ("own", "of_org", "first"),
    [
        ("", "Europe/Berlin", datetime(2026, 11, 24, 7, tzinfo=UTC)),
        ("America/New_York", "Europe/Berlin", datetime(2026, 11, 24, 13, tzinfo=UTC)),
        ("", "Asia/Kolkata", datetime(2026, 11, 24, 2, 30, tzinfo=UTC)),
        ("Pacific/Auckland", "Europe/Berlin", datetime(2026, 11, 23, 19, tzinfo=UTC)),  # it is Tuesday there
    ],
)
def test_eight_is_the_readers_own_else_the_organisations(
    nordmuehle: Organisation, anna: User, own: str, of_org: str, first: datetime
) -> None:
    anna.time_zone, nordmuehle.time_zone = own, of_org
    anna.save()
    nordmuehle.save()
    Membership.across_orgs.exclude(user=anna).update(digest=Digest.OFF)
    Membership.across_orgs.filter(user=anna).update(digested_on=MONDAY)
    told(nordmuehle, Kind.EXPIRING, anna, made_at=first - timedelta(hours=3))
    look(first - timedelta(minutes=1))
    assert sent(nordmuehle) == []
    look(first)
    assert sent(nordmuehle) == [("Anna", "digest")]


@pytest.mark.parametrize(
    ("day", "hour_utc"),
    [
        (date(2026, 3, 27), 7), (date(2026, 3, 30), 6),  # the clock goes forward on the 29th
        (date(2026, 10, 23), 6), (date(2026, 10, 26), 7),  # and back on the 25th
    ],
)  # fmt: skip
def test_daylight_saving_moves_nothing(nordmuehle: Organisation, anna: User, day: date, hour_utc: int) -> None:
    eight = datetime(day.year, day.month, day.day, hour_utc, tzinfo=UTC)
    told(nordmuehle, Kind.EXPIRING, anna, made_at=eight - timedelta(hours=20))
    look(eight - timedelta(minutes=1))
    assert sent(nordmuehle) == []
    look(eight)
    assert ("Anna", "digest") in sent(nordmuehle)


def test_an_empty_digest_is_sent_to_who_asked_for_it_only(nordmuehle: Organisation, anna: User) -> None:
    nordmuehle.memberships.filter(user=anna).update(digest=Digest.ALWAYS)
    look(at(TUESDAY))
    assert sent(nordmuehle) == [("Anna", "digest")]
    assert "Tuesday 24 Nov: nothing to tell" in text(nordmuehle, anna, at(TUESDAY))
    assert "Nothing needs your attention." in text(nordmuehle, anna, at(TUESDAY))


def test_who_wants_none_gets_none(nordmuehle: Organisation, anna: User) -> None:
    nordmuehle.memberships.filter(user=anna).update(digest=Digest.OFF)
    told(nordmuehle, Kind.EXPIRING, anna)
    look(at(TUESDAY))
    assert sent(nordmuehle) == []


def test_who_has_not_confirmed_his_address_gets_none(nordmuehle: Organisation, mia: User) -> None:
    told(nordmuehle, Kind.EXPIRING, mia)
    look(at(TUESDAY))
    assert sent(nordmuehle) == []


def test_who_joined_since_eight_hears_tomorrow(nordmuehle: Organisation, anna: User) -> None:
    nordmuehle.memberships.filter(user=anna).update(created_at=at(TUESDAY, 9))
    told(nordmuehle, Kind.EXPIRING, anna, made_at=at(TUESDAY, 9))
    look(at(TUESDAY, 10))
    assert sent(nordmuehle) == []
    look(at(date(2026, 11, 25)))
    assert sent(nordmuehle) == [("Anna", "digest")]


@pytest.mark.parametrize("ends", [{"closed_at": NOON}, {"trial_ends": at(MONDAY)}])
def test_a_closed_organisation_gets_none(nordmuehle: Organisation, anna: User, ends: dict[str, Any]) -> None:
    told(nordmuehle, Kind.EXPIRING, anna)
    Organisation.objects.update(**ends)
    look(at(TUESDAY))
    assert sent(nordmuehle) == []


def test_another_organisations_alerts_are_in_no_digest(
    nordmuehle: Organisation, suedoel: Organisation, clara: User, anna: User
) -> None:
    confirm(clara)
    Membership.across_orgs.update(created_at=LONG_AGO)
    told(nordmuehle, Kind.EXPIRING, anna)
    told(suedoel, Kind.EXPIRING, clara, certificate=certificate(suedoel, "2BS999999"))
    look(at(TUESDAY))
    assert (sent(nordmuehle), sent(suedoel)) == ([("Anna", "digest")], [("Clara", "digest")])
    assert "2BS999999" in text(suedoel, clara, at(TUESDAY))
    assert "2BS000000" not in text(suedoel, clara, at(TUESDAY))


def test_one_reader_who_cannot_be_worked_on_does_not_stop_the_others(
    nordmuehle: Organisation, suedoel: Organisation, clara: User, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirm(clara)
    Membership.across_orgs.update(created_at=LONG_AGO)
    told(nordmuehle, Kind.EXPIRING, anna)
    told(suedoel, Kind.EXPIRING, clara, certificate=certificate(suedoel, "2BS999999"))
    of = audience.of

    def broken(org: Organisation, now: datetime) -> Any:
        if org == nordmuehle:
            raise ValueError("rubbish")
        return of(org, now)

    monkeypatch.setattr(audience, "of", broken)
    with pytest.raises(RuntimeError, match="nordmuehle"):  # the duty failed, so the operator hears of it
        look(at(TUESDAY))
    assert sent(suedoel) == [("Clara", "digest")]
    monkeypatch.undo()
    look(at(TUESDAY, 8, 1))
    assert sent(nordmuehle) == [("Anna", "digest")]


# ---- what


def test_on_tuesday_it_says_what_came_since_the_last_one(nordmuehle: Organisation, anna: User) -> None:
    run()
    told(nordmuehle, Kind.SUSPENDED, anna, when=When.AT_ONCE, certificate=certificate(nordmuehle, "2BS-UNACK"))
    told(nordmuehle, Kind.UNCLEAR, anna, certificate=certificate(nordmuehle, "2BS-UNCLEAR"))
    told(nordmuehle, Kind.EXPIRING, anna, day=date(2026, 12, 1), certificate=certificate(nordmuehle, "2BS-ENDS"))
    told(nordmuehle, Kind.LIFTED, anna, state=State.SOLVED, certificate=certificate(nordmuehle, "2BS-GOOD"))
    told(nordmuehle, Kind.SOURCE_STALE, anna, certificate=None, about="iscc")
    told(nordmuehle, Kind.EXPIRED, anna, state=State.ACKNOWLEDGED, certificate=certificate(nordmuehle, "2BS-SEEN"))
    told(nordmuehle, Kind.EXPIRED, anna, state=State.SOLVED, certificate=certificate(nordmuehle, "2BS-RENEWED"))
    certificate(nordmuehle, "2BS-OLD", until=date(2026, 11, 1))  # as it stands: on Mondays
    look(at(TUESDAY))
    said = text(nordmuehle, anna, at(TUESDAY))
    assert said.startswith("Tuesday 24 Nov: 1 not acknowledged, 1 changed for the worse, 1 ends soon\n")
    order = [
        "NOT ACKNOWLEDGED, 1", "Suspended", "2BS-UNACK", "CHANGED FOR THE WORSE, 1", "Status unclear", "2BS-UNCLEAR",
        "ENDING, 1", "1 Dec", "2BS-ENDS", "GOOD NEWS, 1", "Back in force", "2BS-GOOD", "SOURCES", "The ISCC register",
    ]  # fmt: skip
    places = [said.index(words) for words in order]
    assert places == sorted(places)
    for left_out in ("2BS-SEEN", "2BS-RENEWED", "2BS-OLD", "EXPIRED, "):
        assert left_out not in said


def test_on_monday_it_says_how_all_stands(nordmuehle: Organisation, anna: User) -> None:
    run()
    over = certificate(nordmuehle, "2BS-OVER", until=date(2026, 11, 1))
    certificate(nordmuehle, "2BS-LAST-DAY", until=MONDAY)
    certificate(nordmuehle, "2BS-FAR", until=date(2027, 11, 1))
    certificate(nordmuehle, "2BS-REMOVED", until=date(2026, 11, 1), removed_at=NOON)
    gap = certificate(nordmuehle, "2BS-GAP", until=date(2026, 12, 19))
    certificate(nordmuehle, "2BS-AFTER", predecessor=gap, valid_from=date(2026, 12, 23), until=date(2027, 12, 22))
    done = certificate(nordmuehle, "2BS-DONE", until=date(2026, 12, 19))
    certificate(nordmuehle, "2BS-NEXT", predecessor=done, valid_from=date(2026, 12, 20), until=date(2027, 12, 22))
    SourceState.objects.update(read_began=at(date(2026, 11, 20)))
    told(nordmuehle, Kind.EXPIRED, anna, certificate=over, made_at=at(SATURDAY - timedelta(days=7)))  # stands above
    told(
        nordmuehle, Kind.UNCLEAR, anna, certificate=certificate(nordmuehle, "2BS-NEW"), made_at=at(date(2026, 11, 21))
    )  # fmt: skip
    look(at(MONDAY))
    said = text(nordmuehle, anna, at(MONDAY))
    assert said.startswith("Monday 23 Nov: 1 expired, 2 end within 60 days, 1 gap\n")
    order = [
        "EXPIRED, 1", "1 Nov", "2BS-OVER", "ENDING NEXT, 2 WITHIN 60 DAYS", "23 Nov", "2BS-LAST-DAY", "2BS-GAP",
        "GAPS, 1", "20 Dec to 22 Dec", "2BS-GAP", "begins on 23 Dec", "SOURCES", "ISCC has not been read since 20 Nov",
        "NEW SINCE FRIDAY", "2BS-NEW",
    ]  # fmt: skip
    places, start = [], 0
    for words in order:
        start = said.index(words, start) + 1
        places.append(start)
    assert places == sorted(places)
    for left_out in ("2BS-FAR", "2BS-REMOVED", "2BS-DONE", "2BS-NEXT", "NOT ACKNOWLEDGED"):
        assert left_out not in said


def test_on_monday_what_ends_later_than_the_threshold_is_told_as_new(nordmuehle: Organisation, anna: User) -> None:
    far = certificate(nordmuehle, "2BS-NINETY", until=MONDAY + timedelta(days=90))
    told(nordmuehle, Kind.EXPIRING, anna, certificate=far, day=far.valid_until, stage=90, made_at=at(MONDAY, 1))
    covered = certificate(nordmuehle, "2BS-COVERED", until=date(2026, 11, 1))
    certificate(nordmuehle, "2BS-NEXT", predecessor=covered, valid_from=date(2026, 11, 2), until=date(2027, 11, 1))
    told(nordmuehle, Kind.EXPIRED, anna, certificate=covered, made_at=at(MONDAY, 1))
    told(nordmuehle, Kind.SOURCE_STALE, anna, certificate=None, about="redcert", made_at=at(MONDAY, 1))
    look(at(MONDAY))
    said = text(nordmuehle, anna, at(MONDAY))
    assert said.startswith("Monday 23 Nov: 3 new\n")
    assert said.index("NEW SINCE") < min(said.index(words) for words in ("2BS-NINETY", "2BS-COVERED", "REDcert"))


def test_on_monday_a_reader_sees_what_he_would_be_told_of(
    nordmuehle: Organisation, anna: User, mia: User, ben: User
) -> None:
    confirm(mia, ben)
    Membership.across_orgs.update(created_at=LONG_AGO)
    certificate(nordmuehle, "2BS-HERS", until=date(2026, 11, 1), responsible=mia, tags=["FAME"])
    certificate(nordmuehle, "2BS-OTHER", until=date(2026, 11, 2))
    nordmuehle.alert_rules.create(name="FAME", tags=["FAME"], responsible=True, created_at=NOON)
    look(at(MONDAY))
    assert {who for who, _ in sent(nordmuehle)} == {"Anna", "Otto", "Mia"}  # Ben hears of nothing
    hers, annas = text(nordmuehle, mia, at(MONDAY)), text(nordmuehle, anna, at(MONDAY))
    assert "2BS-HERS" in hers and "2BS-OTHER" not in hers
    assert "2BS-OTHER" in annas and "2BS-HERS" not in annas


def test_a_digest_of_five_thousand_asks_few_questions(nordmuehle: Organisation, anna: User) -> None:
    run()
    first = certificate(nordmuehle, "2BS000000", until=date(2026, 11, 1))
    fields = {"org": nordmuehle, "scheme": "ISCC EU", "source": "iscc", "word": "valid", "added_at": NOON}
    type(first).across_orgs.bulk_create(
        type(first)(
            number=f"2BS{n:06}", number_key=f"2bs{n:06}", match_key="x", valid_until=date(2026, 12, 1),
            tags=[f"{n % 9}"], **fields,
        )
        for n in range(1, 5_000)
    )  # fmt: skip
    with CaptureQueriesContext(connection) as taken:
        look(at(MONDAY))
    assert len(taken) < 60  # for two readers
    delivery = nordmuehle.deliveries.get(user=anna)
    with CaptureQueriesContext(connection) as taken:
        mail = letters.letter(delivery, now=at(MONDAY))
    assert len(taken) < 25
    assert mail.subject == "Monday 23 Nov: 1 expired, 4999 end within 60 days"
    assert len(str(mail.body)) < 5_000


# ---- what nobody acknowledged


def test_a_critical_one_is_repeated_daily_in_the_digest(nordmuehle: Organisation, anna: User) -> None:
    notice = told(nordmuehle, Kind.SUSPENDED, anna, when=When.AT_ONCE)
    for day in (TUESDAY, date(2026, 11, 25)):
        look(at(day))
    assert sent(nordmuehle) == [("Anna", "digest")] * 2
    assert {d.notices.get() for d in nordmuehle.deliveries.filter(purpose=Purpose.DIGEST)} == {notice}


def test_on_weekends_and_without_digest_it_is_repeated_in_a_mail_of_its_own(
    nordmuehle: Organisation, anna: User, otto: User
) -> None:
    nordmuehle.memberships.filter(user=otto).update(digest=Digest.OFF)
    told(nordmuehle, Kind.SUSPENDED, anna, otto, when=When.AT_ONCE, made_at=at(FRIDAY))
    look(at(SATURDAY))
    look(at(SATURDAY, 8, 1))
    assert sent(nordmuehle) == [("Anna", "repeat"), ("Otto", "repeat")]
    look(at(date(2026, 11, 30)))
    assert sent(nordmuehle)[2:] == [("Anna", "digest"), ("Otto", "repeat")]


def test_what_came_today_is_not_repeated_today(nordmuehle: Organisation, anna: User) -> None:
    told(nordmuehle, Kind.SUSPENDED, anna, when=When.AT_ONCE, made_at=at(TUESDAY, 6))
    look(at(TUESDAY))
    assert sent(nordmuehle) == []


@pytest.mark.parametrize("state", [State.ACKNOWLEDGED, State.SNOOZED, State.SOLVED])
def test_what_was_seen_to_is_not_repeated(nordmuehle: Organisation, anna: User, state: State) -> None:
    told(nordmuehle, Kind.SUSPENDED, anna, when=When.AT_ONCE, state=state)
    look(at(TUESDAY))
    assert sent(nordmuehle) == []


def test_a_warning_is_not_repeated(nordmuehle: Organisation, anna: User) -> None:
    told(nordmuehle, Kind.EXPIRED, anna, when=When.AT_ONCE)
    look(at(TUESDAY))
    assert sent(nordmuehle) == []


def test_after_three_working_days_the_deputies_know_after_seven_owners_and_admins(
    nordmuehle: Organisation, anna: User, otto: User, mia: User, ben: User
) -> None:
    confirm(mia, ben)
    Membership.across_orgs.update(created_at=LONG_AGO)
    nordmuehle.memberships.filter(user=mia).update(deputy=ben)
    notice = told(nordmuehle, Kind.SUSPENDED, mia, when=When.AT_ONCE, made_at=at(date(2026, 11, 19), 10))  # a Thursday

    def who() -> set[tuple[str, str]]:
        return {(str(t.user), t.why) for t in notice.tellings.exclude(why="default").select_related("user")}

    digests.escalate(at(date(2026, 11, 23), 9))  # two working days: Friday, Monday
    digests.escalate(at(TUESDAY, 7, 59))
    assert who() == set()
    digests.escalate(at(TUESDAY))
    digests.escalate(at(TUESDAY, 8, 1))
    assert who() == {("Ben", "deputy")}
    assert sent(nordmuehle) == [("Ben", "repeat")]
    digests.escalate(at(SATURDAY))
    assert who() == {("Ben", "deputy")}
    digests.escalate(at(date(2026, 11, 30)))  # the seventh
    digests.escalate(at(date(2026, 12, 1)))
    assert who() == {("Ben", "deputy"), ("Anna", "escalated"), ("Otto", "escalated")}
    assert sent(nordmuehle) == [("Ben", "repeat"), ("Anna", "repeat"), ("Otto", "repeat")]
    assert "nobody has acknowledged it for 7 working days" in " ".join(
        str(letters.letter(nordmuehle.deliveries.get(user=otto), now=NOON).body).split()
    )


def test_without_a_deputy_the_admins_are_told_and_a_pause_does_both_at_once(
    nordmuehle: Organisation, anna: User, otto: User, mia: User
) -> None:
    notice = told(nordmuehle, Kind.SUSPENDED, mia, when=When.AT_ONCE, made_at=at(date(2026, 11, 2)))
    digests.escalate(at(TUESDAY))
    told_further = {(str(t.user), t.why) for t in notice.tellings.exclude(user=mia).select_related("user")}
    assert told_further == {("Anna", "deputy"), ("Otto", "escalated")}
    notice.refresh_from_db()
    assert notice.escalated == 2


def test_what_was_acknowledged_goes_no_further(nordmuehle: Organisation, mia: User) -> None:
    notice = told(
        nordmuehle, Kind.SUSPENDED, mia, when=When.AT_ONCE, made_at=at(date(2026, 11, 2)), state=State.ACKNOWLEDGED
    )  # fmt: skip
    look(at(TUESDAY))
    assert notice.tellings.count() == 1


# ---- channels


def test_a_channel_gets_its_digest_and_its_repeats_at_the_organisations_eight(nordmuehle: Organisation) -> None:
    channel = nordmuehle.channels.create(name="Buying", scheme="slack", address="x", shown="s", created_at=NOON)
    notice = alert(nordmuehle, Kind.SUSPENDED, certificate(nordmuehle), made_at=at(MONDAY, 10))
    Telling.objects.create(notice=notice, channel=channel, when=When.DIGEST, why="rule", made_at=at(MONDAY, 10))
    look(at(TUESDAY, 7, 59))
    assert sent(nordmuehle) == []
    for hour in (8, 9):
        look(at(TUESDAY, hour))
    assert sent(nordmuehle) == [("Buying", "digest")]
    look(at(date(2026, 11, 25)))
    look(at(SATURDAY))
    assert sent(nordmuehle) == [("Buying", "digest"), ("Buying", "repeat"), ("Buying", "repeat")]
    title, body = letters.chat(nordmuehle.deliveries.filter(channel=channel).first() or Delivery(), now=at(TUESDAY))
    assert title.startswith("Suspended: EU-ISCC-Cert-DE100-12345678")
    assert f"/alerts/{notice.public_id}/" in body
    channel.on = False
    channel.save()
    look(at(date(2026, 12, 1)))
    assert len(sent(nordmuehle)) == 3


# ---- what ends with a day


@pytest.mark.parametrize("state", [State.ACKNOWLEDGED, State.SNOOZED])
def test_a_snooze_ends_with_its_day_in_the_organisations_zone(nordmuehle: Organisation, state: State) -> None:
    notice = alert(nordmuehle, Kind.EXPIRING, state=state, until=MONDAY, comment="holiday", decided_at=NOON)
    for_good = alert(nordmuehle, Kind.EXPIRING, state=state)
    look(at(MONDAY, 23, 59))
    notice.refresh_from_db()
    assert notice.state == state
    look(at(TUESDAY, 0, 0))
    notice.refresh_from_db()
    for_good.refresh_from_db()
    assert (notice.state, notice.until, notice.comment) == (State.OPEN, None, "holiday")
    assert for_good.state == state


# ---- open again


def test_who_is_open_again_hears_once_what_needs_attention_now(
    nordmuehle: Organisation, anna: User, otto: User, mia: User
) -> None:
    confirm(mia)
    certificate(nordmuehle, "2BS-GONE", word="withdrawn")
    certificate(nordmuehle, "2BS-ENDS", until=date(2026, 12, 1))
    resting = alert(nordmuehle, Kind.WITHDRAWN, state=State.RESTING)
    Organisation.objects.update(rested=True, closed_at=NOON)
    look(at(TUESDAY, 9))
    assert sent(nordmuehle, Purpose.OPENED) == []
    Organisation.objects.update(closed_at=None)
    look(at(TUESDAY, 10))
    look(at(TUESDAY, 10, 1))
    assert sent(nordmuehle, Purpose.OPENED) == [("Anna", "opened"), ("Otto", "opened")]
    mail = letters.letter(nordmuehle.deliveries.get(user=anna, purpose=Purpose.OPENED), now=at(TUESDAY, 10))
    assert mail.subject == "Nordmühle is open again: 1 certificate needs attention"
    assert "2BS-GONE" in str(mail.body) and "2BS-ENDS" in str(mail.body)
    resting.refresh_from_db()
    assert resting.state == State.RESTING
    tellings.decide(at(TUESDAY, 10, 2))
    assert not resting.tellings.exists()
