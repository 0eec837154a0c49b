"""Attempts: a row that commits as ``started`` before anything is sent, and how it ends.

An attempt, its delivery's new state and the retractions that waited for it are written in one
transaction. Attempts that end at about the same time share one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import psycopg
from psycopg.types.json import Jsonb

from holdfast.postgres.statements import Statements
from holdfast.queue.claims import (
    OUTCOME_UNKNOWN,
    Lease,
    Retry,
    Row,
    bury_many,
    complete_many,
    retry_many,
)
from holdfast.system import Connection
from holdfast.systems.triggers.actions.jobs import JOBS
from holdfast.systems.triggers.actions.retraction import wake_retractions

if TYPE_CHECKING:
    from holdfast.postgres.database import Database

logger = logging.getLogger("holdfast.triggers")

_STATEMENTS = Statements("holdfast.systems.triggers.actions", "attempts.sql")
_AT_ONCE = 200
_PAUSES = (0.05, 0.2, 1.0, 3.0)  # seconds before an end that could not be written is tried again


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended.

    ``outcome`` says what becomes of the delivery: it succeeded, is tried again after
    ``delay_seconds``, can never succeed, or is no longer wanted. ``error`` says why it failed.
    """

    lease: Lease
    result_id: str
    outcome: Literal["succeeded", "retry", "dead", "cancelled"]
    error: str = ""
    delay_seconds: float = 0.0
    duration_ms: int | None = None
    response: Mapping[str, Any] | None = None


async def start(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Write that an attempt of each delivery begins; return the attempts' ids by delivery."""
    rows = await (await connection.execute(_STATEMENTS["start"], {"ids": list(ids)})).fetchall()
    return {row["job_id"]: row["id"] for row in rows}


async def set_attempts(connection: Connection, ids: Sequence[str], attempts: int) -> None:
    """Give deliveries as many attempts as the schedule of retries has."""
    await connection.execute(_STATEMENTS["set_attempts"], {"ids": list(ids), "max_attempts": attempts})


async def load(connection: Connection, ids: Sequence[str]) -> dict[str, Row]:
    """Return, by delivery, what it tells and where it goes."""
    rows = await (await connection.execute(_STATEMENTS["load"], {"ids": list(ids)})).fetchall()
    return {row["job_id"]: row for row in rows}


async def end_unknown(connection: Connection, rows: Sequence[Row]) -> None:
    """Write that nobody knows how the attempts of deliveries ended whose lease was taken back."""
    ids = [row["id"] for row in rows]
    attempts = [row["attempts"] for row in rows]
    await connection.execute(
        _STATEMENTS["end_unknown"], {"ids": ids, "attempts": attempts, "error": OUTCOME_UNKNOWN}
    )
    await connection.execute(_STATEMENTS["cancel_overtaken"], {"ids": ids})
    await wake_retractions(connection, ids)


async def end_many(connection: Connection, endings: Sequence[Ending]) -> None:
    """End attempts and their deliveries. An attempt whose lease was lost is left as it was found."""
    ids = [ending.lease.id for ending in endings]
    locked = await (await connection.execute(_STATEMENTS["lock"], {"ids": ids})).fetchall()
    retracted = {row["id"] for row in locked if row["retracted"]}
    groups: dict[str, list[Ending]] = {"succeeded": [], "retry": [], "dead": [], "cancelled": []}
    for ending in endings:
        overtaken = ending.outcome == "retry" and ending.lease.id in retracted
        groups["cancelled" if overtaken else ending.outcome].append(ending)
    done = await complete_many(connection, JOBS, [ending.lease for ending in groups["succeeded"]])
    again = await retry_many(
        connection,
        JOBS,
        [Retry(ending.lease, ending.delay_seconds, ending.error) for ending in groups["retry"]],
    )
    dead = await bury_many(connection, JOBS, [(ending.lease, ending.error) for ending in groups["dead"]])
    cancelled = await _cancel(connection, groups["cancelled"])
    statuses = {
        **dict.fromkeys(done, "success"),
        **{job: "retrying" if status == "retrying" else "failed" for job, status in again.items()},
        **dict.fromkeys([*dead, *cancelled], "failed"),
    }
    held = [ending for ending in endings if ending.lease.id in statuses]
    if held:
        await connection.execute(
            _STATEMENTS["end"],
            {
                "ids": [ending.result_id for ending in held],
                "statuses": [statuses[ending.lease.id] for ending in held],
                "durations": [ending.duration_ms for ending in held],
                "errors": [ending.error or None for ending in held],
                "responses": [None if ending.response is None else Jsonb(ending.response) for ending in held],
            },
        )
    await wake_retractions(connection, [str(job) for job in retracted])


async def _cancel(connection: Connection, endings: Sequence[Ending]) -> set[str]:
    if not endings:
        return set()
    cursor = await connection.execute(
        _STATEMENTS["cancel"],
        {
            "ids": [ending.lease.id for ending in endings],
            "workers": [ending.lease.worker for ending in endings],
            "attempts": [ending.lease.attempt for ending in endings],
            "errors": [ending.error for ending in endings],
        },
    )
    return {row["id"] for row in await cursor.fetchall()}


class Endings:
    """Writes endings, many in one transaction while the one before is being committed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[Ending, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    def add(self, ending: Ending) -> asyncio.Future[None]:
        """Take an ending over; the future is done when it is committed, or fails when it cannot be."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((ending, written))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(), name="triggers endings")
        return written

    async def drain(self) -> None:
        """Wait until everything that was taken over is written."""
        while self._writing is not None and not self._writing.done():
            await asyncio.wait([self._writing])

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
            try:
                await self._commit([ending for ending, _ in batch])
            except psycopg.Error as error:
                _settle(batch, error)
            else:
                _settle(batch, None)

    async def _commit(self, endings: Sequence[Ending]) -> None:
        for pause in _PAUSES:
            try:
                async with self._database.transaction() as connection:
                    await end_many(connection, endings)
            except psycopg.OperationalError as error:  # also a deadlock or a server that starts again
                logger.warning("deliveries could not be ended, trying again in %s s: %s", pause, error)
                await asyncio.sleep(pause)
            else:
                return
        async with self._database.transaction() as connection:
            await end_many(connection, endings)


def _settle(batch: Sequence[tuple[Ending, asyncio.Future[None]]], error: Exception | None) -> None:
    for _, written in batch:
        if written.done():  # whoever waited for it was cancelled
            continue
        if error is None:
            written.set_result(None)
        else:
            written.set_exception(error)
            written.exception()  # a future that nobody waits for must not complain
