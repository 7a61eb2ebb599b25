"""Who is calling: the address behind the proxies that we trust (operations.md, CERTWATCH_TRUSTED_PROXIES)."""

import ipaddress
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> Address | None:
    """The last address of the chain that is no trusted proxy's: `forwarded_for` as the proxies wrote it, then `peer`.

    If all are trusted, the first. What is no address ends the chain: everything before it could be invented.
    None if `peer` itself is no address (a Unix socket's).
    """
    client = _address(peer)
    hops = forwarded_for.split(",") if forwarded_for else []
    while client is not None and hops and within(client, trusted):
        before = _address(hops.pop())
        if before is None:
            return client
        client = before
    return client


def neighbourhood(address: str) -> str:
    """Who counts as one client where a limit is kept: an IPv4 address; of IPv6 the /64, which one line has alone.

    What is no address is itself.
    """
    known = _address(address)
    if isinstance(known, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((known, 64), strict=False))
    return str(known or address)


def within(address: Address, networks: Sequence[Network]) -> bool:
    """Whether `address` lies in one of `networks`."""
    return any(address in network for network in networks)


def _address(text: str) -> Address | None:
    """`text` as an address. Some proxies write the port, too: `192.0.2.1:4711`, `[2001:db8::1]:4711`."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
