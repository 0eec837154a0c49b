"""What the database's catalogue says about a partitioned table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from holdfast.postgres.statements import Statements
from holdfast.system import Connection, Partitioned
from holdfast.timeseries.errors import NotPartitioned

_STATEMENTS = Statements("holdfast.timeseries", "partitions.sql")


@dataclass(frozen=True, slots=True)
class Parent:
    """A partitioned table; ``owned`` says whether the connection's role owns it."""

    oid: int
    schema: str
    name: str
    column: str
    type: str
    owner: str
    owned: bool

    @property
    def identifier(self) -> sql.Identifier:
        """Its name for a statement."""
        return sql.Identifier(self.schema, self.name)

    def beside(self, name: str) -> sql.Identifier:
        """Return another table of its schema for a statement."""
        return sql.Identifier(self.schema, name)


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition and its bounds: from ``lower`` (included) to ``upper``; ``pending``: half detached."""

    name: str
    lower: datetime
    upper: datetime
    pending: bool


async def read_parent(connection: Connection, partitioned: Partitioned) -> Parent:
    """Read a declared table. Raises ``NotPartitioned`` where the database has it otherwise."""
    rows = await read(connection, "parent", {"table": partitioned.table})
    if not rows:
        raise NotPartitioned(
            f"{partitioned.table} is no table that is partitioned by range of one column.",
            hint="Run: holdfast migrate up. Otherwise correct its migration or its System value.",
        )
    parent = Parent(**rows[0])
    if parent.column != partitioned.column or parent.type != "timestamp with time zone":
        raise NotPartitioned(
            f"{partitioned.table} is partitioned by {parent.column} ({parent.type}), "
            f"not by {partitioned.column} (timestamp with time zone).",
            hint="Correct its migration or its System value.",
        )
    return parent


async def read_partitions(
    connection: Connection, partitioned: Partitioned, first: datetime, last: datetime
) -> list[Partition]:
    """Return the partitions that hold any time from ``first`` to ``last``, by time."""
    parameters = {"table": partitioned.table, "first": first, "last": last}
    return [Partition(**row) for row in await read(connection, "existing", parameters)]


async def read(
    connection: Connection, statement: str, parameters: Mapping[str, object]
) -> list[dict[str, Any]]:
    """Run one of this room's statements and return its rows."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_STATEMENTS[statement], parameters)
        return await cursor.fetchall()
