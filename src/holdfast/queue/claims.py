"""Claims: how a row of a queue is leased to one worker, extended, and ended exactly once.

Any table with the standard columns is a queue: ``id`` (BIGINT or TEXT), ``status``, ``priority``,
``due_at``, ``attempts``, ``max_attempts``, ``leased_by``, ``leased_until``, ``last_error``,
``created_at``, ``updated_at``, ``finished_at``. A row waits as ``queued`` or ``retrying``, is leased
as ``running`` (or the table's own word), and ends as ``succeeded``, ``dead`` or ``cancelled``.

A claim gives a ``Lease``: the row, the worker, and the number of the attempt. Whoever ends or
extends the row shows that lease; where the row has been taken from the worker meanwhile (even if the
same worker has claimed it anew) nothing changes and the caller is told. All functions run in the
caller's transaction, so that what a job did and its end commit together. Times are the server's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from holdfast.errors import HoldfastError, WrongUse
from holdfast.postgres.statements import Statements
from holdfast.system import Connection

JobId = int | str
Row = dict[str, Any]

LONGEST_ERROR = 2000
OUTCOME_UNKNOWN = "The worker's lease ran out; what became of this attempt is unknown."
_STATEMENTS = Statements("holdfast.queue", "claims.sql")


class LeaseLost(HoldfastError):
    """The row was taken from the worker, or has ended; what the worker did must not be recorded twice."""

    code = "lease_lost"
    http_status = 409


@dataclass(frozen=True, slots=True)
class QueueTable:
    """A table that is a queue: its schema and name, its word for "leased", the channel that wakes workers.

    ``kind`` names a column by which a claim may choose rows; empty where there is none.
    """

    schema: str
    table: str
    running: str = "running"
    channel: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """Proof that a worker holds a row: good for this attempt only."""

    id: JobId
    worker: str
    attempt: int


def lease_of(row: Mapping[str, Any]) -> Lease:
    """Return the lease of a row that ``claim`` returned."""
    return Lease(row["id"], row["leased_by"], row["attempts"])


async def claim(
    connection: Connection,
    queue: QueueTable,
    *,
    worker: str,
    limit: int,
    lease_seconds: float,
    kinds: Sequence[str] | None = None,
) -> list[Row]:
    """Lease up to ``limit`` due rows to ``worker`` and return them, in order of priority, due time and id.

    Rows that another transaction is claiming are passed over, never waited for. ``attempts`` of each
    is one higher than before. With ``kinds``, only rows of these.
    """
    only, parameters = _only(queue, kinds)
    parameters.update(worker=worker, limit=limit, lease_seconds=lease_seconds)
    return await _rows(connection, _composed("claim", queue, only=only), parameters)


async def extend_many(
    connection: Connection, queue: QueueTable, leases: Sequence[Lease], *, lease_seconds: float
) -> set[JobId]:
    """Hold leases for ``lease_seconds`` from now; return the ids that are still held."""
    return await _ids(connection, queue, "extend", leases, lease_seconds=lease_seconds)


async def extend(connection: Connection, queue: QueueTable, lease: Lease, *, lease_seconds: float) -> bool:
    """Hold a lease for ``lease_seconds`` from now; return whether it is still held."""
    return bool(await extend_many(connection, queue, [lease], lease_seconds=lease_seconds))


async def complete_many(connection: Connection, queue: QueueTable, leases: Sequence[Lease]) -> set[JobId]:
    """End rows as succeeded; return the ids of those whose lease was still held."""
    return await _ids(connection, queue, "complete", leases)


async def complete(connection: Connection, queue: QueueTable, lease: Lease) -> bool:
    """End a row as succeeded; return False, and change nothing, where the lease was lost."""
    return bool(await complete_many(connection, queue, [lease]))


@dataclass(frozen=True, slots=True)
class Retry:
    """A lease to give back after a failure: tried again in ``delay_seconds``, and why it failed."""

    lease: Lease
    delay_seconds: float
    error: str


async def retry_many(connection: Connection, queue: QueueTable, retries: Sequence[Retry]) -> dict[JobId, str]:
    """Put rows back, or end those without a try left as dead; return each held row's new status."""
    if not retries:
        return {}
    parameters = _leases([retry.lease for retry in retries])
    parameters["delays"] = [max(0.0, float(retry.delay_seconds)) for retry in retries]
    parameters["errors"] = [_reason(retry.error) for retry in retries]
    rows = await _rows(connection, _composed("retry", queue, id_type=_id_type(parameters)), parameters)
    return {row["id"]: row["status"] for row in rows}


async def retry(
    connection: Connection, queue: QueueTable, lease: Lease, *, delay_seconds: float, error: str
) -> str | None:
    """Put a row back to be tried again, or end it as dead where ``max_attempts`` is reached.

    Returns ``retrying`` or ``dead``; None, and nothing changed, where the lease was lost.
    """
    return (await retry_many(connection, queue, [Retry(lease, delay_seconds, error)])).get(lease.id)


