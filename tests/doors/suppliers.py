"""Suppliers and their contacts."""

from certwatch.models import Organisation, User
from tests.conftest import NOON
from tests.doors import CHANGE, CHANGED, READ, Door

NEW = {"name": "Neue Mühle", "number": "", "tags": "", "notes": ""}
PERSON = {"name": "Frau Muster", "email": "muster@oelmuehle.example", "language": "de"}
NOBODYS = (302, 404, 403, 404, 404, 404, 404)  # another organisation's supplier

DOORS = [
    Door("suppliers", READ),
    Door("supplier", READ, args=("<supplier>",)),
    Door("supplier", (302, 404, 404, 404, 404, 404, 404), args=("<foreign_supplier>",)),
    Door("add_supplier", CHANGE),
    Door("add_supplier", CHANGED, "post", data=NEW),
    Door("change_supplier", CHANGE, args=("<supplier>",)),
    Door("change_supplier", CHANGED, "post", ("<supplier>",), NEW),
    Door("change_supplier", NOBODYS, "post", ("<foreign_supplier>",), NEW),
    Door("remove_supplier", CHANGE, args=("<supplier>",)),
    Door("remove_supplier", CHANGED, "post", ("<supplier>",)),
    Door("remove_supplier", NOBODYS, "post", ("<foreign_supplier>",)),
    Door("add_contact", CHANGE, args=("<supplier>",)),
    Door("add_contact", CHANGED, "post", ("<supplier>",), PERSON),
    Door("change_contact", CHANGE, args=("<supplier>", "<supplier_contact>")),
    Door("change_contact", CHANGED, "post", ("<supplier>", "<supplier_contact>"), PERSON),
    Door("remove_contact", CHANGED, "post", ("<supplier>", "<supplier_contact>")),
    Door("remove_contact", (302, 404, 403, 404, 404, 404, 404), "post", ("<supplier>", "<foreign_contact>")),
]


def things(org: Organisation, cast: dict[str, User | None]) -> dict[str, str]:
    made = {}
    for prefix, of in (("", org), ("foreign_", Organisation.objects.exclude(pk=org.pk).get())):
        supplier = of.suppliers.create(name="Ölmühle", name_key="ölmühle", created_at=NOON)
        contact = of.supplier_contacts.create(supplier=supplier, name="Herr Beispiel")
        made[f"{prefix}supplier"] = supplier.public_id
        made["foreign_contact" if prefix else "supplier_contact"] = contact.public_id
    return made
