"""Drops partitions whose rows have all expired.

A partition is first marked by a comment, then detached CONCURRENTLY (reads and writes of the table
go on; a plain DROP would lock the whole table against them), then dropped. Whatever this is cut off
at, the next call goes on there.
"""

from __future__ import annotations

from datetime import UTC, datetime

from psycopg import errors, sql
from psycopg.pq import TransactionStatus

from holdfast.errors import WrongUse
from holdfast.postgres.database import Database
from holdfast.system import Connection, Partitioned
from holdfast.timeseries import catalogue, memory
from holdfast.timeseries.catalogue import Parent, Partition
from holdfast.timeseries.errors import TableBusy

_EARLIEST = datetime(3, 1, 1, tzinfo=UTC)
_LOCK_TIMEOUT_MS = 2000
_ATTEMPTS = 10


async def drop_expired(
    where: Database | Connection, partitioned: Partitioned, older_than: datetime
) -> list[str]:
    """Drop the partitions that hold only rows older than ``older_than``; return their names.

    A connection must be in autocommit mode and outside of a transaction: raises ``WrongUse`` where it
    is not (PostgreSQL detaches CONCURRENTLY in no other way). It waits for transactions that still
    read the table. Raises ``TableBusy`` where another session keeps a detached partition locked.
    """
    try:
        if isinstance(where, Database):
            async with where.connection() as connection:
                return await _drop_expired(connection, partitioned, older_than)
        if where.info.transaction_status != TransactionStatus.IDLE or not where.autocommit:
            raise WrongUse(
                "Partitions cannot be dropped inside of a transaction.",
                hint="Call it with a Database, or an autocommit connection.",
            )
        return await _drop_expired(where, partitioned, older_than)
    finally:
        memory.forget(partitioned.table)


async def _drop_expired(connection: Connection, partitioned: Partitioned, older_than: datetime) -> list[str]:
    parent = await catalogue.read_parent(connection, partitioned)
    dropped = await _drop_abandoned(connection, parent)
    attempts = 0
    while expired := await _expired(connection, partitioned, older_than):
        try:
            await _detach(connection, parent, expired[0])
        except (
            errors.UndefinedTable,
            errors.ObjectNotInPrerequisiteState,
            errors.WrongObjectType,
            errors.InvalidTableDefinition,
        ) as error:
            # Another process drops the same one: look again.
            attempts += 1
            if attempts >= _ATTEMPTS:
                raise TableBusy(
                    f"{expired[0].name} could not be detached: {error.diag.message_primary}.",
                    hint="Try again later.",
                ) from error
            continue
        dropped += await _drop(connection, parent, expired[0].name)
    return dropped


async def _expired(connection: Connection, partitioned: Partitioned, older_than: datetime) -> list[Partition]:
    found = await catalogue.read_partitions(connection, partitioned, _EARLIEST, older_than)
    return [partition for partition in found if partition.upper <= older_than]


def _mark(parent: Parent) -> str:
    return f"holdfast: expired, taken off {parent.schema}.{parent.name} to be dropped"


async def _detach(connection: Connection, parent: Parent, partition: Partition) -> None:
    if partition.pending:
        await connection.execute(
            sql.SQL("ALTER TABLE {} DETACH PARTITION {} FINALIZE").format(
                parent.identifier, parent.beside(partition.name)
            )
        )
        return
    await connection.execute(
        sql.SQL("COMMENT ON TABLE {} IS {}").format(parent.beside(partition.name), sql.Literal(_mark(parent)))
    )
    await connection.execute(
        sql.SQL("ALTER TABLE {} DETACH PARTITION {} CONCURRENTLY").format(
            parent.identifier, parent.beside(partition.name)
        )
    )


async def _drop_abandoned(connection: Connection, parent: Parent) -> list[str]:
    """Drop what an earlier call detached and was cut off before it could drop."""
    dropped: list[str] = []
    parameters = {"schema": parent.schema, "comment": _mark(parent)}
    for row in await catalogue.read(connection, "abandoned", parameters):
        dropped += await _drop(connection, parent, row["name"])
    return dropped


async def _drop(connection: Connection, parent: Parent, name: str) -> list[str]:
    try:
        async with connection.transaction():
            await connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(_LOCK_TIMEOUT_MS))
            await connection.execute(sql.SQL("DROP TABLE {}").format(parent.beside(name)))
    except errors.UndefinedTable:  # another process was faster
        return []
    except errors.LockNotAvailable as error:
        raise TableBusy(
            f"{parent.schema}.{name} has expired and is off its table, and another session keeps it locked.",
            hint="Try again later: it is dropped then.",
        ) from error
    return [name]
