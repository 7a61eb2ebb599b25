"""Who is calling."""

from ipaddress import ip_address, ip_network

import pytest

from certwatch.rules.clients import client_address, neighbourhood, within

TRUSTED = tuple(map(ip_network, ("127.0.0.0/8", "::1/128", "10.0.0.0/8")))


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "expected"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),  # no proxy of ours: what it says is not believed
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "198.51.100.1,10.1.2.3 , 10.1.2.4", "198.51.100.1"),
        ("127.0.0.1", "10.1.2.3, 10.1.2.4", "10.1.2.3"),  # all are ours: the first
        ("127.0.0.1", "198.51.100.1, unknown", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1, unknown, 10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("::1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("::1", "2001:db8::1", "2001:db8::1"),
        ("::ffff:127.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", ", ,", "127.0.0.1"),
    ],
)
def test_it_is_the_last_address_that_is_no_trusted_proxy(peer: str, forwarded_for: str, expected: str) -> None:
    assert client_address(peer, forwarded_for, TRUSTED) == ip_address(expected)


def test_a_connection_without_an_address_has_no_client() -> None:
    assert client_address("", "198.51.100.1", TRUSTED) is None
    assert client_address("/run/socket", "", TRUSTED) is None


def test_an_address_lies_in_networks_of_its_own_family() -> None:
    assert within(ip_address("10.2.3.4"), TRUSTED)
    assert not within(ip_address("11.2.3.4"), TRUSTED)
    assert not within(ip_address("2001:db8::1"), TRUSTED)
    assert not within(ip_address("10.2.3.4"), ())


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("/run/socket", "/run/socket"),
        ("", ""),
    ],
)
def test_of_ipv6_a_whole_line_counts_as_one_client(address: str, expected: str) -> None:
    assert neighbourhood(address) == expected
