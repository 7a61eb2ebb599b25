"""Webhooks: signed JSON to an address that a customer gave, as Standard Webhooks 1.0.0 says."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from standardwebhooks import Webhook

from certwatch.net import addresses, pinned
from certwatch.net.addresses import Lookup, Network
from certwatch.net.client import retry_after_s
from certwatch.rules.errors import DeliveryFailed, Refused

GONE = 410


@dataclass(frozen=True, slots=True)
class Hook:
    """One message. `message` is its id, the same over all tries; `secrets` sign it, the newest first."""

    url: str
    message: str
    body: bytes
    secrets: Sequence[str]


@dataclass(frozen=True, slots=True)
class Reach:
    """How receivers are reached: networks that the operator allows, who looks names up, and how long it may take."""

    allowed: Sequence[Network] = ()
    lookup: Lookup = addresses.look_up
    timeout_s: float = pinned.ANSWER_S
    tls: ssl.SSLContext | None = None


def headers(hook: Hook, *, user_agent: str, now: datetime) -> dict[str, str]:
    """What stands above the body of a try at `now`."""
    text = hook.body.decode()
    signatures = [Webhook(secret).sign(hook.message, now, text) for secret in hook.secrets]
    return {
        "Content-Type": "application/json",
        "User-Agent": user_agent,
        "webhook-id": hook.message,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def send(hook: Hook, above: dict[str, str], *, reach: Reach, now: datetime) -> pinned.Answer:
    """The answer of a receiver who took it (2xx). Raises `DeliveryFailed`; permanent where the address is gone."""
    try:
        to = addresses.resolve(hook.url, reach.allowed, reach.lookup)
    except Refused as error:  # its name may lead elsewhere tomorrow, so this is tried again
        raise DeliveryFailed(str(error)) from error
    answer = pinned.post(to, above, hook.body, timeout_s=reach.timeout_s, tls=reach.tls)
    if 200 <= answer.status < 300:
        return answer
    said = text(answer.begins)
    if answer.status == GONE:
        raise DeliveryFailed(
            "The receiver says that this address is gone (410).", permanent=True, status=GONE, said=said
        )
    if 300 <= answer.status < 400:
        sentence = f"The receiver sends us on to another address ({answer.status}); redirects are not followed."
        raise DeliveryFailed(sentence, status=answer.status, said=said)
    wait_s = retry_after_s(answer.headers.get("retry-after", ""), now)
    wish = timedelta(seconds=wait_s) if wait_s else None
    raise DeliveryFailed(f"The receiver answered {answer.status}.", wish=wish, status=answer.status, said=said)


def text(said: bytes) -> str:
    """What a receiver answered, as it can be stored and shown."""
    return said.decode("utf-8", "replace").replace("\0", "\ufffd")
