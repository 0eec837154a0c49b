"""Rows for a proof: makes valid ones in every table, and says what a migration did to them.

Rows are made from the catalogue alone: types, defaults, checks, keys, partitions. What a table's own
triggers refuse is put in without them, and said.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import psycopg
from psycopg import sql

from holdfast.migrate.proof.rows.catalogue import (
    STATEMENTS,
    Table,
    Tables,
    parents_first,
    read_tables,
    rows_of,
)
from holdfast.migrate.proof.rows.foresight import foreseen
from holdfast.migrate.proof.rows.kept import Rows, Shape, read_rows, whole_names
from holdfast.migrate.proof.rows.losses import Loss, losses
from holdfast.migrate.proof.rows.partitions import has_leaf, leaf_rule, new_partition
from holdfast.migrate.proof.rows.statement import Choice, Writer
from holdfast.system import Connection

__all__ = ["Loss", "Seeded", "SeededTable", "losses", "read_rules", "seed", "withdraw"]


@dataclass(frozen=True, slots=True)
class SeededTable:
    """A table as it stood after seeding: its shape, its rows, and how they came.

    ``added`` counts the rows that this seeding made; ``around_triggers`` is why they were put in
    without the table's triggers, ``not_seeded`` why it has no rows.
    """

    shape: Shape
    rows: Rows
    added: int = 0
    around_triggers: str = ""
    not_seeded: str = ""


@dataclass(frozen=True, slots=True)
class Seeded:
    """Every table with its rows; ``partitions`` (schema and name) were made for them.

    ``at`` is the server's time then, as it writes it in UTC.
    """

    tables: Mapping[int, SeededTable]
    partitions: Sequence[tuple[str, str]] = field(default_factory=tuple)
    at: str = ""

    @property
    def not_seeded(self) -> dict[str, str]:
        """The tables without rows, and why."""
        return {table.shape.name: table.not_seeded for table in self.tables.values() if table.not_seeded}

    @property
    def around_triggers(self) -> dict[str, str]:
        """The tables whose triggers refused rows, which were put in without them, and what they said."""
        return {
            table.shape.name: table.around_triggers for table in self.tables.values() if table.around_triggers
        }

    @property
    def rows(self) -> int:
        """How many rows there are in all."""
        return sum(len(table.rows) for table in self.tables.values())


_NOTHING_FOUND = "no combination of values was found that its checks and keys let through"
_CHOICES: Sequence[Choice] = ("varied", "plain", "sparse")


async def seed(
    connection: Connection,
    *,
    each: int = 3,
    given: Sequence[str] = (),
    before: Seeded | None = None,
    only: Collection[int] | None = None,
    later: Sequence[Tables] = (),
) -> Seeded:
    """Make rows in every table that has none, or that has a column in which no row has a value.

    ``given`` are rows of one's own, as SQL, that are made first; the tables that they fill are left
    alone. ``before`` is what the last seeding of the same database returned: what could not be done
    then is not tried again while the table is the same; ``only`` are the tables, by oid, that may have
    changed since. ``later`` are the tables (``read_rules``) of databases with later files applied: rows
    are made so that they meet their rules too, where that goes. All of it is one transaction. A table
    that takes no rows is not an error: see
    ``Seeded.not_seeded``. Raises ``psycopg.Error`` for what ``given`` does wrong.
    """
    earlier = before.tables if before else {}
    unchanged = earlier.keys() - set(only) if only is not None and not given else set()
    async with connection.transaction():
        async with whole_names(connection):
            known = await read_tables(connection, unchanged=unchanged)
        shapes = {oid: Shape.of(table) for oid, table in known.tables.items()}
        rows = {oid: earlier[oid].rows for oid in shapes.keys() & unchanged}
        rows |= await read_rows(connection, [shapes[oid] for oid in shapes.keys() - unchanged])
        own = await _give(connection, given, shapes, rows) if given else set()
        ahead = known
        for rules in later:
            ahead = foreseen(ahead, rules)
        wanting = [
            known.tables[table.oid]
            for table in parents_first(ahead.tables)
            if table.oid not in own and _wants_rows(table, shapes[table.oid], rows[table.oid], before)
        ]
        seeding = _Seeding(connection, known, ahead, each)
        await seeding.add(wanting, rows)
        rows |= await read_rows(connection, [shapes[table.oid] for table in wanting])
        kept = {oid: earlier[oid] for oid in known.left_out}
        if wanting and unchanged:  # their triggers may have written elsewhere
            written = {row["oid"] for row in await rows_of(connection, "written")} & unchanged
            again = await read_rows(connection, [earlier[oid].shape for oid in written])
            rows |= {oid: again[oid] for oid in written & shapes.keys()}
            kept |= {oid: replace(earlier[oid], rows=again[oid]) for oid in written & kept.keys()}
        at = await _time(connection)
    partitions = [*(before.partitions if before else ()), *seeding.partitions]
    return Seeded(
        kept | {oid: seeding.seeded(shape, rows[oid], before) for oid, shape in shapes.items()},
        tuple(partitions),
        at,
    )


async def _give(
    connection: Connection, given: Sequence[str], shapes: Mapping[int, Shape], rows: dict[int, Rows]
) -> set[int]:
    """Make given rows, and read all again; return the tables that they are in."""
    for text in given:
        await connection.execute(sql.SQL(text), prepare=False)
    before = {oid: len(found) for oid, found in rows.items()}
    rows |= await read_rows(connection, shapes.values())
    return {oid for oid, found in rows.items() if len(found) > before[oid]}


async def read_rules(connection: Connection) -> Tables:
    """Read what the tables of a database ask of their rows."""
    async with connection.transaction(), whole_names(connection):
        return await read_tables(connection)


async def withdraw(connection: Connection, seeded: Seeded) -> None:
    """Drop the partitions that seeding has made, with their rows."""
    for schema, name in seeded.partitions:
        await connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(schema, name)))


def _wants_rows(table: Table, shape: Shape, rows: Rows, before: Seeded | None) -> bool:
    earlier = before.tables.get(table.oid) if before else None
    if earlier is not None and earlier.shape == shape and (len(rows) > 0 or earlier.not_seeded):
        return False
    if not rows:
        return True
    return any(all(row.values[place] is None for row in rows) for place in range(len(shape.columns)))


class _Seeding:
    """Adds rows to tables, and keeps what became of it."""

    def __init__(self, connection: Connection, known: Tables, ahead: Tables, each: int) -> None:
        self.connection = connection
        self.known = known
        self.ahead = ahead
        self.each = each
        self.partitions: list[tuple[str, str]] = []
        self.outcomes: dict[int, dict[str, Any]] = {}

    async def add(self, tables: Sequence[Table], rows: Mapping[int, Rows]) -> None:
        if any(table.kind == "p" and not has_leaf(table) for table in tables):
            await self._make_partitions(tables)
        todo = [table for table in tables if table.oid not in self.outcomes]
        await self._insert({table: self._attempts(table, len(rows[table.oid])) for table in todo})
        starved = {table.oid for table in todo if self._is_starved(table) and not rows[table.oid]}
        circle = [table for table in todo if table.oid in starved]
        if circle:
            await self._insert_circle(circle, starved)

    async def _insert(self, attempts: Mapping[Table, Sequence[Mapping[str, str]]]) -> None:
        if not attempts:
            return
        jobs = [{"table": str(table.oid), "attempts": every} for table, every in attempts.items()]
        await self.connection.execute(STATEMENTS["hand_over"], {"jobs": orjson.dumps(jobs).decode()})
        await self.connection.execute(STATEMENTS["insert_rows"], prepare=False)
        [row] = await rows_of(self.connection, "outcome")
        self.outcomes |= {int(oid): outcome for oid, outcome in orjson.loads(row["outcome"]).items()}

    def _attempts(self, table: Table, existing: int) -> list[dict[str, str]]:
        writers = [Writer(self.known, table, existing, self.each, leaf_rule(table))]
        better = self.ahead.tables[table.oid]
        if better is not table:
            writers.insert(0, Writer(self.ahead, better, existing, self.each, leaf_rule(table)))
        statements = [
            writer.statement(choice).as_string(self.connection) for writer in writers for choice in _CHOICES
        ]
        return [{"role": role, "statement": text} for role in ("origin", "replica") for text in statements]

    def _is_starved(self, table: Table) -> bool:
        """Tell whether a table got no row because another one that it must refer to has none."""
        outcome = self.outcomes[table.oid]
        return not outcome["added"] and outcome.get("message") is None and bool(table.foreign_keys)

    async def _insert_circle(self, tables: Sequence[Table], starved: Collection[int]) -> None:
        """Make rows in tables that must refer to each other, where all that they refer to comes of it."""
        before = dict(self.outcomes)
        with suppress(psycopg.errors.ForeignKeyViolation):
            async with self.connection.transaction():
                attempts: dict[Table, list[dict[str, str]]] = {}
                for table in tables:
                    writer = Writer(self.known, table, 0, self.each, leaf_rule(table), starved)
                    text = writer.statement("plain").as_string(self.connection)
                    attempts[table] = [{"role": "replica", "statement": text}]
                await self._insert(attempts)
                for table in tables:
                    await self._check_keys(table)
                return
        self.outcomes = before

    async def _check_keys(self, table: Table) -> None:
        """Raise ``ForeignKeyViolation`` where a row refers to none."""
        for key in table.foreign_keys:
            parent = self.known.tables[key.target]
            statement = sql.SQL(
                "SELECT FROM {child} AS child WHERE ROW({columns}) IS NOT NULL"
                " AND NOT EXISTS (SELECT FROM {parent} AS parent WHERE ROW({targets}) = ROW({columns}))"
            ).format(
                child=sql.Identifier(table.schema, table.name),
                parent=sql.Identifier(parent.schema, parent.name),
                columns=_columns("child", key.columns),
                targets=_columns("parent", parent.named(key.target_columns)),
            )
            if (await self.connection.execute(statement)).rowcount:
                raise psycopg.errors.ForeignKeyViolation(f"{table.shown} refers to no row of {parent.shown}")

    async def _make_partitions(self, tables: Sequence[Table]) -> None:
        for table in tables:
            if table.kind != "p" or has_leaf(table):
                continue
            made = new_partition(self.known, table)
            if any(
                key.target == table.oid for other in self.known.tables.values() for key in other.foreign_keys
            ):
                made = "it has no partition, and other tables refer to it"
            if isinstance(made, str):
                self.outcomes[table.oid] = {"added": 0, "message": made}
                continue
            statement, name = made
            try:
                async with self.connection.transaction():
                    await self.connection.execute(statement)
            except psycopg.Error as error:
                self.outcomes[table.oid] = {"added": 0, "message": error.diag.message_primary or str(error)}
            else:
                self.partitions.append((table.schema, name))
        async with whole_names(self.connection):
            again = await read_tables(self.connection)
        for table in tables:
            table.parts = again.tables[table.oid].parts

    def seeded(self, shape: Shape, rows: Rows, before: Seeded | None) -> SeededTable:
        earlier = before.tables.get(shape.oid) if before else None
        outcome = self.outcomes.get(shape.oid)
        if outcome is None:
            around = earlier.around_triggers if earlier else ""
            return SeededTable(shape, rows, 0, around, earlier.not_seeded if earlier and not rows else "")
        message = outcome.get("message") or ""
        if not rows:
            return SeededTable(shape, rows, not_seeded=message or _NOTHING_FOUND)
        around = message if outcome.get("role") == "replica" else ""
        return SeededTable(
            shape, rows, outcome["added"], around or (earlier.around_triggers if earlier else "")
        )


async def _time(connection: Connection) -> str:
    [row] = await rows_of(connection, "time")
    return str(row["at"])


def _columns(table: str, names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(table, name) for name in names)
