"""No spelling of an address that leads into a house gets past the guard."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.delivery.addresses import Address, is_own, read_address, why_not_public
from holdfast.delivery.errors import Blocked
from holdfast.delivery.guard import Guard

INTERNAL_4 = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
]
INTERNAL_6 = [
    "::/8",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fd00:ec2::254/128",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
]


def within(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> st.SearchStrategy[Address]:
    first, last = int(network.network_address), int(network.broadcast_address)
    kind = type(network.network_address)

    def address(number: int) -> Address:
        return kind(number)

    return st.sampled_from([first, last]).map(address) | st.integers(first, last).map(address)


internal_4 = st.sampled_from(INTERNAL_4).map(ipaddress.IPv4Network).flatmap(within)
internal_6 = st.sampled_from(INTERNAL_6).map(ipaddress.IPv6Network).flatmap(within)


def number_in_base(value: int, base: str) -> str:
    return {"decimal": f"{value}", "octal": f"0{value:o}", "hex": f"0x{value:x}", "HEX": f"0X{value:X}"}[base]


@st.composite
def spellings_4(draw: st.DrawFn) -> str:
    """Every form that C's inet_aton reads: one to four parts, each decimal, octal or hexadecimal."""
    number = int(draw(internal_4))
    parts = draw(st.integers(1, 4))
    leading = [(number >> (24 - 8 * index)) & 0xFF for index in range(parts - 1)]
    values = [*leading, number & ((1 << (8 * (5 - parts))) - 1)]
    bases = st.sampled_from(["decimal", "octal", "hex", "HEX"])
    written = ".".join(number_in_base(value, draw(bases)) for value in values)
    return written + draw(st.sampled_from(["", "."]))


@st.composite
def spellings_6(draw: st.DrawFn) -> str:
    address = draw(internal_6)
    plain = draw(st.sampled_from([str(address), address.exploded, str(address).upper()]))
    return f"[{plain}]"


@st.composite
def embedded(draw: st.DrawFn) -> str:
    """An internal IPv4 address inside an IPv6 one that some network would unpack."""
    number = int(draw(internal_4))
    dotted = ipaddress.IPv4Address(number)
    low = f"{number >> 16:x}:{number & 0xFFFF:x}"
    return draw(
        st.sampled_from(
            [
                f"[::ffff:{dotted}]",
                f"[::ffff:{low}]",
                f"[::{dotted}]",
                f"[::ffff:0:{dotted}]",
                f"[64:ff9b::{dotted}]",
                f"[64:ff9b:1::{dotted}]",
                f"[2002:{low}::1]",
                f"[2001:0:{low}:0:ffff:ffff:ffff]",
                f"[2001:0:1:2:3:4:{number >> 16 ^ 0xFFFF:x}:{number & 0xFFFF ^ 0xFFFF:x}]",
            ]
        )
    )


schemes = st.sampled_from(["http://", "https://", "HTTP://", "hTTps://"])
ports = st.sampled_from(["", ":", ":80", ":443", ":8080", ":5432"])
tails = st.sampled_from(["", "/", "/a@b", "?x=http://example.com", "#@example.com", "/%2e%2e/"])


@given(schemes, spellings_4() | spellings_6() | embedded(), ports, tails)
def test_every_spelling_of_every_internal_address_is_refused(
    scheme: str, host: str, port: str, tail: str
) -> None:
    with pytest.raises(Blocked):
        Guard().destination(f"{scheme}{host}{port}{tail}")


@given(internal_4 | internal_6)
def test_every_internal_address_that_a_name_resolves_to_is_refused(address: Address) -> None:
    for written in {str(address), address.exploded}:
        with pytest.raises(Blocked):
            Guard().admit("hooks.example.com", 443, [written])
    if address.version == 6:
        with pytest.raises(Blocked):
            Guard().admit("hooks.example.com", 443, [f"{address}%eth0"])


@given(internal_4 | internal_6, st.integers(0, 3))
def test_one_internal_address_among_public_ones_refuses_the_name(address: Address, place: int) -> None:
    resolved = ["93.184.215.14", "1.1.1.1", "2606:4700::1111"]
    resolved.insert(place, str(address))
    with pytest.raises(Blocked):
        Guard().admit("hooks.example.com", 443, resolved)


@given(st.ip_addresses())
def test_nothing_is_public_that_the_standard_library_knows_to_be_otherwise(address: Address) -> None:
    # is_global follows IANA's registries, with NAT64 and 6to4 public there and refused here
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert why_not_public(address) is not None


@pytest.mark.parametrize(
    "public",
    ["1.1.1.1", "8.8.8.8", "93.184.215.14", "172.15.0.1", "172.32.0.1", "100.128.0.1", "223.255.255.1"],
)
def test_public_addresses_pass(public: str) -> None:
    assert Guard().admit("hooks.example.com", 443, [public, "2606:4700::1111"]) == [
        read_address(public),
        read_address("2606:4700::1111"),
    ]
    assert Guard().destination(f"https://{public}/").host == public


def test_an_address_of_this_machine_is_recognised_whatever_its_number() -> None:
    assert is_own(ipaddress.ip_address("127.0.0.1"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            assert is_own(read_address(probe.getsockname()[0]))
        except OSError:
            pytest.skip("this machine has no route to anywhere")
    assert not is_own(ipaddress.ip_address("192.0.2.1"))


def test_the_refusal_tells_nobody_the_address() -> None:
    with pytest.raises(Blocked) as caught:
        Guard().admit("inside.example.com", 443, ["10.11.12.13"])
    assert "10.11.12.13" not in f"{caught.value} {caught.value.details}"


def test_a_name_without_an_address_or_with_nonsense_is_refused() -> None:
    for resolved in ([], ["not-an-address"], ["1.1.1.1", ""]):
        with pytest.raises(Blocked):
            Guard().admit("hooks.example.com", 443, resolved)
