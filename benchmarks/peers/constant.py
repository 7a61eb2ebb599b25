"""The limit: the same server answers a constant, byte for byte an answer of the look-up, headers included."""

from typing import Any

BODY = (
    b'{"cert_number":"EU-ISCC-Cert-DE100-12345678","status":"valid","valid_until":"31.12.2027",'
    b'"last_checked":"2026-11-24T04:30:00.000Z"}'
)
HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(BODY)).encode()),
    (b"etag", b'"9c0f2a3c5e7d8b1a4f6e9d0c2b3a5f71"'),
    (b"cache-control", b"private, no-cache"),
    (b"x-ratelimit-limit", b"10000000"),
    (b"ratelimit-policy", b'"org";q=10000000;w=60'),
    (b"x-ratelimit-remaining", b"9999999"),
    (b"ratelimit", b'"org";r=9999999;t=60'),
]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while (event := (await receive())["type"]) != "lifespan.shutdown":
            await send({"type": f"{event}.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
