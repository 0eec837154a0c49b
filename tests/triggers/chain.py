"""A chain of one's own for tests: blocks with logs, stored through the subscription as a follower does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_abi.abi import encode
from psycopg.sql import SQL

from holdfast.chain.signatures import keccak, parse_event
from holdfast.chain.subscription import Decoded, Header, RawLog, Span
from holdfast.postgres.database import Database
from holdfast.system import Connection
from holdfast.systems.triggers.events.catalogue import EVENTS
from holdfast.systems.triggers.events.subscription import SUBSCRIPTION

CHAIN_ID = 31337
GENESIS_TIME = 1_767_225_600
IDENTITY, REPUTATION, VALIDATION = (f"0x{number:040x}" for number in (0x1D, 0x2E, 0x3A))
CLIENT = f"0x{0xC11E:040x}"
ADDRESSES = {"identity": IDENTITY, "reputation": REPUTATION, "validation": VALIDATION}


def signature(name: str, *, of: str = "") -> str:
    """Return the signature of an event by its name; ``of`` is a part of it where there are several."""
    return next(
        event.signature
        for events in EVENTS.values()
        for event in events
        if event.signature.startswith(f"{name}(") and of in event.signature
    )


def log_of(address: str, event: str, values: dict[str, Any]) -> dict[str, Any]:
    """Encode an event as a node gives its log, by eth-abi; its place in the chain comes later."""
    parsed = parse_event(event)
    topics, types, inside = [parsed.topic], [], []
    for parameter in parsed.parameters:
        value = values[parameter.name]
        if not parameter.indexed:
            types.append(str(parameter.type))
            inside.append(value)
        elif parameter.type.kind in ("string", "bytes"):
            topics.append(keccak(value.encode() if isinstance(value, str) else value))
        else:
            topics.append("0x" + encode([str(parameter.type)], [value]).hex())
    return {"address": address, "topics": topics, "data": "0x" + encode(types, inside).hex()}


def feedback(
    agent_id: int = 0,
    value: int = 50,
    decimals: int = 0,
    tag1: str = "",
    tag2: str = "",
    client: str = CLIENT,
    index: int = 1,
) -> dict[str, Any]:
    """Return the log of a NewFeedback."""
    return log_of(
        REPUTATION,
        signature("NewFeedback", of="valueDecimals"),
        {
            "agentId": agent_id,
            "clientAddress": client,
            "feedbackIndex": index,
            "value": value,
            "valueDecimals": decimals,
            "indexedTag1": tag1,
            "tag1": tag1,
            "tag2": tag2,
            "endpoint": "",
            "feedbackURI": "",
            "feedbackHash": bytes(32),
        },
    )


def registered(agent_id: int, owner: str = CLIENT, uri: str = "ipfs://agent") -> dict[str, Any]:
    """Return the log of a Registered."""
    return log_of(IDENTITY, signature("Registered"), {"agentId": agent_id, "agentURI": uri, "owner": owner})


@dataclass
class Block:
    """A block with its logs."""

    header: Header
    logs: list[RawLog]


@dataclass
class Chain:
    """Makes blocks, and stores, retracts and restores them as the follower does."""

    database: Database
    chain_id: int = CHAIN_ID
    made: int = 0
    blocks: list[Block] = field(default_factory=list)

    def block(self, number: int, logs: Sequence[dict[str, Any]]) -> Block:
        """Return a new block of a number: each has another hash."""
        self.made += 1
        header = Header(number, f"0x{self.made:064x}", "0x" + "0" * 64, GENESIS_TIME + number)
        placed: list[RawLog] = [
            {
                **log,
                "blockNumber": hex(number),
                "blockHash": header.hash,
                "blockTimestamp": hex(header.timestamp),
                "transactionHash": f"0x{self.made * 1000 + index:064x}",
                "logIndex": hex(index),
            }
            for index, log in enumerate(logs)
        ]
        return Block(header, placed)

    async def register(self) -> None:
        """Name the three registries."""
        for registry, address in ADDRESSES.items():
            await self.database.execute(
                SQL(
                    "INSERT INTO triggers.registries (chain_id, address, registry) "
                    "VALUES (%(chain)s, %(address)s, %(registry)s) ON CONFLICT DO NOTHING"
                ),
                {"chain": self.chain_id, "address": address, "registry": registry},
            )

    async def store(self, *blocks: Block, replay: bool = False) -> int:
        """Decode and store blocks in one transaction; return how many events are new."""
        decoded = await self.decode(*blocks)
        await SUBSCRIPTION.prepare(self.database, decoded)
        async with self.database.transaction() as connection:
            return await self.store_in(connection, decoded, blocks, replay=replay)

    async def decode(self, *blocks: Block) -> list[Decoded]:
        """Decode blocks' logs; none of them may be quarantined."""
        async with self.database.connection() as connection:
            watch = await SUBSCRIPTION.watch(connection, self.chain_id)
        decoded = [SUBSCRIPTION.decode(self.chain_id, watch, block.logs) for block in blocks]
        assert [part.quarantined for part in decoded] == [[]] * len(decoded)
        return decoded

    async def store_in(
        self,
        connection: Connection,
        decoded: Sequence[Decoded],
        blocks: Sequence[Block],
        *,
        replay: bool = False,
    ) -> int:
        """Store decoded blocks in a transaction that is open."""
        numbers = [block.header.number for block in blocks]
        return await SUBSCRIPTION.store(
            connection, Span(self.chain_id, min(numbers), max(numbers), replay=replay), decoded
        )

    async def add(self, *logs: dict[str, Any], number: int | None = None) -> Block:
        """Store a block with these logs."""
        block = self.block(self.made + 1 if number is None else number, logs)
        await self.store(block)
        return block

    async def retract(self, *blocks: Block) -> None:
        """Retract blocks."""
        async with self.database.transaction() as connection:
            await SUBSCRIPTION.retract(connection, self.chain_id, [block.header for block in blocks])

    async def restore(self, *blocks: Block) -> None:
        """Restore blocks, and store them again as the follower does then."""
        async with self.database.transaction() as connection:
            await SUBSCRIPTION.restore(connection, self.chain_id, [block.header for block in blocks])
        await self.store(*blocks, replay=True)
