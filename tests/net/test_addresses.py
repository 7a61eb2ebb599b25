from collections.abc import Callable, Sequence
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.net.addresses import (
    FRAGMENT,
    NO_ADDRESS,
    ODD_NUMBER,
    PASSWORD,
    PORT,
    PRIVATE,
    SCHEME,
    TOO_LONG,
    UNKNOWN_HOST,
    UnknownHost,
    check,
    is_public,
    resolve,
)
from certwatch.rules.errors import Refused

PUBLIC = "93.184.215.14"
OFFICE = (ip_network("10.1.0.0/16"), ip_network("fd12::/16"))


def at(*ips: str) -> Callable[[str, int], Sequence[str]]:
    """A resolver that knows every name."""
    return lambda host, port: ips


def forbidden(host: str, port: int) -> Sequence[str]:
    raise AssertionError(f"{host} was looked up")


@pytest.mark.parametrize(
    ("url", "host", "target"),
    [
        ("https://hooks.example.com", "hooks.example.com", "/"),
        ("https://hooks.example.com:443/certwatch?a=1&b=%20", "hooks.example.com", "/certwatch?a=1&b=%20"),
        ("HTTPS://Hooks.EXAMPLE.com/In", "hooks.example.com", "/In"),
        ("https://mühle.example/größe", "xn--mhle-0ra.example", "/gr%C3%B6%C3%9Fe"),
        ("https://hooks.example.com?x", "hooks.example.com", "/?x"),
    ],
)
def test_a_public_host_is_called_at_what_was_looked_up(url: str, host: str, target: str) -> None:
    pinned = resolve(url, (), at(PUBLIC, "2606:2800:220::1"))
    assert (pinned.https, pinned.host, pinned.port, pinned.target) == (True, host, 443, target)
    assert pinned.ips == (PUBLIC, "2606:2800:220::1")
    assert pinned.authority == host


@pytest.mark.parametrize("url", [f"https://{PUBLIC}/", "https://[2606:2800:220::1]/"])
def test_a_public_ip_address_in_its_usual_form_needs_no_look_up(url: str) -> None:
    assert resolve(url, (), forbidden).ips == (url[8:-1].strip("[]"),)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", SCHEME),
        ("hooks.example.com", SCHEME),
        ("ftp://hooks.example.com/", SCHEME),
        ("file:///etc/passwd", SCHEME),
        ("https:hooks.example.com", NO_ADDRESS),
        ("https:///hooks", NO_ADDRESS),
        ("https://", NO_ADDRESS),
        ("https://hooks.example.com:/", NO_ADDRESS),
        ("https://hooks.example.com:0/", NO_ADDRESS),
        ("https://hooks.example.com:99999/", NO_ADDRESS),
        ("https://hooks.example.com:port/", NO_ADDRESS),
        ("https://hooks..example.com/", NO_ADDRESS),
        ("https://hooks.example.com./", NO_ADDRESS),
        ("https://-hooks.example.com/", NO_ADDRESS),
        ("https://hooks%2eexample.com/", NO_ADDRESS),
        ("https://hooks.example.com\\@evil.example/", NO_ADDRESS),
        ("https://hooks.example.com/a b", NO_ADDRESS),
        (" https://hooks.example.com/", NO_ADDRESS),
        ("https://hooks.example.com/\r\nHost: evil", NO_ADDRESS),
        ("https://hooks.exa\tmple.com/", NO_ADDRESS),
        ("https://\ud800.example/", NO_ADDRESS),
        ("https://hooks.example.com/\ud800", NO_ADDRESS),
        ("https://anna:geheim@hooks.example.com/", PASSWORD),
        ("https://anna@hooks.example.com/", PASSWORD),
        ("https://@hooks.example.com/", PASSWORD),
        ("https://hooks.example.com/#part", FRAGMENT),
        ("https://hooks.example.com/#", FRAGMENT),
        ("https://hooks.example.com/" + "a" * 2_000, TOO_LONG),
        ("https://2130706433/", ODD_NUMBER),
        ("https://0x7f000001/", ODD_NUMBER),
        ("https://0177.0.0.1/", ODD_NUMBER),
        ("https://127.1/", ODD_NUMBER),
        ("https://0x7f.0.0.0x1/", ODD_NUMBER),
        ("https://10.0.0.1.0x/", ODD_NUMBER),
        ("https://１２７.1/", ODD_NUMBER),
        ("https://[::ffff:93.184.215.14]/", ODD_NUMBER),
        ("https://[::93.184.215.14]/", ODD_NUMBER),
        ("https://[2002:5db8:d70e::1]/", ODD_NUMBER),
        ("https://[64:ff9b::5db8:d70e]/", ODD_NUMBER),
        ("https://[2001:0:5db8:d70e::1]/", ODD_NUMBER),
        ("https://[2606:2800:220::1%25eth0]/", ODD_NUMBER),
        ("https://[v1.x]/", ODD_NUMBER),
    ],
)
def test_what_programs_read_in_two_ways_is_refused_before_anything_is_looked_up(url: str, why: str) -> None:
    with pytest.raises(Refused) as refused:
        check(url, allowed=(), lookup=forbidden)
    assert str(refused.value) == why


