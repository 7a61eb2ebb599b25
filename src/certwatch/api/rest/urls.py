"""Addresses behind the gate, and how what goes wrong there is told."""

from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse
from django.urls import path
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser

from certwatch.api.rest import webhooks
from certwatch.api.rest.problems import Problem
from certwatch.api.rest.refusals import problem_of
from certwatch.rules.errors import Refused


class StrictJson(Parser):
    """No NaN, no comments, UTF-8 only."""

    def parse_body(self, request: HttpRequest) -> Any:
        return msgspec.json.decode(request.body)


api = NinjaAPI(
    title="Certificate Watch",
    version="1",
    urls_namespace="rest",
    openapi_url=None,
    docs_url=None,
    parser=StrictJson(),
)
api.add_router("/webhooks", webhooks.router)


@api.exception_handler(HttpError)
def malformed(_request: HttpRequest, error: HttpError) -> HttpResponse:
    raise Problem(400, "The body of the request is no JSON.") from error


@api.exception_handler(ValidationError)
def invalid(_request: HttpRequest, error: ValidationError) -> HttpResponse:
    told = [_told(one) for one in error.errors]
    raise Problem(422, "Something is wrong with what was sent; `errors` says what.", errors=told) from error


@api.exception_handler(Refused)
def refused(_request: HttpRequest, error: Refused) -> HttpResponse:
    raise problem_of(error) from error


def _told(error: dict[str, Any]) -> dict[str, str]:
    """pydantic's error as ours: where, what, and its word for it."""
    source, *place = error["loc"]
    said = {"detail": str(error["msg"]).removeprefix("Value error, "), "code": str(error["type"])}
    if source != "body":
        return {"parameter": str(place[-1]), **said}
    steps = [str(step).replace("~", "~0").replace("/", "~1") for step in place[1:]]  # the first is our own name for it
    return {"pointer": "".join(f"/{step}" for step in steps), **said}


urlpatterns = [path("api/v1/", api.urls)]
