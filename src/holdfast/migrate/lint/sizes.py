"""How many rows the tables of a database have, about: what is harmless on a small table is not reported."""

from __future__ import annotations

from psycopg.rows import tuple_row

from holdfast.postgres.statements import Statements
from holdfast.system import Connection

_STATEMENTS = Statements("holdfast.migrate.lint", "sizes.sql")


async def read_sizes(connection: Connection) -> dict[str, int]:
    """Return about how many rows each table has (``schema.name``), partitioned ones with their partitions.

    The planner's estimate; where a table was never analyzed, one row for every 100 bytes that it takes.
    """
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_STATEMENTS["table_sizes"])
        return dict(await cursor.fetchall())
