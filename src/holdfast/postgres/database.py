"""A database: a pool of connections, transactions, and short ways to run a statement.

Connections are in autocommit mode, rows are dictionaries, times are UTC. A connection is looked at
before it is handed out, so that after a restart of the server the dead ones are replaced at once. A
pooler such as PgBouncer before the server is noticed: see ``holdfast.postgres.pooler``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self

from psycopg.sql import SQL, Composed

from holdfast.postgres.connecting import connect, session_conninfo
from holdfast.postgres.conninfo import parse
from holdfast.postgres.endpoint import Endpoint
from holdfast.postgres.limits import Limits
from holdfast.postgres.pool import Pool, set_time_zone
from holdfast.postgres.pooler import Pooling, find_pooling
from holdfast.postgres.reachability import Reachability
from holdfast.postgres.settings import POOLER
from holdfast.postgres.statements import Statements
from holdfast.settings import Settings
from holdfast.system import Connection

Row = dict[str, Any]

_STATEMENTS = Statements("holdfast.postgres", "sessions.sql")


class Database:
    """A pool of connections to one database.

    ``endpoint`` may be libpq's conninfo. ``pooling`` tells whether a pooler stands before the server;
    it is known once the database is open.
    """

    def __init__(
        self,
        endpoint: Endpoint | str,
        settings: Settings,
        *,
        application_name: str = "holdfast",
        min_size: int | None = None,
        max_size: int | None = None,
    ) -> None:
        if isinstance(endpoint, str):
            endpoint = Endpoint(endpoint, embedded=False, origin="The connection string")
        self.endpoint = endpoint
        self.settings = settings
        self.pooling = Pooling(pooled=False, prepares=True)
        self._name = application_name
        self._limits = Limits.from_settings(settings, min_size, max_size)
        self._parameters = parse(endpoint.conninfo, endpoint.origin)
        self._direct = parse(endpoint.direct, endpoint.origin) if endpoint.direct else {}
        self._reachability = Reachability(self._parameters)
        self._direct_reachability = Reachability(self._direct) if self._direct else self._reachability
        self._keywords: dict[str, Any] = {"slow_seconds": self._limits.slow}
        self._pool: Pool | None = None

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
    ) -> AsyncIterator[Self]:
        """Open a database while the block runs.

        Raises ``Unreachable`` or ``Refused`` where it cannot be connected to, ``WrongUse`` on settings
        that cannot be.
        """
        database = cls(
            endpoint, settings, application_name=application_name, min_size=min_size, max_size=max_size
        )
        await database._start()
        try:
            yield database
        finally:
            await database._stop()

    @property
    def conninfo(self) -> str:
        """The database's conninfo for libpq, password included."""
        return self.endpoint.conninfo

    @property
    def hears(self) -> bool:
        """Whether ``direct`` connections get notifications: no pooler stands before them."""
        return bool(self._direct) or not self.pooling.pooled

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Take a connection of the pool, in autocommit mode.

        Raises ``Unreachable`` or ``Refused`` where none can be made, ``Busy`` where all are in use for
        longer than HOLDFAST_ACQUIRE_TIMEOUT.
        """
        pool = self._opened()
        session = await pool.take()
        try:
            async with session:  # rolls back what an exception leaves open
                yield session
        finally:
            await pool.give_back(session)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Run the block in a transaction: committed at its end, rolled back on an exception.

        ``connection.transaction()`` inside of it is a savepoint. Raises as ``connection`` does.
        """
        async with self.connection() as connection, connection.transaction():
            if self.pooling.pooled and self._limits.statement:
                milliseconds = str(round(self._limits.statement * 1000))
                await connection.execute(_STATEMENTS["set_statement_timeout"], {"milliseconds": milliseconds})
            yield connection

    @asynccontextmanager
    async def direct(self) -> AsyncIterator[Connection]:
        """Open a connection outside the pool, for LISTEN and long work; it has no statement timeout.

        It goes to HOLDFAST_DIRECT_DATABASE_URL where that is set. Raises ``Unreachable`` or ``Refused``.
        """
        pooling = Pooling(pooled=False, prepares=True) if self._direct else self.pooling
        conninfo = self._conninfo(self._direct or self._parameters, pooling, statement_timeout=0.0)
        connection = await connect(
            conninfo, self._direct_reachability, **self._keywords, **_preparing(pooling)
        )
        try:
            if pooling.pooled:
                await set_time_zone(connection)
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
            row: Row | None = await (await connection.execute(statement, parameters)).fetchone()
            return row

    async def execute(self, statement: SQL | Composed, parameters: Mapping[str, Any] | None = None) -> int:
        """Run a statement and return how many rows it touched."""
        async with self.connection() as connection:
            return (await connection.execute(statement, parameters)).rowcount

    async def _start(self) -> None:
        unpooled = Pooling(pooled=True, prepares=False)  # options are for later: a pooler may refuse them
        first = await connect(
            self._conninfo(self._parameters, unpooled, statement_timeout=0.0),
            self._reachability,
            **self._keywords,
        )
        try:
            self.pooling = await find_pooling(first, self.settings.get(POOLER))
        finally:
            await first.close()
        self._pool = Pool(
            self._conninfo(self._parameters, self.pooling, statement_timeout=self._limits.statement),
            self._limits,
            self._reachability,
            {**self._keywords, **_preparing(self.pooling)},
            set_up=self.pooling.pooled,
        )
        await self._pool.open()

    async def _stop(self) -> None:
        if self._pool is not None:
            await self._pool.close()

    def _conninfo(self, parameters: Mapping[str, str], pooling: Pooling, *, statement_timeout: float) -> str:
        session = {} if pooling.pooled else {"TimeZone": "UTC"}
        if statement_timeout and not pooling.pooled:
            session["statement_timeout"] = str(round(statement_timeout * 1000))
        return session_conninfo(
            parameters,
            application_name=self._name,
            connect_timeout=self._limits.connect,
            session=session,
        )

    def _opened(self) -> Pool:
        if self._pool is None:
            raise RuntimeError("the database is not open: use `async with Database.open(...)`")
        return self._pool


def _preparing(pooling: Pooling) -> dict[str, int | None]:
    return {} if pooling.prepares else {"prepare_threshold": None}
