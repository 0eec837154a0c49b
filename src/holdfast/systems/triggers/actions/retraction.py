"""What happens to deliveries whose event is no longer canonical.

A delivery of which no attempt was started is cancelled. One of which an attempt was started is not
tried again, and a delivery of its own id follows that says which one it retracts: the receiver may
have seen the first, even where the attempt failed.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.postgres.statements import Statements
from holdfast.system import Connection

_STATEMENTS = Statements("holdfast.systems.triggers.actions", "retraction.sql")


async def retract_jobs(connection: Connection, chain_id: int, block_hashes: Sequence[str]) -> None:
    """Cancel or retract the deliveries of blocks' events, in the transaction that retracts the events.

    The rows are locked first: a worker that is claiming one has then either committed its started
    attempt, which the later statements see, or passes the row over.
    """
    blocks = {"chain_id": chain_id, "hashes": list(block_hashes)}
    for name in ("lock_deliveries", "cancel_unsent", "retract_sent"):
        await connection.execute(_STATEMENTS[name], blocks)


async def wake_retractions(connection: Connection, ids: Sequence[str]) -> None:
    """Let the retractions of deliveries that have ended go at once."""
    if ids:
        await connection.execute(_STATEMENTS["wake"], {"ids": list(ids)})
