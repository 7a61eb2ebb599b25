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
