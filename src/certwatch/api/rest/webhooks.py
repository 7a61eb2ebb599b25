"""`/api/v1/webhooks`: endpoints, their secrets, and what was sent to them."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from django.db import transaction
from django.http import HttpResponse
from ninja import Field, Router, Schema
from pydantic import AfterValidator, BeforeValidator, ConfigDict

from certwatch.actions import endpoints as actions
from certwatch.api.rest.answering import Asked
from certwatch.api.rest.lists import MOST_SHOWN, SHOWN, etag, fresh, page, unchanged
from certwatch.api.rest.once import Said, once
from certwatch.api.rest.problems import Problem, wrong_field
from certwatch.models import Attempt, Delivery, DeliveryState, EndpointState, WebhookEndpoint
from certwatch.rules import events, names
from certwatch.rules.errors import Refused

router = Router(tags=["Webhooks"])
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _moment(text: object) -> datetime:
    if not isinstance(text, str) or not RFC_3339.fullmatch(text):
        raise ValueError("This is no time as RFC 3339 has it, e.g. 2026-11-24T05:12:08Z.")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("There is no such time.") from None


def _name(text: str) -> str:
    try:
        return names.clean(text, "The name of an endpoint", 100) if text.strip() else ""
    except Refused as error:
        raise ValueError(str(error)) from error


def _address(url: str) -> actions.Checked:
    """`url`, looked at; not in a transaction, since a name server is asked."""
    try:
        return actions.check(url)
    except Refused as error:
        raise wrong_field("/url", str(error), "address_refused") from error


Moment = Annotated[datetime, BeforeValidator(_moment)]
Name = Annotated[str, AfterValidator(_name)]


class _Wanted(Schema):
    """What a client sends. A name that we do not know is his mistake, and he should hear of it."""

    model_config = ConfigDict(extra="forbid")


class NewEndpoint(_Wanted):
    url: str = Field(description="https, port 443, no private network.")
    types: list[events.EventType] | None = Field(None, min_length=1, description="Missing or null: all.")
    name: Name = ""


class EndpointChanges(_Wanted):
    url: str | None = None
    types: list[events.EventType] | None = Field(None, min_length=1, description="null: all.")
    name: Name | None = None
    state: Literal["on", "off"] | None = None


class Range(_Wanted):
    begin: Moment = Field(alias="from")
    end: Moment = Field(alias="to")


class Nothing(_Wanted):
    """An empty object, or no body at all."""


class Endpoint(Schema):
    id: str
    url: str
    types: list[str]
    name: str
    state: EndpointState
    created_at: datetime


class NewSecret(Schema):
    secret: str = Field("", description="Shown this once; missing where a call is repeated.")


class CreatedEndpoint(Endpoint, NewSecret):
    pass


class Try(Schema):
    number: int
    at: datetime
    took_ms: int
    ok: bool
    status: int | None = Field(description="Of the receiver's answer.")
    said: str = Field(description="How the answer begins, or why there was none.")


class Message(Schema):
    id: str
    webhook_id: str = Field(description="What stands in the header webhook-id: a replay has that of its message.")
    type: str
    change: int | None = Field(description="The number in GET /changes; null: a test.")
    state: DeliveryState
    replay_of: str | None
    created_at: datetime
    next_try_at: datetime | None
    ended_at: datetime | None
    error: str


class MessageWithTries(Message):
    tries: list[Try]


class Endpoints(Schema):
    items: list[Endpoint]
    next_cursor: str | None


class Messages(Schema):
    items: list[MessageWithTries]
    next_cursor: str | None


class Count(Schema):
    count: int


Limit = Annotated[int, Field(ge=1, le=MOST_SHOWN)]


@router.post("", response={201: CreatedEndpoint}, operation_id="createWebhook")
def create(request: Asked, wanted: NewEndpoint) -> HttpResponse:
    """Create an endpoint. Its secret is shown in this answer and never again."""

    def write(url: actions.Checked) -> Said:
        endpoint, secret = actions.create(
            request.org, url=url, types=wanted.types or (), name=wanted.name, **request.signed()
        )
        body = _item(endpoint)
        return Said(
            201, {**body, "secret": secret}, {"ETag": etag(body), "Location": f"{request.path_info}/{body['id']}"}
        )

    return once(request, lambda: _address(wanted.url), write)


@router.get("", response=Endpoints, operation_id="listWebhooks")
def endpoints(request: Asked, limit: Limit = SHOWN, cursor: str = "") -> HttpResponse:
    """All endpoints, the newest first."""
    return page(request, request.org.webhook_endpoints.all(), _item, limit=limit, cursor=cursor)


@router.get("/{endpoint_id}", response=Endpoint, operation_id="getWebhook")
def one(request: Asked, endpoint_id: str) -> HttpResponse:
    """One endpoint."""
    return fresh(request, _item(_endpoint(request, endpoint_id)))


@router.patch("/{endpoint_id}", response=Endpoint, operation_id="changeWebhook")
def change(request: Asked, endpoint_id: str, wanted: EndpointChanges) -> HttpResponse:
    """Change what is named, and leave the rest. `state` switches it on or off."""
    told = wanted.model_fields_set
    for name in ("url", "name", "state"):
        if name in told and getattr(wanted, name) is None:
            raise wrong_field(f"/{name}", "This must not be null.", "invalid")
    endpoint = _endpoint(request, endpoint_id)
    url = None if wanted.url is None else _address(wanted.url)
    types = (wanted.types or ()) if "types" in told else None
    with transaction.atomic():
        endpoint = _endpoint(request, endpoint_id, lock=True)
        unchanged(request, _item(endpoint))
        endpoint = actions.change(endpoint, url=url, types=types, name=wanted.name, **request.signed())
        if wanted.state is not None:
            endpoint = actions.switch(endpoint, wanted.state == "on", **request.signed())
    body = _item(endpoint)
    return Said(200, body, {"ETag": etag(body)}).response()


@router.delete("/{endpoint_id}", response={204: None}, operation_id="deleteWebhook")
def delete(request: Asked, endpoint_id: str) -> HttpResponse:
    """Remove an endpoint with the log of its messages. What waits is sent no more."""
    with transaction.atomic():
        endpoint = _endpoint(request, endpoint_id, lock=True)
        unchanged(request, _item(endpoint))
        actions.delete(endpoint, **request.signed())
    return HttpResponse(status=204)


@router.post("/{endpoint_id}/test", response={202: Message}, operation_id="testWebhook")
def test(request: Asked, endpoint_id: str, wanted: Nothing | None = None) -> HttpResponse:
    """Send a message of the type `webhook.test`. Its delivery shows what became of it."""

    def write(endpoint: WebhookEndpoint) -> Said:
        return Said(202, _message(actions.test(endpoint, **request.signed())))

    return once(request, lambda: _endpoint(request, endpoint_id), write)


@router.post("/{endpoint_id}/rotate", response={200: NewSecret}, operation_id="rotateWebhookSecret")
def rotate(request: Asked, endpoint_id: str, wanted: Nothing | None = None) -> HttpResponse:
    """A new secret, shown in this answer and never again. The old one signs along for 24 hours."""

    def write(endpoint: WebhookEndpoint) -> Said:
        return Said(200, {"secret": actions.rotate(endpoint, **request.signed())})

    return once(request, lambda: _endpoint(request, endpoint_id), write)


@router.get("/{endpoint_id}/deliveries", response=Messages, operation_id="listWebhookDeliveries")
def deliveries(
    request: Asked,
    endpoint_id: str,
    limit: Limit = SHOWN,
    cursor: str = "",
    state: DeliveryState | None = None,
) -> HttpResponse:
    """What was sent, or is to be, the newest first, with each try."""
    rows = _endpoint(request, endpoint_id).deliveries.select_related("change").prefetch_related("attempts")
    rows = rows.filter(state=state) if state else rows
    return page(request, rows, _message_with_tries, limit=limit, cursor=cursor)


@router.post(
    "/{endpoint_id}/deliveries/{delivery_id}/replay", response={202: Message}, operation_id="replayWebhookDelivery"
)
def replay(request: Asked, endpoint_id: str, delivery_id: str, wanted: Nothing | None = None) -> HttpResponse:
    """Send a message once more, under its own webhook-id. If it still waits, it is tried now."""

    def found() -> Delivery:
        rows = _endpoint(request, endpoint_id).deliveries.select_related("endpoint__org", "change")
        delivery: Delivery | None = rows.filter(public_id=delivery_id).first()
        if delivery is None:
            raise Problem(404, "This endpoint has no such delivery.")
        return delivery

    return once(request, found, lambda delivery: Said(202, _message(actions.replay(delivery, **request.signed()))))


@router.post("/{endpoint_id}/replay", response={202: Count}, operation_id="replayWebhookRange")
def replay_range(request: Asked, endpoint_id: str, wanted: Range) -> HttpResponse:
    """Send everything once more that happened from `from` to `to`, also what this endpoint never got."""

    def write(endpoint: WebhookEndpoint) -> Said:
        if wanted.end < wanted.begin:
            raise wrong_field("/to", "This lies before `from`.", "invalid")
        count = actions.replay_range(endpoint, wanted.begin, wanted.end, **request.signed())
        return Said(202, {"count": count})

    return once(request, lambda: _endpoint(request, endpoint_id), write)


def _endpoint(request: Asked, endpoint_id: str, *, lock: bool = False) -> WebhookEndpoint:
    rows = request.org.webhook_endpoints.all()
    found: WebhookEndpoint | None = (rows.select_for_update() if lock else rows).filter(public_id=endpoint_id).first()
    if found is None:
        raise Problem(404, "The organisation of this key has no such webhook endpoint.")
    return found


def _item(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return Endpoint(
        id=endpoint.public_id,
        url=endpoint.url,
        types=actions.of_types(endpoint),
        name=endpoint.name,
        state=EndpointState(endpoint.state),
        created_at=endpoint.created_at,
    ).model_dump(mode="json")


def _message(delivery: Delivery) -> dict[str, Any]:
    return Message(**_facts(delivery)).model_dump(mode="json")


def _message_with_tries(delivery: Delivery) -> dict[str, Any]:
    tries = sorted(delivery.attempts.all(), key=lambda attempt: attempt.number)
    return MessageWithTries(**_facts(delivery), tries=[_try(attempt) for attempt in tries]).model_dump(mode="json")


def _facts(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.public_id,
        "webhook_id": actions.message_id(delivery),
        "type": delivery.change.type if delivery.change else str(events.EventType.TEST),
        "change": delivery.change.number if delivery.change else None,
        "state": delivery.state,
        "replay_of": delivery.facts.get("replay_of"),
        "created_at": delivery.made_at,
        "next_try_at": delivery.due_at,
        "ended_at": delivery.ended_at,
        "error": delivery.error,
    }


def _try(attempt: Attempt) -> Try:
    return Try(
        number=attempt.number,
        at=attempt.began_at,
        took_ms=attempt.took_ms,
        ok=attempt.ok,
        status=attempt.status,
        said=attempt.said,
    )
