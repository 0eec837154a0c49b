"""The guard: decides for every address, just before a connection is made to it.

What is checked is what is connected to: a name is resolved once, each of its addresses is looked at,
and the connection goes to one of those by number. A name that answers otherwise the next time
changes nothing. A name of which any address is refused is refused as a whole.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from holdfast.delivery.addresses import Address, is_own, read_address, why_not_public
from holdfast.delivery.allowlist import AllowList
from holdfast.delivery.destination import Destination, read_destination
from holdfast.delivery.errors import Blocked
from holdfast.delivery.settings import ALLOW, PORTS
from holdfast.errors import WrongUse
from holdfast.settings import Settings

logger = logging.getLogger("holdfast.delivery")


class Guard:
    """Says which places requests may reach: the public internet, and what the allow list opens.

    ``ports`` limits the ports outside the allow list; empty means all.
    """

    def __init__(self, allow: AllowList | None = None, ports: Sequence[int] = ()) -> None:
        self._allow = allow or AllowList()
        self._ports = frozenset(ports)

    @classmethod
    def from_settings(cls, settings: Settings) -> Guard:
        """Make the guard that HOLDFAST_OUTBOUND_ALLOW and HOLDFAST_OUTBOUND_PORTS describe.

        Raises ``WrongUse`` where an entry cannot be read.
        """
        allowed, ports = settings.get(ALLOW), settings.get(PORTS)
        return cls(AllowList.read(allowed), [_read_port(port) for port in ports])

    def destination(self, url: str) -> Destination:
        """Read a URL and refuse what needs no resolving to be refused; sends and resolves nothing.

        Use it to tell a user at once; a name passes here and is still checked at every connection.
        Raises ``Blocked``.
        """
        destination = read_destination(url)
        if destination.address is not None:
            self._admit(destination.host, destination.port, destination.address)
        return destination

    def admit(self, host: str, port: int, resolved: Sequence[str]) -> list[Address]:
        """Return the addresses that a connection for ``host`` and ``port`` may be made to: all, or none.

        ``resolved`` is what the resolver gave. Raises ``Blocked`` where any of them is refused, or
        where there is none. The refused address is logged and not told: it may be another's network.
        """
        try:
            addresses = list(dict.fromkeys(read_address(written) for written in resolved))
        except ValueError:
            raise Blocked(
                f"{host} has an address that cannot be read.", hint="Correct its records."
            ) from None
        if not addresses:
            raise Blocked(f"{host} has no address.", hint="Correct its records.")
        for address in addresses:
            self._admit(host, port, address)
        return addresses

    def _admit(self, host: str, port: int, address: Address) -> None:
        if self._allow.permits(host, port, address):
            return
        reason = why_not_public(address) or ("this machine's own" if is_own(address) else None)
        if reason is not None:
            logger.warning("refused %s port %s: its address %s is %s", host, port, address, reason)
            raise Blocked(
                f"{host} is not on the public internet.",
                hint=f"If it is yours, name it in {ALLOW.name}.",
                host=host,
                port=port,
            )
        if self._ports and port not in self._ports:
            raise Blocked(
                f"Port {port} is not one that requests may reach.",
                hint=f"Name it in {PORTS.name}.",
                host=host,
                port=port,
            )


def _read_port(written: str) -> int:
    if not written.isascii() or not written.isdigit() or not 1 <= int(written) <= 65535:
        raise WrongUse(f"{PORTS.name}: {written!r} is not a port.", hint="Write numbers within 1 to 65535.")
    return int(written)
