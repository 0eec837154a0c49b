"""Bulk writes with COPY."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg.sql import SQL, Composed

from holdfast.system import Connection


async def copy_text(connection: Connection, statement: SQL | Composed, chunks: Iterable[bytes]) -> int:
    """Run a COPY ... FROM STDIN statement with ready chunks of text format; return how many rows it wrote."""
    async with connection.cursor() as cursor:
        async with cursor.copy(statement) as copy:
            for chunk in chunks:
                await copy.write(chunk)
        return cursor.rowcount
