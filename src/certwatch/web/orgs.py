"""After the log-in: on to the only organisation, else the list of them."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_safe

from certwatch.web.doors import memberships


@require_safe
def orgs(request: HttpRequest) -> HttpResponse:
    members = memberships(request, timezone.now())
    if len(members) == 1:
        return redirect(f"/o/{members[0].org.slug}/")
    return render(request, "orgs/list.html", {"members": members})


urls: list[URLPattern] = [path("o/", orgs, name="orgs")]
