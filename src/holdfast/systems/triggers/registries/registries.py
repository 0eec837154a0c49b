"""Which contracts of a chain are the ERC-8004 registries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from holdfast.chain.ledger import rewind
from holdfast.errors import Conflict, NotFound, WrongUse
from holdfast.postgres.statements import Statements
from holdfast.system import Connection
from holdfast.systems.triggers.events.catalogue import REGISTRIES

_STATEMENTS = Statements("holdfast.systems.triggers.registries", "registries.sql")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


async def add_registries(
    connection: Connection, chain_id: int, addresses: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Name contracts of a chain by registry (``identity``, ``reputation``, ``validation``).

    Call it in a transaction. Returns (registry, address) of those that are new; where there is one,
    the chain's history is read again so that their earlier logs become events. Raises ``WrongUse``
    on an address that cannot be read, ``Conflict`` where one is another registry already.
    """
    if chain_id < 1:
        raise WrongUse("A chain id is a whole number from 1.", hint="Ethereum is 1, anvil 31337.")
    added = []
    for registry in REGISTRIES:
        if registry not in addresses:
            continue
        address = _read_address(addresses[registry])
        wanted = {"chain_id": chain_id, "address": address, "registry": registry}
        if await (await connection.execute(_STATEMENTS["add"], wanted)).fetchone():
            added.append((registry, address))
            continue
        stands = await (await connection.execute(_STATEMENTS["of_address"], wanted)).fetchone()
        if stands is None or stands["registry"] != registry:
            raise Conflict(
                f"{address} is followed as another registry of chain {chain_id}.",
                hint="Remove it first: holdfast triggers registries remove.",
            )
    if added:
        await rewind(connection, "triggers", chain_id)
    return added


async def list_registries(connection: Connection) -> list[dict[str, Any]]:
    """Return every registry: ``chain_id``, ``registry``, ``address``, ``created_at``."""
    return await (await connection.execute(_STATEMENTS["list"])).fetchall()


async def remove_registry(connection: Connection, chain_id: int, address: str) -> str:
    """Stop following a contract and return which registry it was; its events stay.

    Raises ``NotFound`` where it is not followed.
    """
    wanted = {"chain_id": chain_id, "address": _read_address(address)}
    row = await (await connection.execute(_STATEMENTS["remove"], wanted)).fetchone()
    if row is None:
        raise NotFound(
            f"{wanted['address']} is not followed on chain {chain_id}.",
            hint="holdfast triggers registries list shows what is.",
        )
    return str(row["registry"])


async def register_recording(connection: Connection, header: Mapping[str, Any]) -> None:
    """Name the registries that a recording's header holds; again changes nothing."""
    addresses = {registry: str(header[registry]) for registry in REGISTRIES if header.get(registry)}
    await add_registries(connection, int(header["chain_id"]), addresses)


def _read_address(address: str) -> str:
    if not _ADDRESS.fullmatch(address):
        raise WrongUse(f"{address!r} is not an address.", hint="Write 0x and 40 hex digits.")
    return address.lower()
