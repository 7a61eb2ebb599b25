"""Chat services, by apprise. An address is a secret: it stands in no log, no error, and on pages only masked.

In apprise an address can say how it is called, and overrules what we set. So what could lead us elsewhere is refused.
"""

import logging
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from certwatch.net.addresses import gettext_noop
from certwatch.rules.errors import DeliveryFailed, Refused

if TYPE_CHECKING:
    from apprise import NotifyBase

CONNECT_S, READ_S = 5.0, 15.0
ANSWER_S = 20.0  # for all of it, as long as a webhook may take
TEAMS = ("workflow", "workflows")
TEAMS_HOSTS = (".logic.azure.com", ".api.powerplatform.com")
LONGEST = 2_000

# Where it leads, whether it is checked who answers, how long and how often; `template` names a file or an address.
_OVERRULES = frozenset({"redirect", "verify", "rto", "cto", "retry", "wait", "template", "store"})

NO_ADDRESS = gettext_noop("This is no address of a chat service. Copy it as the service’s help shows it.")
SCHEME = gettext_noop("Alerts cannot be sent to this service here.")
OVERRULES = gettext_noop("The address must not hold redirect, verify, rto, cto, retry, wait, store or template.")
TEAMS_HOST = gettext_noop("A Teams address must lead to logic.azure.com or api.powerplatform.com at port 443.")


@dataclass(frozen=True, slots=True)
class Facts:
    """What may be known of an address. `host`: of which at most two messages are sent at once."""

    scheme: str
    host: str
    masked: str


def check(address: str, schemes: Collection[str]) -> Facts:
    """What may be shown of `address`, which must be of one of `schemes`. Raises `Refused`; calls nobody."""
    scheme = _scheme(address)
    service = _service(address, schemes)
    host = str(getattr(service, "host", "") or "") if scheme in TEAMS else ""
    return Facts(scheme, (host or scheme).lower(), f"{scheme}://…{address.partition('?')[0].rstrip('/')[-4:]}")


def send(address: str, title: str, body: str, *, schemes: Collection[str]) -> None:
    """Send `body`, written in Markdown. Raises `DeliveryFailed` where the service does not say that it took it."""
    from apprise import Apprise, NotifyFormat

    try:
        service = _service(address, schemes)
    except Refused as error:
        raise DeliveryFailed(str(error)) from error
    caller = Apprise(asset=service.asset)
    caller.add(service)
    result = caller.notify(title=title, body=body, body_format=NotifyFormat.MARKDOWN, timeout=ANSWER_S)
    if not result:
        status = _status(result.logs()) if hasattr(result, "logs") else None
        said = f"It answered {status}." if status else "It did not answer as it should."
        raise DeliveryFailed(f"The chat service did not take the message. {said}", status=status)


def _scheme(address: str) -> str:
    return address.partition("://")[0].lower() if "://" in address else ""


def _service(address: str, schemes: Collection[str]) -> "NotifyBase":
    from apprise import Apprise, AppriseAsset, NotifyBase, PersistentStoreMode

    if not address or len(address) > LONGEST or re.search(r"[\x00-\x20\x7f]", address):
        raise Refused(NO_ADDRESS)
    if (scheme := _scheme(address)) not in schemes:
        raise Refused(SCHEME if scheme else NO_ADDRESS)
    if _names(address) & _OVERRULES:
        raise Refused(OVERRULES)
    asset = AppriseAsset(
        http_redirects=False,
        async_mode=False,
        app_id="Certificate Watch",
        app_desc="Certificate Watch",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        storage_mode=PersistentStoreMode.MEMORY,
    )
    _hush()
    service = Apprise.instantiate(address, asset=asset, suppress_exceptions=True)
    if not isinstance(service, NotifyBase):
        raise Refused(NO_ADDRESS)
    if service.redirects or not service.verify_certificate or getattr(service, "template", None):
        raise Refused(OVERRULES)  # said in a way that we did not see
    if scheme in TEAMS and not _is_teams(service):
        raise Refused(TEAMS_HOST)
    service.socket_connect_timeout, service.socket_read_timeout = CONNECT_S, READ_S
    return service


def _names(address: str) -> set[str]:
    """The names of the parameters of `address`, as apprise reads them and in all other ways that we know."""
    from apprise.utils.parse import parse_qsd

    parsed = parse_qsd(address.partition("?")[2])  # type: ignore[no-untyped-call]
    found = {str(name) for kind in parsed.values() for name in kind}
    found |= set(re.split(r"[?&;=#]", address.partition("?")[2]))
    return {name.lower().strip(" +-:") for name in found}


def _is_teams(service: "NotifyBase") -> bool:
    host = str(getattr(service, "host", "") or "").lower()
    usual = re.fullmatch(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*", host, re.ASCII) is not None
    return usual and host.endswith(TEAMS_HOSTS) and getattr(service, "port", None) in (None, 443)


def _hush() -> None:
    """Let what apprise and the library below it say of a call go to nobody: it may hold the address."""
    logging.getLogger("apprise").propagate = False
    logging.getLogger("urllib3.connectionpool").setLevel(logging.CRITICAL)


def _status(logs: Iterable[object]) -> int | None:
    """What the service answered, by what apprise noted of the call."""
    found = [re.search(r"\berror=(\d{3})\b", str(getattr(entry, "message", ""))) for entry in logs]
    return next((int(match[1]) for match in found if match), None)
