"""Calls that may be repeated: under the same `Idempotency-Key` the same answer, and the deed is done once.

The key is claimed in a transaction of its own, the answer stored in the transaction of the deed. So a process that dies
leaves both or none, and after a minute somebody else may try.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, TypeVar

import msgspec
from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from django.utils import timezone

from certwatch.api.rest.answering import Asked
from certwatch.api.rest.problems import Problem
from certwatch.api.rest.refusals import problem_of
from certwatch.models import IdempotentCall
from certwatch.rules.errors import Refused

LEASE = timedelta(seconds=60)  # longer than a name server is waited for and a commit may take (30 s each)
KEPT = timedelta(days=1)
NAME = re.compile(r"[!-~]{1,255}")
SECRETS = frozenset({"secret"})  # names in an answer whose values are stored nowhere
OF_THE_CLAIM = frozenset({"idempotency_running", "idempotency_mismatch"})  # never kept as the answer
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Said:
    """An answer before it is bytes."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)

    def response(self, **more: str) -> HttpResponse:
        problem = self.status >= 400
        kind = "application/problem+json" if problem else "application/json"
        headers = {**self.headers, **more}
        return HttpResponse(msgspec.json.encode(self.body), content_type=kind, status=self.status, headers=headers)


def once(asked: Asked, prepare: Callable[[], T], write: Callable[[T], Said]) -> HttpResponse:
    """What `write` says to what `prepare` found; with an `Idempotency-Key` at most once.

    `prepare` runs in no transaction and may ask a name server; `write` runs in the answer's.
    """
    name = asked.headers.get("Idempotency-Key")
    if name is None:
        found = prepare()
        with transaction.atomic():
            return write(found).response()
    if not NAME.fullmatch(name):
        detail = "An Idempotency-Key has 1 to 255 visible ASCII characters."
        raise Problem(422, detail, errors=[{"parameter": "Idempotency-Key", "detail": detail, "code": "invalid"}])
    call = _claim(asked, name)
    if call.status is not None:
        kept: dict[str, Any] = call.answer or {}
        said = Said(call.status, msgspec.json.decode(kept["body"]), kept["headers"])
        return said.response(**{"Idempotent-Replayed": "true"})
    try:
        found = prepare()
        with transaction.atomic():
            said = write(found)
            _store(call, said)
        return said.response()
    except (Refused, Problem) as error:
        problem = error if isinstance(error, Problem) else problem_of(error)
        if problem.code in OF_THE_CLAIM:
            raise
        said = Said(problem.status, problem.body(f"{settings.BASE_URL}/api-docs", asked.id), {})
        with transaction.atomic():
            _store(call, said)
        return said.response()
    except Exception:
        _mine(call).delete()  # nothing was done: the next try need not wait
        raise


def _claim(asked: Asked, name: str) -> IdempotentCall:
    """The call, ours to work on, or with its answer. Raises `Problem` where it is another one, or runs still."""
    now, digest = timezone.now(), sha256(asked.body).hexdigest()
    new = {"body_sha256": digest, "made_at": now, "claimed_until": now + LEASE}
    calls = asked.key.idempotent_calls
    with transaction.atomic():
        call, is_new = calls.get_or_create(path=asked.path_info, name=name, defaults=new)
    if is_new:
        return call
    if call.made_at <= now - KEPT:
        return _take_over(call, new | {"status": None, "answer": None})
    if call.body_sha256 != digest:
        raise Problem(422, "This Idempotency-Key was sent before, with another body.", "idempotency_mismatch")
    if call.status is not None:
        return call
    if call.claimed_until > now:
        raise _running()
    return _take_over(call, {"claimed_until": now + LEASE})


def _take_over(call: IdempotentCall, values: dict[str, Any]) -> IdempotentCall:
    """`call` with new `values`, if nobody else was quicker."""
    if not _mine(call, status=call.status).update(**values):
        raise _running()
    for field_name, value in values.items():
        setattr(call, field_name, value)
    return call


def _store(call: IdempotentCall, said: Said) -> None:
    """Keep the answer. Raises `Problem`, and undoes the deed, if the claim ran out and went to somebody else."""
    told = {name: value for name, value in said.body.items() if name not in SECRETS}
    answer = {"body": msgspec.json.encode(told).decode(), "headers": said.headers}  # as text: PostgreSQL sorts names
    if not _mine(call).update(status=said.status, answer=answer):
        raise _running()


def _mine(call: IdempotentCall, status: int | None = None) -> Any:
    claimed: datetime = call.claimed_until
    return IdempotentCall.objects.filter(pk=call.pk, claimed_until=claimed, status=status)


def _running() -> Problem:
    return Problem(409, "A call with this Idempotency-Key is running. Ask again in a while.", "idempotency_running")
