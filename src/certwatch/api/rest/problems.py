"""What can go wrong behind the gate (api-docs, Errors): RFC 9457 with a code and the request's id."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from certwatch.api.answers import Answer

CODES = {  # where nothing more exact is said
    400: "malformed",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    413: "too_large",
    415: "media_type",
    422: "invalid",
    500: "broken",
    503: "silent",
}
NO_ADDRESS = "There is nothing at this address."


class Problem(Exception):
    """Raised where it is noticed; the door makes the answer."""

    def __init__(
        self, status: int, detail: str, code: str = "", *, errors: Sequence[dict[str, str]] = (), allow: str = ""
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.code = status, detail, code or CODES[status]
        self.errors, self.allow = errors, allow

    def body(self, docs: str, request_id: str) -> dict[str, Any]:
        """`docs`: the address of the documentation page."""
        about = {"type": f"{docs}#{self.status}", "title": HTTPStatus(self.status).phrase, "status": self.status}
        said = {**about, "detail": self.detail, "code": self.code, "request_id": request_id}
        return {**said, "errors": list(self.errors)} if self.errors else said

    def answer(self, docs: str, request_id: str) -> Answer:
        body = msgspec.json.encode(self.body(docs, request_id))
        head = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"x-request-id", request_id.encode()),
        ]
        if self.allow:
            head.append((b"allow", self.allow.encode()))
        return self.status, tuple(head), body


def wrong_field(pointer: str, detail: str, code: str) -> Problem:
    """422 for one field of the body; `pointer` is RFC 6901's."""
    return Problem(422, detail, errors=[{"pointer": pointer, "detail": detail, "code": code}])
