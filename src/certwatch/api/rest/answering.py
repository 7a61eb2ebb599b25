"""The rest of the API in Django's terms: one request in, one answer out, in a thread of its own.

None of Django's middleware is here: no session, no cookie, no CSRF, no language. The gate has let the key in.
"""

import io
import logging
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.db import OperationalError, close_old_connections
from django.http import HttpResponse
from django.urls import Resolver404, resolve
from django.utils import timezone

from certwatch.api.answers import Answer
from certwatch.api.rest.door import Request
from certwatch.api.rest.problems import NO_ADDRESS, Problem
from certwatch.models import ApiKey, Organisation

JSON = ("application/json", "")  # no word on it: JSON, what else
log = logging.getLogger(__name__)


class Asked(ASGIRequest):
    """A request, and who asks. Rows are reached through `org` alone."""

    def __init__(self, request: Request) -> None:
        super().__init__(dict(request.scope), io.BytesIO(request.body))
        self._body = request.body  # read already, and its size was looked at
        self.id, self.client, self.now = request.id, request.client, timezone.now()
        self.scopes: frozenset[str] = request.scope["scopes"]
        self.method = "GET" if self.method == "HEAD" else self.method  # the gate leaves the body away

    @cached_property
    def org(self) -> Organisation:
        return Organisation.objects.get(pk=self.scope["org"])

    @cached_property
    def key(self) -> ApiKey:
        key: ApiKey = self.org.api_keys.get(pk=self.scope["key"])
        return key

    def signed(self) -> Mapping[str, Any]:
        """For the audit trail: who did it, when and from where."""
        return {"by": None, "actor": f"API key {self.key.name}", "now": self.now, "address": self.client}


def respond(request: Request) -> Answer:
    """The answer to `request`. What nobody expected is raised."""
    docs = f"{settings.BASE_URL}/api-docs"
    close_old_connections()
    try:
        return _as_answer(_response(Asked(request)), request.id)
    except Problem as problem:
        return problem.answer(docs, request.id)
    except OperationalError:
        log.exception("The database did not answer request %s.", request.id)
        return Problem(503, "The database does not answer at the moment.").answer(docs, request.id)
    finally:
        close_old_connections()


def _response(asked: Asked) -> HttpResponse:
    try:
        match = resolve(asked.path_info, "certwatch.api.rest.urls")
    except Resolver404 as error:
        raise Problem(404, NO_ADDRESS) from error
    if asked.body and asked.content_type not in JSON:
        raise Problem(415, "The body of a request must be JSON (Content-Type: application/json).")
    response: HttpResponse = match.func(asked, *match.args, **match.kwargs)
    if response.status_code == 405:
        allowed = {*response["Allow"].replace(" ", "").split(",")}
        allow = ", ".join(sorted(allowed | ({"HEAD"} if "GET" in allowed else set())))
        raise Problem(405, f"At this address there are only {allow}.", allow=allow)
    return response


def _as_answer(response: HttpResponse, request_id: str) -> Answer:
    body = response.content
    headers = {name.lower(): value for name, value in response.items()} | {"x-request-id": request_id}
    headers.setdefault("cache-control", "no-store")
    if response.status_code in (204, 304):
        headers.pop("content-type", None)
    else:
        headers["content-length"] = str(len(body))
    return response.status_code, tuple((n.encode("latin-1"), v.encode("latin-1")) for n, v in headers.items()), body
