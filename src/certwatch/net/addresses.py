"""May we call an address that a customer gave? Looked at strictly, resolved once, and pinned to what was checked.

A customer who can make us call any address could reach what only we can: this machine, the operator's network, the
cloud's metadata. So only https at port 443 of public hosts, unless the operator allows the network an address lies in.
"""

import ipaddress
import re
import socket
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

import idna

from certwatch.rules.errors import Refused

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Lookup = Callable[[str, int], Sequence[str]]  # host and port → its addresses, the likeliest to be reached first

LONGEST = 2_000  # characters, as many as are stored

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_A_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)  # a last label that makes programs read an IPv4 address
_NEVER_PUBLIC = tuple(
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10",  # carriers' own
        "169.254.0.0/16",  # link-local; clouds answer there with secrets
        "192.88.99.0/24",  # 6to4 relays
        "fec0::/10",  # site-local
    )
)
_IPV4_WITHIN = tuple(  # IPv4 written as IPv6: compatible, mapped, NAT64, NAT64 of a local network, Teredo, 6to4
    ipaddress.ip_network(text)
    for text in ("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16")
)


def gettext_noop(text: str) -> str:
    """`text`, marked for translation: what is raised here is shown on pages, which translate it."""
    return text


NO_ADDRESS = gettext_noop("This is no address of the web. Write it like https://example.com/hooks.")
TOO_LONG = gettext_noop("This address is too long.")
SCHEME = gettext_noop("The address must begin with https://.")
PASSWORD = gettext_noop("The address must not hold a user name or a password.")
FRAGMENT = gettext_noop("The address must not have a part behind #.")
ODD_NUMBER = gettext_noop("Write the host as a name, or an IP address in its usual form.")
PORT = gettext_noop("The address must use port 443.")
PRIVATE = gettext_noop("The address lies in a network that may not be called.")
UNKNOWN_HOST = gettext_noop("There is no host of this name.")


class UnknownHost(Refused):
    """The name has no address now; it may have one again."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """An address that may be called now, at these IP addresses only. `host` as in certificates: in ASCII."""

    https: bool
    host: str
    port: int
    target: str  # path and query
    ips: tuple[str, ...]

    @property
    def authority(self) -> str:
        """What stands in the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.https else 80) else f"{host}:{self.port}"


def look_up(host: str, port: int) -> Sequence[str]:
    """The addresses of `host`, as the system finds and sorts them. Raises `OSError`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(where[0]) for *_, where in found))


def check(url: str, *, allowed: Sequence[Network], lookup: Lookup = look_up) -> None:
    """Raise `Refused` where `url` may not be called. `allowed`: networks that the operator allows besides."""
    resolve(url, allowed, lookup)


def resolve(url: str, allowed: Sequence[Network], lookup: Lookup = look_up) -> Pinned:
    """`url` with the addresses to connect to. Raises `Refused`, and `UnknownHost` where the name has none."""
    parts = _split(url)
    host = _host(parts)
    https = parts.scheme == "https"
    port = _port(parts)
    ips = [ipaddress.ip_address(host)] if _is_literal(host) else _ask(host, port, lookup)
    usual = https and port == 443
    for ip in ips:  # one that is private is enough: who gave the name decides which of them answers
        if not any(ip in network for network in allowed) and not (usual and is_public(ip)):
            raise Refused(PRIVATE if not is_public(ip) else PORT if https else SCHEME)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Pinned(https, host, port, quote(target, safe=string.punctuation), tuple(str(ip) for ip in ips))


def is_public(ip: Address) -> bool:
    """Whether `ip` is one of the open internet, where everybody could call."""
    if ip.is_multicast or ip.is_reserved or ip.is_unspecified or not ip.is_global:
        return False
    return not any(ip in network for network in (*_NEVER_PUBLIC, *_IPV4_WITHIN))


def _split(url: str) -> SplitResult:
    if len(url) > LONGEST:
        raise Refused(TOO_LONG)
    if re.search(r"[\x00-\x20\x7f\\]", url):  # programs disagree about what they mean
        raise Refused(NO_ADDRESS)
    try:
        url.encode()
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise Refused(NO_ADDRESS) from error
    if parts.scheme not in ("https", "http"):
        raise Refused(SCHEME)
    if "@" in parts.netloc:
        raise Refused(PASSWORD)
    if "#" in url:
        raise Refused(FRAGMENT)
    return parts


def _port(parts: SplitResult) -> int:
    if parts.netloc.endswith(":") or parts.port == 0:
        raise Refused(NO_ADDRESS)
    return parts.port or (443 if parts.scheme == "https" else 80)


def _host(parts: SplitResult) -> str:
    written = parts.hostname or ""
    if ":" in written:
        return _usual_form(written)
    if "[" in parts.netloc:
        raise Refused(ODD_NUMBER)
    try:
        host = written if written.isascii() else idna.encode(written, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise Refused(NO_ADDRESS) from error
    labels = host.split(".")
    if _A_NUMBER.fullmatch(labels[-1]):
        return _usual_form(host)
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Refused(NO_ADDRESS)
    return host


def _usual_form(text: str) -> str:
    """`text`, an IP address. Raises `Refused` for 0x7f.1, 2130706433, 010.0.0.1, ::ffff:10.0.0.1, fe80::1%eth0 …"""
    try:
        ip = ipaddress.ip_address(text)
    except ValueError as error:
        raise Refused(ODD_NUMBER) from error
    within = any(ip in network for network in _IPV4_WITHIN) and not (ip.is_loopback or ip.is_unspecified)
    if within or "%" in text:
        raise Refused(ODD_NUMBER)
    return str(ip)


def _is_literal(host: str) -> bool:
    return ":" in host or _A_NUMBER.fullmatch(host.rpartition(".")[2]) is not None


def _ask(host: str, port: int, lookup: Lookup) -> list[Address]:
    try:
        found = [ipaddress.ip_address(text) for text in lookup(host, port)]
    except (OSError, ValueError) as error:
        raise UnknownHost(UNKNOWN_HOST) from error
    if not found:
        raise UnknownHost(UNKNOWN_HOST)
    return found
