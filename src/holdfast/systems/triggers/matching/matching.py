"""Matches events against compiled triggers, in one statement, in the transaction that stored them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from holdfast.postgres.statements import Statements
from holdfast.system import Connection

STATEMENT = Statements("holdfast.systems.triggers.matching", "matching.sql")["match"]


@dataclass(frozen=True)
class Batch:
    """Which events to match: those within blocks and times that this transaction stored or restored.

    Bounds are included. ``restored`` are the hashes of blocks that became canonical again.
    """

    chain_id: int
    first_block: int
    last_block: int
    first_time: datetime
    last_time: datetime
    restored: Sequence[str] = ()


def parameters(batch: Batch) -> dict[str, Any]:
    """Return the statement's parameters."""
    return {**asdict(batch), "restored": list(batch.restored)}


async def match(connection: Connection, batch: Batch) -> int:
    """Match a batch's events, once a trigger, event and generation; return how many jobs were queued."""
    # not prepared: a plan made for one span must not serve another of a different size
    cursor = await connection.execute(STATEMENT, parameters(batch), prepare=False)
    return cursor.rowcount
