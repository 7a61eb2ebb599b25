"""API keys: made and revoked."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.apps import apps
from django.core import serializers

from certwatch.actions import keys
from certwatch.models import ApiKey, AuditEntry, Organisation, User
from certwatch.rules import keys as rules
from certwatch.rules.errors import Refused, UnknownName
from tests.conftest import NOON


def everything_stored() -> str:
    """All rows of all tables, as text."""
    rows = (row for model in apps.get_models() for row in model._base_manager.all())
    return str(serializers.serialize("json", rows))


def test_the_plaintext_of_a_key_is_kept_nowhere(nordmuehle: Organisation, anna: User) -> None:
    key, plaintext = keys.create(nordmuehle, name="SAP", by=anna, now=NOON)
    assert rules.well_formed(plaintext)
    assert key.public_id in everything_stored()
    assert plaintext not in everything_stored()
    assert plaintext[8:] not in everything_stored()
    assert bytes(key.digest) == rules.digest(plaintext)
    assert key.begins == plaintext[3:8]


def test_a_key_reads_certificates_unless_it_may_do_more(nordmuehle: Organisation) -> None:
    plain, _ = keys.create(nordmuehle, name="SAP", by=None, now=NOON)
    assert (plain.scopes, plain.networks, plain.ends_at) == (["certificates:read"], [], None)
    more, _ = keys.create(
        nordmuehle,
        name=" BI ",
        scopes=["audit:read", "certificates:read", "audit:read"],
        networks=["192.0.2.0/24", "2001:db8::1"],
        by=None,
        now=NOON,
    )
    assert (more.name, more.scopes) == ("BI", ["audit:read", "certificates:read"])
    assert more.networks == ["192.0.2.0/24", "2001:db8::1/128"]


def test_the_last_day_counts_in_the_organisations_time_zone(nordmuehle: Organisation) -> None:
    nordmuehle.time_zone = "America/Los_Angeles"
    key, _ = keys.create(nordmuehle, name="SAP", last_day=date(2026, 12, 31), by=None, now=NOON)
    assert key.last_day == date(2026, 12, 31)
    assert key.ends_at == datetime(2027, 1, 1, 8, tzinfo=UTC)
    assert key.usable(datetime(2027, 1, 1, 7, 59, 59, tzinfo=UTC))
    assert not key.usable(datetime(2027, 1, 1, 8, tzinfo=UTC))


def test_today_is_a_last_day_and_yesterday_is_refused(nordmuehle: Organisation) -> None:
    today = nordmuehle.today(NOON)
    assert keys.create(nordmuehle, name="SAP", last_day=today, by=None, now=NOON)
    for wrong in (today - timedelta(days=1), date(9999, 12, 31)):
        with pytest.raises(Refused, match="last day"):
            keys.create(nordmuehle, name="SAP", last_day=wrong, by=None, now=NOON)


def test_an_unknown_scope_is_refused(nordmuehle: Organisation) -> None:
    with pytest.raises(Refused, match="no scope “certificates:raed”"):
        keys.create(nordmuehle, name="SAP", scopes=["certificates:raed"], by=None, now=NOON)
    assert not ApiKey.across_orgs.exists()


def test_revoking_is_noted_once_and_keeps_its_time(nordmuehle: Organisation, anna: User) -> None:
    key, _ = keys.create(nordmuehle, name="SAP", by=anna, now=NOON)
    assert keys.revoke(key, by=anna, now=NOON)
    assert not keys.revoke(key, by=None, now=NOON + timedelta(hours=1))
    assert keys.of_any_organisation(key.public_id).revoked_at == NOON
    notes = AuditEntry.objects.filter(org=nordmuehle).order_by("id").values_list("action", "by_label", "about_id")
    assert list(notes) == [
        ("key.created", anna.email, key.public_id),
        ("key.revoked", anna.email, key.public_id),
    ]


@pytest.mark.django_db
def test_an_unknown_id_is_told() -> None:
    with pytest.raises(UnknownName, match="no key “x”"):
        keys.of_any_organisation("x")


class TestRotating:
    def test_the_successor_has_the_same_rights_and_a_last_day_of_its_own(
        self, nordmuehle: Organisation, anna: User
    ) -> None:
        scopes, networks = ["certificates:read", "audit:read"], ["192.0.2.0/24"]
        key, _ = keys.create(nordmuehle, name="SAP", scopes=scopes, networks=networks, by=anna, now=NOON)
        successor, plaintext = keys.rotate(key, last_day=date(2027, 12, 31), overlap_days=7, by=anna, now=NOON)
        assert (successor.name, successor.scopes, successor.networks) == ("SAP", scopes, networks)
        assert successor.last_day == date(2027, 12, 31)
        assert bytes(successor.digest) == rules.digest(plaintext)
        assert plaintext not in everything_stored()
        key.refresh_from_db()
        assert key.last_day == date(2026, 12, 1)
        assert key.usable(datetime(2026, 12, 1, 22, 59, tzinfo=UTC))
        assert not key.usable(datetime(2026, 12, 1, 23, tzinfo=UTC))
        note = AuditEntry.objects.get(action="key.rotated")
        assert (note.about_id, note.details["successor"]) == (key.public_id, successor.public_id)

    def test_without_an_overlap_the_former_is_revoked_at_once(self, nordmuehle: Organisation) -> None:
        key, _ = keys.create(nordmuehle, name="SAP", by=None, now=NOON)
        successor, _ = keys.rotate(key, last_day=None, overlap_days=0, by=None, now=NOON)
        key.refresh_from_db()
        assert key.revoked_at == NOON
        assert successor.usable(NOON + timedelta(days=10_000))

    def test_the_former_never_lasts_longer_than_it_would_have(self, nordmuehle: Organisation) -> None:
        key, _ = keys.create(nordmuehle, name="SAP", last_day=date(2026, 11, 26), by=None, now=NOON)
        keys.rotate(key, last_day=None, overlap_days=30, by=None, now=NOON)
        key.refresh_from_db()
        assert key.last_day == date(2026, 11, 26)

    def test_what_is_no_good_is_not_rotated(self, nordmuehle: Organisation) -> None:
        key, _ = keys.create(nordmuehle, name="SAP", last_day=date(2026, 11, 24), by=None, now=NOON)
        with pytest.raises(Refused, match="no good any more"):
            keys.rotate(key, last_day=None, overlap_days=1, by=None, now=NOON + timedelta(days=1))
        keys.revoke(key, by=None, now=NOON)
        with pytest.raises(Refused, match="no good any more"):
            keys.rotate(key, last_day=None, overlap_days=1, by=None, now=NOON)
        assert ApiKey.across_orgs.count() == 1

    @pytest.mark.parametrize("days", [-1, 31])
    def test_both_are_good_for_thirty_days_at_most(self, nordmuehle: Organisation, days: int) -> None:
        key, _ = keys.create(nordmuehle, name="SAP", by=None, now=NOON)
        with pytest.raises(Refused, match="0 to 30 days"):
            keys.rotate(key, last_day=None, overlap_days=days, by=None, now=NOON)
