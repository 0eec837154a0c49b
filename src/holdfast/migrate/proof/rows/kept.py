"""Reads the rows of many tables at once, in a form that two readings can be compared in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from psycopg import sql
from psycopg.rows import tuple_row

from holdfast.migrate.proof.rows.catalogue import STATEMENTS, Table, rows_of
from holdfast.system import Connection

MOST_ROWS = 1000
_TOGETHER = 100


@dataclass(frozen=True, slots=True)
class ShapeColumn:
    """A column whose values are kept: generated ones follow from others and are not."""

    number: int
    name: str
    type: int
    written: str


@dataclass(frozen=True, slots=True)
class Shape:
    """A table's identity and columns; ``key`` are the numbers of the primary key's columns."""

    oid: int
    schema: str
    table: str
    kind: str
    key: tuple[int, ...]
    columns: tuple[ShapeColumn, ...]
    changes_itself: bool

    @property
    def name(self) -> str:
        """The name for people."""
        return f"{self.schema}.{self.table}"

    @classmethod
    def of(cls, table: Table) -> Shape:
        """Return the shape of a table that was read."""
        columns = tuple(
            ShapeColumn(column.number, column.name, column.type, column.written)
            for column in table.columns
            if not column.generated
        )
        return cls(table.oid, table.schema, table.name, table.kind, table.key, columns, table.changes_itself)


@dataclass(frozen=True, slots=True)
class Row:
    """A row's values as text, in the order of its shape's columns; ``place`` is the oid of its partition."""

    place: int
    values: tuple[str | None, ...]


Rows = Sequence[Row]


async def read_rows(connection: Connection, shapes: Iterable[Shape]) -> dict[int, Rows]:
    """Return the rows of tables by oid, at most the first thousand of each.

    Values are texts that do not depend on the session's settings.
    """
    every = list(shapes)
    found: dict[int, list[Row]] = {shape.oid: [] for shape in every}
    if not every:
        return {}
    async with connection.transaction():
        await connection.execute(STATEMENTS["set_forms"])
        for start in range(0, len(every), _TOGETHER):
            statement = sql.SQL(" UNION ALL ").join(
                _reading(shape) for shape in every[start : start + _TOGETHER]
            )
            async with connection.cursor(row_factory=tuple_row) as cursor:
                await cursor.execute(statement, prepare=False)
                for oid, place, values in await cursor.fetchall():
                    found[oid].append(Row(place, tuple(values)))
    return dict(found)


def _reading(shape: Shape) -> sql.Composed:
    values = sql.SQL(", ").join(
        sql.SQL("{}::pg_catalog.text").format(sql.Identifier(column.name)) for column in shape.columns
    )
    return sql.SQL(
        "(SELECT {oid}::bigint, tableoid::bigint, ARRAY[{values}]::pg_catalog.text[]"
        " FROM {only}{table} LIMIT {most})"
    ).format(
        oid=sql.Literal(shape.oid),
        values=values,
        only=sql.SQL("" if shape.kind == "p" else "ONLY "),
        table=sql.Identifier(shape.schema, shape.table),
        most=sql.Literal(MOST_ROWS),
    )


@asynccontextmanager
async def whole_names(connection: Connection) -> AsyncIterator[None]:
    """Let the server write names with their schemas. The connection must be in a transaction."""
    [row] = await rows_of(connection, "search_path")
    await connection.execute(STATEMENTS["set_search_path"], {"path": ""})
    yield
    await connection.execute(STATEMENTS["set_search_path"], {"path": row["path"]})
