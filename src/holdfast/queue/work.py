"""What a worker is given and what it must do."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # a value of the type is handed in; nothing here makes one
    from holdfast.postgres.database import Database
    from holdfast.settings import Settings
    from holdfast.system import Connection, Report


@dataclass
class WorkContext:
    """What every worker of a process is given.

    ``instance`` names the process and is unique among all that live or lived: leases are held under
    it. ``sole`` says that this process has just started the embedded server, so that no other worker
    lives and leases left by a crash may be taken over at once.
    """

    database: Database
    settings: Settings
    instance: str
    stop: asyncio.Event
    report: Report
    sole: bool


class Work(Protocol):
    """Something that runs for as long as the service does (``System.workers``)."""

    async def __call__(self, context: WorkContext, /) -> None:
        """Work until ``context.stop`` is set, and return within a second of it."""


class Job(Protocol):
    """A background job as its handler sees it.

    ``payload`` is the JSON value that was enqueued; ``attempt`` counts from 1. The same job may be
    handled more than once, after a crash for instance: what it does outside of this database needs
    ``id`` as its idempotency key, and what it does inside can commit with ``complete``.
    """

    id: int
    kind: str
    payload: Any
    attempt: int
    max_attempts: int

    async def complete(self, connection: Connection) -> None:
        """End the job in the caller's transaction, so that its work and its end commit together.

        Raises ``LeaseLost`` where the job was taken from this worker: roll back then.
        """


class JobHandler(Protocol):
    """Does the jobs of one kind (``System.handlers``).

    Returning ends the job as succeeded. A ``HoldfastError`` that is not ``retryable`` ends it as a
    dead letter with the error's words; every other exception has it tried again later.
    """

    async def __call__(self, context: WorkContext, job: Job, /) -> None:
        """Do the job; may be cancelled at any await, when the service stops or the lease is lost."""


async def stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    """Wait for a stop, for ``seconds`` at most; tell whether it has come.

    Not wait_for: on Python 3.11 it can lose a cancellation that comes together with the event.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
    return stop.is_set()
