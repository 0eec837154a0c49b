"""Leases: rows that say who may do what only one may do at a time.

They expire by the server's clock, so they work behind PgBouncer and end with a process that is killed.
``fence`` grows each time the lease is taken: what is done under an older one is a former holder's.
``confirm`` in the transaction that does the work is proof against a holder that was asleep.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import psycopg

from holdfast.errors import HoldfastError, TryAgain
from holdfast.postgres.database import Database
from holdfast.postgres.statements import Statements
from holdfast.system import Connection

_STATEMENTS = Statements("holdfast.postgres", "leases.sql")
_AWAY = (psycopg.Error, HoldfastError, TimeoutError)
_LONGEST_PAUSE = 1.0  # seconds between two tries to renew while the database is away
logger = logging.getLogger("holdfast.postgres")


class LeaseHeld(TryAgain):
    """Another process holds the lease."""

    code = "lease_held"


class LeaseLost(TryAgain):
    """The lease ran out or was taken over while its holder believed to have it."""

    code = "lease_lost"


@dataclass(frozen=True, eq=False)
class Lease:
    """A lease that is held; ``lost`` is set when it could not be renewed in time.

    Stop the work then: another process may begin with it at once.
    """

    name: str
    holder: str
    fence: int
    lost: asyncio.Event = field(default_factory=asyncio.Event)


async def try_acquire(database: Database, name: str, holder: str, seconds: float) -> int | None:
    """Take a lease for ``seconds`` and return its fence, or None where another holds it.

    ``holder`` must be unique to the process and its life: who holds the lease already gets it again,
    under a new fence.
    """
    row = await database.fetch_one(
        _STATEMENTS["acquire"], {"name": name, "holder": holder, "seconds": seconds}
    )
    return None if row is None else int(row["fence"])


async def renew(database: Database, name: str, fence: int, seconds: float) -> bool:
    """Extend a lease for ``seconds`` from now; False where it ran out or another has it."""
    parameters = {"name": name, "fence": fence, "seconds": seconds}
    return await database.fetch_one(_STATEMENTS["renew"], parameters) is not None


async def release(database: Database, name: str, fence: int) -> None:
    """Give a lease up; nothing happens where it is no longer held under this fence."""
    await database.execute(_STATEMENTS["release"], {"name": name, "fence": fence})


async def confirm(connection: Connection, name: str, fence: int) -> None:
    """Make sure that the lease is held, and that nobody takes it before the transaction ends.

    Call it in the transaction that does what the lease protects. Raises ``LeaseLost``.
    """
    cursor = await connection.execute(_STATEMENTS["confirm"], {"name": name, "fence": fence})
    if await cursor.fetchone() is None:
        raise LeaseLost(f"The lease on {name} was lost.", hint="Whoever has it now does the work.")


@asynccontextmanager
async def hold_lease(database: Database, name: str, holder: str, seconds: float) -> AsyncIterator[Lease]:
    """Hold a lease while the block runs, renewed at a third of its term. Raises ``LeaseHeld``."""
    asked = _now()
    fence = await try_acquire(database, name, holder, seconds)
    if fence is None:
        raise await _held(database, name)
    lease = Lease(name, holder, fence)
    renewing = asyncio.create_task(_keep(database, lease, seconds, asked), name=f"lease {name}")
    try:
        yield lease
    finally:
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing
        if not lease.lost.is_set():
            with suppress(*_AWAY):  # it expires by itself
                await release(database, name, fence)


async def _held(database: Database, name: str) -> LeaseHeld:
    row = await database.fetch_one(_STATEMENTS["who_holds"], {"name": name})
    who = f"{row['holder']} holds it for {max(0.0, row['seconds']):.0f} s more" if row else "it was held"
    return LeaseHeld(
        f"The lease on {name} could not be had: {who} unless it is renewed.",
        hint="Try again: it is free when its holder ends, or when its term runs out.",
    )


async def _keep(database: Database, lease: Lease, seconds: float, since: float) -> None:
    """Renew the lease until it is lost.

    The term is counted from before the server was asked, so that it never ends later here than there.
    """
    until = since + seconds
    pause = seconds / 3
    while True:
        await asyncio.sleep(max(0.0, min(pause, until - _now())))
        began = _now()
        if began >= until:
            break
        try:
            async with asyncio.timeout(until - began):
                if not await renew(database, lease.name, lease.fence, seconds):
                    break
        except _AWAY as error:
            # perhaps the server restarts: the term is not over yet
            logger.info("The lease on %s could not be renewed: %s", lease.name, type(error).__name__)
            pause = min(_LONGEST_PAUSE, seconds / 10)
        else:
            until, pause = began + seconds, seconds / 3
    logger.warning("The lease on %s was lost.", lease.name)
    lease.lost.set()


def _now() -> float:
    """Return seconds of a clock that goes on while the machine sleeps, where there is one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
