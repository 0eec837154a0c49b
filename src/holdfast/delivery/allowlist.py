"""The allow list: the places of one's own network that requests may reach."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_network

from holdfast.delivery.addresses import Address, Network, openable_by_name
from holdfast.delivery.settings import ALLOW
from holdfast.errors import WrongUse

_ENTRY = re.compile(r"(?:\[(?P<bracketed>[^\]]*)\]|(?P<plain>[^\[\]:]*))(?::(?P<port>[0-9]{1,5}))?")
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?")
_FORMS = "10.0.0.0/8, 10.0.0.5:8080, fd12::/16, [fd12::1]:8080, hooks.internal or hooks.internal:8443"


@dataclass(frozen=True, slots=True)
class AllowEntry:
    """One place: a network or an exact host name, at one port or (None) at all."""

    network: Network | None
    host: str
    port: int | None

    def permits(self, host: str, port: int, address: Address) -> bool:
        """Tell whether this entry opens an address to a request for ``host`` and ``port``."""
        if self.port is not None and self.port != port:
            return False
        if self.network is not None:
            return self.network.version == address.version and address in self.network
        return self.host == host and openable_by_name(address)


@dataclass(frozen=True, slots=True)
class AllowList:
    """All entries of the allow list."""

    entries: tuple[AllowEntry, ...] = ()

    @classmethod
    def read(cls, written: Sequence[str]) -> AllowList:
        """Read entries; raises ``WrongUse`` that names the one that cannot be read and says the forms."""
        return cls(tuple(_read_entry(entry) for entry in written))

    def permits(self, host: str, port: int, address: Address) -> bool:
        """Tell whether any entry opens an address to a request for ``host`` and ``port``."""
        return any(entry.permits(host, port, address) for entry in self.entries)


def _read_entry(written: str) -> AllowEntry:
    if written.count(":") > 1 and not written.startswith("["):
        return AllowEntry(_read_network(written, written), "", None)
    match = _ENTRY.fullmatch(written)
    if match is None:
        raise _wrong(written, "is not a place")
    port = None if match["port"] is None else int(match["port"])
    if port is not None and not 1 <= port <= 65535:
        raise _wrong(written, "has a port that is not within 1 to 65535")
    if match["bracketed"] is not None:
        network = _read_network(match["bracketed"], written)
        if network.version != 6:
            raise _wrong(written, "puts something other than an IPv6 address in brackets")
        return AllowEntry(network, "", port)
    place = match["plain"].lower().removesuffix(".")
    if re.fullmatch(r"[0-9./]+", place):
        return AllowEntry(_read_network(place, written), "", port)
    last = place.rpartition(".")[2]
    if not _NAME.fullmatch(place) or ".." in place or re.fullmatch(r"0x[0-9a-f]*|[0-9]+", last):
        raise _wrong(written, "is not an address, a network or an exact host name")
    return AllowEntry(None, place, port)


def _read_network(place: str, written: str) -> Network:
    try:
        network = ip_network(place)
    except ValueError as error:
        reason = "has bits set beyond its length" if "host bits" in str(error) else "is not a network"
        raise _wrong(written, reason) from None
    if isinstance(network.network_address, IPv6Address) and network.network_address.scope_id:
        raise _wrong(written, "names a zone")
    return network


def _wrong(written: str, reason: str) -> WrongUse:
    return WrongUse(
        f"{ALLOW.name}: {written!r} {reason}.", hint=f"Write an entry as {_FORMS}.", entry=written
    )
