"""Saved views of the list: one's own, and those that others share."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from certwatch.actions import views
from certwatch.rules import listing as addresses
from certwatch.rules.errors import Refused
from certwatch.rules.listing import Filter
from certwatch.rules.rights import Right
from certwatch.web.certificates import wanted_by
from certwatch.web.doors import OrgRequest, came_from, org_page


class ViewForm(forms.Form):
    """A name for what the list shows."""

    name = forms.CharField(label=gettext_lazy("Name of the view"), max_length=80)
    shared = forms.BooleanField(label=gettext_lazy("Share it with everybody here"), required=False)
    query = forms.CharField(widget=forms.HiddenInput, required=False, max_length=20_000)

    def __init__(self, request: OrgRequest, initial: dict[str, Any]) -> None:
        """An auditor keeps views of his own, but shares none: that would change what others see."""
        super().__init__(request.POST if request.method == "POST" else None, initial=initial)
        if Right.CHANGE not in request.rights:
            del self.fields["shared"]

    def wanted(self) -> Filter:
        values = QueryDict(self.cleaned_data["query"])
        return addresses.read({name: values.getlist(name) for name in values})


@org_page(Right.READ, keeps=True)
def save_view(request: OrgRequest) -> HttpResponse:
    """Keep the filter of the address under a name; below it all views that there are."""
    form = ViewForm(request, {"query": urlencode(wanted_by(request).pairs())})
    if form.is_valid():
        try:
            view = views.save(
                request.org,
                name=form.cleaned_data["name"],
                query=urlencode(form.wanted().pairs()),
                shared=form.cleaned_data.get("shared", False),
                by=request.user,
                now=request.now,
                address=came_from(request),
            )
        except Refused as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The view “%(name)s” is saved.") % {"name": view.name})
            return redirect(f"{reverse('certificates', args=[request.org.slug])}?view={view.public_id}")
    context = {"form": form, "active": "certificates", "saved": views.visible(request.org, request.user)}
    return render(request, "certificates/save_view.html", context)


@org_page(Right.READ, keeps=True)
def change_view(request: OrgRequest, public_id: str) -> HttpResponse:
    """Rename one's own view, share it or share it no longer."""
    view = get_object_or_404(request.org.saved_views, owner=request.user, public_id=public_id)
    form = ViewForm(request, {"name": view.name, "shared": view.shared})
    if form.is_valid():
        shared = form.cleaned_data.get("shared", view.shared)
        try:
            views.change(
                view,
                name=form.cleaned_data["name"],
                shared=shared,
                by=request.user,
                now=request.now,
                address=came_from(request),
            )
        except Refused as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, _("The view “%(name)s” is saved.") % {"name": view.name})
            return redirect("save_view", request.org.slug)
    return render(request, "certificates/change_view.html", {"form": form, "active": "certificates", "view": view})


@org_page(Right.READ, keeps=True)
@require_POST
def remove_view(request: OrgRequest, public_id: str) -> HttpResponse:
    """One's own; one that is shared also by who may change what is everybody's."""
    view = get_object_or_404(views.visible(request.org, request.user), public_id=public_id)
    if view.owner_id != request.user.pk and Right.ADMIN not in request.rights:
        messages.error(request, _("Only its owner or an admin removes a shared view."))
        return redirect("save_view", request.org.slug)
    views.remove(view, by=request.user, now=request.now, address=came_from(request))
    messages.success(request, _("The view “%(name)s” is removed.") % {"name": view.name})
    return redirect("save_view", request.org.slug)


urls: list[URLPattern] = [
    path("certificates/views/", save_view, name="save_view"),
    path("certificates/views/<str:public_id>/", change_view, name="change_view"),
    path("certificates/views/<str:public_id>/remove/", remove_view, name="remove_view"),
]
