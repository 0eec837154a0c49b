"""A database for a proof: a session for the migration and one beside it, kept as long as the proof lasts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Self

from holdfast.postgres.database import Database
from holdfast.settings import Settings
from holdfast.system import Connection


class ProofDatabase(Database):
    """A ``Database`` without a pool: its two sessions are opened when they are first asked for.

    ``direct`` is the one on which migrations run, ``connection`` the other; each is used by one task at
    a time. A proof opens databases by the hundred, and a pool would cost it more than the migrations do.
    """

    def __init__(self, conninfo: str, *, application_name: str) -> None:
        super().__init__(conninfo, Settings({}), application_name=application_name)
        self._stack = AsyncExitStack()
        self._direct_session: Connection | None = None
        self._other_session: Connection | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def migrating(self) -> int:
        """The process id of the server's that runs the migrations."""
        assert self._direct_session is not None  # noqa: S101  a migration runs
        return self._direct_session.info.backend_pid

    @asynccontextmanager
    async def direct(self) -> AsyncIterator[Connection]:
        """Give out the session for migrations."""
        if self._direct_session is None or self._direct_session.closed:
            self._direct_session = await self._stack.enter_async_context(super().direct())
            # psycopg deallocates all statements of a session, the engine's too, when it lets its own go.
            self._direct_session.prepare_threshold = None
        yield self._direct_session

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Give out the session beside it."""
        if self._other_session is None or self._other_session.closed:
            self._other_session = await self._stack.enter_async_context(super().direct())
        yield self._other_session

    async def leave(self) -> None:
        """Close both sessions; they are opened again when they are next asked for."""
        await self._stack.aclose()
