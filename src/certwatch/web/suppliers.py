"""Suppliers and their certificates."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from certwatch.actions import descriptions, listing, suppliers, upload_links
from certwatch.actions.suppliers import LONGEST_NAME, LONGEST_NUMBER, Details
from certwatch.models import Supplier, SupplierContact, User
from certwatch.rules import bars, holders, numbers
from certwatch.rules.cells import tags_of
from certwatch.rules.errors import Refused
from certwatch.rules.listing import Filter
from certwatch.rules.rights import Right
from certwatch.rules.shown import BY_SEVERITY, Key
from certwatch.web.bulk import PersonField
from certwatch.web.certificates import COUNTS
from certwatch.web.doors import OrgRequest, came_from, org_page

PAGE = 100


class SupplierForm(forms.Form):
    """What an organisation says of a supplier."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=LONGEST_NAME)
    number = forms.CharField(label=gettext_lazy("Number in your books"), max_length=LONGEST_NUMBER, required=False)
    responsible = PersonField(
        label=gettext_lazy("Responsible"), queryset=User.objects.none(), required=False,
        empty_label=gettext_lazy("Nobody"),
    )  # fmt: skip
    tags = forms.CharField(label=gettext_lazy("Tags, with commas between"), max_length=1_000, required=False)
    notes = forms.CharField(
        label=gettext_lazy("Notes"), max_length=10_000, required=False, widget=forms.Textarea({"rows": 4})
    )

    def __init__(self, request: OrgRequest, supplier: Supplier | None) -> None:
        initial = {}
        if supplier is not None:
            initial = {
                "name": supplier.name,
                "number": supplier.number,
                "responsible": supplier.responsible_id,
                "tags": ", ".join(supplier.tags),
                "notes": supplier.notes,
            }
        super().__init__(request.POST if request.method == "POST" else None, initial=initial)
        people = [person.pk for person in descriptions.people(request.org, request.now)]
        self.fields["responsible"].queryset = User.objects.filter(pk__in=people)  # type: ignore[attr-defined]

    def details(self) -> Details:
        said = self.cleaned_data
        return Details(said["name"], said["number"], tags_of(said["tags"]), said["notes"], said["responsible"])


class ContactForm(forms.Form):
    """A person at a supplier."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=150)
    email = forms.EmailField(label=gettext_lazy("E-mail"), required=False)
    phone = forms.CharField(label=gettext_lazy("Telephone"), max_length=60, required=False)
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=[("en", "English"), ("de", "Deutsch")])


@org_page(Right.READ)
@require_safe
def supplier_list(request: OrgRequest) -> HttpResponse:
    """By name; with how each supplier's certificates stand."""
    text = request.GET.get("q", "").replace("\0", "").strip()
    found = _matching(request, text)
    after, before = request.GET.get("after", ""), request.GET.get("before", "")
    page = suppliers.page(found, after=after.replace("\0", ""), before=before.replace("\0", ""), size=PAGE)
    if not page.rows and not text and not after and not before:
        return render(request, "suppliers/empty.html", {"active": "suppliers"})
    standing = _standing(request, page.rows)
    context = {
        "active": "suppliers",
        "q": text,
        "rows": [(supplier, standing.get(supplier.pk, [])) for supplier in page.rows],
        "count": found.count(),
        "before": urlencode({"q": text, "before": page.before}) if page.before else "",
        "after": urlencode({"q": text, "after": page.after}) if page.after else "",
    }
    return render(request, "suppliers/list.html", context)


@org_page(Right.READ)
@require_safe
def supplier(request: OrgRequest, public_id: str) -> HttpResponse:
    found = _found(request, public_id)
    certificates = listing.of_supplier(request.org, found, today=request.today, now=request.now)
    rows = [(row, _bar(request, row), _contradicts(found, row)) for row in certificates]
    counts: dict[Key, int] = {}
    for row in certificates:
        counts[row.shown.key] = counts.get(row.shown.key, 0) + 1
    context = {
        "active": "suppliers",
        "supplier": found,
        "people": found.contacts.order_by("name", "pk"),
        "proposals": upload_links.waiting(request.org, supplier=found.pk),
        "rows": rows,
        "counts": sorted(counts.items(), key=lambda pair: BY_SEVERITY.index(pair[0])),
        "contradictions": sum(1 for _row, _b, contradicts in rows if contradicts),
        "axis_from": request.today - bars.SPAN,
        "axis_to": request.today + bars.SPAN,
        "reader_today": timezone.localtime(request.now).date(),
    }
    return render(request, "suppliers/supplier.html", context)


@org_page(Right.CHANGE)
def add_supplier(request: OrgRequest) -> HttpResponse:
    return _edit(request, None)


@org_page(Right.CHANGE)
def change_supplier(request: OrgRequest, public_id: str) -> HttpResponse:
    return _edit(request, _found(request, public_id))


