"""The subscription: logs of the registries become events, matches and jobs in the follower's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from psycopg import sql

from holdfast.chain.decoding import decode_logs
from holdfast.chain.subscription import Decoded, Header, RawLog, Span, Watch
from holdfast.postgres.copy import copy_missing, copy_text
from holdfast.postgres.statements import Statements
from holdfast.system import Connection
from holdfast.systems.triggers import SYSTEM
from holdfast.systems.triggers.actions.retraction import retract_jobs
from holdfast.systems.triggers.events.catalogue import COLUMNS, decoders
from holdfast.systems.triggers.matching.matching import Batch, match
from holdfast.timeseries.partitions import ensure_partitions

if TYPE_CHECKING:
    from holdfast.postgres.database import Database

_STATEMENTS = Statements("holdfast.systems.triggers.events", "events.sql")
_EVENTS = sql.Identifier("triggers", "events")
_KEY = ("chain_id", "block_hash", "log_index", "block_time")
_COLUMNS = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))


@dataclass(frozen=True)
class RegistryEvents:
    """Follows the registries that ``triggers.registries`` names."""

    name: str = "triggers"

    async def watch(self, connection: Connection, chain_id: int) -> Watch:
        """Return the chain's registries."""
        rows = await (await connection.execute(_STATEMENTS["watched"], {"chain_id": chain_id})).fetchall()
        return Watch({row["address"]: row["registry"] for row in rows})

    def decode(self, chain_id: int, watch: Watch, logs: Sequence[RawLog]) -> Decoded:
        """Decode logs into rows of ``triggers.events``."""
        return decode_logs(logs, watch.contracts, decoders(chain_id))

    async def prepare(self, database: Database, decoded: Sequence[Decoded]) -> None:
        """Make the partitions that the rows need."""
        if (times := _times(decoded)) is not None:
            await ensure_partitions(database, SYSTEM.partitions[0], *times)

    async def store(self, connection: Connection, span: Span, decoded: Sequence[Decoded]) -> int:
        """Store rows, match them, and queue what follows; return how many events are new."""
        times = _times(decoded)
        if times is None:
            return 0
        chunks = [part.rows for part in decoded if part.rows]
        if span.replay:
            stored = await copy_missing(connection, _EVENTS, COLUMNS, chunks, key=_KEY)
        else:
            await copy_text(connection, _STATEMENTS["copy_events"].format(columns=_COLUMNS), chunks)
            stored = sum(part.count for part in decoded)
        if stored:
            await match(connection, Batch(span.chain_id, span.first_block, span.last_block, *times))
        return stored

    async def retract(self, connection: Connection, chain_id: int, blocks: Sequence[Header]) -> None:
        """Mark the blocks' events, cancel what waits because of them, and take back what was sent."""
        if not blocks:
            return
        await connection.execute(_STATEMENTS["retract"], _where(chain_id, blocks))
        await retract_jobs(connection, chain_id, [block.hash for block in blocks])

    async def restore(self, connection: Connection, chain_id: int, blocks: Sequence[Header]) -> None:
        """Mark the blocks' events as canonical again, and match them as a new generation."""
        if not blocks:
            return
        where = _where(chain_id, blocks)
        restored = await connection.execute(_STATEMENTS["restore"], where)
        if restored.rowcount:
            await match(
                connection,
                Batch(
                    chain_id,
                    where["first_block"],
                    where["last_block"],
                    where["first_time"],
                    where["last_time"],
                    restored=where["hashes"],
                ),
            )


def _times(decoded: Sequence[Decoded]) -> tuple[datetime, datetime] | None:
    """Return the first and last block time of decoded rows, or None where there are no rows."""
    filled = [part for part in decoded if part.count]
    if not filled:
        return None
    first = min(part.first_time for part in filled)
    last = max(part.last_time for part in filled)
    return datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC)


def _where(chain_id: int, blocks: Sequence[Header]) -> dict[str, Any]:
    return {
        "chain_id": chain_id,
        "hashes": [block.hash for block in blocks],
        "first_block": min(block.number for block in blocks),
        "last_block": max(block.number for block in blocks),
        "first_time": datetime.fromtimestamp(min(block.timestamp for block in blocks), UTC),
        "last_time": datetime.fromtimestamp(max(block.timestamp for block in blocks), UTC),
    }


SUBSCRIPTION = RegistryEvents()
