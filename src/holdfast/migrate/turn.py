"""Whose turn it is to migrate: one process at a time, the others waiting and told so.

A row of ``holdfast.migration_lock``. For a transaction its row lock is the turn: it ends with the
transaction, however the process ends. Work that cannot be one transaction keeps a lease in the same
row, renewed while it lives. Nobody ever waits on a lock in the server (a waiting transaction would
hold up CREATE INDEX CONCURRENTLY for ever), nothing is kept in a session (PgBouncer), and nobody is
kept waiting by a dead process for longer than a lease.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import psycopg
from psycopg.rows import dict_row

from holdfast.errors import HoldfastError, TryAgain
from holdfast.migrate.batch import with_values
from holdfast.migrate.errors import StillLocked
from holdfast.migrate.history import actor
from holdfast.postgres.database import Database
from holdfast.postgres.statements import Statements
from holdfast.system import Connection

_STATEMENTS = Statements("holdfast.migrate", "turn.sql")
LEASE_SECONDS = 15.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.5
_TELL_AFTER = 1.0
Tell = Callable[[str], None]
logger = logging.getLogger("holdfast.migrate")


class TurnLost(TryAgain):
    """Another process took the turn over while this one was too slow to renew it."""

    code = "turn_lost"


class Turn:
    """A process's claim to migrate.

    ``patience`` is how many seconds it waits for others in a row; ``tell`` is told while it waits.
    """

    def __init__(self, patience: float, tell: Tell) -> None:
        self.holder = f"{actor()} process {os.getpid()} {uuid.uuid4().hex[:8]}"
        self._patience = patience
        self.tell = tell
        self._waiting_since: float | None = None
        self._told = 0.0
        self._pause = _FIRST_PAUSE

    async def take(self, connection: Connection) -> bool:
        """Take the turn for the transaction that the connection is in; False where others have it."""
        cursor = await connection.execute(_STATEMENTS["take"], {"holder": self.holder})
        taken = await cursor.fetchone() is not None
        if taken:
            self.taken()
        return taken

    def taking(self, connection: Connection) -> str:
        """Return the SQL that takes the turn for a transaction: no row where others have it."""
        return with_values(connection, _STATEMENTS["take"], {"holder": self.holder})

    def taken(self) -> None:
        """Note that nobody has to be waited for any more."""
        self._waiting_since, self._pause = None, _FIRST_PAUSE

    async def wait(self, connection: Connection) -> None:
        """Wait a moment for whoever has the turn; call it outside of a transaction.

        Raises ``StillLocked`` when it has waited for longer than its patience.
        """
        now = time.monotonic()
        self._waiting_since = self._waiting_since or now
        waited = now - self._waiting_since
        if waited > self._patience:
            raise StillLocked(
                f"Another process has been migrating this database for {waited:.0f} s.",
                hint="Wait for it to end, then run the same again; HOLDFAST_MIGRATE_PATIENCE is the limit.",
            )
        if waited > _TELL_AFTER and now - self._told > 10.0:
            self._told = now
            self.tell(await self._who(connection))
        await asyncio.sleep(self._pause * random.uniform(0.7, 1.3))  # noqa: S311  spreads the waiting ones
        self._pause = min(self._pause * 1.5, _LONGEST_PAUSE)

    async def _who(self, connection: Connection) -> str:
        async with connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(_STATEMENTS["holder"])
            row = await cursor.fetchone()
        if row is None:
            return "Another process is migrating this database; waiting for it."
        return f"{row['holder']} is migrating this database ({row['doing']}); waiting for it."

    async def lease(self, connection: Connection, doing: str) -> bool:
        """Keep the turn beyond a transaction, from now on; False where others have it.

        The connection must be in autocommit mode and outside of a transaction.
        """
        async with connection.transaction():
            if not await self.take(connection):
                return False
            parameters = {"holder": self.holder, "doing": doing, "seconds": LEASE_SECONDS}
            await connection.execute(_STATEMENTS["lease"], parameters)
        return True

    async def lease_patiently(self, connection: Connection, doing: str) -> None:
        """Keep the turn beyond a transaction, and wait for it while others have it; see ``wait``."""
        while not await self.lease(connection, doing):
            await self.wait(connection)

    @asynccontextmanager
    async def transaction(self, connection: Connection) -> AsyncIterator[None]:
        """Run the block in a transaction that has the turn, and wait for it while others have it."""
        while True:
            async with connection.transaction():
                if await self.take(connection):
                    yield
                    return
            await self.wait(connection)

    async def confirm(self, connection: Connection) -> None:
        """Make sure, for the transaction that the connection is in, that the lease is still ours.

        Raises ``TurnLost`` where another process took it over.
        """
        cursor = await connection.execute(_STATEMENTS["confirm"], {"holder": self.holder})
        if await cursor.fetchone() is None:
            raise TurnLost(
                "The turn to migrate this database was lost: it was not renewed in time, or taken over.",
                hint="Run the same again: it resumes after the last finished statement.",
            )

    @asynccontextmanager
    async def renewed(self, database: Database) -> AsyncIterator[None]:
        """Renew the lease while the block runs, and give it back at the end."""
        renewal = asyncio.create_task(self._renew(database))
        try:
            yield
        finally:
            renewal.cancel()
            with suppress(asyncio.CancelledError):
                await renewal
            await self._release(database)

    async def _release(self, database: Database) -> None:
        """Give the lease back; where that fails it ends by itself, and what went wrong before is told."""
        try:
            async with database.connection() as connection:
                await connection.execute(_STATEMENTS["release"], {"holder": self.holder})
        except psycopg.errors.UndefinedTable:  # a reset has dropped it
            pass
        except (psycopg.Error, HoldfastError) as error:
            logger.warning("The turn to migrate could not be given back (it ends by itself): %s", error)

    async def _renew(self, database: Database) -> None:
        parameters = {"holder": self.holder, "seconds": LEASE_SECONDS}
        while True:
            await asyncio.sleep(LEASE_SECONDS / 4)
            try:
                async with database.connection() as connection:
                    await connection.execute(_STATEMENTS["renew"], parameters)
            except Exception as error:  # noqa: BLE001  whatever it is, the next round may fare better
                # The next statement's confirm() finds out whether the lease was lost.
                logger.warning("The lease on the migration could not be renewed: %s", error)
