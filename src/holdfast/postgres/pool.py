"""A pool of sessions that is whole again as soon as the server is.

psycopg's pool waits longer and longer between its attempts to connect, and once it gives up, who waits
already is never served. Here it gives up at once, and one task goes on trying at a steady pace for as
long as the outage lasts. A connection is looked at before it is handed out, so that the dead ones are
replaced without anybody noticing.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from time import monotonic
from typing import Any

from psycopg_pool import AsyncConnectionPool, PoolTimeout

from holdfast.errors import HoldfastError
from holdfast.postgres.connecting import Session
from holdfast.postgres.errors import Busy
from holdfast.postgres.limits import Limits
from holdfast.postgres.reachability import Reachability
from holdfast.postgres.settings import POOL_MAX
from holdfast.postgres.statements import Statements

_STATEMENTS = Statements("holdfast.postgres", "sessions.sql")
_CLOSE_WITHIN = 3.0
_TRY_EVERY = 0.25

# It tells every attempt of every connection; Reachability tells an outage once.
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


class Pool:
    """Sessions of one database, opened as they are needed.

    ``keywords`` are those of ``Session.connect``; ``set_up`` runs what a pooler does not take as options
    at a connection's start.
    """

    def __init__(
        self,
        conninfo: str,
        limits: Limits,
        reachability: Reachability,
        keywords: dict[str, Any],
        *,
        set_up: bool,
    ) -> None:
        self._limits = limits
        self._reachability = reachability
        self._reviving: asyncio.Task[None] | None = None
        self._pool = AsyncConnectionPool(
            conninfo,
            connection_class=Session,
            kwargs={**keywords, "reachability": reachability},
            configure=set_time_zone if set_up else None,
            min_size=limits.min_size,
            max_size=limits.max_size,
            max_idle=limits.idle,
            timeout=limits.acquire,
            reconnect_timeout=0.0,
            reconnect_failed=self._start_reviving,
            open=False,
        )

    async def open(self) -> None:
        """Begin to connect."""
        await self._pool.open()

    async def close(self) -> None:
        """Close all sessions; those in use when they are given back."""
        if self._reviving is not None:
            self._reviving.cancel()
            with suppress(asyncio.CancelledError):
                await self._reviving
        await self._pool.close(_CLOSE_WITHIN)

    async def take(self) -> Session:
        """Take a session that works. Raises ``Unreachable``, ``Refused`` or ``Busy``."""
        deadline = monotonic() + self._limits.acquire
        while True:
            try:
                session = await self._pool.getconn(max(0.0, deadline - monotonic()))
            except PoolTimeout:
                raise self._none_came() from None
            try:
                usable = await session.answers()
            except BaseException:
                await self._pool.putconn(session)
                raise
            if usable:
                return session
            await self._pool.putconn(session)  # the pool closes it and connects anew

    async def give_back(self, session: Session) -> None:
        """Give a session back; one that is broken or within a statement is closed."""
        session.used_at = monotonic()
        await self._pool.putconn(session)

    def _none_came(self) -> HoldfastError:
        known = self._reachability.error
        if known is not None:
            return type(known)(known.message, hint=known.hint)
        return Busy(
            f"No connection came free within {self._limits.acquire:g} s: "
            f"this process uses up to {self._limits.max_size}.",
            hint=f"Raise {POOL_MAX.name} (and the server's max_connections), or look for slow statements "
            "in the log.",
        )

    async def _start_reviving(self, pool: AsyncConnectionPool[Session]) -> None:
        if self._reviving is None or self._reviving.done():
            self._reviving = asyncio.create_task(self._revive(), name=f"{pool.name} revival")

    async def _revive(self) -> None:
        """Ask for a connection until one works: the pool connects when it is asked."""
        while self._reachability.error is not None:
            began = monotonic()
            with suppress(PoolTimeout):
                session = await self._pool.getconn(_TRY_EVERY)
                try:
                    if await session.answers():  # a limit on connections was met, and others came free
                        self._reachability.succeeded()
                finally:
                    await self._pool.putconn(session)
            await asyncio.sleep(max(0.0, began + _TRY_EVERY - monotonic()))


async def set_time_zone(session: Session) -> None:
    """Set what a pooler does not take as an option at the connection's start."""
    await session.execute(_STATEMENTS["set_time_zone"], prepare=False)
