"""Calendar subscriptions: whose days, and how often they were moved."""

import io
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import DjangoAssertNumQueries

from certwatch.actions import certificates, feed
from certwatch.actions.descriptions import Description, describe
from certwatch.actions.feed import What
from certwatch.models import CalendarFeed, Certificate, Change, ChangeType, Membership, Organisation, Role, User
from certwatch.rules.status import Status
from tests.actions.test_certificates import enter
from tests.actions.watched import by_hand, read, supplier, watch
from tests.conftest import NOON

ENDS = date(2027, 6, 30)
HOUR = timedelta(hours=1)


@pytest.fixture
def everything(mia: User) -> CalendarFeed:
    return made(mia)


def made(user: User, *, everything: bool = True) -> CalendarFeed:
    found = feed.named(feed.make(user, everything=everything, now=NOON))
    assert found is not None
    return found


def days(of: CalendarFeed) -> list[tuple[str, str, date]]:
    """Number, kind and day of each event."""
    return [(e.number, str(e.what), e.day) for part in feed.parts(of, NOON) for e in part.events]


def sequence(of: CalendarFeed, what: What = What.EXPIRY) -> int:
    (event,) = [e for part in feed.parts(of, NOON) for e in part.events if e.what == what]
    return event.sequence


class TestAddress:
    def test_the_token_is_kept_nowhere(self, mia: User) -> None:
        token = feed.make(mia, everything=False, now=NOON)
        out = io.StringIO()
        call_command("dumpdata", "certwatch", stdout=out)
        assert token not in out.getvalue()
        assert len(token) == 43

    def test_a_new_one_ends_the_old_and_removing_ends_it(self, mia: User) -> None:
        first, second = (feed.make(mia, everything=False, now=NOON) for _ in range(2))
        assert feed.named(first) is None
        assert feed.named(second) == CalendarFeed.objects.get()
        feed.remove(mia)
        assert feed.named(second) is None

    @pytest.mark.parametrize("token", ["", "x", "\ud800", "\0"])
    def test_one_of_nobody_finds_nothing(self, everything: CalendarFeed, token: str) -> None:
        assert feed.named(token) is None

    def test_who_may_not_come_in_has_none(self, mia: User) -> None:
        token = feed.make(mia, everything=True, now=NOON)
        mia.is_active = False
        mia.save()
        assert feed.named(token) is None


class TestWhose:
    def test_last_days_and_reviews_by_day(self, everything: CalendarFeed, nordmuehle: Organisation) -> None:
        watch(nordmuehle, "A")
        by_hand(nordmuehle, "B", valid_until=date(2027, 1, 1), review_on=date(2026, 12, 1))
        by_hand(nordmuehle, "C", valid_until=None)
        assert days(everything) == [
            ("B", "review", date(2026, 12, 1)),
            ("B", "expiry", date(2027, 1, 1)),
            ("A", "expiry", ENDS),
        ]

    def test_one_is_responsible_for_a_certificate_else_for_its_supplier(
        self, mia: User, anna: User, nordmuehle: Organisation
    ) -> None:
        mine, hers = (supplier(nordmuehle, f"Of {user.name}", responsible=user) for user in (mia, anna))
        watch(nordmuehle, "own", responsible=mia)
        watch(nordmuehle, "own at hers", responsible=mia, supplier=hers)
        watch(nordmuehle, "of my supplier", supplier=mine)
        watch(nordmuehle, "hers at mine", responsible=anna, supplier=mine)
        watch(nordmuehle, "nobody's")
        assert {number for number, _, _ in days(made(mia, everything=False))} == {
            "own",
            "own at hers",
            "of my supplier",
        }
        assert len(days(made(mia))) == 5

    @pytest.mark.parametrize(
        "change",
        [
            lambda org: org.memberships.update(ends_on=date(2026, 11, 23)),
            lambda org: org.memberships.all().delete(),
            lambda org: Organisation.objects.filter(pk=org.pk).update(closed_at=NOON),
            lambda org: Organisation.objects.filter(pk=org.pk).update(trial_ends=NOON),
            lambda org: org.certificates.update(removed_at=NOON),
            lambda org: org.certificates.update(word=Status.WITHDRAWN),
            lambda org: org.certificates.update(word=Status.TERMINATED),
            lambda org: org.certificates.update(valid_until=None),
        ],
    )
    def test_what_is_over_is_gone(
        self, everything: CalendarFeed, nordmuehle: Organisation, change: Callable[[Organisation], Any]
    ) -> None:
        watch(nordmuehle, "A", responsible=everything.user)
        assert len(days(everything)) == 1
        change(nordmuehle)
        assert days(everything) == []

    @pytest.mark.parametrize("word", [Status.SUSPENDED, Status.EXPIRED, Status.NOT_FOUND, Status.UNKNOWN])
    def test_a_last_day_stays_whatever_else_is_said(
        self, everything: CalendarFeed, nordmuehle: Organisation, word: Status
    ) -> None:
        watch(nordmuehle, "A", word=word)
        assert len(days(everything)) == 1

    @pytest.mark.parametrize(
        ("facts", "silences"),
        [
            ({"valid_from": date(2026, 11, 24)}, True),
            ({"valid_from": date(2026, 11, 25)}, False),
            ({"word": Status.SUSPENDED}, False),
            ({"removed_at": NOON}, False),
        ],
    )
    def test_a_successor_in_force_silences_the_old_one(
        self, everything: CalendarFeed, nordmuehle: Organisation, facts: dict[str, Any], silences: bool
    ) -> None:
        old = watch(nordmuehle, "old")
        watch(nordmuehle, "new", predecessor=old, **facts)
        assert ("old" not in {number for number, _, _ in days(everything)}) is silences

    def test_several_organisations_each_with_its_own(
        self, everything: CalendarFeed, nordmuehle: Organisation, suedoel: Organisation, clara: User
    ) -> None:
        watch(nordmuehle, "N")
        watch(suedoel, "S")
        assert [number for number, _, _ in days(everything)] == ["N"]
        Membership.across_orgs.create(org=suedoel, user=everything.user, role=Role.AUDITOR, created_at=NOON)
        assert [(part.org, [e.number for e in part.events]) for part in feed.parts(everything, NOON)] == [
            (nordmuehle, ["N"]),
            (suedoel, ["S"]),
        ]

    def test_a_status_of_a_stale_source_is_the_last_known(
        self, everything: CalendarFeed, nordmuehle: Organisation
    ) -> None:
        watch(nordmuehle, "A")
        for hours, stale in ((5, False), (80, True)):
            read(hours_ago=hours)
            (part,) = feed.parts(everything, NOON)
            assert [e.last_known for e in part.events] == [stale]


