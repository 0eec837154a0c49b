"""The statement log: each statement's name, duration and rows. Parameters and texts never.

Logger ``holdfast.statements``: DEBUG, or WARNING for one that took longer than HOLDFAST_SLOW_STATEMENT.
A record's ``statement``, ``milliseconds`` and ``rows`` (-1: not known) are there for programs too.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any, Self

import psycopg
from psycopg import AsyncCopy, AsyncCursor
from psycopg.abc import Params, Query
from psycopg.copy import AsyncWriter
from psycopg.rows import Row

logger = logging.getLogger("holdfast.statements")


class LoggedCursor(AsyncCursor[Row]):
    """A cursor whose statements are logged."""

    async def execute(
        self,
        query: Any,  # psycopg types it by overloads, for template strings
        params: Params | None = None,
        *,
        prepare: bool | None = None,
        binary: bool | None = None,
    ) -> Self:
        """Run a statement, as ``psycopg.AsyncCursor.execute``."""
        began = perf_counter()
        try:
            await super().execute(query, params, prepare=prepare, binary=binary)
        except BaseException as error:
            self._log(query, began, error)
            raise
        self._log(query, began)
        return self

    async def executemany(
        self, query: Query, params_seq: Iterable[Params], *, returning: bool = False
    ) -> None:
        """Run a statement once for each set of parameters, as ``psycopg.AsyncCursor.executemany``."""
        began = perf_counter()
        try:
            await super().executemany(query, params_seq, returning=returning)
        except BaseException as error:
            self._log(query, began, error)
            raise
        self._log(query, began)

    @asynccontextmanager
    async def copy(
        self, statement: Query, params: Params | None = None, *, writer: AsyncWriter | None = None
    ) -> AsyncIterator[AsyncCopy]:
        """Run a COPY, as ``psycopg.AsyncCursor.copy``."""
        began = perf_counter()
        try:
            async with super().copy(statement, params, writer=writer) as copy:
                yield copy
        except BaseException as error:
            self._log(statement, began, error)
            raise
        self._log(statement, began)

    def _log(self, query: Query, began: float, error: BaseException | None = None) -> None:
        took = perf_counter() - began
        slow = took >= getattr(self._conn, "slow_seconds", 1.0)
        if slow or logger.isEnabledFor(logging.DEBUG):
            name = getattr(query, "name", "unnamed")
            rows = self.rowcount if error is None else -1
            logger.log(
                logging.WARNING if slow else logging.DEBUG,
                "%s: %.1f ms, %s",
                name,
                took * 1000,
                _outcome(rows, error),
                extra={"statement": name, "milliseconds": took * 1000, "rows": rows},
            )


def _outcome(rows: int, error: BaseException | None) -> str:
    """Say what came of a statement; an error without its message, which can hold values."""
    if error is None:
        return f"{rows} rows" if rows >= 0 else "done"
    sqlstate: Any = error.sqlstate if isinstance(error, psycopg.Error) else None
    return f"failed: {type(error).__name__}{f' {sqlstate}' if sqlstate else ''}"
