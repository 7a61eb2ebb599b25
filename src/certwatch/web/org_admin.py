"""What the pages of Org Admin share."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from certwatch.web.doors import OrgRequest


def page(request: OrgRequest, section: str, template: str, **facts: Any) -> HttpResponse:
    """A page in the frame of `org_admin.html`. `section`: the name of its entry in the section menu."""
    return render(request, template, {**facts, "section": section, "active": "org_admin", "now": request.now})
