"""Waits for notifications on a connection of its own, outside the pool.

A notification is a hint that there may be something to do, never the thing itself: it is lost while
the connection is, and never comes where a pooler shares sessions. Whoever waits looks for itself
whenever ``wait`` returns, notified or not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Self

import psycopg
from psycopg import Notify, sql

from holdfast.errors import HoldfastError
from holdfast.postgres.database import Database
from holdfast.postgres.settings import DIRECT_URL, LISTEN_POLL
from holdfast.system import Connection

Notification = Notify

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
logger = logging.getLogger("holdfast.postgres")


class Listener:
    """Listens on channels while its context is open.

    ``hears`` tells whether notifications arrive now; where they cannot, ``wait`` returns every
    HOLDFAST_LISTEN_POLL, so that its caller polls.
    """

    def __init__(self, database: Database, channels: Sequence[str]) -> None:
        self._database = database
        self._channels = tuple(channels)
        self._poll = database.settings.get(LISTEN_POLL)
        self._stack = AsyncExitStack()
        self._connection: Connection | None = None
        self._pause = _FIRST_PAUSE

    async def __aenter__(self) -> Self:
        if self._database.hears:
            await self._open()
        else:
            logger.warning(
                "A pooler stands before the database: polling every %g s instead of listening on %s. Set %s.",
                self._poll,
                ", ".join(self._channels),
                DIRECT_URL.name,
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
        self._connection = None

    @property
    def hears(self) -> bool:
        """Whether notifications arrive."""
        return self._connection is not None

    async def wait(self, timeout: float) -> list[Notification]:
        """Return the notifications that come within ``timeout`` seconds, as soon as one has come.

        A lost connection is opened again; since what was told meanwhile is lost, it then returns an
        empty list at once. It never raises because the database is away.
        """
        if not self._database.hears:
            await asyncio.sleep(min(timeout, self._poll))
            return []
        if self._connection is None:
            await asyncio.sleep(min(timeout, self._pause))
            await self._open()
            return []
        try:
            return [told async for told in self._connection.notifies(timeout=timeout, stop_after=1)]
        except psycopg.Error as error:
            logger.warning("Listening stopped: the connection was lost (%s).", type(error).__name__)
            await self._close()
            await self._open()
            return []

    async def _open(self) -> None:
        try:
            connection = await self._stack.enter_async_context(self._database.direct())
            for channel in self._channels:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)), prepare=False)
        except (psycopg.Error, HoldfastError) as error:
            logger.warning("Polling instead of listening: %s", type(error).__name__)
            await self._close()
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            return
        self._connection = connection
        self._pause = _FIRST_PAUSE

    async def _close(self) -> None:
        self._connection = None
        await self._stack.aclose()
