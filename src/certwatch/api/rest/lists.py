"""Lists in pages, and answers that a client may have already."""

import base64
import hmac
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db.models import Model, QuerySet
from django.http import HttpResponse

from certwatch.api.rest.answering import Asked
from certwatch.api.rest.problems import Problem

M = TypeVar("M", bound=Model)
SHOWN, MOST_SHOWN = 50, 200


def page(
    asked: Asked, rows: "QuerySet[M]", item: Callable[[M], dict[str, Any]], *, limit: int, cursor: str
) -> HttpResponse:
    """A page of `rows`, the newest first. Raises `Problem` for a cursor that this list never gave."""
    if cursor:
        rows = rows.filter(pk__lt=_read(asked, cursor))
    found: Sequence[M] = list(rows.order_by("-pk")[: limit + 1])
    following = _cursor(asked, found[limit - 1].pk) if len(found) > limit else None
    response = fresh(asked, {"items": [item(row) for row in found[:limit]], "next_cursor": following})
    if following:
        query = urlencode({**asked.GET.dict(), "limit": limit, "cursor": following})
        response["Link"] = f'<{settings.BASE_URL}{asked.path_info}?{query}>; rel="next"'
    return response


def fresh(asked: Asked, body: dict[str, Any]) -> HttpResponse:
    """`body`, or 304 where `If-None-Match` names it."""
    told = asked.headers.get("If-None-Match", "")
    known = _tags(told)
    kept = {"ETag": etag(body), "Cache-Control": "private, no-cache"}
    if kept["ETag"] in known or known == ["*"]:
        return HttpResponse(status=304, headers=kept)
    return HttpResponse(msgspec.json.encode(body), content_type="application/json", headers=kept)


def etag(body: dict[str, Any]) -> str:
    """A digest of the body."""
    return f'"{sha256(msgspec.json.encode(body)).hexdigest()[:32]}"'


def unchanged(asked: Asked, body: dict[str, Any]) -> None:
    """Raise `Problem` where `If-Match` names another state of the item than `body`."""
    wanted = asked.headers.get("If-Match")
    if wanted is not None and wanted.strip() != "*" and etag(body) not in _tags(wanted):
        raise Problem(412, "Somebody has changed this meanwhile. Read it again.", "etag_stale")


def _tags(header: str) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in header.split(",")]


# A cursor holds the primary key of the last row. It is encrypted, since such a number tells how many rows all
# organisations have, and always the same text, so that an ETag stays. One block is one value: ECB's weakness is more.


def _cursor(asked: Asked, pk: int) -> str:
    block = Cipher(algorithms.AES(_keys()[0]), modes.ECB()).encryptor()  # noqa: S305
    return base64.urlsafe_b64encode(block.update(_of(asked) + pk.to_bytes(8, "big"))).decode().rstrip("=")


def _read(asked: Asked, cursor: str) -> int:
    try:
        sealed = base64.urlsafe_b64decode(cursor + "==")
    except ValueError:
        sealed = b""
    for key in _keys() if len(sealed) == 16 else ():
        plain = Cipher(algorithms.AES(key), modes.ECB()).decryptor().update(sealed)  # noqa: S305
        if hmac.compare_digest(plain[:8], _of(asked)):
            return int.from_bytes(plain[8:], "big")
    raise Problem(400, "This list never gave such a cursor.", "cursor_invalid")


def _of(asked: Asked) -> bytes:
    """Whose list it is; what is no cursor of this one has other bytes there."""
    return sha256(f"{asked.org.pk} {asked.path_info}".encode()).digest()[:8]


def _keys() -> list[bytes]:
    """The newest secret key's first; what a former one made is still read."""
    return [
        HKDF(algorithm=SHA256(), length=32, salt=None, info=b"certwatch.cursors").derive(secret.encode())
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ]
