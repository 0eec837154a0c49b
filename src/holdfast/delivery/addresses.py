"""Which addresses are of the public internet, and which lead into somebody's own house.

From IANA's special-purpose registries of IPv4 and IPv6, as of 2026. IPv6 turns the question around:
only what is allocated as global unicast (2000::/3) is public at all, which leaves out loopback,
unique local, link-local, multicast, IPv4-mapped and NAT64 (64:ff9b::/96, 64:ff9b:1::/48) addresses,
and those of it are named that stand for something else.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NOT_PUBLIC_4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(network), reason)
    for network, reason in (
        ("0.0.0.0/8", "this host"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by a provider's customers"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "a cloud's metadata"),  # public by its number, Azure's host agent by its use
        ("169.254.0.0/16", "link-local or a cloud's metadata"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved or a cloud's metadata"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved or broadcast"),
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NOT_PUBLIC_6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(network), reason)
    for network, reason in (
        ("2001::/23", "a protocol's own, such as Teredo"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4, which holds an IPv4 address"),
        ("3fff::/20", "documentation"),
    )
)
# What the name of a host on the allow list does not open, only the address itself: whoever controls
# the name's records must not reach the credentials of the machine.
_NEVER_BY_NAME: tuple[Network, ...] = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("100.100.100.200/32"),
    IPv4Network("168.63.129.16/32"),
    IPv4Network("169.254.0.0/16"),
    IPv4Network("192.0.0.0/24"),
    IPv4Network("224.0.0.0/3"),
    IPv6Network("::/128"),
    IPv6Network("::ffff:0:0/96"),
    IPv6Network("64:ff9b::/96"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("2001::/32"),
    IPv6Network("2002::/16"),
    IPv6Network("fd00:ec2::/32"),
    IPv6Network("fe80::/10"),
    IPv6Network("ff00::/8"),
)


def read_address(written: str) -> Address:
    """Read an address as a resolver gives it; the zone of an IPv6 address is left out.

    Raises ``ValueError`` where it is none.
    """
    return ip_address(written.partition("%")[0])


def why_not_public(address: Address) -> str | None:
    """Say in a few words why an address is not one of the public internet; None where it is one."""
    if isinstance(address, IPv4Address):
        return next((reason for network, reason in _NOT_PUBLIC_4 if address in network), None)
    if address not in _GLOBAL_UNICAST:
        return "private, link-local, mapped or reserved"
    return next((reason for network, reason in _NOT_PUBLIC_6 if address in network), None)


def openable_by_name(address: Address) -> bool:
    """Tell whether a host name on the allow list may lead to this address."""
    return not any(address in network for network in _NEVER_BY_NAME if network.version == address.version)


def is_own(address: Address) -> bool:
    """Tell whether the address is one of this machine, also where its number is a public one.

    Asks the routing table through a datagram socket, which sends nothing: to itself, a machine
    speaks from the very address that it speaks to.
    """
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return read_address(probe.getsockname()[0]) == address
    except OSError:  # no route, or no such family here: the connection will fail by itself
        return False
