"""Suppliers: named once, told apart from holders, with people to write to."""

from datetime import timedelta

import pytest

from certwatch.actions import suppliers
from certwatch.actions.suppliers import Details
from certwatch.models import AuditEntry, Certificate, Organisation, Supplier, User
from certwatch.rules.errors import Refused
from certwatch.rules.status import Status
from tests.actions.entered import NUMBER, entry, reading
from tests.actions.test_certificates import changes, watch
from tests.conftest import NOON

pytestmark = pytest.mark.django_db


def save(org: Organisation, by: User, name: str, supplier: Supplier | None = None, **said: object) -> Supplier:
    return suppliers.save(org, supplier, Details(name, **said), by=by, now=NOON)  # type: ignore[arg-type]


@pytest.fixture
def ambiguous(nordmuehle: Organisation) -> Certificate:
    run = reading()
    entry(run=run, holder="One GmbH")
    entry(run=run, holder="Other AG", word=Status.SUSPENDED)
    (certificate,) = watch(nordmuehle, NUMBER, supplier="Somebody")
    assert certificate.ambiguous
    return certificate


def test_a_name_is_taken_however_it_is_written(nordmuehle: Organisation, anna: User) -> None:
    made = save(nordmuehle, anna, "Ölmühle  Nord GmbH")
    assert made.name == "Ölmühle Nord GmbH"
    with pytest.raises(Refused, match="already"):
        save(nordmuehle, anna, "ÖLMÜHLE-NORD, gmbh")
    save(nordmuehle, anna, "Ölmühle Nord, GmbH", made)  # its own


def test_another_organisation_may_have_the_same_supplier(
    nordmuehle: Organisation, suedoel: Organisation, anna: User, clara: User
) -> None:
    assert save(nordmuehle, anna, "Mill").pk != save(suedoel, clara, "Mill").pk


@pytest.mark.parametrize("name", ["", " ", "---", "a" * 301, "a\0b"])
def test_what_is_no_name_is_refused(nordmuehle: Organisation, anna: User, name: str) -> None:
    with pytest.raises(Refused):
        save(nordmuehle, anna, name)


def test_tags_have_limits(nordmuehle: Organisation, anna: User) -> None:
    with pytest.raises(Refused, match="tags"):
        save(nordmuehle, anna, "Mill", tags=["x" * 61])


def test_another_name_settles_what_was_ambiguous(nordmuehle: Organisation, anna: User, ambiguous: Certificate) -> None:
    save(nordmuehle, anna, "OTHER ag", nordmuehle.suppliers.get())
    ambiguous.refresh_from_db()
    assert (ambiguous.ambiguous, ambiguous.how, ambiguous.word) == (False, "holder", Status.SUSPENDED)
    assert changes(nordmuehle)[-1][1:] == ("status_changed", "supplier", "unknown", "suspended")


def test_without_its_supplier_a_certificate_is_watched_on(
    nordmuehle: Organisation, anna: User, ambiguous: Certificate
) -> None:
    supplier = save(nordmuehle, anna, "Other AG", nordmuehle.suppliers.get())
    nordmuehle.supplier_contacts.create(supplier=supplier, name="Quality")
    suppliers.remove(supplier, by=anna, now=NOON + timedelta(minutes=1))
    ambiguous.refresh_from_db()
    assert (ambiguous.supplier, ambiguous.removed_at, ambiguous.ambiguous) == (None, None, True)
    assert not nordmuehle.supplier_contacts.exists()


def test_a_note_says_what_changed(nordmuehle: Organisation, anna: User) -> None:
    made = save(nordmuehle, anna, "Mill", number="104882")
    save(nordmuehle, anna, "Mill", made, number="104882", tags=["UCO"], responsible=anna)
    save(nordmuehle, anna, "Mill", made, number="104882", tags=["UCO"], responsible=anna)  # nothing
    created, changed = AuditEntry.objects.order_by("pk")
    assert (created.action, created.about) == ("supplier.created", "Mill")
    assert changed.details["changed"] == {"tags": [[], ["UCO"]], "responsible": ["", anna.email]}


def test_contacts_come_change_and_go(nordmuehle: Organisation, anna: User) -> None:
    mill = save(nordmuehle, anna, "Mill")
    said = {"email": "q@mill.example", "phone": "", "language": "de"}
    contact = suppliers.save_contact(mill, None, name="Quality", **said, by=anna, now=NOON)
    suppliers.save_contact(mill, contact, name="Sales", **said, by=anna, now=NOON)
    assert list(mill.contacts.values_list("name", "email", "language")) == [("Sales", "q@mill.example", "de")]
    suppliers.remove_contact(contact, by=anna, now=NOON)
    assert not mill.contacts.exists()
    deeds = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
    assert deeds[1:] == ["supplier.contact_saved", "supplier.contact_saved", "supplier.contact_removed"]


def test_pages_by_name_go_both_ways(nordmuehle: Organisation, anna: User) -> None:
    for name in "DBAEC":
        save(nordmuehle, anna, name)

    def names(**at: str) -> tuple[str, str, str]:
        page = suppliers.page(nordmuehle.suppliers.all(), **{"after": "", "before": "", **at}, size=2)
        return "".join(s.name for s in page.rows), page.before, page.after

    assert names() == ("AB", "", "b")
    assert names(after="b") == ("CD", "c", "d")
    assert names(after="d") == ("E", "e", "")
    assert names(before="e") == ("CD", "c", "d")
    assert names(before="c") == ("AB", "", "b")
    assert names(after="zz") == ("", "", "")