NOT_PUBLIC = [
    "127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "100.100.100.200",
    "0.0.0.0", "255.255.255.255", "224.0.0.1", "240.0.0.1", "192.0.2.1", "198.18.0.1", "192.88.99.1", "::1", "::",
    "fe80::1", "fe80::1%eth0", "fd12::1", "fec0::1", "ff02::1", "fd00:ec2::254", "2001:db8::1", "::ffff:127.0.0.1",
    "::ffff:93.184.215.14", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::1", "2001::1",
]  # fmt: skip


@pytest.mark.parametrize("ip", NOT_PUBLIC)
def test_a_name_that_leads_into_no_public_network_is_refused(ip: str) -> None:
    for found in ([ip], [PUBLIC, ip], [ip, PUBLIC]):
        with pytest.raises(Refused) as refused:
            check("https://hooks.example.com/", allowed=(), lookup=at(*found))
        assert str(refused.value) == PRIVATE


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "10.1.2.3", "169.254.169.254", "[fd00:ec2::254]", "0.0.0.0"])
def test_a_private_ip_address_is_refused(host: str) -> None:
    with pytest.raises(Refused) as refused:
        check(f"https://{host}/", allowed=(), lookup=forbidden)
    assert str(refused.value) == PRIVATE


@pytest.mark.parametrize(
    ("url", "why"),
    [("http://hooks.example.com/", SCHEME), ("https://hooks.example.com:8443/", PORT), (f"http://{PUBLIC}/", SCHEME)],
)
def test_plain_http_and_other_ports_of_public_hosts_are_refused(url: str, why: str) -> None:
    with pytest.raises(Refused) as refused:
        check(url, allowed=OFFICE, lookup=at(PUBLIC))
    assert str(refused.value) == why


@pytest.mark.parametrize(
    "url", ["http://erp/", "http://erp:8080/in", "https://erp:8443/", "https://erp/", "http://10.1.0.9/"]
)
def test_in_a_network_that_the_operator_allows_http_and_other_ports_are_called_too(url: str) -> None:
    pinned = resolve(url, OFFICE, at("10.1.0.9", "fd12::9"))
    assert pinned.ips[0] == "10.1.0.9"
    assert pinned.authority == url.partition("://")[2].partition("/")[0]


@pytest.mark.parametrize("found", [("10.2.0.1",), ("10.1.0.9", "10.2.0.1"), ("10.1.0.9", PUBLIC), ("127.0.0.1",)])
def test_an_allowed_network_allows_no_other(found: tuple[str, ...]) -> None:
    with pytest.raises(Refused):
        check("http://erp:8080/", allowed=OFFICE, lookup=at(*found))


def test_a_name_without_an_address_is_told_apart_for_it_may_have_one_later() -> None:
    def nowhere(host: str, port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    for lookup in (nowhere, at()):
        with pytest.raises(UnknownHost) as refused:
            check("https://hooks.example.com/", allowed=(), lookup=lookup)
        assert str(refused.value) == UNKNOWN_HOST


@given(st.ip_addresses(v=4))
def test_no_way_to_write_an_ipv4_address_as_ipv6_makes_it_public(ip: object) -> None:
    for network in ("::", "::ffff:", "64:ff9b::"):
        mapped = ip_network(f"{network}{ip}/128")[0]
        assert not is_public(mapped)


@given(st.text())
def test_any_text_is_refused_or_pinned(text: str) -> None:
    for url in (text, f"https://{text}", f"https://{text}/", f"https://a{text}.example/{text}"):
        try:
            pinned = resolve(url, (), at(PUBLIC))
        except Refused:
            continue
        assert pinned.https
        assert pinned.port == 443
        assert pinned.target.isascii()
        assert pinned.authority.isascii()
