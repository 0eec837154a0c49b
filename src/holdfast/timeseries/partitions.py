"""Makes the partitions that rows are about to need.

A partition is made like its parent and then attached, so that the parent is locked SHARE UPDATE
EXCLUSIVE only: reads and writes go on. The same lock, taken first, lets one process at a time make
partitions of a table. There is no DEFAULT partition: it would have to be scanned whenever another
one is made, and would hide that one was missing.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from psycopg import errors, sql
from psycopg.pq import TransactionStatus

from holdfast.postgres.database import Database
from holdfast.system import Connection, Partitioned
from holdfast.timeseries import catalogue, memory
from holdfast.timeseries.catalogue import Parent, Partition
from holdfast.timeseries.errors import NameTaken, NonsenseTime, TableBusy, TooManyPartitions
from holdfast.timeseries.steps import Steps
from holdfast.timeseries.truncate_triggers import copy_truncate_triggers

AT_ONCE = 1000
_A_TRANSACTION = 20
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_FURTHEST_AHEAD = timedelta(days=366)
_LOCK_TIMEOUT_MS = 500
_PATIENCE_SECONDS = 30.0
_LONGEST_NAME = 63
Gap = tuple[datetime, datetime]


async def ensure_partitions(
    where: Database | Connection,
    partitioned: Partitioned,
    first: datetime,
    last: datetime,
    *,
    at_once: int = AT_ONCE,
) -> list[str]:
    """Make the missing partitions for rows from ``first`` to ``last`` (included), and ``ahead`` more.

    Returns the names of those that were made. Given a ``Database``, or a connection outside of a
    transaction, it works in short transactions of its own; inside a transaction it is part of that,
    and the lock (which stops no reads or writes) lasts until its end. A ``Database`` also remembers
    for a few seconds what exists, so that calling it for every batch costs nothing.

    Raises ``NonsenseTime`` before 1970 or more than a year ahead, ``TooManyPartitions`` where more
    than ``at_once`` are missing, ``NotPartitioned``, ``NameTaken``, and ``TableBusy`` where another
    session keeps the lock for longer than half a minute.
    """
    _check_times(partitioned, first, last)
    steps = Steps.every(partitioned.every)
    starts = list(_with_ahead(steps, first, last, partitioned.ahead))
    if isinstance(where, Database):
        if memory.all_known(where, partitioned.table, starts):
            return []
        async with where.connection() as connection:
            made = await _ensure(connection, partitioned, steps, starts, at_once)
        memory.remember(where, partitioned.table, starts)
        return made
    return await _ensure(where, partitioned, steps, starts, at_once)


def _check_times(partitioned: Partitioned, first: datetime, last: datetime) -> None:
    if first.tzinfo is None or last.tzinfo is None or first > last:
        raise ValueError(f"not a span of times with time zones: {first} to {last}")
    limit = datetime.now(UTC) + _FURTHEST_AHEAD
    for moment in (first, last):
        if not _EARLIEST <= moment <= limit:
            raise NonsenseTime(
                f"A row for {partitioned.table} claims {partitioned.column} {moment.astimezone(UTC)}.",
                hint="Correct what gives this time: it must lie between 1970 and one year ahead.",
            )


def _with_ahead(steps: Steps, first: datetime, last: datetime, ahead: int) -> Iterator[datetime]:
    start = steps.start(first)
    for start in steps.between(first, last):
        yield start
    for _ in range(ahead):
        start = steps.following(start)
        yield start


async def _ensure(
    connection: Connection,
    partitioned: Partitioned,
    steps: Steps,
    starts: Sequence[datetime],
    at_once: int,
) -> list[str]:
    made: list[str] = []
    missing = await _missing(connection, partitioned, steps, starts)
    if len(missing) > at_once:
        raise TooManyPartitions(
            f"Rows for {partitioned.table} from {missing[0][0]:%Y-%m-%d} to {missing[-1][1]:%Y-%m-%d} need "
            f"{len(missing)} partitions that do not exist; at most {at_once} are made at once.",
            hint=f"Write them in smaller spans of time, or make partitions wider than {partitioned.every}.",
        )
    while missing:
        wanted = missing[:_A_TRANSACTION]
        made += await _make(connection, partitioned, steps, wanted)
        missing = missing[_A_TRANSACTION:]
    return made


async def _missing(
    connection: Connection, partitioned: Partitioned, steps: Steps, starts: Sequence[datetime]
) -> list[Gap]:
    end = steps.following(starts[-1])
    existing = await catalogue.read_partitions(connection, partitioned, starts[0], end)
    return list(gaps(((start, steps.following(start)) for start in starts), existing))


def gaps(wanted: Iterator[Gap], existing: Sequence[Partition]) -> Iterator[Gap]:
    """Yield what of the wanted spans no partition holds; both are in the order of time.

    Where the width was changed, what exists may hold a part of a step: the rest is what is missing.
    """
    index = 0
    for lower, upper in wanted:
        position = lower
        while index < len(existing) and existing[index].upper <= position:
            index += 1
        look = index
        while look < len(existing) and existing[look].lower < upper:
            if position < existing[look].lower:
                yield position, existing[look].lower
            position = max(position, existing[look].upper)
            look += 1
        if position < upper:
            yield position, upper


async def _make(
    connection: Connection, partitioned: Partitioned, steps: Steps, wanted: Sequence[Gap]
) -> list[str]:
    began = time.monotonic()
    pause = 0.05
    while True:
        try:
            async with _own_transaction(connection):
                return await _make_locked(connection, partitioned, steps, wanted)
        except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
            own = connection.info.transaction_status == TransactionStatus.IDLE
            if not own or time.monotonic() - began > _PATIENCE_SECONDS:
                raise TableBusy(
                    f"Another session keeps the lock that a new partition of {partitioned.table} needs.",
                    hint="End what alters or vacuums the table (`holdfast psql`, pg_stat_activity).",
                ) from error
        await asyncio.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311  spreads processes, guards nothing
        pause = min(pause * 2, 1.0)


@asynccontextmanager
async def _own_transaction(connection: Connection) -> AsyncIterator[None]:
    """Begin a transaction that waits for locks only briefly, or a savepoint inside of the caller's."""
    own = connection.info.transaction_status == TransactionStatus.IDLE
    async with connection.transaction():
        if own:
            await connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(_LOCK_TIMEOUT_MS))
        yield


