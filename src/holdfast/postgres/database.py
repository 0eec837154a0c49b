"""A database: a pool of connections, transactions, and short ways to run a statement."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composed
from psycopg_pool import AsyncConnectionPool

from holdfast.postgres.endpoint import Endpoint
from holdfast.postgres.settings import ACQUIRE_TIMEOUT, CONNECT_TIMEOUT, POOL_IDLE, POOL_MAX, POOL_MIN
from holdfast.settings import Settings
from holdfast.system import Connection

Row = dict[str, Any]


class Database:
    """A pool of connections to one database; rows are dictionaries, times are UTC."""

    def __init__(
        self,
        endpoint: Endpoint | str,
        settings: Settings,
        *,
        application_name: str = "holdfast",
        min_size: int | None = None,
        max_size: int | None = None,
    ) -> None:
        self.conninfo = endpoint if isinstance(endpoint, str) else endpoint.conninfo
        self.settings = settings
        self._keywords: dict[str, Any] = {
            "application_name": application_name,
            "connect_timeout": max(2, int(settings.get(CONNECT_TIMEOUT))),
            "row_factory": dict_row,
            "autocommit": True,
        }
        self._pool: AsyncConnectionPool[AsyncConnection[Row]] = AsyncConnectionPool(
            self.conninfo,
            kwargs=self._keywords,
            min_size=settings.get(POOL_MIN) if min_size is None else min_size,
            max_size=settings.get(POOL_MAX) if max_size is None else max_size,
            max_idle=settings.get(POOL_IDLE),
            timeout=settings.get(ACQUIRE_TIMEOUT),
            check=AsyncConnectionPool.check_connection,
            open=False,
        )

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        endpoint: Endpoint | str,
        settings: Settings,
        *,
        application_name: str = "holdfast",
        min_size: int | None = None,
        max_size: int | None = None,
    ) -> AsyncIterator[Database]:
        """Open a database while the block runs."""
        database = cls(
            endpoint, settings, application_name=application_name, min_size=min_size, max_size=max_size
        )
        await database._pool.open(wait=False)
        try:
            yield database
        finally:
            await database._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Take a connection of the pool, in autocommit mode."""
        async with self._pool.connection() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Run the block in a transaction: committed at its end, rolled back on an exception."""
        async with self._pool.connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def direct(self) -> AsyncIterator[Connection]:
        """Open a connection outside the pool, for LISTEN."""
        connection = await AsyncConnection.connect(self.conninfo, **self._keywords)
        try:
            yield connection
        finally:
            await connection.close()

    async def fetch(
        self, statement: SQL | Composed, parameters: Mapping[str, Any] | None = None
    ) -> list[Row]:
        """Run a statement and return its rows."""
        async with self.connection() as connection:
            return await (await connection.execute(statement, parameters)).fetchall()

    async def fetch_one(
        self, statement: SQL | Composed, parameters: Mapping[str, Any] | None = None
    ) -> Row | None:
        """Run a statement and return its first row, or None."""
        async with self.connection() as connection:
            return await (await connection.execute(statement, parameters)).fetchone()

    async def execute(self, statement: SQL | Composed, parameters: Mapping[str, Any] | None = None) -> int:
        """Run a statement and return how many rows it touched."""
        async with self.connection() as connection:
            return (await connection.execute(statement, parameters)).rowcount
