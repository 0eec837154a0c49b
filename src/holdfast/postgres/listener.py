"""Waits for notifications on a connection outside the pool, and falls back to the caller's polling."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Self

from psycopg import Error as DatabaseError
from psycopg import Notify, sql

from holdfast.errors import HoldfastError
from holdfast.postgres.database import Database
from holdfast.system import Connection

_PAUSE_AFTER_LOSS = 1.0
logger = logging.getLogger("holdfast.listener")


class Listener:
    """Listens on channels while its context is open.

    ``wait`` returns what came, or nothing after its timeout. A lost connection is opened again; since
    what was told meanwhile is lost, ``wait`` then returns at once, so that its caller looks for itself.
    """

    def __init__(self, database: Database, channels: Sequence[str]) -> None:
        self._database = database
        self._channels = tuple(channels)
        self._stack = AsyncExitStack()
        self._connection: Connection | None = None

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def wait(self, timeout: float) -> list[Notify]:
        """Return the notifications that come within ``timeout`` seconds, as soon as one has come."""
        if self._connection is None:
            await asyncio.sleep(min(timeout, _PAUSE_AFTER_LOSS))
            await self._open()
            return []
        try:
            return [told async for told in self._connection.notifies(timeout=timeout, stop_after=1)]
        except DatabaseError as error:
            logger.info("the listening connection was lost: %s", type(error).__name__)
            await self._stack.aclose()
            self._connection = None
            return []

    async def _open(self) -> None:
        try:
            connection = await self._stack.enter_async_context(self._database.direct())
            for channel in self._channels:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        except (DatabaseError, HoldfastError) as error:
            logger.info("cannot listen, polling instead: %s", type(error).__name__)
            await self._stack.aclose()
            return
        self._connection = connection
