"""Certificates of a supplier with contacts, as reminders and upload links want them."""

from datetime import date

from certwatch.models import Certificate, Organisation, SupplierContact
from certwatch.rules.status import Status
from tests.actions.watched import supplier, watch

PDF, PNG, JPEG = b"%PDF-1.7\n...", b"\x89PNG\r\n\x1a\n...", b"\xff\xd8\xff\xe0..."
NUMBER = "EU-ISCC-Cert-DE100-00000042"


def certificate(
    org: Organisation,
    number: str = NUMBER,
    *,
    ends: date | None = date(2027, 1, 10),
    word: Status = Status.VALID,
    languages: tuple[str, ...] = ("en",),
    of: str = "Oderbruch",
) -> Certificate:
    """One that ends 47 days after the day on which the tests begin, its supplier with a contact for each language."""
    seller = org.suppliers.filter(name=of).first() or supplier(org, of)
    if not seller.contacts.exists():
        for language in languages:
            contact(seller.org, seller.pk, language)
    made = watch(org, number, valid_until=ends, word=word, supplier=seller)
    made.org = org
    return made


def contact(org: Organisation, supplier_pk: int, language: str, email: str | None = None) -> SupplierContact:
    email = f"{language}@supplier.example" if email is None else email
    made: SupplierContact = org.supplier_contacts.create(
        supplier_id=supplier_pk, name="Sam Seller", email=email, language=language
    )
    return made