async def bury_many(
    connection: Connection, queue: QueueTable, reasons: Sequence[tuple[Lease, str]]
) -> set[JobId]:
    """End rows as dead, each with its reason; return the ids of those whose lease was still held."""
    return await _ids(
        connection,
        queue,
        "bury",
        [lease for lease, _ in reasons],
        errors=[_reason(reason) for _, reason in reasons],
    )


async def bury(connection: Connection, queue: QueueTable, lease: Lease, *, reason: str) -> bool:
    """End a row as dead with its reason; return False, and change nothing, where the lease was lost."""
    return bool(await bury_many(connection, queue, [(lease, reason)]))


async def release_expired(
    connection: Connection,
    queue: QueueTable,
    *,
    all_leases: bool = False,
    bury_exhausted: bool = True,
    limit: int = 1000,
    error: str = OUTCOME_UNKNOWN,
) -> list[Row]:
    """Take rows back whose lease ran out; return them, with ``lost_by`` naming who held each.

    They are due at once. ``all_leases`` takes every lease: right only where no other worker can be
    alive. A row without a try left ends as dead, so that a job which kills its process does not do
    so for ever; with ``bury_exhausted=False`` it is tried again instead, for work that cannot do
    that. At most ``limit`` rows at a time: call it again while it returns as many.
    """
    parameters = {
        "all_leases": all_leases,
        "bury_exhausted": bury_exhausted,
        "limit": limit,
        "error": _reason(error),
    }
    return await _rows(connection, _composed("release", queue), parameters)


async def seconds_to_next(
    connection: Connection, queue: QueueTable, *, kinds: Sequence[str] | None = None
) -> float | None:
    """Return in how many seconds the next waiting row is due (0 where one is), or None where none waits."""
    only, parameters = _only(queue, kinds)
    rows = await _rows(connection, _composed("next_due", queue, only=only), parameters)
    seconds = rows[0]["seconds"]
    return None if seconds is None else max(0.0, float(seconds))


async def cancel(
    connection: Connection, queue: QueueTable, ids: Sequence[JobId], *, reason: str
) -> set[JobId]:
    """End rows that wait as cancelled; return their ids. Rows that run or have ended stay as they are."""
    if not ids:
        return set()
    parameters = {"ids": list(ids), "reason": _reason(reason)}
    return {
        row["id"]
        for row in await _rows(
            connection, _composed("cancel", queue, id_type=_id_type(parameters)), parameters
        )
    }


async def revive(
    connection: Connection, queue: QueueTable, ids: Sequence[JobId], *, more_attempts: int
) -> set[JobId]:
    """Queue dead rows again, due now and with ``more_attempts`` further tries; return their ids."""
    if not ids:
        return set()
    if more_attempts < 1:
        raise WrongUse(
            "A dead letter needs at least one further try.", hint="Give more_attempts of 1 or more."
        )
    parameters = {"ids": list(ids), "more_attempts": more_attempts, "channel": queue.channel}
    return {
        row["id"]
        for row in await _rows(
            connection, _composed("revive", queue, id_type=_id_type(parameters)), parameters
        )
    }


def _composed(name: str, queue: QueueTable, **parts: sql.Composable) -> sql.Composed:
    return _STATEMENTS[name].format(
        table=sql.Identifier(queue.schema, queue.table), running=sql.Literal(queue.running), **parts
    )


def _only(queue: QueueTable, kinds: Sequence[str] | None) -> tuple[sql.Composable, dict[str, Any]]:
    if kinds is None:
        return sql.SQL(""), {}
    if not queue.kind:
        raise WrongUse(
            f"{queue.schema}.{queue.table} names no column of kinds.", hint="Set QueueTable.kind to its name."
        )
    condition = sql.SQL("AND {} = ANY (%(kinds)s::text[])").format(sql.Identifier(queue.kind))
    return condition, {"kinds": list(kinds)}


def _leases(leases: Sequence[Lease]) -> dict[str, Any]:
    return {
        "ids": [lease.id for lease in leases],
        "workers": [lease.worker for lease in leases],
        "attempts": [lease.attempt for lease in leases],
    }


def _id_type(parameters: Mapping[str, Any]) -> sql.SQL:
    return sql.SQL("bigint") if isinstance(parameters["ids"][0], int) else sql.SQL("text")


def _reason(text: str) -> str:
    """Make a reason storable: never empty, not endless, without what PostgreSQL's text cannot hold."""
    storable = text[:LONGEST_ERROR].replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    return storable.strip() or "No reason was given."


async def _ids(
    connection: Connection, queue: QueueTable, name: str, leases: Sequence[Lease], **more: object
) -> set[JobId]:
    if not leases:
        return set()
    parameters = {**_leases(leases), **more}
    rows = await _rows(connection, _composed(name, queue, id_type=_id_type(parameters)), parameters)
    return {row["id"] for row in rows}


async def _rows(connection: Connection, statement: sql.Composed, parameters: Mapping[str, Any]) -> list[Row]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchall()
