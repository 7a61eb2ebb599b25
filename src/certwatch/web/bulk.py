"""One thing done to many certificates of the list: chosen rows, or all that is filtered."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from certwatch.actions import bulk, descriptions, listing
from certwatch.models import User
from certwatch.rules import listing as addresses
from certwatch.rules.errors import Refused
from certwatch.rules.rights import Right
from certwatch.web.doors import OrgRequest, came_from, org_page

TITLES: dict[str, str | Promise] = {
    "tag": _("Add tags"),
    "untag": _("Remove tags"),
    "supplier": _("Set the supplier"),
    "responsible": _("Set who is responsible"),
    "remove": _("Stop watching"),
}
FEW = 12  # numbers that the question shows


class PersonField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not subscriptable when it runs
    """Members, by the name they go by."""

    def label_from_instance(self, obj: Any) -> str:
        return str(obj)


class DeedForm(forms.Form):
    """What is to be done, to which certificates, and with what."""

    do = forms.ChoiceField(choices=[(do, do) for do in TITLES])
    text = forms.CharField(label=_("Tags, with commas between"), required=False, max_length=1_000)
    person = PersonField(label=_("Responsible"), queryset=User.objects.none(), required=False, empty_label=_("Nobody"))

    def __init__(self, *args: Any, people: list[User], do: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].queryset = User.objects.filter(pk__in=[p.pk for p in people])  # type: ignore[attr-defined]
        if do == "supplier":
            self.fields["text"].label = _("Supplier; empty for none")
            self.fields["text"].widget.attrs["list"] = "suppliers"
        self.field = {"remove": "", "responsible": "person"}.get(do, "text")

    @property
    def asked(self) -> Any:
        """The one field that a person fills in, or None."""
        return self[self.field] if self.field else None


@org_page(Right.CHANGE)
@require_POST
def change_many(request: OrgRequest) -> HttpResponse:
    """First a question, then, once it is `confirmed`, the deed."""
    do = request.POST.get("do", "")
    back = f"{reverse('certificates', args=[request.org.slug])}?{_query(request)}"
    chosen = _chosen(request)
    count = chosen.count()
    if do not in TITLES or not count:
        messages.error(request, _("Select at least one certificate first."))
        return redirect(back)
    confirmed = "confirmed" in request.POST
    people = descriptions.people(request.org, request.now)
    form = DeedForm(request.POST if confirmed else None, people=people, do=do)
    if confirmed and form.is_valid():
        try:
            done = _DEEDS[do](request, chosen, form)
        except Refused as error:
            form.add_error(None, str(error))
        else:
            text = ngettext("%(count)s certificate is changed.", "%(count)s certificates are changed.", done)
            messages.success(request, text % {"count": done})
            return redirect(back)
    context = {
        "active": "certificates",
        "form": form,
        "do": do,
        "title": TITLES[do],
        "count": count,
        "numbers": list(chosen.order_by("number_key").values_list("number", flat=True)[:FEW]),
        "ids": request.POST.getlist("id"),
        "all": "all" in request.POST,
        "query": _query(request),
        "back": back,
        "suppliers": request.org.suppliers.order_by("name").values_list("name", flat=True)[:200],
    }
    return render(request, "certificates/change_many.html", context)


def _query(request: OrgRequest) -> str:
    """The list's filter, carried on by the form; read anew, so that nothing else comes along."""
    values = QueryDict(request.POST.get("query", ""))
    wanted = addresses.read({name: values.getlist(name) for name in values})
    query = QueryDict(mutable=True)
    for name, value in wanted.pairs():
        query.appendlist(name, value)
    return query.urlencode()


def _chosen(request: OrgRequest) -> "QuerySet[Any]":
    if "all" not in request.POST:
        return request.org.certificates.watched().filter(public_id__in=request.POST.getlist("id")[:1_000])
    values = QueryDict(_query(request))
    wanted = addresses.read({name: values.getlist(name) for name in values})
    return listing.filtered(request.org, wanted, today=request.today)


def _deed(deed: Callable[..., int], field: str) -> Callable[[OrgRequest, "QuerySet[Any]", DeedForm], int]:
    def do(request: OrgRequest, chosen: "QuerySet[Any]", form: DeedForm) -> int:
        with_what = [form.cleaned_data[field]] if field else []
        return deed(request.org, chosen, *with_what, by=request.user, now=request.now, address=came_from(request))

    return do


_DEEDS = {
    "tag": _deed(bulk.tag, "text"),
    "untag": _deed(bulk.untag, "text"),
    "supplier": _deed(bulk.set_supplier, "text"),
    "responsible": _deed(bulk.assign, "person"),
    "remove": _deed(bulk.remove, ""),
}

urls: list[URLPattern] = [path("certificates/change/", change_many, name="change_many")]