async def _make_locked(
    connection: Connection, partitioned: Partitioned, steps: Steps, wanted: Sequence[Gap]
) -> list[str]:
    parent = await catalogue.read_parent(connection, partitioned)
    # ONLY: without it, LOCK TABLE goes on to every partition.
    await connection.execute(
        sql.SQL("LOCK TABLE ONLY {} IN SHARE UPDATE EXCLUSIVE MODE").format(parent.identifier)
    )
    existing = await catalogue.read_partitions(connection, partitioned, wanted[0][0], wanted[-1][1])
    made = []
    for lower, upper in gaps(iter(wanted), existing):
        name = partition_name(parent.name, lower, whole_days=steps.whole_days)
        await create_partition(connection, partitioned, parent, name, (lower, upper))
        made.append(name)
    return made


def partition_name(table: str, lower: datetime, *, whole_days: bool) -> str:
    """Return a partition's name: the table's, ``_p`` and its first day, or hour, or minute, in UTC.

    Raises ``NameTaken`` where that is longer than PostgreSQL's 63 bytes: it would be cut off.
    """
    if whole_days and (lower.hour, lower.minute, lower.second) == (0, 0, 0):
        form = "%Y%m%d"
    else:
        form = "%Y%m%d%H" if (lower.minute, lower.second) == (0, 0) else "%Y%m%d%H%M%S"
    name = f"{table}_p{lower.astimezone(UTC).strftime(form)}"
    if len(name.encode()) > _LONGEST_NAME:
        raise NameTaken(
            f"A partition's name {name} is longer than {_LONGEST_NAME} bytes.",
            hint="Give the table a shorter name.",
        )
    return name


async def create_partition(
    connection: Connection, partitioned: Partitioned, parent: Parent, name: str, bounds: Gap
) -> None:
    """Make one partition like its parent and attach it. Raises ``NameTaken`` where a table has the name."""
    partition = parent.beside(name)
    try:
        async with connection.transaction():
            # Identity belongs to the parent: PostgreSQL 17 refuses to attach a table with one of its own.
            await connection.execute(
                sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL EXCLUDING IDENTITY)").format(
                    partition, parent.identifier
                )
            )
    except errors.DuplicateTable as error:
        raise NameTaken(
            f"{parent.schema}.{name} exists and is no partition of {partitioned.table} for this time.",
            hint="Attach it, or rename it.",
        ) from error
    if not parent.owned:
        await connection.execute(
            sql.SQL("ALTER TABLE {} OWNER TO {}").format(partition, sql.Identifier(parent.owner))
        )
    # The table is empty: attaching it scans nothing, so it needs no CHECK to prove its bounds.
    await connection.execute(
        sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
            parent.identifier, partition, *(sql.Literal(bound.astimezone(UTC)) for bound in bounds)
        )
    )
    await copy_truncate_triggers(connection, partitioned, parent, name)
