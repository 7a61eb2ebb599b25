"""What an organisation itself says of a certificate."""

from datetime import date, timedelta
from typing import Any

import pytest

from certwatch.actions.descriptions import Description, describe, people
from certwatch.models import AuditEntry, Certificate, Organisation, User
from certwatch.rules.errors import Refused
from certwatch.rules.status import Status
from tests.actions.entered import NUMBER, entry, reading
from tests.actions.test_certificates import changes, watch
from tests.conftest import NOON


@pytest.fixture
def certificate(nordmuehle: Organisation) -> Certificate:
    run = reading()
    entry(run=run, holder="One GmbH")
    entry(run=run, holder="Other AG", word=Status.SUSPENDED)
    (certificate,) = watch(nordmuehle, NUMBER)
    return certificate


def say(certificate: Certificate, by: User, *, later: int = 0, **said: Any) -> None:
    describe(certificate, Description(**said), by=by, now=NOON + timedelta(minutes=later), address="192.0.2.7")


def test_all_of_it_is_kept_and_noted(certificate: Certificate, mia: User, anna: User) -> None:
    said: dict[str, Any] = {"tags": ["FAME", "Tender 2027"], "notes": "On hold.", "review_on": date(2027, 1, 1)}
    say(certificate, mia, supplier="Oderbruch", responsible=anna, **said)
    certificate.refresh_from_db()
    assert certificate.supplier is not None
    assert (certificate.supplier.name, certificate.responsible) == ("Oderbruch", anna)
    assert (certificate.tags, certificate.notes) == (said["tags"], said["notes"])
    note = AuditEntry.objects.latest("id")
    assert (note.action, note.source_address) == ("certificate.described", "192.0.2.7")
    assert note.details["changed"]["supplier"] == ["", "Oderbruch"]
    assert note.details["changed"]["review_on"] == [None, "2027-01-01"]


def test_each_move_of_the_review_is_counted(certificate: Certificate, mia: User) -> None:
    for review_on in (date(2027, 1, 1), date(2027, 1, 1), date(2027, 2, 1), None):  # one of them moves nothing
        say(certificate, mia, review_on=review_on)
    certificate.refresh_from_db()
    assert (certificate.review_on, certificate.review_moves) == (None, 3)


def test_what_changes_nothing_is_not_noted(certificate: Certificate, mia: User) -> None:
    notes = AuditEntry.objects.count()
    say(certificate, mia)
    assert AuditEntry.objects.count() == notes


def test_a_supplier_that_is_known_stays_one(nordmuehle: Organisation, certificate: Certificate, mia: User) -> None:
    say(certificate, mia, supplier="Oderbruch GmbH")
    say(certificate, mia, supplier="ODERBRUCH  GmbH")
    assert nordmuehle.suppliers.get().name == "Oderbruch GmbH"
    say(certificate, mia)
    assert certificate.supplier is None
    assert nordmuehle.suppliers.exists()


def test_a_supplier_decides_between_several_holders_and_another_decides_anew(
    nordmuehle: Organisation, certificate: Certificate, mia: User
) -> None:
    say(certificate, mia, supplier="Other AG")
    assert (certificate.how, certificate.word) == ("holder", Status.SUSPENDED)
    say(certificate, mia, supplier="Third KG", later=1)
    certificate.refresh_from_db()
    assert (certificate.how, certificate.word, certificate.ambiguous) == ("", Status.UNKNOWN, True)
    assert [(kind, word) for _, kind, _, _, word in changes(nordmuehle)[1:]] == [
        ("status_changed", "suspended"),
        ("status_changed", "unknown"),
    ]


def test_only_a_member_can_be_responsible(
    nordmuehle: Organisation, certificate: Certificate, mia: User, anna: User, clara: User
) -> None:
    assert people(nordmuehle, NOON) == [anna, mia]
    with pytest.raises(Refused, match="does not belong"):
        say(certificate, mia, responsible=clara)
    nordmuehle.memberships.filter(user=anna).update(ends_on=date(2026, 11, 23))
    with pytest.raises(Refused, match="does not belong"):
        say(certificate, mia, responsible=anna)


def test_who_left_stays_responsible_until_somebody_changes_that(
    nordmuehle: Organisation, certificate: Certificate, mia: User, anna: User
) -> None:
    say(certificate, mia, responsible=anna)
    nordmuehle.memberships.filter(user=anna).delete()
    say(certificate, mia, responsible=anna, notes="x")
    assert certificate.responsible == anna


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"supplier": "x" * 301}, "empty or too long"),
        ({"supplier": "–"}, "empty or too long"),
        ({"notes": "x" * 10_001}, "at most 10000 characters"),
        ({"tags": ["x"] * 51}, "at most 50 tags"),
        ({"tags": ["x" * 61]}, "of 60 characters"),
    ],
)
def test_what_cannot_stand_there_is_refused_whole(
    certificate: Certificate, mia: User, said: dict[str, Any], why: str
) -> None:
    with pytest.raises(Refused, match=why):
        say(certificate, mia, **{"notes": "x", **said})
    certificate.refresh_from_db()
    assert (certificate.notes, certificate.tags) == ("", [])
