"""Leases: rows that say who may do what only one may do at a time.

They expire by the server's clock, so they work behind PgBouncer and end with a process that is killed.
``fence`` grows with each new holder: a write that carries an older one is a former holder's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from psycopg import Error as DatabaseError

from holdfast.errors import HoldfastError, TryAgain
from holdfast.postgres.database import Database
from holdfast.postgres.statements import Statements

SQL = Statements("holdfast.postgres", "leases.sql")


class LeaseHeld(TryAgain):
    """Another process holds the lease."""

    code = "lease_held"


@dataclass(frozen=True)
class Lease:
    """A lease that is held; ``lost`` is set when it could not be renewed in time."""

    name: str
    fence: int
    lost: asyncio.Event = field(default_factory=asyncio.Event)


async def try_acquire(database: Database, name: str, holder: str, seconds: float) -> int | None:
    """Take a lease for ``seconds``; return its fence, or None where another holds it."""
    row = await database.fetch_one(SQL["acquire"], {"name": name, "holder": holder, "seconds": seconds})
    return None if row is None else int(row["fence"])


async def renew(database: Database, name: str, holder: str, seconds: float) -> bool:
    """Extend a lease for ``seconds`` from now; False where it is no longer the holder's."""
    parameters = {"name": name, "holder": holder, "seconds": seconds}
    return await database.fetch_one(SQL["renew"], parameters) is not None


async def release(database: Database, name: str, holder: str) -> None:
    """Give a lease up; nothing happens where it is not the holder's."""
    await database.execute(SQL["release"], {"name": name, "holder": holder})


@asynccontextmanager
async def hold_lease(database: Database, name: str, holder: str, seconds: float) -> AsyncIterator[Lease]:
    """Hold a lease while the block runs, renewed at a third of its term. Raises ``LeaseHeld``."""
    fence = await try_acquire(database, name, holder, seconds)
    if fence is None:
        raise LeaseHeld(f"Another process holds {name}.", hint="It is taken over when that one ends.")
    lease = Lease(name, fence)
    renewing = asyncio.create_task(_keep(database, lease, holder, seconds))
    try:
        yield lease
    finally:
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing
        with suppress(DatabaseError, HoldfastError):  # it expires by itself
            await release(database, name, holder)


async def _keep(database: Database, lease: Lease, holder: str, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while loop.time() < until:
        await asyncio.sleep(seconds / 3)
        began = loop.time()
        try:
            if not await renew(database, lease.name, holder, seconds):
                break
            until = began + seconds
        except (DatabaseError, HoldfastError):
            continue  # perhaps the server restarts: the term is not over yet
    lease.lost.set()