@org_page(Right.CHANGE)
def remove_supplier(request: OrgRequest, public_id: str) -> HttpResponse:
    """A question first: a GET changes nothing."""
    found = _found(request, public_id)
    if request.method != "POST":
        count = request.org.certificates.watched().filter(supplier=found).count()
        return render(request, "suppliers/remove.html", {"active": "suppliers", "supplier": found, "count": count})
    suppliers.remove(found, by=request.user, now=request.now, address=came_from(request))
    messages.success(request, _("%(name)s is removed.") % {"name": found.name})
    return redirect("suppliers", request.org.slug)


@org_page(Right.CHANGE)
def contact_of_supplier(request: OrgRequest, public_id: str, contact_id: str = "") -> HttpResponse:
    """A new contact, or one to be changed."""
    found = _found(request, public_id)
    contact = get_object_or_404(found.contacts, public_id=contact_id) if contact_id else None
    form = ContactForm(request.POST if request.method == "POST" else None, initial=_said(contact))
    if form.is_valid():
        suppliers.save_contact(
            found, contact, **form.cleaned_data, by=request.user, now=request.now, address=came_from(request)
        )
        messages.success(request, _("The contact is saved."))
        return redirect("supplier", request.org.slug, found.public_id)
    context = {"active": "suppliers", "supplier": found, "person": contact, "form": form}
    return render(request, "suppliers/contact.html", context)


@org_page(Right.CHANGE)
@require_POST
def remove_contact(request: OrgRequest, public_id: str, contact_id: str) -> HttpResponse:
    found = _found(request, public_id)
    contact = get_object_or_404(found.contacts, public_id=contact_id)
    suppliers.remove_contact(contact, by=request.user, now=request.now, address=came_from(request))
    messages.success(request, _("The contact is removed."))
    return redirect("supplier", request.org.slug, found.public_id)


def _edit(request: OrgRequest, found: Supplier | None) -> HttpResponse:
    form = SupplierForm(request, found)
    if form.is_valid():
        try:
            saved = suppliers.save(
                request.org, found, form.details(), by=request.user, now=request.now, address=came_from(request)
            )
        except Refused as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, _("%(name)s is saved.") % {"name": saved.name})
            return redirect("supplier", request.org.slug, saved.public_id)
    return render(request, "suppliers/edit.html", {"active": "suppliers", "supplier": found, "form": form})


def _found(request: OrgRequest, public_id: str) -> Supplier:
    return get_object_or_404(request.org.suppliers.select_related("responsible", "org"), public_id=public_id)


def _matching(request: OrgRequest, text: str) -> QuerySet[Supplier]:
    found = request.org.suppliers.select_related("responsible")
    if not text:
        return found
    key = numbers.name_key(text)
    return found.filter(Q(number__icontains=text) | (Q(name_key__contains=key) if key else Q()))


def _standing(request: OrgRequest, rows: list[Supplier]) -> dict[int, list[tuple[Key, int]]]:
    """Of each supplier how many certificates have which status, worst first."""
    watched: Any = listing.filtered(request.org, Filter(), today=request.today).filter(supplier__in=rows)
    standing: dict[int, list[tuple[Key, int]]] = {}
    for pk, key, count in watched.order_by().values_list("supplier", "shown").annotate(n=Count("id")):
        standing.setdefault(pk, []).append((Key(key), count))
    return {pk: sorted(counts, key=lambda pair: BY_SEVERITY.index(pair[0])) for pk, counts in standing.items()}


def _bar(request: OrgRequest, row: listing.Row) -> list[bars.Part]:
    c = row.certificate
    return bars.validity(request.today, c.valid_from, c.valid_until, counts=row.shown.key in COUNTS)


def _contradicts(found: Supplier, row: listing.Row) -> bool:
    """Whether the certificate's holder can hardly be this supplier."""
    return bool(row.holder) and holders.differ(found.name, row.holder)


def _said(contact: SupplierContact | None) -> dict[str, str]:
    if contact is None:
        return {}
    return {"name": contact.name, "email": contact.email, "phone": contact.phone, "language": contact.language}


urls: list[URLPattern] = [
    path("suppliers/", supplier_list, name="suppliers"),
    path("suppliers/add/", add_supplier, name="add_supplier"),
    path("suppliers/<str:public_id>/", supplier, name="supplier"),
    path("suppliers/<str:public_id>/change/", change_supplier, name="change_supplier"),
    path("suppliers/<str:public_id>/remove/", remove_supplier, name="remove_supplier"),
    path("suppliers/<str:public_id>/contacts/", contact_of_supplier, name="add_contact"),
    path("suppliers/<str:public_id>/contacts/<str:contact_id>/", contact_of_supplier, name="change_contact"),
    path("suppliers/<str:public_id>/contacts/<str:contact_id>/remove/", remove_contact, name="remove_contact"),
]