class TestSequence:
    def change(self, certificate: Certificate, told_by: str, was: date | None, now: date | None, **facts: Any) -> None:
        number = Change.across_orgs.count() + 1
        certificate.org.changes.create(
            number=number, certificate=certificate, told_by=told_by, valid_until_was=was, valid_until=now,
            **{"type": ChangeType.DATA, "seen_at": NOON, "created_at": NOON + number * HOUR, **facts},
        )  # fmt: skip

    def test_it_counts_moves_of_the_last_day(self, everything: CalendarFeed, nordmuehle: Organisation) -> None:
        watched = watch(nordmuehle, "A")
        assert sequence(everything) == 0
        for told_by, was, now, expected in (
            ("added", ENDS, ENDS, 0),
            ("run:1", ENDS, date(2027, 7, 1), 1),
            ("run:2", date(2027, 7, 1), None, 2),
            ("run:3", None, None, 2),
            ("run:4", None, ENDS, 3),
            ("run:5", ENDS, ENDS, 3),  # another holder, say
        ):
            self.change(watched, told_by, was, now)
            assert sequence(everything) == expected, told_by

    def test_one_reading_told_by_two_changes_is_one_move(
        self, everything: CalendarFeed, nordmuehle: Organisation
    ) -> None:
        watched = watch(nordmuehle, "A")
        for kind in (ChangeType.STATUS, ChangeType.DATA):
            self.change(watched, "run:1", date(2027, 1, 1), ENDS, type=kind)
        assert sequence(everything) == 1

    def test_corrections_by_hand_move_both(self, everything: CalendarFeed, nordmuehle: Organisation, mia: User) -> None:
        enter(nordmuehle, review_on=date(2026, 12, 1))
        assert (sequence(everything), sequence(everything, What.REVIEW)) == (0, 0)
        enter(nordmuehle, valid_until=date(2027, 4, 1), review_on=date(2026, 12, 2), now=NOON + HOUR)
        assert (sequence(everything), sequence(everything, What.REVIEW)) == (1, 1)
        enter(nordmuehle, valid_until=date(2027, 4, 1), now=NOON + 2 * HOUR)
        assert (sequence(everything), sequence(everything, What.REVIEW)) == (1, 1)
        watched = certificates.named(nordmuehle, "KZR 27/22")
        describe(watched, Description(review_on=date(2027, 1, 2)), by=mia, now=NOON + 3 * HOUR)
        assert (sequence(everything), sequence(everything, What.REVIEW)) == (1, 2)

    def test_it_says_when_something_changed_last(self, everything: CalendarFeed, nordmuehle: Organisation) -> None:
        watched = watch(nordmuehle, "A", added_at=NOON - HOUR)

        def changed() -> Any:
            (part,) = feed.parts(everything, NOON)
            return part.events[0].changed_at

        assert changed() == NOON - HOUR
        self.change(watched, "run:1", ENDS, ENDS)
        assert changed() == NOON + HOUR


def test_the_queries_do_not_grow_with_the_certificates(
    everything: CalendarFeed, nordmuehle: Organisation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for place in range(20):
        by_hand(nordmuehle, f"A {place}", review_on=ENDS)
    with django_assert_num_queries(4):  # sources, memberships; of each organisation changes and certificates
        assert len(days(everything)) == 40
