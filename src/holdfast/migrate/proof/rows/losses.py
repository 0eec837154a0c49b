"""Says what has become of rows since they were read: gone, changed, or without a column that they had.

A table is the same table by its oid, a column by its number in it: a new name loses nothing. Where
those are gone, a table or column of the same name is taken for what came in their place.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from holdfast.migrate.proof.rows.catalogue import rows_of
from holdfast.migrate.proof.rows.kept import Row, Rows, Shape, ShapeColumn, read_rows, whole_names
from holdfast.system import Connection

if TYPE_CHECKING:
    from holdfast.migrate.proof.rows.seeding import Seeded, SeededTable

What = Literal["table gone", "column gone", "rows gone", "values changed"]
_TIMES = ("timestamp with time zone", "timestamp without time zone", "date")
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that was there and is not, or not as it was.

    ``table`` is the name that it had, ``rows`` how many rows are concerned, ``example`` one of them.
    """

    table: str
    what: What
    column: str = ""
    rows: int = 0
    example: str = ""

    def __str__(self) -> str:
        """Say it in one sentence, without its closing stop."""
        rows = f"{self.rows} row{'' if self.rows == 1 else 's'}"
        if self.what == "table gone":
            return f"the table {self.table} is gone" + (f", with {rows}" if self.rows else "")
        if self.what == "column gone":
            return f"the column {self.table}.{self.column} is gone" + (
                f", with values of {rows}" if self.rows else ""
            )
        if self.what == "rows gone":
            return f"{rows} of {self.table} {'is' if self.rows == 1 else 'are'} gone, such as {self.example}"
        return f"{self.table}.{self.column} has changed in {rows}, such as {self.example}"


async def losses(
    connection: Connection, seeded: Seeded, *, only: Collection[int] | None = None
) -> list[Loss]:
    """Return what is lost of the rows that were there after seeding, by table.

    ``only`` limits it to tables by oid: those that a migration could have written to. A NULL that now
    has a value is no loss, nor is a time that a table's own BEFORE UPDATE trigger has moved on.
    """
    found: list[Loss] = []
    async with connection.transaction(), whole_names(connection):
        tables = [table for oid, table in seeded.tables.items() if only is None or oid in only]
        now = await _shapes(connection, tables)
        pairs = [(table, _counterpart(table.shape, now)) for table in tables]
        rows = await read_rows(connection, {shape.oid: shape for _, shape in pairs if shape}.values())
        for table, shape in pairs:
            if shape is None:
                found.append(Loss(table.shape.name, "table gone", rows=len(table.rows)))
            elif shape.columns != table.shape.columns or Counter(rows[shape.oid]) != Counter(table.rows):
                comparison = _Comparison(connection, table, shape, rows[shape.oid], seeded.at)
                found.extend(await comparison.losses(now))
    return found


async def _shapes(connection: Connection, tables: Sequence[SeededTable]) -> dict[int, Shape]:
    """Return tables and their partitions as they are; all that there are, where one of the tables is gone."""
    wanted = {table.shape.oid for table in tables}
    places = {row.place for table in tables for row in table.rows}
    found = await _read_shapes(connection, list(wanted | places))
    return found if wanted <= found.keys() else await _read_shapes(connection, None)


async def _read_shapes(connection: Connection, oids: list[int] | None) -> dict[int, Shape]:
    columns: dict[int, list[ShapeColumn]] = defaultdict(list)
    tables = {}
    for row in await rows_of(connection, "shapes", {"tables": oids}):
        tables[row["oid"]] = row
        if row["number"] is not None:
            columns[row["oid"]].append(ShapeColumn(row["number"], row["column"], row["type"], row["written"]))
    return {
        oid: Shape(oid, row["schema"], row["name"], row["kind"], (), tuple(columns[oid]), False)
        for oid, row in tables.items()
    }


def _counterpart(shape: Shape, now: Mapping[int, Shape]) -> Shape | None:
    """Return the table that a table has become."""
    if shape.oid in now:
        return now[shape.oid]
    return next((other for other in now.values() if other.name == shape.name), None)


