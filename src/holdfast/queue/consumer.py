"""A consumer: claims a queue's due rows as they come and runs a handler for each, until told to stop.

It is woken by the queue's channel, by the next due time, or by the poll interval, whichever is
first. A row's handler ends the row itself (``complete``, ``retry``, ``bury``), in the transaction
that holds what it did; the consumer holds the lease for as long as the handler runs, and cancels the
handler when the lease is lost. A row whose handler did not end it keeps its lease until that runs
out, and is then taken up again: what became of the attempt is unknown.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import psycopg

from holdfast.errors import HoldfastError, TryAgain
from holdfast.postgres.listener import Listener
from holdfast.queue.backoff import backoff_seconds
from holdfast.queue.claims import (
    Lease,
    QueueTable,
    Row,
    claim,
    extend_many,
    lease_of,
    release_expired,
    seconds_to_next,
)
from holdfast.queue.work import WorkContext
from holdfast.system import Connection

logger = logging.getLogger("holdfast.queue")

_GRACE = 0.5  # seconds that handlers have to end by themselves once the consumer is to stop
_GATHER = 0.005  # seconds in which further handlers may end before the next rows are claimed
_LOCKED = 0.02  # seconds until the next look where rows are due but locked, as by another's claim
_RELEASE_AT_ONCE = 1000
_CANCELLATIONS = 4
_UNREACHABLE = (psycopg.OperationalError, TryAgain)
_TAKEN_OVER: set[tuple[str, QueueTable]] = set()


@dataclass(frozen=True, slots=True)
class Pace:
    """How a consumer works: seconds between looks, rows a claim, handlers at a time, seconds of a lease.

    ``bury_exhausted`` is ``release_expired``'s: whether a lost lease without a try left ends the row.
    """

    poll_seconds: float = 5.0
    batch: int = 100
    concurrency: int = 16
    lease_seconds: float = 60.0
    bury_exhausted: bool = True


class Consuming(Protocol):
    """What is done with the rows of a queue."""

    async def claimed(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Write what must commit together with the claim, before any handler runs."""

    async def released(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Write what must commit together with taking rows back whose lease ran out."""

    async def handle(self, row: Row) -> None:
        """Do the row's work and end the row under ``lease_of(row)``; may be cancelled at any await."""


class Consumer:
    """Consumes one queue within one process.

    ``name`` of the worker is the process's instance; ``kinds`` limits the claims to rows of these.
    """

    def __init__(
        self,
        context: WorkContext,
        queue: QueueTable,
        consuming: Consuming,
        pace: Pace,
        *,
        kinds: Sequence[str] | None = None,
    ) -> None:
        self._context = context
        self._queue = queue
        self._consuming = consuming
        self._pace = pace
        self._kinds = kinds
        self._wake = asyncio.Event()
        self._running: dict[asyncio.Task[None], Lease] = {}

    async def run(self) -> None:
        """Consume until ``context.stop`` is set; return within a second of it.

        A database that does not answer is waited for; handlers go on meanwhile.
        """
        duties = [self._stop, self._consume, self._keep_leases]
        if self._queue.channel:
            duties.append(self._listen)
        tasks = [asyncio.create_task(duty(), name=f"{self._queue.table} {duty.__name__}") for duty in duties]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # a fault of ours ends the worker, which the service starts again
        finally:
            await _cancelled(tasks)
            await self._end_handlers()

    async def _stop(self) -> None:
        await self._context.stop.wait()

    async def _listen(self) -> None:
        failures = 0
        while True:
            try:
                async with Listener(self._context.database, [self._queue.channel]) as listener:
                    while True:
                        self._wake.set()  # first of all for what came before it listened
                        await listener.wait(self._pace.poll_seconds)
                        failures = 0
            except _UNREACHABLE as error:
                failures += 1
                logger.warning("%s: no notifications, polling instead: %s", self._queue.table, error)
                await asyncio.sleep(backoff_seconds(failures, base=0.2, cap=self._pace.poll_seconds))

    async def _consume(self) -> None:
        failures = 0
        while True:
            try:
                await self._take_over()
                await self._fill_and_wait()
                failures = 0
            except _UNREACHABLE as error:
                failures += 1
                logger.warning("%s: the database does not answer: %s", self._queue.table, error)
                await asyncio.sleep(backoff_seconds(failures, base=0.1, cap=self._pace.poll_seconds))

    async def _take_over(self) -> None:
        """Take every lease that a crash left, once a process: later ones may be a living guest's."""
        taken = (self._context.instance, self._queue)
        if self._context.sole and taken not in _TAKEN_OVER:
            await self._release(all_leases=True)
            _TAKEN_OVER.add(taken)

    async def _fill_and_wait(self) -> None:
        self._wake.clear()
        free = self._pace.concurrency - len(self._running)
        wait = self._pace.poll_seconds
        if free > 0:
            limit = min(free, self._pace.batch)
            rows = await self._claim(limit)
            if len(rows) == limit:
                wait = 0.0 if free > limit else wait
            else:
                next_due = await self._next_due()
                wait = wait if next_due is None else min(wait, max(next_due, _LOCKED))
        if wait > 0:
            # not wait_for: Python 3.11's loses a cancellation that comes together with the event
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()
        if self._running and self._pace.concurrency - len(self._running) < self._pace.concurrency // 4:
            # one claim for several rows, where several handlers end at about the same time
            await asyncio.sleep(_GATHER)

    async def _claim(self, limit: int) -> list[Row]:
        async with self._context.database.transaction() as connection:
            rows = await claim(
                connection,
                self._queue,
                worker=self._context.instance,
                limit=limit,
                lease_seconds=self._pace.lease_seconds,
                kinds=self._kinds,
            )
            if rows:
                await self._consuming.claimed(connection, rows)
        for row in rows:
            task = asyncio.create_task(self._handle(row), name=f"{self._queue.table} {row['id']}")
            self._running[task] = lease_of(row)
            task.add_done_callback(self._ended)
        return rows

    async def _next_due(self) -> float | None:
        async with self._context.database.connection() as connection:
            return await seconds_to_next(connection, self._queue, kinds=self._kinds)

    async def _handle(self, row: Row) -> None:
        try:
            await self._consuming.handle(row)
        except HoldfastError as error:
            logger.warning("%s %s was not ended: %s", self._queue.table, row["id"], error)
        except Exception:  # the edge of a handler: its row is taken up again when the lease has run out
            logger.exception("%s %s was not ended", self._queue.table, row["id"])

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self._wake.set()

    async def _keep_leases(self) -> None:
        pause = self._pace.lease_seconds / 4
        while True:
            try:
                await self._extend()
                await self._release(all_leases=False)
            except _UNREACHABLE as error:
                logger.warning("%s: leases could not be extended: %s", self._queue.table, error)
            await asyncio.sleep(pause)

    async def _extend(self) -> None:
        held = dict(self._running)
        if not held:
            return
        async with self._context.database.connection() as connection:
            still = await extend_many(
                connection, self._queue, list(held.values()), lease_seconds=self._pace.lease_seconds
            )
        gone = [task for task, lease in held.items() if lease.id not in still]
        if gone:
            # a handler that has just ended its row holds no lease either: let it return by itself
            _, lost = await asyncio.wait(gone, timeout=_GRACE)
            for task in lost:
                logger.warning("%s %s: the lease was lost", self._queue.table, held[task].id)
                task.cancel()

    async def _release(self, *, all_leases: bool) -> None:
        taken = _RELEASE_AT_ONCE
        while taken == _RELEASE_AT_ONCE:
            async with self._context.database.transaction() as connection:
                rows = await release_expired(
                    connection,
                    self._queue,
                    all_leases=all_leases,
                    bury_exhausted=self._pace.bury_exhausted,
                    limit=_RELEASE_AT_ONCE,
                )
                if rows:
                    await self._consuming.released(connection, rows)
            taken = len(rows)
            if rows:
                self._context.report("queue.released", queue=self._queue.table, count=taken)
                self._wake.set()

    async def _end_handlers(self) -> None:
        if self._running:
            await asyncio.wait(list(self._running), timeout=_GRACE)
        await _cancelled(list(self._running))


async def _cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks until they have ended, again where a library has swallowed it, yet not for ever."""
    pending = set(tasks)
    for _ in range(_CANCELLATIONS):
        for task in pending:
            task.cancel()
        if pending:
            _, pending = await asyncio.wait(pending, timeout=0.1)
    for task in pending:
        logger.error("%s does not end though it was cancelled", task.get_name())
    await asyncio.gather(*(task for task in tasks if task.done()), return_exceptions=True)
