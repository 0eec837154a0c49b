"""What a system declares to be told the logs of contracts on a chain.

A system names a ``Subscription`` in ``System.subscriptions``. For every enabled chain the follower
asks what to watch, decodes in a thread, and then, in one transaction that also moves the
checkpoint, calls ``retract``, ``restore`` and ``store`` in that order, as far as each applies. A log
is identified by (chain id, block hash, log index); the same log is never stored twice while its
block is canonical, and a block that becomes canonical again is restored, not stored anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from holdfast.system import Connection

if TYPE_CHECKING:
    from holdfast.postgres.database import Database

RawLog = Mapping[str, Any]
"""A log as a node's JSON has it: ``address``, ``topics``, ``data``, ``blockNumber``, ``blockHash``,
``blockTimestamp``, ``transactionHash``, ``logIndex``. All are "0x" and lower-case hex digits (numbers
without leading zeros) and already verified, except that ``data`` is only known to be text: a decoder
finds out whether it is hex. ``blockTimestamp`` is always there, whether the node gave it or not."""


@dataclass(frozen=True, slots=True)
class Header:
    """A block's place in its chain.

    Hashes are "0x" and 64 lower-case hex digits; ``timestamp`` is UTC Unix seconds. ``parent_hash``
    is empty where a block is known from its logs only (read by range, below finality).
    """

    number: int
    hash: str
    parent_hash: str
    timestamp: int


@dataclass(frozen=True)
class Watch:
    """What a subscription reads of one chain: contract addresses (lower-case) and the kind of each.

    The kind (such as "identity") is the subscription's own word and only passed back to ``decode``.
    """

    contracts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Quarantined:
    """A log that could not be decoded, whole, with the reason."""

    block_number: int
    block_hash: str
    block_time: int
    transaction_hash: str
    log_index: int
    address: str
    topics: Sequence[str]
    data: str
    reason: str


def quarantined(log: RawLog, reason: str) -> Quarantined:
    """Set a log aside as it is, with the reason why it could not be decoded."""
    return Quarantined(
        block_number=int(log["blockNumber"], 16),
        block_hash=log["blockHash"],
        block_time=int(log["blockTimestamp"], 16),
        transaction_hash=log["transactionHash"],
        log_index=int(log["logIndex"], 16),
        address=log["address"],
        topics=tuple(log["topics"]),
        data=log["data"],
        reason=reason,
    )


@dataclass(frozen=True)
class Decoded:
    """Some logs, decoded and ready to be stored.

    ``rows`` are lines of PostgreSQL's COPY text format in the subscription's own column order,
    ``count`` how many; ``first_time`` and ``last_time`` are the smallest and largest block time among
    them (Unix seconds; 0 where there are none). Every log is in ``rows`` or in ``quarantined``.
    """

    rows: bytes
    count: int
    quarantined: Sequence[Quarantined] = ()
    first_time: int = 0
    last_time: int = 0


@dataclass(frozen=True)
class Span:
    """Which blocks a call of ``store`` covers, first and last included.

    With ``replay`` some of the rows may already be stored (history read again after a contract was
    added, or a block that became canonical again): store only those that are not.
    """

    chain_id: int
    first_block: int
    last_block: int
    replay: bool = False


class Subscription(Protocol):
    """What a system does with the logs of the contracts that it watches."""

    name: str

    async def watch(self, connection: Connection, chain_id: int, /) -> Watch:
        """Return what to read of a chain; asked in every transaction, so it must be cheap.

        Who adds a contract to what this returns calls ``holdfast.chain.ledger.rewind`` in the same
        transaction, so that the contract's earlier logs are read too.
        """

    def decode(self, chain_id: int, watch: Watch, logs: Sequence[RawLog], /) -> Decoded:
        """Decode logs in the order given. Pure: runs in a thread, touches no database, raises nothing.

        A log that is unknown or cannot be decoded goes to ``Decoded.quarantined``.
        """

    async def prepare(self, database: Database, decoded: Sequence[Decoded], /) -> None:
        """Make what rows need before they are stored, such as partitions; outside the transaction."""

    async def store(self, connection: Connection, span: Span, decoded: Sequence[Decoded], /) -> int:
        """Store the rows in the follower's transaction; return how many were new."""

    async def retract(self, connection: Connection, chain_id: int, blocks: Sequence[Header], /) -> None:
        """Mark the rows of blocks that are no longer canonical, in the follower's transaction.

        ``blocks`` holds, newest first, every block with logs of this subscription, and perhaps
        blocks without any.
        """

    async def restore(self, connection: Connection, chain_id: int, blocks: Sequence[Header], /) -> None:
        """Mark the rows of blocks that are canonical again, in the follower's transaction.

        Their rows were stored and retracted before. ``store`` with ``Span.replay`` follows for the
        same blocks, so that logs of contracts added since are stored as well.
        """