class _Comparison:
    """One table, before and after."""

    def __init__(
        self, connection: Connection, table: SeededTable, shape: Shape, rows: Rows, since: str
    ) -> None:
        self.connection = connection
        self.table = table
        self.shape = shape
        self.rows = rows
        self.since = since
        self.old = {column.number: place for place, column in enumerate(table.shape.columns)}
        # Where each column's values are now: its place among the columns, or None.
        self.new = [self._place(column) for column in table.shape.columns]

    def _place(self, column: ShapeColumn) -> int | None:
        if self.shape.oid == self.table.shape.oid:
            for place, other in enumerate(self.shape.columns):
                if other.number == column.number:
                    return place
        for place, other in enumerate(self.shape.columns):
            if other.name == column.name and (self.shape.oid != self.table.shape.oid or self._is_new(other)):
                return place
        return None

    def _is_new(self, column: ShapeColumn) -> bool:
        return column.number not in self.old

    async def losses(self, now: Mapping[int, Shape]) -> list[Loss]:
        """Return what this table has lost; ``now`` are all tables, where detached partitions are found."""
        found = [
            Loss(self.table.shape.name, "column gone", column.name, self._with_value(place))
            for place, column in enumerate(self.table.shape.columns)
            if self.new[place] is None
        ]
        pairs, gone = self._matched(self.table.rows, self.rows)
        gone = await self._not_detached(gone, now)
        if gone:
            found.append(
                Loss(self.table.shape.name, "rows gone", rows=len(gone), example=self._shown(gone[0]))
            )
        found.extend(await self._changed(pairs))
        return found

    def _with_value(self, place: int) -> int:
        return sum(row.values[place] is not None for row in self.table.rows)

    def _matched(self, before: Rows, after: Rows) -> tuple[list[tuple[Row, Row]], list[Row]]:
        """Pair rows: by their keys, then those that are alike; return the pairs and who has no partner."""
        pairs: list[tuple[Row, Row]] = []
        left = list(before)
        free = list(after)
        key = self._key_places()
        for places in ([key] if key else []) + [list(range(len(self.new)))]:
            left, free = self._pair_equal(left, free, places, pairs)
        for row in list(left):
            if not free:
                break
            best = max(free, key=lambda other, row=row: self._alike(row, other))  # type: ignore[misc]  # a default binds it
            pairs.append((row, best))
            left.remove(row)
            free.remove(best)
        return pairs, left

    def _key_places(self) -> list[int]:
        places = [self.old[number] for number in self.table.shape.key if number in self.old]
        usable = len(places) == len(self.table.shape.key) and all(
            self.new[place] is not None for place in places
        )
        return places if usable else []

    def _pair_equal(
        self, left: list[Row], free: list[Row], places: Sequence[int], pairs: list[tuple[Row, Row]]
    ) -> tuple[list[Row], list[Row]]:
        waiting: dict[tuple[str | None, ...], list[Row]] = defaultdict(list)
        for row in free:
            waiting[tuple(self._now(row, place) for place in places)].append(row)
        unpaired = []
        for row in left:
            same = waiting[
                tuple(row.values[place] if self.new[place] is not None else None for place in places)
            ]
            if same:
                pairs.append((row, same.pop(0)))
            else:
                unpaired.append(row)
        return unpaired, [row for rows in waiting.values() for row in rows]

    def _now(self, row: Row, place: int) -> str | None:
        new = self.new[place]
        return None if new is None else row.values[new]

    def _alike(self, row: Row, other: Row) -> int:
        return sum(
            value is not None and value == self._now(other, place) for place, value in enumerate(row.values)
        )

    async def _not_detached(self, gone: Sequence[Row], now: Mapping[int, Shape]) -> list[Row]:
        """Leave out rows that stand, as they were, in a partition that was taken off."""
        places = {row.place for row in gone if row.place != self.table.shape.oid and row.place in now}
        if not places:
            return list(gone)
        kept = await read_rows(self.connection, [now[place] for place in places])
        stay = Counter((row.place, *sorted(map(str, row.values))) for rows in kept.values() for row in rows)
        return [row for row in gone if not stay[(row.place, *sorted(map(str, row.values)))]]

    async def _changed(self, pairs: Sequence[tuple[Row, Row]]) -> list[Loss]:
        found = []
        for place, column in enumerate(self.table.shape.columns):
            new = self.new[place]
            if new is None:
                continue
            differing = [
                (row.values[place], other.values[new])
                for row, other in pairs
                if row.values[place] is not None and row.values[place] != other.values[new]
            ]
            other_column = self.shape.columns[new]
            if differing and other_column.written != column.written:
                differing = await self._not_converted(differing, column, other_column)
            differing = [values for values in differing if not self._moved_on(values[1], other_column)]
            if differing:
                was, became = differing[0]
                example = f"{_short(was)} to {_short(became)}"
                found.append(
                    Loss(self.table.shape.name, "values changed", column.name, len(differing), example)
                )
        return found

    def _moved_on(self, value: str | None, column: ShapeColumn) -> bool:
        """Tell whether a value is a time since the seeding, in a table whose own trigger writes such."""
        return (
            self.table.shape.changes_itself
            and value is not None
            and column.written.partition("(")[0] + column.written.partition(")")[2] in _TIMES
            and value >= self.since[: len(value)]
        )

    async def _not_converted(
        self, values: Sequence[tuple[str | None, str | None]], before: ShapeColumn, after: ShapeColumn
    ) -> list[tuple[str | None, str | None]]:
        """Leave out values that have only taken on another type: converted back they are what they were."""
        same: set[int] = set()
        for back in ("now::{after}::{before}", "now::{before}"):
            statement = sql.SQL(
                "SELECT number FROM (VALUES {values}) AS pair (number, was, now)"
                " WHERE was = CAST({back} AS pg_catalog.text)"
            ).format(
                values=sql.SQL(", ").join(
                    sql.SQL("({}, {}::pg_catalog.text, {}::pg_catalog.text)").format(
                        sql.Literal(number), sql.Literal(was), sql.Literal(became)
                    )
                    for number, (was, became) in enumerate(values)
                ),
                back=sql.SQL(back).format(before=sql.SQL(before.written), after=sql.SQL(after.written)),
            )
            try:
                async with (
                    self.connection.transaction(),
                    self.connection.cursor(row_factory=tuple_row) as cursor,
                ):
                    await cursor.execute(statement, prepare=False)
                    same |= {row[0] for row in await cursor.fetchall()}
            except psycopg.Error:  # the types have no conversion, or the old one is gone
                continue
        return [pair for number, pair in enumerate(values) if number not in same]

    def _shown(self, row: Row) -> str:
        places = self._key_places() or range(min(3, len(row.values)))
        columns = self.table.shape.columns
        return ", ".join(f"{columns[place].name} {_short(row.values[place])}" for place in places)


def _short(value: str | None) -> str:
    if value is None:
        return "NULL"
    return f"'{value}'" if len(value) <= _SHOWN else f"'{value[:_SHOWN]}…'"
