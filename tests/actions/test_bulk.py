"""One thing done to many certificates."""

from typing import Any

import pytest

from certwatch.actions import bulk, listing
from certwatch.models import AuditEntry, ChangeType, Organisation, User
from certwatch.rules.errors import Refused
from certwatch.rules.listing import Filter
from tests.actions.entered import NUMBER, entry, reading
from tests.actions.test_certificates import watch as watch_number
from tests.actions.watched import TODAY, watch
from tests.conftest import NOON

pytestmark = pytest.mark.django_db

HOW: dict[str, Any] = {"now": NOON, "address": "192.0.2.7"}


@pytest.fixture
def three(nordmuehle: Organisation) -> Organisation:
    watch(nordmuehle, "1", tags=["UCO"])
    watch(nordmuehle, "2", tags=["HVO", "UCO"])
    watch(nordmuehle, "3", word="suspended")
    return nordmuehle


def tags(org: Organisation) -> list[list[str]]:
    return list(org.certificates.order_by("number").values_list("tags", flat=True))


def test_tags_are_added_and_removed(three: Organisation, anna: User) -> None:
    everything = listing.filtered(three, Filter(), today=TODAY)
    assert bulk.tag(three, everything, "UCO; Tender", by=anna, **HOW) == 3
    assert tags(three) == [["UCO", "Tender"], ["HVO", "UCO", "Tender"], ["UCO", "Tender"]]
    assert bulk.untag(three, everything, "HVO", by=anna, **HOW) == 1
    assert tags(three)[1] == ["UCO", "Tender"]


def test_all_that_is_filtered_is_meant(three: Organisation, anna: User) -> None:
    filtered = listing.filtered(three, Filter(status=("suspended",), sort="-holder"), today=TODAY)
    assert bulk.tag(three, filtered, "Ask", by=anna, **HOW) == 1
    assert tags(three)[2] == ["Ask"]


def test_one_note_names_them_all(three: Organisation, anna: User) -> None:
    bulk.tag(three, three.certificates.filter(number__in="12"), "HVO", by=anna, **HOW)
    note = AuditEntry.objects.get()
    assert (note.action, note.source_address) == ("certificates.described", "192.0.2.7")
    assert note.details["numbers"] == ["1"]  # the other had it


@pytest.mark.parametrize("text", ["", " ; ,", "x" * 61, ",".join(map(str, range(51)))])
def test_what_cannot_be_a_tag_is_refused_and_changes_nothing(three: Organisation, anna: User, text: str) -> None:
    before = tags(three)
    with pytest.raises(Refused):
        bulk.tag(three, three.certificates.all(), text, by=anna, **HOW)
    assert tags(three) == before


def test_somebody_is_made_responsible_or_nobody(three: Organisation, anna: User, mia: User, clara: User) -> None:
    assert bulk.assign(three, three.certificates.all(), mia, by=anna, **HOW) == 3
    assert bulk.assign(three, three.certificates.all(), mia, by=anna, **HOW) == 0
    assert bulk.assign(three, three.certificates.filter(number="1"), None, by=anna, **HOW) == 1
    with pytest.raises(Refused):
        bulk.assign(three, three.certificates.all(), clara, by=anna, **HOW)


def test_a_supplier_that_is_set_decides_between_holders(nordmuehle: Organisation, anna: User) -> None:
    run = reading()
    entry(run=run, holder="One GmbH")
    entry(run=run, holder="Other AG")
    (certificate,) = watch_number(nordmuehle, NUMBER)
    assert certificate.ambiguous
    assert bulk.set_supplier(nordmuehle, nordmuehle.certificates.all(), "other AG", by=anna, **HOW) == 1
    certificate.refresh_from_db()
    assert (certificate.ambiguous, certificate.how) == (False, "holder")
    assert bulk.set_supplier(nordmuehle, nordmuehle.certificates.all(), "", by=anna, **HOW) == 1
    certificate.refresh_from_db()
    assert (certificate.ambiguous, certificate.supplier) == (True, None)


def test_what_is_removed_keeps_its_history_and_is_told(three: Organisation, anna: User) -> None:
    chosen = listing.filtered(three, Filter(tag=("UCO",)), today=TODAY)
    assert bulk.remove(three, chosen, by=anna, **HOW) == 2
    assert [c.number for c in three.certificates.watched()] == ["3"]
    assert three.certificates.count() == 3
    assert set(three.changes.values_list("type", flat=True)) == {ChangeType.REMOVED}
    assert AuditEntry.objects.filter(action="certificate.removed").count() == 2


def test_another_organisations_certificates_stay(three: Organisation, suedoel: Organisation, anna: User) -> None:
    foreign = watch(suedoel, "9", source="redcert")
    assert bulk.remove(three, suedoel.certificates.all(), by=anna, **HOW) == 0
    assert bulk.tag(three, suedoel.certificates.all(), "x", by=anna, **HOW) == 0
    foreign.refresh_from_db()
    assert (foreign.removed_at, foreign.tags) == (None, [])
