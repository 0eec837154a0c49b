"""General background jobs: ``holdfast.jobs``, and the worker that runs what systems declare for them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from holdfast.errors import HoldfastError, WrongUse
from holdfast.postgres.statements import Statements
from holdfast.queue.backoff import backoff_seconds
from holdfast.queue.claims import Lease, LeaseLost, QueueTable, Row, bury, complete, lease_of, retry
from holdfast.queue.consumer import Consumer, Pace
from holdfast.queue.settings import BATCH, CONCURRENCY, LEASE, POLL
from holdfast.queue.work import JobHandler, WorkContext
from holdfast.settings import Settings
from holdfast.system import Connection, in_order, resolve

logger = logging.getLogger("holdfast.queue")

JOBS = QueueTable("holdfast", "jobs", channel="holdfast_jobs", kind="kind")
_STATEMENTS = Statements("holdfast.queue", "jobs.sql")


async def enqueue(
    connection: Connection,
    kind: str,
    payload: object,
    *,
    priority: int = 100,
    delay_seconds: float = 0.0,
    max_attempts: int = 8,
) -> int:
    """Queue one job in the caller's transaction and return its id; see ``enqueue_many``."""
    ids = await enqueue_many(
        connection,
        kind,
        [payload],
        priority=priority,
        delay_seconds=delay_seconds,
        max_attempts=max_attempts,
    )
    return ids[0]


async def enqueue_many(
    connection: Connection,
    kind: str,
    payloads: Sequence[object],
    *,
    priority: int = 100,
    delay_seconds: float = 0.0,
    max_attempts: int = 8,
) -> list[int]:
    """Queue jobs of one kind in the caller's transaction and return their ids, in order.

    Each payload is a JSON value (amounts as strings, no secrets). A lower ``priority`` is claimed
    first. Workers are woken when the transaction commits. Raises ``WrongUse`` where a number is out
    of its range.
    """
    if not kind or max_attempts < 1 or delay_seconds < 0:
        raise WrongUse(
            "A job needs a kind, at least one attempt, and a delay that is not negative.",
            hint="Correct the arguments of enqueue.",
            kind=kind,
        )
    if not payloads:
        return []
    parameters = {
        "kind": kind,
        "payloads": [Jsonb(payload) for payload in payloads],
        "priority": priority,
        "delay_seconds": delay_seconds,
        "max_attempts": max_attempts,
    }
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_STATEMENTS["enqueue"], parameters)
        return [row["id"] for row in await cursor.fetchall()]


@dataclass(slots=True)
class LeasedJob:
    """A job that this process holds a lease of; what a handler gets as its ``Job``."""

    id: int
    kind: str
    payload: Any
    attempt: int
    max_attempts: int
    lease: Lease
    ended: bool = False

    async def complete(self, connection: Connection) -> None:
        """End the job in the caller's transaction; raises ``LeaseLost`` where it was taken away."""
        if not await complete(connection, JOBS, self.lease):
            raise LeaseLost(
                f"Job {self.id} was taken from this worker before it ended.",
                hint="Roll back; another worker does it.",
                id=self.id,
            )
        self.ended = True


class JobRunner:
    """Runs each claimed job by its kind's handler, and ends it by how the handler ended."""

    def __init__(self, context: WorkContext, handlers: Mapping[str, JobHandler]) -> None:
        self._context = context
        self._handlers = handlers

    async def claimed(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Write nothing: a job's claim is told by its own row."""

    async def released(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Tell of jobs that ended as dead because their worker died each time."""
        for row in rows:
            if row["status"] == "dead":
                self._context.report("job.dead", id=row["id"], kind=row["kind"], error=row["last_error"])

    async def handle(self, row: Row) -> None:
        """Run one job and end it."""
        job = LeasedJob(
            row["id"], row["kind"], row["payload"], row["attempts"], row["max_attempts"], lease_of(row)
        )
        try:
            await self._handlers[job.kind](self._context, job)
        except HoldfastError as error:
            await self._failed(job, str(error), again=error.retryable)
        except Exception as error:  # the edge of a handler: its fault ends its job, not the worker
            logger.exception("job %s of kind %s failed unexpectedly", job.id, job.kind)
            await self._failed(job, f"{type(error).__name__} (the log of this time says more)", again=True)
        else:
            await self._succeeded(job)

    async def _succeeded(self, job: LeasedJob) -> None:
        if job.ended:
            return
        async with self._context.database.connection() as connection:
            if not await complete(connection, JOBS, job.lease):
                logger.warning("job %s of kind %s was done, but its lease was lost", job.id, job.kind)

    async def _failed(self, job: LeasedJob, error: str, *, again: bool) -> None:
        async with self._context.database.connection() as connection:
            if again:
                delay = backoff_seconds(job.attempt, base=5.0, cap=3600.0)
                status = await retry(connection, JOBS, job.lease, delay_seconds=delay, error=error)
            else:
                status = "dead" if await bury(connection, JOBS, job.lease, reason=error) else None
        if status is None:
            logger.warning("job %s of kind %s failed, and its lease was lost: %s", job.id, job.kind, error)
        elif status == "dead":
            self._context.report("job.dead", id=job.id, kind=job.kind, error=error)


def declared_handlers() -> dict[str, JobHandler]:
    """Return the handler of every kind of job that a room or system declares.

    Raises ``WrongUse`` where two declare the same kind.
    """
    handlers: dict[str, JobHandler] = {}
    for system in in_order():
        for handler in system.handlers:
            if handler.kind in handlers:
                raise WrongUse(
                    f"Jobs of kind {handler.kind} are declared twice, the second time by {system.name}.",
                    hint="Begin a kind with the name of its system.",
                )
            handlers[handler.kind] = resolve(handler.path)
    return handlers


def pace(settings: Settings) -> Pace:
    """Return the pace that the settings of this room say."""
    return Pace(
        poll_seconds=settings.get(POLL),
        batch=settings.get(BATCH),
        concurrency=settings.get(CONCURRENCY),
        lease_seconds=settings.get(LEASE),
    )


async def run_jobs(context: WorkContext) -> None:
    """Run background jobs of every declared kind until ``context.stop`` is set."""
    handlers = declared_handlers()
    if not handlers:
        await context.stop.wait()
        return
    runner = JobRunner(context, handlers)
    await Consumer(context, JOBS, runner, pace(context.settings), kinds=sorted(handlers)).run()
