"""The list of chains to follow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from holdfast.chain.errors import ChainExists
from holdfast.chain.masking import RECORDING, masked
from holdfast.chain.recording import chain_id_of, read_header
from holdfast.errors import NotFound, WrongUse
from holdfast.postgres.statements import Statements
from holdfast.system import Connection

SQL = Statements("holdfast.chain", "chains.sql")


@dataclass(frozen=True)
class Chain:
    """A chain to follow. ``rpc_url`` may hold a key: show ``shown_url``, and never the value itself."""

    chain_id: int
    name: str
    rpc_url: str
    start_block: int
    confirmations: int | None
    enabled: bool

    def __repr__(self) -> str:
        return f"Chain({self.chain_id}, {self.shown_url!r})"

    @property
    def shown_url(self) -> str:
        """The URL as it may be shown."""
        return masked(self.rpc_url)

    @property
    def recording(self) -> Path | None:
        """The recording's file, or None where the source is a node."""
        if not self.rpc_url.startswith(RECORDING):
            return None
        return Path(self.rpc_url.removeprefix(RECORDING))


async def all_chains(connection: Connection) -> list[Chain]:
    """Return every chain, by id."""
    cursor = await connection.execute(SQL["all_chains"])
    return [Chain(**row) for row in await cursor.fetchall()]


async def add_chain(
    connection: Connection,
    *,
    rpc_url: str,
    chain_id: int | None = None,
    start_block: int = 0,
    confirmations: int | None = None,
    name: str = "",
    exists_ok: bool = False,
    from_start: bool = False,
) -> Chain:
    """Add a chain, or with ``exists_ok`` return the one that is there with the same URL.

    ``rpc_url`` is a node's http(s) URL, which needs ``chain_id``, or ``recording:FILE``, which names its
    own and is followed from its first line; where another recording of that chain was followed before,
    ``from_start`` begins this one at its first line too. Raises ``WrongUse``, ``WrongRecording``,
    ``ChainExists``.
    """
    if rpc_url.startswith(RECORDING):
        rpc_url, chain_id = _recorded(rpc_url, chain_id, start_block)
    elif urlsplit(rpc_url).scheme not in ("http", "https") or not urlsplit(rpc_url).hostname:
        raise WrongUse(
            "The RPC URL is neither http(s)://HOST... nor recording:FILE.",
            hint="A node's HTTP endpoint is meant, not its WebSocket.",
        )
    if chain_id is None or not 0 < chain_id < 2**63:
        raise WrongUse("A chain needs its id, a positive number.", hint="Such as 1 for Ethereum's mainnet.")
    if start_block < 0 or (confirmations is not None and confirmations < 0):
        raise WrongUse("Start block and confirmations are numbers from 0 on.")
    chain = Chain(chain_id, name, rpc_url, start_block, confirmations, True)
    values: dict[str, Any] = {
        "chain_id": chain_id,
        "name": name,
        "rpc_url": rpc_url,
        "start_block": start_block,
        "confirmations": confirmations,
    }
    cursor = await connection.execute(SQL["add_chain"], values)
    if await cursor.fetchone() is None:
        there = await one_chain(connection, chain_id)
        if exists_ok and there.rpc_url == rpc_url:
            return there
        raise ChainExists(
            f"Chain {chain_id} is there already ({there.shown_url}).",
            hint="Remove it first; what was read of it stays, and following goes on from there.",
        )
    if from_start:
        await connection.execute(SQL["restart_source"], {"chain_id": chain_id})
    return chain


def _recorded(rpc_url: str, chain_id: int | None, start_block: int) -> tuple[str, int]:
    file = Path(rpc_url.removeprefix(RECORDING)).expanduser().absolute()
    found = chain_id_of(read_header(file), file)
    if chain_id not in (None, found):
        raise WrongUse(
            f"The recording is one of chain {found}, not {chain_id}.", hint="Leave the chain id out."
        )
    if start_block:
        raise WrongUse("A recording is followed from its first line.", hint="Leave the start block out.")
    return f"{RECORDING}{file}", found


async def one_chain(connection: Connection, chain_id: int) -> Chain:
    """Return a chain. Raises ``NotFound``."""
    cursor = await connection.execute(SQL["one_chain"], {"chain_id": chain_id})
    row = await cursor.fetchone()
    if row is None:
        raise _missing(chain_id)
    return Chain(**row)


async def enable_chain(connection: Connection, chain_id: int, *, enabled: bool) -> None:
    """Pause or resume a chain. Raises ``NotFound``."""
    cursor = await connection.execute(SQL["enable_chain"], {"chain_id": chain_id, "enabled": enabled})
    if await cursor.fetchone() is None:
        raise _missing(chain_id)


async def remove_chain(connection: Connection, chain_id: int) -> None:
    """Take a chain off the list.

    What was read stays, with its checkpoint: a chain of the same id that is added later goes on from
    there, and what its source does not confirm is retracted as in any reorganisation. Raises ``NotFound``.
    """
    cursor = await connection.execute(SQL["remove_chain"], {"chain_id": chain_id})
    if await cursor.fetchone() is None:
        raise _missing(chain_id)
    await connection.execute(SQL["remove_states"], {"chain_id": chain_id})


def _missing(chain_id: int) -> NotFound:
    return NotFound(f"There is no chain {chain_id}.", hint="'holdfast chains list' names those that are.")
