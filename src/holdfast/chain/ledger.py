"""What was read of a chain, and the one transaction that writes it.

A checkpoint moves only together with what it says was read: retracted blocks, restored ones, rows,
quarantined logs and headers commit with it or not at all. The transaction first locks the
checkpoint and compares it with what its follower believes, so that two followers of the same chain
(after a lease was lost) cannot store anything twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.chain.answers import check_data
from holdfast.chain.errors import CheckpointMoved, NodeNonsense
from holdfast.chain.subscription import Decoded, Header, Quarantined, Span, Subscription, Watch
from holdfast.postgres.database import Database
from holdfast.postgres.statements import Statements
from holdfast.system import Connection

SQL = Statements("holdfast.chain", "ledger.sql")


class WatchChanged(Exception):
    """What is watched changed after the logs were asked for; they are asked for again. Not a failure."""


@dataclass(frozen=True)
class Checkpoint:
    """How far a subscription has read a chain; ``number`` is -1 and ``hash`` empty before the first block."""

    number: int
    hash: str
    position: int
    at_end: bool
    replay_next: int | None
    replay_until: int | None


NOWHERE = Checkpoint(-1, "", 0, False, None, None)


@dataclass(frozen=True)
class Seen:
    """A block that was read: its header, how many logs it had, whether it is kept for ever."""

    header: Header
    logs: int = 0
    milestone: bool = False


@dataclass(frozen=True)
class Advance:
    """What one transaction writes.

    With ``reorganised`` everything above ``ancestor`` (None: everything) is retracted first.
    ``blocks`` are those read, in order; the checkpoint moves to ``tip`` (None: before the first block).
    """

    expected: Checkpoint
    watch: Watch
    span: Span
    blocks: Sequence[Seen]
    decoded: Sequence[Decoded]
    tip: Header | None
    observed: int
    position: int = 0
    at_end: bool = False
    reorganised: bool = False
    ancestor: Header | None = None
    head: Header | None = None


@dataclass(frozen=True)
class Committed:
    """What a transaction wrote: the checkpoint now, and how many of each."""

    checkpoint: Checkpoint
    stored: int
    retracted: int
    restored: int
    quarantined: int


class Ledger:
    """The tables of one subscription and chain."""

    def __init__(self, database: Database, subscription: Subscription, chain_id: int) -> None:
        self._database = database
        self._subscription = subscription
        self._chain_id = chain_id
        self._key: dict[str, Any] = {"subscription": subscription.name, "chain_id": chain_id}

    async def open(self) -> Checkpoint:
        """Begin the checkpoint where there is none; return it."""
        async with self._database.transaction() as connection:
            await connection.execute(SQL["ensure_checkpoint"], self._key)
            return await self._read(connection, "read_checkpoint")

    async def refresh(self) -> tuple[Checkpoint, Watch]:
        """Read the checkpoint and what is watched."""
        async with self._database.connection() as connection:
            return await self._read(connection, "read_checkpoint"), await self._watch(connection)

    async def down_from(self, number: int, limit: int) -> list[Header]:
        """Read stored canonical headers from a number downwards, the highest first."""
        async with self._database.connection() as connection:
            cursor = await connection.execute(
                SQL["canonical_down_from"], {**self._key, "number": number, "limit": limit}
            )
            return [_header(row) for row in await cursor.fetchall()]

    async def mark_end(self, checkpoint: Checkpoint) -> None:
        """Say that the source has nothing more now."""
        await self._database.execute(SQL["mark_end"], {**self._key, "hash": checkpoint.hash})

    async def prune(self, below: int) -> None:
        """Let go of final headers below a number that nothing needs any more."""
        await self._database.execute(SQL["prune_blocks"], {**self._key, "below": below})

    async def advance(self, step: Advance) -> Committed:
        """Write one step.

        Raises ``CheckpointMoved`` and ``WatchChanged`` where the step was planned on what no longer
        stands, ``NodeNonsense`` where undecodable data are not even hex digits; then nothing is written.
        """
        _check_quarantined(step.decoded)
        await self._subscription.prepare(self._database, step.decoded)
        async with self._database.transaction() as connection:
            await self._lock(connection, step.expected, step.watch)
            retracted = await self._retract(connection, step) if step.reorganised else 0
            restored = await self._restore(connection, step)
            span = step.span if not restored else Span(**{**_fields(step.span), "replay": True})
            stored = await self._store(connection, span, step.decoded)
            await self._keep(connection, step.blocks)
            await connection.execute(
                SQL["move_checkpoint"],
                {
                    **self._key,
                    "number": step.tip.number if step.tip else -1,
                    "hash": step.tip.hash if step.tip else "",
                    "time": step.tip.timestamp if step.tip else 0,
                    "observed": step.observed,
                    "reorganised": int(step.reorganised),
                    "position": step.position,
                    "at_end": step.at_end,
                    "ancestor": _ancestor_number(step) if step.reorganised else 2**62,
                },
            )
            checkpoint = await self._read(connection, "read_checkpoint")
        return Committed(checkpoint, stored, retracted, restored, _count_quarantined(step.decoded))

    async def replay(
        self,
        expected: Checkpoint,
        watch: Watch,
        span: Span,
        blocks: Sequence[Seen],
        decoded: Sequence[Decoded],
    ) -> Committed:
        """Write history that was read again up to ``span.last_block``; the checkpoint itself stays."""
        _check_quarantined(decoded)
        await self._subscription.prepare(self._database, decoded)
        async with self._database.transaction() as connection:
            await self._lock(connection, expected, watch)
            with_logs = [seen for seen in blocks if seen.logs]
            await self._check_known(connection, with_logs)
            stored = await self._store(connection, span, decoded)
            await self._keep(connection, with_logs)
            until = expected.replay_until if expected.replay_until is not None else -1
            following = span.last_block + 1 if span.last_block < until else None
            await connection.execute(SQL["move_replay"], {**self._key, "next": following})
            checkpoint = await self._read(connection, "read_checkpoint")
        return Committed(checkpoint, stored, 0, 0, _count_quarantined(decoded))

    async def _lock(self, connection: Connection, expected: Checkpoint, watch: Watch) -> None:
        found = await self._read(connection, "lock_checkpoint")
        if (found.number, found.hash, found.position) != (expected.number, expected.hash, expected.position):
            raise CheckpointMoved(
                f"The checkpoint of {self._subscription.name} on chain {self._chain_id} was moved meanwhile.",
                hint="Another process follows the same chain, or it was changed by hand; it is read anew.",
            )
        rewound = (found.replay_next, found.replay_until) != (expected.replay_next, expected.replay_until)
        if rewound or await self._watch(connection) != watch:
            raise WatchChanged

    async def _retract(self, connection: Connection, step: Advance) -> int:
        number = _ancestor_number(step)
        cursor = await connection.execute(SQL["retract_blocks"], {**self._key, "ancestor": number})
        blocks = sorted(
            (_header(row) for row in await cursor.fetchall()), key=lambda block: block.number, reverse=True
        )
        await self._subscription.retract(connection, self._chain_id, blocks)
        await connection.execute(SQL["retract_quarantine"], {**self._key, "ancestor": number})
        head = step.head or step.tip
        await connection.execute(
            SQL["keep_reorganisation"],
            {
                **self._key,
                "ancestor_number": number,
                "ancestor_hash": step.ancestor.hash if step.ancestor else "",
                "from_number": step.expected.number,
                "from_hash": step.expected.hash,
                "to_number": head.number if head else -1,
                "to_hash": head.hash if head else "",
            },
        )
        return len(blocks)

    async def _restore(self, connection: Connection, step: Advance) -> int:
        if not step.blocks:
            return 0
        numbers = [seen.header.number for seen in step.blocks]
        cursor = await connection.execute(
            SQL["restored_blocks"],
            {
                **self._key,
                "first": min(numbers),
                "last": max(numbers),
                "hashes": [seen.header.hash for seen in step.blocks],
            },
        )
        blocks = sorted((_header(row) for row in await cursor.fetchall()), key=lambda block: block.number)
        if blocks:
            await self._subscription.restore(connection, self._chain_id, blocks)
            hashes = [block.hash for block in blocks]
            await connection.execute(SQL["restore_quarantine"], {**self._key, "hashes": hashes})
        return len(blocks)

    async def _store(self, connection: Connection, span: Span, decoded: Sequence[Decoded]) -> int:
        stored = 0
        if any(part.count for part in decoded):
            stored = await self._subscription.store(connection, span, decoded)
        logs = [log for part in decoded for log in part.quarantined]
        if logs:
            await connection.execute(SQL["keep_quarantined"], {**self._key, **_columns(logs)})
        return stored

    async def _keep(self, connection: Connection, blocks: Sequence[Seen]) -> None:
        if blocks:
            await connection.execute(
                SQL["keep_blocks"],
                {
                    **self._key,
                    "numbers": [seen.header.number for seen in blocks],
                    "hashes": [seen.header.hash for seen in blocks],
                    "parents": [seen.header.parent_hash for seen in blocks],
                    "times": [seen.header.timestamp for seen in blocks],
                    "logs": [seen.logs for seen in blocks],
                    "milestones": [seen.milestone for seen in blocks],
                },
            )

    async def _check_known(self, connection: Connection, blocks: Sequence[Seen]) -> None:
        cursor = await connection.execute(
            SQL["contradicting_blocks"],
            {
                **self._key,
                "numbers": [seen.header.number for seen in blocks],
                "hashes": [seen.header.hash for seen in blocks],
            },
        )
        row = await cursor.fetchone()
        if row:
            raise NodeNonsense(
                f"The node's history has another block {row['number']} than the one that was read before.",
                hint="Does the URL name the same network as before?",
            )

    async def _read(self, connection: Connection, statement: str) -> Checkpoint:
        cursor = await connection.execute(SQL[statement], self._key)
        row = await cursor.fetchone()
        if row is None:
            raise CheckpointMoved(
                f"The checkpoint of {self._subscription.name} on chain {self._chain_id} is gone."
            )
        return Checkpoint(
            row["last_block_number"],
            row["last_block_hash"],
            row["source_position"],
            row["at_end"],
            row["replay_next"],
            row["replay_until"],
        )

    async def _watch(self, connection: Connection) -> Watch:
        return await self._subscription.watch(connection, self._chain_id)


async def rewind(connection: Connection, subscription: str, chain_id: int) -> None:
    """Have a chain's history read again for a subscription, up to where its checkpoint stands now.

    Call it in the transaction that adds a contract to what is watched. Following goes on meanwhile;
    ``store`` gets the history with ``Span.replay``. The checkpoint's row is locked until the
    transaction ends.
    """
    await connection.execute(SQL["rewind"], {"subscription": subscription, "chain_id": chain_id})
    await connection.execute(SQL["notify"])


def _ancestor_number(step: Advance) -> int:
    return step.ancestor.number if step.ancestor else -1


def _header(row: Mapping[str, Any]) -> Header:
    return Header(row["number"], row["hash"], row["parent_hash"], row["block_time"])


def _fields(span: Span) -> dict[str, Any]:
    return {"chain_id": span.chain_id, "first_block": span.first_block, "last_block": span.last_block}


def _check_quarantined(decoded: Sequence[Decoded]) -> None:
    for part in decoded:
        for log in part.quarantined:
            check_data(log.data, log.block_number)


def _count_quarantined(decoded: Sequence[Decoded]) -> int:
    return sum(len(part.quarantined) for part in decoded)


def _columns(logs: Sequence[Quarantined]) -> dict[str, Any]:
    return {
        "block_numbers": [log.block_number for log in logs],
        "block_hashes": [log.block_hash for log in logs],
        "block_times": [log.block_time for log in logs],
        "transaction_hashes": [log.transaction_hash for log in logs],
        "log_indexes": [log.log_index for log in logs],
        "addresses": [log.address for log in logs],
        "topics": [" ".join(log.topics) for log in logs],
        "data": [log.data for log in logs],
        "reasons": [log.reason for log in logs],
    }
