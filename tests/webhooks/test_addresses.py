"""Where webhooks may be sent: never to a private network, however its address is written."""

import socket
import time
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.webhooks import addresses
from shop.webhooks.addresses import AddressError, is_public, parse_target, resolve_target

PRIVATE = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1",
    "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808",
    "64:ff9b:1::1", "100::1", "2001::1", "2001:0:5ef5:79fd::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::",
    "fc00::1", "fd00::1", "fe80::1", "fec0::1", "ff02::1", "3fff::1", "5f00::1",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:831::200e"]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_told(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_told(address):
    assert is_public(ip_address(address))


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_what_is_public_has_no_other_use(address: IPv4Address | IPv6Address):
    uses = ("is_private", "is_loopback", "is_link_local", "is_multicast", "is_reserved", "ipv4_mapped")
    if is_public(address):
        assert [use for use in uses if getattr(address, use, None)] == []


@given(st.ip_addresses(v=4))
def test_an_address_inside_of_another_one_is_never_public(address: IPv4Address):
    inside = [
        f"::ffff:{address}",
        f"::{address}",
        f"64:ff9b::{address}",
        str(IPv6Address((0x2002 << 112) | (int(address) << 80))),
    ]
    assert not any(is_public(ip_address(each)) for each in inside)


@pytest.mark.parametrize(
    "url",
    [
        "http://receiver.example/", "ftp://receiver.example/", "//receiver.example/", "receiver.example", "https://", "",
        "https:///x", "https://user@receiver.example/", "https://user:secret@receiver.example/",
        "https://@receiver.example/", "https://receiver.example/#part", "https://receiver.example:22/",
        "https://receiver.example:80/", "https://receiver.example:0/", "https://receiver.example:99999/",
        "https://receiver.example:443x/", "https://receiver.example/a b", "https://receiver.example/\r\nX: y",
        "https://receiver.example/\u00e4", "https://r\u00e4ceiver.example/", "https://receiver.example\\@evil.example/",
        "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://169.254.169.254/latest",
        "https://[fe80::1%25eth0]/", "https://[v1.x]/", "https://[/",
    ],
)  # fmt: skip
def test_a_url_that_is_no_place_to_send_to_is_refused(url):
    with pytest.raises(AddressError):
        parse_target(url)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://receiver.example", ("receiver.example", 443, "/", "receiver.example")),
        (
            "https://receiver.example:8443/a?b=c",
            ("receiver.example", 8443, "/a?b=c", "receiver.example:8443"),
        ),
        ("https://receiver.example?b", ("receiver.example", 443, "/?b", "receiver.example")),
        ("https://[2606:4700:4700::1111]/", ("2606:4700:4700::1111", 443, "/", "[2606:4700:4700::1111]")),
    ],
)
def test_a_url_is_read_in_its_parts(url, parts):
    target = parse_target(url)
    assert (target.host, target.port, target.path, target.authority) == parts


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/x", "http://localhost/", "https://[::1]:1/"])
def test_for_development_any_place_is_allowed(url):
    assert parse_target(url, allow_private=True).host in ("127.0.0.1", "localhost", "::1")


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "localhost", "localhost."])
def test_other_ways_to_write_this_machine_are_refused_when_they_are_looked_up(host):
    with pytest.raises(AddressError):
        resolve_target(parse_target(f"https://{host}/"))


def answer_lookups(monkeypatch, *found: str, seconds: float = 0) -> None:
    def look_up(host, port, **_):
        time.sleep(seconds)
        return [(None, None, None, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch):
    answer_lookups(monkeypatch, "8.8.8.8", "10.0.0.1")
    with pytest.raises(AddressError, match="not public"):
        resolve_target(parse_target("https://receiver.example/"))


def test_a_name_without_an_address_is_refused():
    with pytest.raises(AddressError, match="no address"):
        resolve_target(parse_target("https://receiver.invalid/"))


def test_a_slow_name_server_is_not_waited_for(monkeypatch):
    answer_lookups(monkeypatch, "8.8.8.8", seconds=1)
    began = time.monotonic()
    with pytest.raises(AddressError, match="in time"):
        resolve_target(parse_target("https://receiver.example/"), seconds=0.1)
    assert time.monotonic() - began < 0.5


def test_lookups_are_bounded_and_their_places_come_back(monkeypatch):
    answer_lookups(monkeypatch, "8.8.8.8", seconds=0.3)
    for _ in range(addresses.MAX_LOOKUPS):
        with pytest.raises(AddressError):
            resolve_target(parse_target("https://receiver.example/"), seconds=0.001)
    with pytest.raises(AddressError, match="in time"):
        resolve_target(parse_target("https://receiver.example/"), seconds=0.01)
    assert resolve_target(parse_target("https://receiver.example/"), seconds=2) == ["8.8.8.8"]
